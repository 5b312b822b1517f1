# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# The stage: nodes n1, n2, ... and a client, each a network namespace on one bridged segment, an
# nginx on every node as its apiserver, and cpvrrp. A story sources this file, which runs it again
# in mount, network and process namespaces of its own: the host sees nothing of it, and whatever is
# started on the stage ends with the story. Needs no root where the kernel allows user namespaces.
#
# Node nK has 10.10.0.K/24, fd00:10::K/64 and fe80::K on eth0 and the MAC address 02:00:00:00:00:K;
# the client is number 100. A story fails at the first command that fails.
#
# From the environment: CPVRRP, VIPPROBE (the programs), STAGE_LIMIT (seconds a story may take),
# STAGE_REALTIME (if set, the routers run before whatever else the machine has to do).

set -Eeuo pipefail
shopt -s extglob
export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin

STAGE_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
RUN=/run/stage
VIP=${VIP-10.10.0.10}
VIP6=${VIP6-fd00:10::10}
ADVERT_INT_MS=250 # the defaults
DOWN_MS=850       # Active_Down_Interval of ready nodes: three intervals and at most 77 ms of skew
LEASE_MS=5000
SLACK_MS=1000 # what a busy machine may add

program() { # NAME PATH: an absolute path
	[[ -x $2 ]] || { echo "$1: $2 is no program" >&2; exit 99; }
	printf -v "$1" '%s' "$(realpath "$2")"
	export "${1?}"
}

# Runs the script once more, on the stage.
stage_enter() {
	local inside=(unshare --mount --net --pid --fork --kill-child) status=0 reason tool

	((EUID == 0)) && "${inside[@]}" true 2>/dev/null || inside+=(--map-root-user)
	for tool in python3 nginx openssl ip; do
		command -v "$tool" >/dev/null || { echo "skipped: no $tool" >&2; exit 77; }
	done
	if ! reason=$("${inside[@]}" mount -t tmpfs none /run 2>&1); then
		echo "skipped: no namespaces for this user: $reason" >&2
		exit 77
	fi
	program CPVRRP "${CPVRRP:-./cpvrrp}"
	program VIPPROBE "${VIPPROBE:-./tests/net/vipprobe}"
	STAGE=1 "${inside[@]}" timeout --foreground -k 5 "${STAGE_LIMIT:-180}" \
		bash "$(realpath "$0")" "$@" &
	# unshare itself cannot be stopped, but takes all with it when it is killed.
	trap 'kill -KILL $!; exit 130' INT TERM HUP
	wait $! || status=$?
	exit "$status"
}

[[ -n ${STAGE-} ]] || stage_enter "$@"

# Milliseconds decide an election, and a compiler on the same processor takes more than those.
FIRST=()
if [[ -n ${STAGE_REALTIME-} ]] && chrt --fifo 1 true 2>/dev/null; then
	FIRST=(chrt --fifo 1)
fi

NODES=()
declare -A DAEMON=() APISERVER=()
PROBE='' WIRE='' TOOK_MS=0
STARTED=${EPOCHREALTIME/./}

say() {
	[[ -z ${QUIET-} ]] || return 0
	local ms=$(((${EPOCHREALTIME/./} - STARTED) / 1000))

	printf '%3d.%03d %s\n' $((ms / 1000)) $((ms % 1000)) "$*"
}

fail() {
	trap - ERR EXIT
	set +e
	QUIET='' say "FAILED: $*"
	stage_report
	exit 1
}

stage_report() {
	local node

	for node in "${NODES[@]}"; do
		echo "=== $node: log"
		tail -n 40 "$RUN/$node/log"
		cat "$RUN/$node"/nginx.@(out|log)
		echo "=== $node: state"
		timeout 2 "$CPVRRP" --dump-state --socket "$RUN/$node/socket"
		ip -n "$node" -o addr show dev eth0
	done 2>&1
	[[ -z $WIRE ]] || { echo "=== wire"; tail -n 60 "$RUN/wire"; }
}

trap '((BASHPID != $$)) || fail "${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND"' ERR
trap 'fail "stopped after $SECONDS s"' TERM
trap 'exit 130' INT

not() {
	if "$@"; then return 1; fi
}

# WHAT COMMAND...: the command succeeds.
expect() {
	local what=$1

	shift
	"$@" || fail "$what ($*)"
	say "ok: $what"
}

# MS COMMAND...: it succeeds before so many milliseconds have passed. TOOK_MS says when it did.
wait_ms() {
	local limit=$1 begin=${EPOCHREALTIME/./}

	shift
	until "$@"; do
		TOOK_MS=$(((${EPOCHREALTIME/./} - begin) / 1000))
		((TOOK_MS < limit)) || fail "not within $limit ms: $*"
		sleep 0.02
	done
	TOOK_MS=$(((${EPOCHREALTIME/./} - begin) / 1000))
}

