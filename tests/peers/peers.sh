# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Other people's VRRP on the stage of tests/net/lib.sh: Debian's keepalived and FRR's vrrpd, each on
# a node of its own beside nodes with cpvrrp. A story names the programs it needs in NEEDS before it
# sources this file, and is skipped where one is missing.

PATH=$PATH:/usr/sbin:/sbin:/usr/lib/frr
for program in ${NEEDS?}; do
	if ! command -v "$program" >/dev/null; then
		echo "skipped: $program is not installed" >&2
		exit 77
	fi
done
if [[ " $NEEDS " == *" vrrpd "* ]] && ((EUID != 0)); then
	echo "skipped: FRR's daemons want to be root" >&2
	exit 77
fi
export STAGE_LIMIT=${STAGE_LIMIT-240}
# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/../net/lib.sh"

VRID=${VRID-10} # cpvrrp's default: the last byte of the VIP
PEER_DOWN_MS=883 # three intervals and the skew of priority 120
SLACK_MS=2000    # what a busy machine may add
PRIORITY=120     # of the others: between a cpvrrp that is down (3..86) and a ready one (171..254)
declare -A KIND=() PEER=() ZEBRA=()

# NODE OPTION...: cpvrrp with these options.
cpvrrp_configure() {
	KIND[$1]=cpvrrp
	configure "$1" <<-END
		apiserver {
		    ca_file = "$RUN/certs/ca.crt"
		    interval = 0.1
		    rise = 1
		}
		vrrp_instance apiserver {
		    virtual_ipaddress = { "$VIP" }
		    $(printf '%s\n' "${@:2}")
		}
	END
}

cpvrrp_start() { # NODE: until it is ready
	[[ -n ${APISERVER[$1]-} ]] || apiserver_start "$1"
	node_start "$1"
	wait_until 30 ready "$1"
}

apiserver_again() { # NODE: after it was killed
	apiserver_start "$1"
	wait_until 30 ready "$1"
}

# NODE LINE...: keepalived with these lines.
keepalived_configure() {
	KIND[$1]=keepalived
	cat >"$RUN/$1/keepalived.conf" <<-END
		global_defs {
		    router_id $1
		    vrrp_version 3
		}
		vrrp_instance $1 {
		    interface eth0
		    state BACKUP
		    virtual_router_id $VRID
		    $(printf '%s\n' "${@:2}")
		}
	END
}

keepalived_start() { # NODE
	echo "=== keepalived starts" >>"$RUN/$1/log"
	nsenter --net="/run/netns/$1" "${FIRST[@]}" keepalived --dont-fork --log-console --log-detail --vrrp \
		--use-file "$RUN/$1/keepalived.conf" --pid "$RUN/$1/keepalived.pid" \
		--vrrp_pid "$RUN/$1/keepalived-vrrp.pid" >>"$RUN/$1/log" 2>&1 &
	PEER[$1]=$!
}

keepalived_state() { # NODE: as it said last
	sed -nE '/^=== keepalived starts/h; /Entering [A-Z]+ STATE/h; $ { x; s/.* Entering (.*) STATE.*/\1/p }' \
		"$RUN/$1/log"
}

# Devices with the virtual router's MAC addresses, which vrrpd takes up and down. The addresses stay
# on them, so arp_ignore keeps a Backup from answering for the VIP on eth0. The link-local address is
# vrrpd's source address: each node needs its own.
frr_devices() { # NODE VIP
	local device=vrrp4 mac k

	k=$(number "$1")
	printf -v mac '00:00:5e:00:01:%02x' "$VRID"
	if [[ $2 == *:* ]]; then
		device=vrrp6
		printf -v mac '00:00:5e:00:02:%02x' "$VRID"
	fi
	ip -n "$1" link add "$device" link eth0 address "$mac" type macvlan mode bridge
	ip -n "$1" link set "$device" addrgenmode none up
	on "$1" bash -c 'echo 1 >/proc/sys/net/ipv4/conf/eth0/arp_ignore'
	if [[ $2 == *:* ]]; then
		ip -n "$1" addr add "fe80::5e:$k/64" dev "$device" nodad
		ip -n "$1" addr add "$2/128" dev "$device" nodad
	else
		ip -n "$1" addr add "$2/32" dev "$device"
	fi
}

