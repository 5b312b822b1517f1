# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# What bench/run and bench/balance share.

# Says which packages are missing.
needs() {
	local program missing=()

	for program in keepalived haproxy nginx curl openssl; do
		[[ -n $(PATH=$PATH:/usr/sbin:/sbin type -P "$program") ]] || missing+=("${program/%nginx/nginx-light}")
	done
	((${#missing[@]} == 0)) || { echo "missing: apt-get install ${missing[*]}" >&2; exit 1; }
	((EUID == 0)) || { echo "needs root" >&2; exit 1; }
}

# Waits without starting a process.
nap() { # SECONDS
	read -r -t "$1" -u "$NAP" || :
}

measure() {
	"$PYTHON" "$BENCH_DIR/measure" "$@"
}

# NODE ADDRESS PORT: as in kubeadm's ha-considerations.md; only the path is /readyz, because that is what turns unready.
kubeadm_conf() {
	cat >"$RUN/$1/check_apiserver.sh" <<-END
		#!/bin/sh

		errorExit() {
		    echo "*** \$*" 1>&2
		    exit 1
		}

		curl -sfk --max-time 2 https://localhost:$3/readyz -o /dev/null || errorExit "Error GET https://localhost:$3/readyz"
	END
	chmod +x "$RUN/$1/check_apiserver.sh"
	cat <<-END
		global_defs {
		    router_id LVS_DEVEL
		    script_user root
		    enable_script_security
		}
		vrrp_script check_apiserver {
		    script "$RUN/$1/check_apiserver.sh"
		    interval 3
		    weight -2
		    fall 10
		    rise 2
		}
		vrrp_instance VI_1 {
		    state $([[ $1 == n1 ]] && echo MASTER || echo BACKUP)
		    interface eth0
		    virtual_router_id 51
		    priority $([[ $1 == n1 ]] && echo 101 || echo 100)
		    authentication {
		        auth_type PASS
		        auth_pass 42
		    }
		    virtual_ipaddress {
		        $2
		    }
		    track_script {
		        check_apiserver
		    }
		}
	END
}
