# Common functions of the tests in a booted machine: sourced by its phases.
# shellcheck shell=bash disable=SC2034
cd "$(dirname "${BASH_SOURCE[0]}")" || exit
set -o pipefail
. ./check.sh

unit=memory-monitor.service
config=/etc/memory-monitor/config.toml
log=/var/log/memory_monitor.log
packages=/srv/packages
apt=(apt-get -qq -y -o Dpkg::Options::=--force-confold --no-install-recommends)
# Runs the same package scripts in a fraction of apt's time, for tests that are not about apt.
dpkg=(dpkg --force-confold --force-downgrade)

# use_repository DIRECTORY: makes the signed repository in that directory the machine's.
use_repository() {
	# The machine has no network.
	sed "s|^URIs: .*|URIs: file:$packages/apt|" "$1/apt/memory-monitor.sources" >/etc/apt/sources.list.d/memory-monitor.sources
	rm -rf "$packages"
	cp -r "$1" "$packages"
	# apt would reject an index with an older signature.
	rm -rf /var/lib/apt/lists
	apt-get -qq update
}

# After the test of its limits the service may use a whole processor: an emulated one is slow enough.
lift_quota() {
	mkdir -p /run/systemd/system/service.d
	printf '[Service]\nCPUQuota=\n' >/run/systemd/system/service.d/quota.conf
	systemctl daemon-reload
}

property() { systemctl show --property "$1" --value "${2:-$unit}"; }
is() { same "$(property "$1")" "$2"; }
main_pid() { property MainPID; }
cgroup() { cat "/sys/fs/cgroup/system.slice/$unit/$1"; }
restarted_since() { [ "$(main_pid)" -gt 1 ] && [ "$(main_pid)" != "$1" ] && systemctl --quiet is-active $unit; }
active() { systemctl --quiet is-active $unit; }
scans() { grep -c 'Scan complete' $log; }

# The policy of these tests: a process over 100 MB is killed within a second.
write_config() {
	cat >$config <<-TOML
		[thresholds]
		ram_percent_threshold = 100
		ram_gb_threshold = ${threshold:-0.1}
		check_interval = ${interval:-1}
		metric = "${metric:-rss}"
		[whitelist]
		names = [${names:-}]
		users = [${users:-}]
		verify_names = ${verify:-false}
		[settings]
		log_level = "${level:-info}"
		# An emulated process may take a while to end.
		term_timeout = 5
		max_kills_per_minute = 0
		report_interval = ${report:-3600}
	TOML
}
reload() { write_config && systemctl reload $unit && until_ok reloaded; }
reloaded() { property StatusText | grep -q processes; }

# as_user USER COMMAND...: starts it as that user; sets $hog to its PID.
as_user() {
	setpriv --reuid="$1" --regid=nogroup --clear-groups "${@:2}" &
	hog=$!
	disown "$hog"
}
# hog NAME USER [ignore]: a process of that name with 130 MB, or with $bytes; sets $hog to its PID.
hog() {
	local size=${bytes:-130000000}
	[ -e "/usr/local/bin/$1" ] || cp /usr/bin/perl "/usr/local/bin/$1"
	as_user "$2" "/usr/local/bin/$1" -e \
		'$SIG{TERM} = "IGNORE" if $ARGV[1]; $n = $ARGV[0]; $m = "x" x $n; sleep 1 while 1' $size ${3:+ignore}
	until_ok grown "$hog" $((size / 1040))
}
grown() { [ ! -e "/proc/$1/status" ] || [ "$(awk '/^VmRSS/ {print $2}' "/proc/$1/status" 2>/dev/null)" -gt "${2:-125000}" ] 2>/dev/null; }
# swap_on SIZE: swap in compressed memory, on a device of its own, which nothing else has open.
swap_on() {
	modprobe zram
	local device
	device=zram$(cat /sys/class/zram-control/hot_add)
	echo "$1" >"/sys/block/$device/disksize" && mkswap "/dev/$device" && swapon "/dev/$device"
}
# in_group NAME: what this shell starts from now on is in that control group; back: no more.
in_group() { mkdir -p "/sys/fs/cgroup/$1" && echo $$ >"/sys/fs/cgroup/$1/cgroup.procs"; }
own=$(sed -n 's/^0:://p' /proc/self/cgroup)
back() { echo $$ >"/sys/fs/cgroup$own/cgroup.procs"; }
gone() { [ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status"; }

# A first installation.
drop_in=/etc/memory-monitor/config.d/00-first-install.toml
local_file=/etc/memory-monitor/config.d/50-local.toml
state() { echo "$(systemctl is-enabled $unit) $(systemctl is-active $unit)"; }
install_package() { "${dpkg[@]}" -i "/srv/$1"/*.deb >/srv/install.log 2>&1 && cat /srv/install.log; }
purge_package() { dpkg --purge memory-monitor >/srv/purge 2>&1 && cat /srv/purge; }
would_kill() { until_ok grep -q "Would kill process: PID=$hog," $log && [ -e "/proc/$hog" ]; }
# Over the default thresholds, however much memory the machine has: $bytes for a hog.
over_default() { awk '/^MemTotal:/ {printf "%d", $2 * 1024 * 0.12}' /proc/meminfo; }
# What the first installation of /srv/install.log has printed, without the ends of lines of apt's terminal; and the line
# of it with that comment, pasted.
message() { sed -n 's/\r$//; /^memory-monitor: /,/  # \(stop it\|start it\|show why it does not run\|when that prints nothing\)$/p' /srv/install.log; }
pasted() { eval "$(message | grep "  # $1")"; }
# What is over a threshold on this machine by default, as the installation shows it.
limit() { awk '/^MemTotal:/ {gb = $2 / 1048576; printf "any process over %.2f GB (10%% of %.2f GB), root'\''s too, but none that is protected", gb / 10, gb}' /proc/meminfo; }

journal() { journalctl --sync && journalctl --no-pager -b -u memory-monitor -o cat "$@" SYSLOG_IDENTIFIER=memory-monitor; }
# The records of the log file as the journal has them: without time and level.
records() { sed 's/^[0-9-]* [0-9:]* - [A-Z]* - //' "$@"; }
# The journal gets a record after the log file.
in_journal() { journal | grep -F -- "$1"; }
# once TEXT: exactly one such record in the log file, and exactly one in the journal.
once() {
	until_ok in_journal "$1" && same "in the file: $(grep -cF "$1" $log)" 'in the file: 1' && same "in the journal: $(journal | grep -cF "$1")" 'in the journal: 1'
}
# lives PID: it still runs after two more scans that began after it was large.
lives() {
	local before
	before=$(scans)
	until_ok eval "[ \$(scans) -ge $((before + 3)) ]" && [ -e "/proc/$1" ] && not grep -q "Killing process: PID=$1," $log
}
# All that the package left in the machine.
leftovers() {
	find / -xdev \( -name '*memory-monitor*' -o -name '*memory_monitor*' \) -not -path '/srv/*' -not -path '/proc/*' \
		-not -path '/var/lib/apt/*' -not -path '/var/cache/apt/*' -not -path '/etc/apt/*'
	find /run /tmp /var/tmp -name '*memory-monitor*' -not -path '*/boot-agent*'
	systemctl list-units --all --no-legend '*memory-monitor*'
}
