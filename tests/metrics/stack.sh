# Sourced by the scripts beside it: Debian's Prometheus and node_exporter, unpacked rather than installed, so that
# no service of theirs is started, and namespaces to run them in beside a daemon.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
. scripts/lib.sh
need python3 util-linux

unpack_prometheus() (
	cd "$1" || exit
	local apt=(apt-get -qq -o DPkg::Lock::Timeout=600 -o Acquire::Retries=5 -o APT::Sandbox::User=root)
	"${apt[@]}" update && "${apt[@]}" download prometheus prometheus-node-exporter >/dev/null || exit
	for package in *.deb; do dpkg-deb -x "$package" . && rm "$package" || exit; done
)
once prometheus "Debian $(cat /etc/debian_version), 1" unpack_prometheus || {
	echo "Debian's prometheus and prometheus-node-exporter can't be had"
	echo "0 passed, 1 failed"
	exit 1
}
PATH=$cache/prometheus/usr/bin:$PATH

# The program as it was built last; MEMORY_MONITOR names another one.
MEMORY_MONITOR=$(realpath "${MEMORY_MONITOR:-$(ls -t target/{release,debug}/memory-monitor 2>/dev/null | head -n 1)}")
export MEMORY_MONITOR PYTHONPATH=$root/tests/metrics PYTHONDONTWRITEBYTECODE=1

# in_stack SCRIPT [ARGUMENT...]: a Python script that uses stack.py, where the daemon sees and ends nobody else, and
# any port is free.
in_stack() { unshare --pid --net --fork --mount-proc --kill-child /usr/bin/python3 "$@"; }
