//! What the table `[whitelist]` protects. Matching allocates nothing. Pure.

use super::pattern::NamePattern;
use crate::quantities::{Pid, Uid};

/// What is protected beside the built-in protections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Whitelist {
    /// The processes that have these PIDs when the configuration is loaded.
    pub pids: Vec<Pid>,
    /// Full names of processes.
    pub names: Vec<NamePattern>,
    /// The real users of processes.
    pub users: Vec<User>,
    /// Whether root's processes are protected.
    pub protect_root: bool,
    /// Whether a name protects only where the executable verifies it.
    pub verify_names: bool,
}

/// A user as written, and the uid that it had when the configuration was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// A name or a number.
    pub text: String,
    /// None while no such user exists; the entry has no effect then.
    pub uid: Option<Uid>,
}

/// What protects the processes of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserMatch<'a> {
    /// An entry of `users`.
    Listed(&'a User),
    /// `protect_root`.
    ProtectRoot,
}

impl Whitelist {
    /// What protects the processes of `uid`; None where nothing does. For root it is `protect_root` alone, whatever
    /// `users` holds.
    pub fn protects_user(&self, uid: Uid) -> Option<UserMatch<'_>> {
        if uid == Uid::ROOT {
            return self.protect_root.then_some(UserMatch::ProtectRoot);
        }
        self.users
            .iter()
            .find(|user| user.uid == Some(uid))
            .map(UserMatch::Listed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whitelist(users: &[(&str, Option<u32>)], protect_root: bool) -> Whitelist {
        Whitelist {
            pids: vec![Pid::INIT],
            names: Vec::new(),
            users: users
                .iter()
                .map(|(text, uid)| User {
                    text: (*text).to_owned(),
                    uid: uid.map(Uid::new),
                })
                .collect(),
            protect_root,
            verify_names: false,
        }
    }

    #[test]
    fn root_is_protected_by_protect_root_alone() {
        let users = [("root", Some(0)), ("ghost", None), ("john", Some(1000))];
        let open = whitelist(&users, false);
        let closed = whitelist(&users[1..], true);
        assert_eq!(open.protects_user(Uid::ROOT), None);
        assert_eq!(
            closed.protects_user(Uid::ROOT),
            Some(UserMatch::ProtectRoot)
        );
        assert_eq!(
            open.protects_user(Uid::new(1000)),
            Some(UserMatch::Listed(&open.users[2]))
        );
        assert_eq!(open.protects_user(Uid::new(1001)), None);
    }
}
