//! Processes by their programs. Pure.

use super::names::plain;
use super::peaks::Peak;
use crate::commands::progress::Processes;
use crate::escape::Escaped;
use serde::Serialize;
use std::fmt;

/// How many programs are shown of those that a threshold would have killed, and PIDs of each.
pub(super) const SHOWN: usize = 4;

/// The processes of one name and user.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Program {
    #[serde(serialize_with = "plain")]
    pub(super) name: Vec<u8>,
    #[serde(serialize_with = "plain")]
    pub(super) user: Vec<u8>,
    pids: Vec<u32>,
}

impl Program {
    /// Those of these processes, in their order.
    pub(super) fn of<'p>(peaks: impl Iterator<Item = &'p Peak>) -> Vec<Self> {
        let mut programs: Vec<Self> = Vec::new();
        for Peak {
            pid, name, user, ..
        } in peaks
        {
            let known = |program: &&mut Self| program.name == *name && program.user == *user;
            match programs.iter_mut().find(known) {
                Some(program) => program.pids.push(*pid),
                None => programs.push(Self {
                    name: name.clone(),
                    user: user.clone(),
                    pids: vec![*pid],
                }),
            }
        }
        programs
    }
}

/// `postgres (postgres, PID 17)`, `postgres (postgres, 9 processes: 17, 18, 19, 20 ...)`.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, user, pids) = (Escaped(&self.name), Escaped(&self.user), &self.pids);
        if let [pid] = pids.as_slice() {
            return write!(f, "{name} ({user}, PID {pid})");
        }
        let shown: Vec<_> = pids.iter().take(SHOWN).map(u32::to_string).collect();
        let more = if pids.len() > SHOWN { " ..." } else { "" };
        let count = Processes(pids.len());
        write!(f, "{name} ({user}, {count}: {}{more})", shown.join(", "))
    }
}