wait_until() { # SECONDS COMMAND...
	wait_ms $(($1 * 1000)) "${@:2}"
}

# COMMAND...: it succeeds at once, but for what a busy machine needs.
soon() {
	wait_ms "$SLACK_MS" "$@"
}

# COMMAND...: it succeeds as soon as Backups have given the Active up.
within_down() {
	wait_ms $((DOWN_MS + SLACK_MS)) "$@"
}

# MS COMMAND...: it succeeds all the time.
stays() {
	local end=$((${EPOCHREALTIME/./} + $1 * 1000))

	shift
	while ((${EPOCHREALTIME/./} < end)); do
		"$@" || fail "no longer: $*"
		sleep 0.02
	done
	say "ok: stays so: $*"
}

number() { # NODE
	case $1 in
	client) echo 100 ;;
	*) echo "${1#n}" ;;
	esac
}

mac() { # NODE
	printf '02:00:00:00:00:%02x' "$(number "$1")"
}

on() { # NODE COMMAND...
	nsenter --net="/run/netns/$1" "${@:2}"
}

# --- making the stage ---

stage_init() {
	# The mounts are this story's own.
	mount -t tmpfs none /run
	# Where a container hides parts of /proc a new one is refused; nothing depends on it.
	mount -t proc none /proc 2>/dev/null || :
	mkdir -p "$RUN" /run/netns
	ip netns add segment
	ip -n segment link add bridge type bridge mcast_snooping 0
	ip -n segment link set bridge up
	"$STAGE_DIR/../lib/make-certs" "$RUN/certs"
}

stage_namespace() { # NODE
	mkdir -p "$RUN/$1"
	: >"$RUN/$1/log"
	ip netns add "$1"
	ip -n "$1" link set lo up
}

stage_link() { # NODE: its interface, as it is after a boot
	local node=$1 k

	k=$(number "$node")
	ip -n segment link add "$node" type veth peer name eth0 address "$(mac "$node")" netns "$node"
	ip -n segment link set "$node" master bridge up
	ip -n "$node" link set eth0 addrgenmode none
	ip -n "$node" link set eth0 up
	ip -n "$node" addr add "10.10.0.$k/24" dev eth0
	ip -n "$node" addr add "fe80::$k/64" dev eth0 nodad
	ip -n "$node" addr add "fd00:10::$k/64" dev eth0 nodad
}

# A node whose file is the four lines that every node has.
stage_node() { # NODE
	NODES+=("$1")
	stage_namespace "$1"
	configure "$1" <<-END
		apiserver { ca_file = "$RUN/certs/ca.crt" }
		vrrp_instance apiserver {
		    virtual_ipaddress = { "$VIP" }
		}
	END
	apiserver_configure "$1"
}

# COUNT: that many nodes and the client; nothing runs yet.
stage() {
	local k

	stage_init
	stage_namespace client
	stage_link client
	for ((k = 1; k <= $1; k++)); do
		stage_node "n$k"
		stage_link "n$k"
	done
}

# COUNT: everything runs, all nodes are ready, n1 is Active.
stage_running() {
	[[ -n ${NODES[*]} ]] || stage "$1"
	for node in "${NODES[@]}"; do
		apiserver_start "$node"
	done
	node_start n1
	wait_until 10 active_is n1
	wait_until 10 ready n1
	for node in "${NODES[@]:1}"; do
		node_start "$node"
	done
	for node in "${NODES[@]:1}"; do
		wait_until 10 ready "$node"
		wait_until 10 state_is "$node" Backup
	done
	client_greets
	say "n1 is Active, all nodes are ready"
}

# Ends the story: NODE holds the VIP, alone, says so, serves it, and the client's neighbour entry
# points at it; every daemon is alive and leaves in order.
curtain() { # NODE
	local node

	settled "$1"
	for node in "${!DAEMON[@]}"; do
		node_stop "$node"
	done
	expect "nobody holds the VIP after all have stopped" nobody_holds
	say "passed"
	exit 0
}

settled() { # NODE
	local node

	wait_until 3 active_is "$1"
	wait_until 3 state_is "$1" Active
	for node in "${!DAEMON[@]}"; do
		[[ $node == "$1" ]] || expect "$node is not Active" not state_is "$node" Active
	done
	wait_until 3 client_sends_to "$1"
	say "ok: $1 alone is Active, and the client sends to it"
}

configure() { # NODE, the file on standard input
	cat >"$RUN/$1/cpvrrp.conf"
}

configure_all() {
	local node

	cat >"$RUN/cpvrrp.conf"
	for node in "${NODES[@]}"; do
		configure "$node" <"$RUN/cpvrrp.conf"
	done
}

