# Sourced by the scripts beside it: the cache, what has to be installed, and roots to work in.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Machines, roots and tools: made when missing or when their recipe changed, kept between runs.
cache=${XDG_CACHE_HOME:-/var/tmp}/memory-monitor-test
mkdir -p "$cache"

say() { echo "[$(date +%T)] $*" >&2; }

# need PACKAGE...: installs what is missing of these Debian packages.
need() {
	local package missing=() sudo=()
	for package; do
		dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	say "installing ${missing[*]}"
	[ "$(id -u)" = 0 ] || sudo=(sudo)
	local apt=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=600 -o Acquire::Retries=5)
	# apt waits for the lock of dpkg, but not for that of its lists.
	{ flock 9 && "${apt[@]}" update && "${apt[@]}" --no-install-recommends install "${missing[@]}"; } \
		</dev/null >/dev/null 9>"$cache/.apt.lock"
}

# need_cargo_tool NAME VERSION: installs a cargo subcommand into the cache, and puts that on the PATH.
need_cargo_tool() {
	local tools=$cache/tools/$1-$2
	[ -x "$tools/bin/$1" ] || {
		say "building $1 $2"
		cargo install --quiet --locked --root "$tools" --target-dir "$cache/tools/build-$1" "$1@$2" </dev/null
		rm -rf "$cache/tools/build-$1"
	}
	PATH=$tools/bin:$PATH
}

# The Debian mirror this machine uses.
mirror() { apt-get indextargets --format '$(SITE)' | grep -m 1 '/debian/*$'; }

# once NAME RECIPE COMMAND...: runs COMMAND unless it once succeeded for the same RECIPE; what it makes
# is below $cache/NAME, from nothing.
once() {
	local place=$cache/$1 recipe=$2
	shift 2
	(
		set -e
		flock 9
		[ "$(cat "$place/.recipe" 2>/dev/null)" != "$recipe" ] || exit 0
		rm -rf "$place"
		mkdir -p "$place"
		"$@" "$place"
		echo "$recipe" >"$place/.recipe"
	) 9>"$cache/.${1//\//-}.lock"
}

# unpacked NAME PACKAGE...: Debian packages, and what they need that is not installed, below $cache/NAME: unpacked
# rather than installed, so that no service of theirs is started.
unpacked() {
	once "$1" "Debian $(cat /etc/debian_version): ${*:2}" unpack_debian "${@:2}" && return
	echo "can't be had from Debian: ${*:2}"
	echo "0 passed, 1 failed"
	return 1
}
unpack_debian() (
	cd "${*: -1}" || exit
	local apt=(apt-get -qq -o DPkg::Lock::Timeout=600 -o Acquire::Retries=5 -o APT::Sandbox::User=root)
	"${apt[@]}" update || exit
	local needed
	needed=$(apt-get -s --no-install-recommends install "${@:1:$#-1}" | sed -n 's/^Inst \([^ ]*\).*/\1/p')
	# shellcheck disable=SC2086 # They are words.
	"${apt[@]}" download $(printf '%s\n' "${@:1:$#-1}" $needed | sort -u) >/dev/null || exit
	for package in *.deb; do dpkg-deb -x "$package" . && rm "$package" || exit; done
)

# debian_root SUITE TARGET PACKAGES [MMDEBSTRAP-ARGUMENT...]
debian_root() {
	local suite=$1 target=$2 packages=$3
	shift 3
	need mmdebstrap
	# A minimal root needs neither the clock of the mirror nor pages of other languages.
	mmdebstrap --quiet --variant=minbase --include="$packages" --aptopt='APT::Install-Recommends "false"' \
		--aptopt='Acquire::Retries "5"' --aptopt='Acquire::Check-Valid-Until "false"' \
		--dpkgopt='path-exclude=/usr/share/locale/*' "$@" "$suite" "$target" "$(mirror)" </dev/null
}

# debian_root_at SUITE PACKAGES [MMDEBSTRAP-ARGUMENT...] PLACE: for `once`.
debian_root_at() {
	local suite=$1 packages=$2 place=${*: -1}
	debian_root "$suite" "$place/root" "$packages" "${@:3:$#-3}"
}

# in_root ROOT COMMAND...: runs COMMAND in that root, with /proc and processes of its own.
in_root() {
	unshare --mount --pid --fork --kill-child -- sh -euc '
		mount -t proc proc "$1/proc"
		mount -t tmpfs tmpfs "$1/run"
		mount --bind /dev "$1/dev"
		root=$1
		shift
		exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
	' sh "$@" </dev/null
}
