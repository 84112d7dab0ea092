# Sourced by the scripts beside it: Debian's Prometheus and node_exporter, unpacked rather than installed, so that
# no service of theirs is started, and namespaces to run them in beside a daemon.
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit
. scripts/lib.sh
need python3 util-linux

unpacked prometheus prometheus prometheus-node-exporter || exit
PATH=$cache/prometheus/usr/bin:$PATH

# The program as it was built last; MEMORY_MONITOR names another one.
MEMORY_MONITOR=$(realpath "${MEMORY_MONITOR:-$(ls -t target/{release,debug}/memory-monitor 2>/dev/null | head -n 1)}")
export MEMORY_MONITOR PYTHONPATH=$root/tests/metrics PYTHONDONTWRITEBYTECODE=1

# in_stack SCRIPT [ARGUMENT...]: a Python script that uses stack.py, where the daemon sees and kills no other process, and
# any port is free.
in_stack() { unshare --pid --net --fork --mount-proc --kill-child /usr/bin/python3 "$@"; }