# --- the daemon ---

node_start() { # NODE [OPTION...]: with its file, or with these options instead
	local options=("${@:2}")

	((${#options[@]})) || options=(--config "$RUN/$1/cpvrrp.conf")
	nsenter --net="/run/netns/$1" "${FIRST[@]}" "$CPVRRP" "${options[@]}" \
		--socket "$RUN/$1/socket" >>"$RUN/$1/log" 2>&1 &
	DAEMON[$1]=$!
}

node_signal() { # NODE SIGNAL
	kill "-$2" "${DAEMON[$1]}"
}

node_stop() { # NODE: until it has ended, in order
	local status=0

	node_signal "$1" TERM
	wait "${DAEMON[$1]}" 2>/dev/null || status=$?
	unset "DAEMON[$1]"
	((status == 0)) || fail "$1: the daemon ended with status $status"
}

node_kill() { # NODE
	node_signal "$1" KILL
	wait "${DAEMON[$1]}" 2>/dev/null || :
	unset "DAEMON[$1]"
}

node_freeze() { node_signal "$1" STOP; }
node_thaw() { node_signal "$1" CONT; }

node_reload() { node_signal "$1" HUP; }

# TENURE: NODE, which took over when it had just started, is no new Active any more.
serve_long() { # NODE
	local conf=$RUN/$1/cpvrrp.conf

	cp "$conf" "$conf.before"
	sed -i 's/vrrp_instance [a-z0-9]* {/&\npreempt = always\n/' "$conf"
	node_reload "$1"
	wait_until 3 router_has "$1" 0.0 new_seconds_left
	mv "$conf.before" "$conf"
	node_reload "$1"
	wait_until 3 has_read "$1" 2
	say "$1 is no new Active"
}

has_read() { # NODE TIMES: its file, after the start
	(($(grep -c 'has been read again' "$RUN/$1/log") >= $2))
}

node_step_down() { # NODE SECONDS
	"$CPVRRP" --step-down="$2" --socket "$RUN/$1/socket"
}

logged() { # NODE TEXT
	grep -qF -- "$2" "$RUN/$1/log"
}

# NODE KEY...: a value of its state, as in `state n1 virtual_routers 0 state`.
state() {
	"$CPVRRP" --dump-state=json --socket "$RUN/$1/socket" 2>/dev/null |
		"$PYTHON" "$STAGE_DIR/stage.py" value "${@:2}"
}

has() { # NODE PATTERN KEY...
	# shellcheck disable=SC2053 # a pattern
	[[ $(state "$1" "${@:3}") == $2 ]]
}

# The same of the first virtual router.
router() { state "$1" virtual_routers 0 "${@:2}"; }
router_has() { has "$1" "$2" virtual_routers 0 "${@:3}"; }

state_is() { # NODE STATE [ROUTER]
	has "$1" "$2" virtual_routers "${3-0}" state
}

ready() { has "$1" true apiserver ready; }
unready() { has "$1" false apiserver ready; }

# --- the VIP ---

holds() { # NODE [ADDRESS]
	[[ -n $(ip -n "$1" -o addr show to "${2-$VIP}") ]]
}

holders() { # [ADDRESS]
	local node list=()

	for node in "${NODES[@]}"; do
		if holds "$node" "${1-$VIP}"; then list+=("$node"); fi
	done
	echo "${list[*]}"
}

active_is() { # NODE [ADDRESS]
	[[ $(holders "${2-$VIP}") == "$1" ]]
}

one_holder() { # [ADDRESS]
	[[ $(holders "${1-$VIP}") == n+([0-9]) ]]
}

nobody_holds() { # [ADDRESS]
	[[ -z $(holders "${1-$VIP}") ]]
}

# The client knows the VIP by this node's MAC address, without having asked anew.
client_sends_to() { # NODE [ADDRESS]
	[[ $(ip -n client neigh show to "${2-$VIP}") == *"lladdr $(mac "$1") "* ]]
}

# The client has a neighbour entry for the VIP from now on.
client_greets() {
	on client "$VIPPROBE" -d 0.02 "$VIP" 6443 >"$RUN/greeting"
}

# Which node's apiserver answers an HTTPS request of the client to the VIP.
served_by() { # NODE [ADDRESS]
	[[ $(on client "$PYTHON" "$STAGE_DIR/stage.py" get "${2-$VIP}" "$RUN/certs/ca.crt") == "$1" ]]
}

# Probes the VIP a thousand times a second from the client, from now until probe_stop.
probe_start() { # [ADDRESS]
	: >"$RUN/probe"
	nsenter --net=/run/netns/client "$VIPPROBE" "${1-$VIP}" 6443 >>"$RUN/probe" &
	PROBE=$!
	wait_until 5 grep -q ^up "$RUN/probe"
}

# SENT, LOST, LONGEST_MS: how many probes were lost, and how long the longest outage was.
probe_stop() {
	local total

	sleep 0.1
	kill -TERM "$PROBE"
	wait "$PROBE"
	PROBE=''
	total=$(grep ^total "$RUN/probe")
	say "probe: $total"
	[[ $total =~ sent=([0-9]+)\ lost=([0-9]+).*longest_ms=([0-9]+) ]]
	SENT=${BASH_REMATCH[1]}
	LOST=${BASH_REMATCH[2]}
	LONGEST_MS=${BASH_REMATCH[3]}
}

# Not one of a thousand a second: a holder that lets go before its successor serves loses some.
nothing_lost() {
	((LOST == 0))
}

outage_below() { # MS
	((LONGEST_MS < $1))
}

# --- the apiserver ---

apiserver_configure() { # NODE
	local dir=$RUN/$1

	cat >"$dir/nginx.conf" <<-END
		daemon off;
		master_process off;
		user root;
		pid $dir/nginx.pid;
		error_log $dir/nginx.log crit;
		events { worker_connections 4096; }
		http {
		    access_log off;
		    keepalive_requests 1000000;
		    client_body_temp_path $dir/nginx;
		    proxy_temp_path $dir/nginx;
		    fastcgi_temp_path $dir/nginx;
		    uwsgi_temp_path $dir/nginx;
		    scgi_temp_path $dir/nginx;
		    server {
		        listen 6443 ssl backlog=4096;
		        listen [::]:6443 ssl backlog=4096;
		        ssl_certificate $RUN/certs/server.crt;
		        ssl_certificate_key $RUN/certs/server.key;
		        location = /readyz {
		            if (-f $dir/unready) { return 500 "not ready"; }
		            return 200 ok;
		        }
		        location = /node { return 200 $1; }
		    }
		}
	END
}

apiserver_start() { # NODE
	rm -f "$RUN/$1/nginx.pid"
	nsenter --net="/run/netns/$1" nginx -p "$RUN/$1" -c nginx.conf -e "$RUN/$1/nginx.log" \
		>"$RUN/$1/nginx.out" 2>&1 &
	APISERVER[$1]=$!
	wait_until 10 test -s "$RUN/$1/nginx.pid"
}

apiserver_stop() { # NODE
	kill -TERM "${APISERVER[$1]}"
	wait "${APISERVER[$1]}" 2>/dev/null || :
}

apiserver_kill() { # NODE
	kill -KILL "${APISERVER[$1]}"
	wait "${APISERVER[$1]}" 2>/dev/null || :
}

apiserver_hang() { kill -STOP "${APISERVER[$1]}"; }
apiserver_resume() { kill -CONT "${APISERVER[$1]}"; }
apiserver_unready() { : >"$RUN/$1/unready"; }
apiserver_ready() { rm "$RUN/$1/unready"; }

# --- the segment ---

link_down() { ip -n segment link set "$1" down; } # the node sees its carrier go
link_up() { ip -n segment link set "$1" up; }

# The node's cable ends at another switch, where nobody is; the node notices nothing.
cut() { ip -n segment link set "$1" nomaster; }
heal() { ip -n segment link set "$1" master bridge; }

# Multicast no longer reaches the node, but what it sends reaches the others.
deafen() { ip -n segment link set "$1" type bridge_slave mcast_flood off; }
undeafen() { ip -n segment link set "$1" type bridge_slave mcast_flood on; }

# Writes down the adverts, ARP and NA that every node sends, one line each:
# TIME NODE advert SOURCE DESTINATION vrid=V priority=P interval=CS addresses=A,...
# TIME NODE arp request|reply SENDER TARGET
# TIME NODE na TARGET override=0|1
wire_start() {
	: >"$RUN/wire"
	nsenter --net=/run/netns/segment "$PYTHON" "$STAGE_DIR/stage.py" listen >>"$RUN/wire" &
	WIRE=$!
	wait_until 5 grep -q listening "$RUN/wire"
}

wire_count() { # PATTERN
	grep -cE -- "$1" "$RUN/wire" || :
}

seen() { # PATTERN [TIMES]
	(($(wire_count "$1") >= ${2-1}))
}

# NODE: the longest time between two adverts of it, in milliseconds.
longest_gap() {
	awk -v node="$1" '$2 == node && $3 == "advert" {
		if (last && $1 - last > most)
			most = $1 - last
		last = $1
	} END { printf "%d", most * 1000 }' "$RUN/wire"
}

# Past any wrapper, whose start costs more than the program's.
PYTHON=$(python3 -c 'import sys; print(sys.executable)')
