//! The systemd unit that a process belongs to, by the text of /proc/PID/cgroup. Pure.

use super::parse::cgroup_path;

/// The innermost systemd unit, or else the last part of the path, which names a control group that systemd does not
/// manage. None in the root and where a slice is all there is: a slice holds units of all kinds and is none itself.
pub fn of_cgroup(text: &[u8]) -> Option<&[u8]> {
    const UNITS: [&[u8]; 5] = [b".service", b".scope", b".socket", b".mount", b".swap"];
    let parts = || {
        let parts = cgroup_path(text)
            .unwrap_or_default()
            .split(|&byte| byte == b'/');
        parts.filter(|part| !part.is_empty())
    };
    let is_unit = |part: &&[u8]| UNITS.iter().any(|unit| part.ends_with(unit));
    let last = parts()
        .next_back()
        .filter(|part| !part.ends_with(b".slice"));
    parts().rfind(is_unit).or(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_is_the_innermost_one_and_no_slice() {
        for (text, expected) in [
            ("0::/system.slice/cron.service\n", Some("cron.service")),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope\n",
                Some("app-x.scope"),
            ),
            (
                "0::/user.slice/user-1000.slice/user@1000.service/app.slice\n",
                Some("user@1000.service"),
            ),
            (
                "0::/system.slice/docker-1.scope/init\n",
                Some("docker-1.scope"),
            ),
            ("0::/lxc/box\n", Some("box")),
            ("0::/system.slice/box\n", Some("box")),
            (
                "12:pids:/x\n1:name=systemd:/system.slice/ssh.service\n0::/\n",
                Some("ssh.service"),
            ),
            ("0::/user.slice/user-1000.slice\n", None),
            ("0::/\n", None),
            ("", None),
        ] {
            assert_eq!(
                of_cgroup(text.as_bytes()),
                expected.map(str::as_bytes),
                "{text}"
            );
        }
    }
}
