# Sourced by the tests of the repositories, after lib.sh: what is served to them, and another key.
# shellcheck shell=bash

. tests/packages/check.sh
work=$(mktemp -d)
# serve THIS: starts a server of $work/served at the base URL of the packages in THIS; $network has this server alone.
serve() {
	local base
	base=$(sed -n 's|^URIs: \(.*\)/apt$|\1|p' "$1/apt/memory-monitor.sources")
	mkdir "$work/served"
	unshare --net tests/packages/serve "$work/served" "${base##*:}" >"$work/requests" 2>&1 &
	network=$!
	trap 'kill $network; wait $network 2>/dev/null; rm -rf "$work"' EXIT
	until_ok nsenter --net="/proc/$network/ns/net" bash -c "exec 3<>/dev/tcp/127.0.0.1/${base##*:}" 2>/dev/null
	requested() { grep -F "GET $1" "$work/requests"; }
	mkdir -m 700 "$work/other"
	gpg --homedir "$work/other" --batch --quiet --passphrase '' --quick-generate-key other@memory-monitor.example.com rsa3072 sign never
	gpg --homedir "$work/other" --batch --armor --export >"$work/other.asc"
	gpgconf --homedir "$work/other" --kill gpg-agent
}
# offer DIRECTORY: serves a copy of that directory.
offer() {
	rm -rf "$work/served"/*
	cp -r "$1"/{apt,yum} "$work/served/"
}
