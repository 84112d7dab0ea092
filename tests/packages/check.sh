# Sourced by the tests of the packages, on the host and in machines.
# shellcheck shell=bash

ok=0 bad=0

# check DESCRIPTION COMMAND...: one test, counted by the line that it prints.
check() {
	local description=$1 output begin=$SECONDS
	shift
	if output=$("$@" 2>&1 </dev/null); then
		echo "ok: $description ($((SECONDS - begin)) s)"
		ok=$((ok + 1))
	else
		bad=$((bad + 1))
		echo "FAILED: $description ($((SECONDS - begin)) s)"
		sed 's/^/    /' <<<"$output" | tail -n 40
		return 1
	fi
}

# Waits for a state, not for a time: the limit is far beyond what an emulated machine needs.
until_ok() {
	local end=$((SECONDS + 300))
	until "$@"; do
		((SECONDS < end)) || { echo "timeout: $*" && return 1; }
		sleep 0.2
	done
}

not() { ! "$@"; }
same() { [ "$1" = "$2" ] || { echo "is '$1', should be '$2'" && return 1; }; }
# needs_at_most GLIBC_X PROGRAM
needs_at_most() {
	local newest
	newest=$(objdump -T "$2" | grep -o 'GLIBC_[0-9.]*' | sort -V | tail -n 1)
	echo "it needs $newest"
	[ -n "$newest" ] && printf '%s\n' "$newest" "$1" | sort -CV
}

# The last line of a phase that was not aborted.
finished() { echo finished; }
# The last line of a test of one process: its counts.
counts() {
	echo "$ok passed, $bad failed"
	[ $bad = 0 ]
}
