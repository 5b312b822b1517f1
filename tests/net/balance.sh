# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What the stories of BALANCE share: a group of three that balances, an echo server on every node beside its
# apiserver, and connections to it that the client keeps open.

PORT=7000
# What a busy machine may add to a step that nobody should notice.
SILENCE_MS=${SILENCE_MS-1000}
STREAMS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/streams.py
declare -A HOLD=()

# The options of the story's instance come on standard input, those of the file are in GLOBALS.
balance_stage() { # NODES
	local node options

	options=$(cat)
	stage "$1"
	configure_all <<-END
		${GLOBALS-}
		apiserver { ca_file = "$RUN/certs/ca.crt" }
		vrrp_instance apiserver {
			virtual_ipaddress { ${VIPS:-$VIP $VIP6} }
			balance true
			balance_port { $PORT }
			$options
		}
	END
	for node in "${NODES[@]}"; do
		# As Kubernetes has it.
		on "$node" sysctl -qw net.ipv4.ip_forward=1
		nsenter --net="/run/netns/$node" python3 "$STREAMS" serve "$node" "$PORT" &
	done
	stage_running
	for node in "${NODES[@]}"; do
		wait_until 8 balances "$node"
	done
	wait_until 4 shares_are n1 "${NODES[@]}"
}

# The node's rules are in place.
balances() { has "$1" in_place balance rules; }

# The nodes that own slots, as one node has it, are these and no others.
shares_are() { # NODE OWNERS...
	local wanted

	wanted=$(printf '%s\n' "${@:2}" | sort | xargs)
	[[ $(owners "$1") == "$wanted" ]]
}

owners() { # NODE
	state "$1" virtual_routers 0 shares |
		python3 -c 'import json, sys
print(*sorted("n" + s["address"].replace(":", ".").rsplit(".", 1)[-1] for s in json.load(sys.stdin) if s["slots"]))'
}

# Opens connections that stay, under a name; with HOLD_CA, those of the stage's apiservers.
hold() { # NAME COUNT [ADDRESS] [NODE]
	local node=${4:-client}

	rm -f "$RUN/$1"
	nsenter --net="/run/netns/$node" python3 "$STREAMS" hold "${3:-$VIP}" "$PORT" "$2" "$RUN/$1" \
		${HOLD_CA+"$HOLD_CA"} &
	HOLD[$1]=$!
	wait_until 20 test -s "$RUN/$1"
	say "$1 is open: $(xargs <"$RUN/$1")"
}

# All connections of the name answer, and answered within so many milliseconds since the last time.
unbroken() { # NAME MS
	local word open alive broken stuck silence

	rm -f "$RUN/$1"
	kill -USR1 "${HOLD[$1]}"
	wait_until 2 test -s "$RUN/$1"
	read -r word open word alive word broken word stuck word silence <"$RUN/$1"
	say "$1: $alive of $open alive, $broken broken, longest silence $silence ms"
	((broken == 0 && alive == open && silence <= $2))
}

served() { # NAME NODE: how many connections
	awk -v node="$2" '$1 == node { print $2 }' "$RUN/$1" | grep . || echo 0
}

# All connections of a name answer but so many at the most.
alive_but() { # NAME COUNT
	local word open alive broken stuck silence

	rm -f "$RUN/$1"
	kill -USR1 "${HOLD[$1]}"
	wait_until 2 test -s "$RUN/$1"
	read -r word open word alive word broken word stuck word silence <"$RUN/$1"
	say "$1: $alive of $open alive, $broken broken, $stuck stuck"
	((open - alive <= $2))
}

# What the node says of its own open connections, those of both families.
counts() { # NODE COUNT
	[[ $(state "$1" virtual_routers 0 shares |
		python3 -c 'import json, sys; print(*[s["connections"] for s in json.load(sys.stdin) if s["self"]])') == "$2" ]]
}
