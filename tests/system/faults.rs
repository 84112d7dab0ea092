#!/bin/bash
# Failing system calls on the real binary, by strace -e inject, in a pid namespace of its own: while they fail
# and afterwards the daemon has to live, must not touch who is protected or small, and has to end who is over.
#   tests/faults [PROGRAM]      ends with `N passed, N failed`
set -u
if [ "${1:-}" != --inside ]; then
	program=$(realpath "${1:-target/release/memory-monitor}") || exit
	exec unshare --pid --fork --mount-proc --kill-child "$(realpath "$0")" --inside "$program"
fi
program=$2
passed=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit
export STATE_DIRECTORY=$work RUNTIME_DIRECTORY=$work
cat >config.toml <<-END
	[thresholds]
	ram_percent_threshold = 100.0
	ram_gb_threshold = 0.1
	check_interval = 0.2
	[whitelist]
	names = ["spared"]
	users = []
	[settings]
	log_file = "$work/log"
	metrics_file = "$work/metrics.prom"
	enable_syslog = false
	term_timeout = 1
	max_kills_per_minute = 0
END

# tail keeps so much of a pipe in memory: `hold NAME SIZE` sets $held.
hold() {
	[ -e "$1" ] || cp "$(command -v tail)" "$1"
	(head -c "$2" /dev/zero && exec sleep 1000) | "./$1" -c "$2" >/dev/null &
	held=$!
	until [ "$(cat "/proc/$held/comm" 2>/dev/null)" = "$1" ]; do sleep 0.01; done
}
lives() { kill -0 "$1" 2>/dev/null; }
# Waits until COMMAND succeeds; a minute is no limit that is met by anything but a hang.
await() { for _ in $(seq 1200); do "$@" && return; sleep 0.05; done; return 1; }
is_gone() { ! lives "$1"; }
# strace marks what it made fail INJECTED, and what it only held up DELAYED.
has_faults() {
	local count
	count=$(grep -csE 'INJECTED|DELAYED' trace)
	[ "${count:-0}" -ge "$1" ]
}
had_enough() { has_faults 30 || is_gone "$victim"; }

hold spared 150M && spared=$held
hold small 20M && small=$held

# fault NAME INJECTION...: each as for strace -e inject=
fault() {
	local name=$1 daemon tracer victim options=() injection why=
	shift
	for injection; do options+=(-e "inject=$injection"); done
	rm -f log trace
	"$program" --quiet --config config.toml 2>stderr &
	daemon=$!
	await grep -qs 'Scan complete' log || why='it did not start'
	strace -qq -o trace -p "$daemon" -e trace=all "${options[@]}" 2>strace.err &
	tracer=$!
	await has_faults 1 || why="nothing was injected: $(head -n 1 strace.err)"
	hold victim 150M && victim=$held
	await had_enough || why='it hangs'
	sleep 0.5
	lives "$daemon" || why='the daemon has ended'
	kill -INT "$tracer" && wait "$tracer"
	await is_gone "$victim" || why='who is over lives on'
	lives "$daemon" || why='the daemon has ended'
	lives "$spared" || why='a protected process was ended'
	lives "$small" || why='a small process was ended'
	grep -Eh '(pidfd_send_signal|kill)\(' trace | grep -Ev 'SIG(TERM|KILL|CONT)' && why='an unknown signal'
	kill "$daemon" && await is_gone "$daemon" || why='it does not stop'
	wait "$daemon" || why="it ended with status $?"
	if [ -z "$why" ]; then passed=$((passed + 1)); else failed=$((failed + 1)) && echo "FAILED: $name: $why"; fi
}

for error in EMFILE ENFILE ENOMEM EINTR EIO ENOENT ESRCH EACCES; do
	fault "every second openat: $error" "openat:error=$error:when=1+2"
	fault "every third read: $error" "read:error=$error:when=2+3"
	fault "every fifth pread: $error" "pread64:error=$error:when=1+5"
done
for error in EINTR ENOMEM ENOENT; do
	fault "every second getdents64: $error" "getdents64:error=$error:when=1+2"
	fault "every ppoll but one: $error" "ppoll:error=$error:when=1+1"
done
fault 'every openat fails: EMFILE' openat:error=EMFILE
fault 'every read fails: ENOMEM' read:error=ENOMEM
fault 'a storm of EINTR' openat,read,pread64,ppoll,getdents64,write:error=EINTR:when=1+2
fault 'files are empty' read:retval=0:when=1+2
fault 'the log: EIO' write:error=EIO
fault 'the log: ENOSPC, now and then' write:error=ENOSPC:when=1+3
fault 'the metrics: EIO' rename:error=EIO fchmod:error=EPERM:when=1+2
fault 'no pidfd: EMFILE' pidfd_open:error=EMFILE openat:error=EMFILE:when=1+4
fault 'no lseek: EIO' lseek:error=EIO:when=1+2
fault 'slow system calls' openat,read:delay_enter=2000:when=1+2
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