# NODE LINE...: vrrpd with these lines after "vrrp VRID".
frr_configure() {
	KIND[$1]=frr
	mkdir -p "$RUN/$1/frr" "/run/frr"
	frr_devices "$1" "$VIP"
	{
		printf 'interface eth0\n vrrp %u version 3\n' "$VRID"
		printf " vrrp $VRID %s\n" "${@:2}"
	} >"$RUN/$1/frr/vrrpd.conf"
	echo "hostname $1" >"$RUN/$1/frr/zebra.conf"
}

frr_daemon() { # NODE PROGRAM
	local dir=$RUN/$1/frr

	nsenter --net="/run/netns/$1" "${FIRST[@]}" "$2" -u root -g root -f "$dir/$2.conf" -i "$dir/$2.pid" \
		-z "$dir/zserv" -P 0 --vty_socket "$dir" --log stdout >>"$RUN/$1/log" 2>&1 &
}

frr_start() { # NODE
	# The programs insist on the group of their terminals, which root is not in.
	if [[ ! -e $RUN/group ]]; then
		sed 's/^frrvty:.*[^:]$/&,root/; s/^frrvty:.*:$/&root/' /etc/group >"$RUN/group"
		mount --bind "$RUN/group" /etc/group
	fi
	if [[ -z ${ZEBRA[$1]-} ]]; then
		frr_daemon "$1" zebra
		ZEBRA[$1]=$!
		wait_until 30 test -S "$RUN/$1/frr/zserv"
	fi
	frr_daemon "$1" vrrpd
	PEER[$1]=$!
}

frr_show() { # NODE KEY...: out of "show vrrp json"
	vtysh --vty_socket "$RUN/$1/frr" -d vrrpd -c 'show vrrp json' 2>/dev/null |
		"$PYTHON" "$STAGE_DIR/stage.py" value 0 "${@:2}" 2>/dev/null
}

frr_state() { # NODE
	if [[ $VIP == *:* ]]; then frr_show "$1" v6 status; else frr_show "$1" v4 status; fi
}

peer_start() { # NODE: until it takes part
	"${KIND[$1]}_start" "$1"
	wait_until 30 has_role "$1"
}

peer_interval() { # NODE MS: from its next start on
	local dir=$RUN/$1

	case ${KIND[$1]} in
	keepalived) sed -i "s/advert_int .*/advert_int $(($2 / 1000)).$(printf %03d $(($2 % 1000)))/" "$dir/keepalived.conf" ;;
	frr) sed -i "s/advertisement-interval .*/advertisement-interval $2/" "$dir/frr/vrrpd.conf" ;;
	esac
}

peer_signal() { kill "-$2" "${PEER[$1]}"; } # NODE SIGNAL

peer_stop() { # NODE: it says goodbye
	peer_signal "$1" TERM
	wait "${PEER[$1]}" 2>/dev/null || :
	unset "PEER[$1]"
}

peer_freeze() { kill -STOP "$(protocol_pid "$1")"; }
peer_thaw() { kill -CONT "$(protocol_pid "$1")"; }

protocol_pid() { # NODE: keepalived has a process of its own for VRRP
	if [[ ${KIND[$1]} == keepalived ]]; then
		cat "$RUN/$1/keepalived-vrrp.pid"
	else
		echo "${PEER[$1]}"
	fi
}

# In RFC 9568's words, whatever the program calls it.
role_is() { # NODE Active|Backup
	local found

	case ${KIND[$1]} in
	cpvrrp) found=$(state "$1" virtual_routers 0 state) ;;
	keepalived) found=$(keepalived_state "$1") ;;
	frr) found=$(frr_state "$1") ;;
	esac
	case ${found,,} in
	active | master) [[ $2 == Active ]] ;;
	backup) [[ $2 == Backup ]] ;;
	*) return 1 ;;
	esac
}

