//! The systemd unit that a process belongs to, by the path of its control group. Pure.

use super::name::{LONGEST, Name};

/// Where a process belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Of the systemd unit or control group.
    pub name: Name,
    /// Where that is a service, of the system or of a user's service manager, the path of its control group, if that
    /// has 255 bytes at most.
    pub service: Option<Name>,
    /// Whether it is one of a user, who may move processes from one of them to another.
    pub is_of_user: bool,
}

impl Unit {
    /// That of a process in this control group; None in the root and where a slice is all there is.
    pub fn of_cgroup(path: &[u8]) -> Option<Self> {
        let is_service = is_service(path) && path.len() <= LONGEST;
        Some(Self {
            name: Name::new(name(path)?),
            service: is_service.then(|| Name::new(path)),
            is_of_user: is_of_user(path),
        })
    }

    /// Whether it is a system service. A user's service manager is one as well, but what runs below it is the user's.
    pub fn is_system_service(&self) -> bool {
        let path = self.service.as_ref().map(Name::as_bytes);
        path.is_some_and(|path| manager(path).is_none())
    }
}

/// The innermost systemd unit, or else the last part of the path, which names a control group that systemd does not
/// manage. None in the root and where a slice is all there is: a slice holds units of all kinds and is none itself.
fn name(path: &[u8]) -> Option<&[u8]> {
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

/// Whether this is the control group of a service itself, of the system or of a user's service manager: below slices
/// there is only that. A user gives the latter what name they like.
fn is_service(path: &[u8]) -> bool {
    let parts = path.split(|&byte| byte == b'/');
    let parts = parts.filter(|part| !part.is_empty() && !part.ends_with(b".slice"));
    let mut parts = parts.skip(usize::from(manager(path).is_some()));
    let service = parts.next();
    service.is_some_and(|service| service.ends_with(b".service")) && parts.next().is_none()
}

/// The first unit below slices, where that is a user's service manager.
fn manager(path: &[u8]) -> Option<&[u8]> {
    let parts = path.split(|&byte| byte == b'/');
    let mut parts = parts.filter(|part| !part.is_empty() && !part.ends_with(b".slice"));
    let is_manager = |unit: &&[u8]| unit.starts_with(b"user@") && unit.ends_with(b".service");
    parts.next().filter(is_manager)
}

/// Whether this is a control group of a user: a session, or what is below the user's service manager, which moves a
/// process of the user wherever the user wants it.
fn is_of_user(path: &[u8]) -> bool {
    let mut parts = path.split(|&byte| byte == b'/').skip(1);
    parts.next() == Some(b"user.slice")
        && parts
            .next()
            .is_some_and(|part| part.starts_with(b"user-") && part.ends_with(b".slice"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_groups_of_a_user_are_below_its_slice() {
        for (path, expected) in [
            ("/user.slice/user-1000.slice/session-3.scope", true),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/x.scope",
                true,
            ),
            ("/user.slice", false),
            ("/system.slice/user.slice/user-1000.slice/x", false),
            ("/system.slice/cron.service", false),
            ("/", false),
        ] {
            assert_eq!(is_of_user(path.as_bytes()), expected, "{path}");
        }
    }

    #[test]
    fn a_service_is_the_only_one_below_slices_or_below_a_user_s_manager() {
        for (path, service, of_system) in [
            ("/system.slice/cron.service", true, true),
            (
                "/system.slice/system-postgresql.slice/postgresql@15-main.service",
                true,
                true,
            ),
            ("/system.slice/box.service/fake.service", false, false),
            (
                "/user.slice/user-1000.slice/user@1000.service",
                false,
                false,
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/a.service",
                true,
                false,
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/a.service/b.service",
                false,
                false,
            ),
            (
                "/user.slice/user-1000.slice/user@1000.service/app.slice/a.scope",
                false,
                false,
            ),
            ("/user.slice/user-1000.slice/session-3.scope", false, false),
            ("/docker/0123", false, false),
            ("/", false, false),
        ] {
            let unit = Unit::of_cgroup(path.as_bytes());
            let found = (
                unit.is_some_and(|unit| unit.service.is_some()),
                unit.is_some_and(|unit| unit.is_system_service()),
            );
            assert_eq!(found, (service, of_system), "{path}");
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
            assert_eq!(name(text.as_bytes()), expected.map(str::as_bytes), "{text}");
        }
    }
}
