# Sourced by the other scripts: the cache, required packages, and root file systems.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Machines, roots and tools: made when they are missing or their recipe has changed, kept between runs.
cache=${XDG_CACHE_HOME:-/var/tmp}/memory-monitor-test
mkdir -p "$cache"

# The script that sources this file.
script=$(realpath "$0")

# confined ARGUMENT...: continues this script within scripts/confined, unless it runs there already.
confined() { [ -n "${CONFINED:-}" ] || exec "$root/scripts/confined" "$script" "$@"; }

say() { echo "[$(date +%T)] $*" >&2; }

# need PACKAGE...: installs those of these Debian packages that are missing.
need() {
	local package missing=() sudo=()
	for package; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	say "installing the Debian packages: ${missing[*]}"
	[ "$(id -u)" = 0 ] || sudo=(sudo)
	local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=5)
	# apt waits for the lock of dpkg, but not for that of its package lists.
	{ flock 9 && "${apt[@]}" update && "${apt[@]}" --no-install-recommends install "${missing[@]}"; } \
		</dev/null >/dev/null 9>"$cache/.apt.lock" && return
	say "could not install them"
	return 1
}

# needed_by FILE...: the Debian packages that these scripts need, from their lines `need PACKAGE...`.
needed_by() { sed -nE 's/^[[:space:]]*need ([a-z0-9].*)/\1/p' "$@" | xargs -n 1 | sort -u; }

# need_cargo_tool NAME VERSION: installs a cargo subcommand into the cache, and adds it to the PATH.
need_cargo_tool() {
	once "tools/$1-$2" "$2" install_cargo_tool "$1" "$2"
	PATH=$cache/tools/$1-$2/bin:$PATH
}
# Built quickly rather than well: it runs once or twice.
install_cargo_tool() {
	say "building $1 $2"
	CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
		cargo install --quiet --locked --root "$3" --target-dir "$3/build" "$1@$2" </dev/null
	rm -rf "$3/build"
}

# built ARGUMENT...: the path of what `cargo ARGUMENT... --no-run` builds, which cargo's last line has; or what cargo
# printed, on stderr.
built() {
	local output
	output=$(cargo "$@" --locked --no-run 2>&1 </dev/null) || { echo "$output" >&2 && return 1; }
	sed -n 's/.*Executable.*(\(.*\))$/\1/p' <<<"$output"
}

# The Debian mirror of this machine.
mirror() { apt-get indextargets --format '$(SITE)' | grep -m 1 '/debian/*$'; }

# once NAME RECIPE COMMAND...: runs COMMAND with the empty directory $cache/NAME as its last argument, unless it
# succeeded before with the same RECIPE.
once() {
	local directory=$cache/$1 recipe=$2
	shift 2
	(
		set -e
		flock 9
		[ "$(cat "$directory/.recipe" 2>/dev/null)" != "$recipe" ] || exit 0
		rm -rf "$directory"
		mkdir -p "$directory"
		"$@" "$directory"
		# Where this function is part of a condition, set -e has no effect.
		# shellcheck disable=SC2181
		[ $? = 0 ] || exit
		echo "$recipe" >"$directory/.recipe"
	) 9>"$cache/.${1//\//-}.lock"
}

# unpacked NAME PACKAGE...: Debian packages, with their dependencies that are not installed, below $cache/NAME: unpacked
# rather than installed, so that none of their services is started.
unpacked() {
	once "$1" "Debian $(cat /etc/debian_version): ${*:2}" unpack_debian "${@:2}" && return
	echo "not available from Debian: ${*:2}"
	echo "0 passed, 1 failed"
	return 1
}
unpack_debian() (
	# Two at once would be refused the lists of apt.
	exec 8>"$cache/.apt.lock" && flock 8
	cd "${*: -1}" || exit
	local apt=(apt-get -qq -o DPkg::Lock::Timeout=600 -o Acquire::Retries=5 -o APT::Sandbox::User=root)
	"${apt[@]}" update || exit
	local needed
	needed=$(apt-get -s --no-install-recommends install "${@:1:$#-1}" | sed -n 's/^Inst \([^ ]*\).*/\1/p')
	# shellcheck disable=SC2086 # They are words.
	"${apt[@]}" download $(printf '%s\n' "${@:1:$#-1}" $needed | sort -u) >/dev/null || exit
	# Debian 12 still has some libraries in /lib.
	mkdir -p usr/lib && ln -s usr/lib lib
	for package in *.deb; do
		dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink && rm "$package" || exit
	done
)

# debian_root SUITE TARGET PACKAGES [MMDEBSTRAP-ARGUMENT...]
debian_root() {
	local suite=$1 target=$2 packages=$3
	shift 3
	need mmdebstrap
	# A minimal root needs neither the mirror's expiry dates nor translations.
	mmdebstrap --quiet --variant=minbase --include="$packages" --aptopt='APT::Install-Recommends "false"' \
		--aptopt='Acquire::Retries "5"' --aptopt='Acquire::Check-Valid-Until "false"' \
		--dpkgopt='path-exclude=/usr/share/locale/*' "$@" "$suite" "$target" "$(mirror)" </dev/null
}

# debian_root_at SUITE PACKAGES [MMDEBSTRAP-ARGUMENT...] DIRECTORY: for `once`.
debian_root_at() {
	local suite=$1 packages=$2 directory=${*: -1}
	debian_root "$suite" "$directory/root" "$packages" "${@:3:$#-3}"
}

# in_root ROOT COMMAND...: runs COMMAND in that root, with its own PID namespace, /proc and /tmp; in the network of
# process $network if that is set.
in_root() {
	${network:+nsenter --net="/proc/$network/ns/net"} unshare --mount --pid --fork --kill-child -- sh -euc '
		mount -t proc proc "$1/proc"
		mount -t tmpfs tmpfs "$1/run"
		mount -t tmpfs tmpfs "$1/tmp"
		mount --bind /dev "$1/dev"
		root=$1
		shift
		exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
	' sh "$@" </dev/null
}