has_role() { # NODE
	role_is "$1" Active || role_is "$1" Backup
}

# The VIP's MAC address where this node is Active.
vip_mac() { # NODE
	if [[ ${KIND[$1]} == frr ]]; then
		printf "00:00:5e:00:0$([[ $VIP == *:* ]] && echo 2 || echo 1):%02x" "$VRID"
	else
		mac "$1"
	fi
}

client_at() { # NODE
	[[ $(ip -n client neigh show to "$VIP") == *"lladdr $(vip_mac "$1") "* ]]
}

# The node is Active, and whoever else runs is Backup.
alone() { # NODE
	local node

	role_is "$1" Active || return 1
	for node in "${!DAEMON[@]}" "${!PEER[@]}"; do
		[[ $node == "$1" ]] || role_is "$node" Backup || return 1
		# FRR leaves the address where it is and takes the device down.
		[[ $node == "$1" || ${KIND[$node]} == frr ]] || not holds "$node" || return 1
	done
}

both_active() { # NODE NODE
	role_is "$1" Active && role_is "$2" Active
}

# NODE [INTERVAL_MS]: the role and the client's traffic get there in time for an Active_Down_Interval,
# which is less than four intervals. How long a move took exactly is asked of the wire: those who
# answer here are slow on a busy machine.
moves_to() {
	wait_ms $((4 * ${2-250} + SLACK_MS)) alone "$1"
	soon client_at "$1"
	say "ok: ${KIND[$1]} on $1 alone is Active, and the client sends to it"
}

# SINCE FROM TO: milliseconds from the last line of the wire that matches FROM to the first one after
# SINCE that matches TO.
wire_gap() {
	awk -v since="$1" -v from="$2" -v to="$3" '
		$1 >= since && $0 ~ to { found = 1; exit }
		$0 ~ from { begin = $1 }
		END { if (!found || !begin) exit 1; printf "%d", ($1 - begin) * 1000 }' "$RUN/wire"
}

# WHAT LOW HIGH SINCE FROM TO: that gap, as soon as the listener has written it down.
expect_gap() {
	local gap

	wait_until 30 wire_gap "${@:4}" >/dev/null
	gap=$(wire_gap "${@:4}")
	expect "$1: $gap ms" test "$2" -le "$gap" -a "$gap" -le "$3"
}

# vrrpd announces when it takes over and never again. Before a time in which cpvrrp is Active and
# cannot know of it, let cpvrrp have announced for the fifth and last time, or the client stays with
# cpvrrp's node.
let_announce() {
	[[ ${KIND[n2]} != frr ]] || sleep 5
}

