# Sourced by the tests that boot a machine, on the host: runs their phases in the machine $name.
# shellcheck shell=bash

. tests/packages/check.sh

# boot SUITE DIRECTORY PATH...: starts the machine $name, and copies each DIRECTORY to PATH in it.
boot() {
	trap 'scripts/boot stop "$name"' EXIT
	trap 'exit 130' INT TERM
	check "a machine with Debian $1 boots" scripts/boot start "$name" "$1" || { counts; exit 1; }
	scripts/boot run "$name" 300 'systemctl --version | sed -n "1s/^/# /p"; uname -r | sed "s/^/# Linux /"'
	check 'nothing in it runs by the clock' eval 'same "$(scripts/boot run "$name" 300 "systemctl list-timers --no-legend")" ""'
	shift
	while [ $# -gt 0 ]; do
		scripts/boot copy "$name" "$1" "$2"
		shift 2
	done
}

# phase NAME [COMMAND]: the file machine-NAME there, or what COMMAND prints of it. A phase that fails shows the console;
# the next ones go on.
phase() {
	local line last='' bad_before=$bad begin=$SECONDS command=${2:-"bash /srv/tests/machine-$1 2>&1"}
	while IFS= read -r line; do
		case $line in
		'ok: '*) ok=$((ok + 1)) && echo "$line" ;;
		'FAILED: '*) bad=$((bad + 1)) && echo "FAILED: ${name%-*}, $1: ${line#FAILED: }" ;;
		*) [ "$line" = finished ] || echo "$line" ;;
		esac
		last=$line
	done < <(scripts/boot run "$name" 900 "$command" || echo "exit status $?")
	if [ "$last" != finished ]; then
		bad=$((bad + 1))
		case $last in
		'exit status 124') last='it has hung' ;;
		'exit status 125') last='the machine is gone' ;;
		esac
		echo "FAILED: ${name%-*}, $1: aborted: $last"
	fi
	[ $bad = "$bad_before" ] || scripts/boot console "$name"
	echo "the phase $1 took $((SECONDS - begin)) s"
}
