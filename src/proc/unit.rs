//! The systemd unit that a process belongs to, by the path of its control group. Pure.

/// The innermost systemd unit, or else the last part of the path, which names a control group that systemd does not
/// manage. None in the root and where a slice is all there is: a slice holds units of all kinds and is none itself.
pub fn of_cgroup(path: &[u8]) -> Option<&[u8]> {
    const UNITS: [&[u8]; 5] = [b".service", b".scope", b".socket", b".mount", b".swap"];
    let parts = || {
        let parts = path.split(|&byte| byte == b'/');
        parts.filter(|part| !part.is_empty())
    };
    let is_unit = |part: &&[u8]| UNITS.iter().any(|unit| part.ends_with(unit));
    let last = parts()
        .next_back()
        .filter(|part| !part.ends_with(b".slice"));
    parts().rfind(is_unit).or(last)
}

/// Whether this is the control group of a system service itself: below slices there is only that. A user's service
/// manager is one as well, but what runs below it is the user's.
pub fn is_system_service(path: &[u8]) -> bool {
    let parts = path.split(|&byte| byte == b'/');
    let mut parts = parts.filter(|part| !part.is_empty() && !part.ends_with(b".slice"));
    let service = parts.next().filter(|part| part.ends_with(b".service"));
    let is_manager = |service: &[u8]| service.starts_with(b"user@");
    service.is_some_and(|service| !is_manager(service)) && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_service_is_the_only_one_below_slices() {
        for (path, expected) in [
            ("/system.slice/cron.service", true),
            (
                "/system.slice/system-postgresql.slice/postgresql@15-main.service",
                true,
            ),
            ("/system.slice/box.service/fake.service", false),
            ("/user.slice/user-1000.slice/user@1000.service", false),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/a.service",
                false,
            ),
            ("/user.slice/user-1000.slice/session-3.scope", false),
            ("/docker/0123", false),
            ("/", false),
        ] {
            assert_eq!(is_system_service(path.as_bytes()), expected, "{path}");
        }
    }

    #[test]
    fn a_unit_is_the_innermost_one_and_no_slice() {
        for (text, expected) in [
            ("/system.slice/cron.service", Some("cron.service")),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.scope",
                Some("app-x.scope"),
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice",
                Some("user@1000.service"),
            ),
            ("/system.slice/docker-1.scope/init", Some("docker-1.scope")),
            ("/lxc/box", Some("box")),
            ("/system.slice/box", Some("box")),
            ("/user.slice/user-1000.slice", None),
            ("/", None),
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