# n1 runs cpvrrp with preempt = always, n2 the other one with priority 120; nobody runs yet. Every
# way for the role to go there and back.
take_turns() {
	local since adverts

	apiserver_start n2
	wire_start
	peer_interval n2 1000
	peer_start n2
	wait_until 30 role_is n2 Active
	client_greets
	say "${KIND[n2]} is Active, with an interval of 1 s"

	say "a ready cpvrrp comes: its priority is higher"
	probe_start
	cpvrrp_start n1
	moves_to n1 1000
	probe_stop
	if [[ $VIP == *:* ]]; then # see "Known and left" of doc/testing.md
		expect "hardly a probe was lost" outage_below "$SLACK_MS"
	else
		expect "no probe was lost" nothing_lost
	fi

	[[ $VIP != *:* ]] || let_announce # for IPv6 vrrpd's first advert comes an interval later
	say "its apiserver dies: its priority falls below"
	adverts=$(wire_count ' n2 advert ')
	apiserver_kill n1
	moves_to n2 1000
	# Until its second advert an interval longer than ours is not believed (rule BOUNDS).
	wait_until 30 seen ' n2 advert ' $((adverts + 2))

	# A whole Active_Down_Interval would be 3.76 s, or 2.76 s from an advert just before.
	say "${KIND[n2]} stops: priority 0, and the unready cpvrrp waits for its skew only"
	since=$EPOCHREALTIME
	peer_stop n2
	moves_to n1 1000
	expect "it heard priority 0" router_has n1 active_stopped reason
	expect_gap "and waited" 750 2500 "$since" ' n2 advert .* priority=0 ' ' n1 advert '
	[[ $VIP != *:* ]] || let_announce
	peer_interval n2 250

	say "${KIND[n2]} comes back: cpvrrp is unready"
	peer_start n2
	moves_to n2

	say "cpvrrp is ready again"
	apiserver_again n1
	moves_to n1

	say "cpvrrp is killed: the other waits for three intervals"
	since=$EPOCHREALTIME
	node_kill n1
	wait_until 30 role_is n2 Active
	expect_gap "it waited" 750 $((PEER_DOWN_MS + SLACK_MS)) "$since" ' n1 advert ' ' n2 advert '
	wait_until 30 not holds n1

	say "cpvrrp comes back, with an interval of 2 s: three are much longer than a skew of 1 s"
	sed -i 's/^vrrp_instance .*/&\nadvert_int = 2/' "$RUN/n1/cpvrrp.conf"
	cpvrrp_start n1
	moves_to n1
	say "and stops: priority 0, and the other waits for its skew only"
	since=$EPOCHREALTIME
	node_stop n1
	sed -i '/^advert_int/d' "$RUN/n1/cpvrrp.conf"
	moves_to n2 2000
	expect_gap "it waited" 1060 3000 "$since" ' n1 advert .* priority=0 ' ' n2 advert '

	peer_stop n2
}

# n1 and n3 run cpvrrp, n2 the other one, all with the same priority; nobody runs yet. The higher
# address stays Active when two have become so apart from each other.
break_ties() {
	apiserver_start n2
	wire_start
	cpvrrp_start n1
	wait_until 30 role_is n1 Active
	serve_long n1
	client_greets
	let_announce
	cut n1
	peer_start n2
	wait_until 30 both_active n1 n2
	# vrrpd has no source address for IPv6, and so the lower one, until it has sent its first.
	wait_until 30 seen ' n2 advert '
	heal n1
	moves_to n2
	stays 1500 alone n2
	node_stop n1

	# The other yields without a word; n3 may never have heard it, and announces when it would anyway.
	sed -i '1i announce_refresh = 2' "$RUN/n3/cpvrrp.conf"
	cut n3
	cpvrrp_start n3
	wait_until 30 both_active n2 n3
	serve_long n3
	heal n3
	moves_to n3
	stays 1500 alone n3
	node_stop n3
	peer_stop n2
}

# n1 runs cpvrrp with preempt = always and advert_int = 0.25, n2 the other one with an interval of 1
# second and priority 120; nobody runs yet. A Backup waits for three intervals of the Active's.
adopt_intervals() {
	local since

	apiserver_start n2
	wire_start
	peer_start n2
	wait_until 30 role_is n2 Active
	node_start n1
	wait_until 30 unready n1
	# It counts with its own interval until it has heard the other's.
	wait_until 30 router_has n1 "[1-9]*" counters interval_differs
	wait_until 30 alone n2
	stays 1500 alone n2
	since=$EPOCHREALTIME
	peer_freeze n2
	wait_until 30 role_is n1 Active
	expect_gap "cpvrrp waited for three times 1 s and its skew" 3700 $((3758 + SLACK_MS)) \
		"$since" ' n2 advert ' ' n1 advert '
	peer_thaw n2
	wait_until 30 alone n2

	apiserver_again n1
	wait_until 30 alone n1
	stays 1000 alone n1
	since=$EPOCHREALTIME
	node_kill n1
	wait_until 30 role_is n2 Active
	expect_gap "${KIND[n2]} waited for three times 250 ms and its skew" 750 3000 \
		"$since" ' n1 advert ' ' n2 advert '
	peer_stop n2
}
