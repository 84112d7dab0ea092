//! What happens to groups of processes, as data; one arm of [`GroupEvent::describe`] for each.

use super::description::{Description, error, info, warning};
use super::group_name::{GroupMemory, GroupName};
use crate::config::GroupKill;
use crate::policy::Breach;
use crate::proc::Process;
use crate::quantities::Percent;
use crate::users::UserNames;
use std::cell::RefCell;
use std::fmt::{self, Display, Formatter};

/// Something about a group of processes.
#[derive(Clone, Copy, Debug)]
pub enum GroupEvent<'e> {
    /// A group is over its threshold, and what is said of that beside: that it is only reported, or that memory is
    /// plentiful.
    Over(GroupMemory<'e>, GroupNote),
    /// Why a member was sent a signal.
    Reason(&'e Process, &'e Breach, GroupName<'e>, GroupKill),
    /// For some time it could not be told of each group whether it is over its threshold: there are more processes, or
    /// more groups, than could be looked at.
    Unknown {
        /// Of how many processes the groups are known.
        known: usize,
        /// Of how many.
        of: usize,
    },
    /// A group is over its threshold, and every member is protected.
    Protected(GroupMemory<'e>),
}

/// Why nothing is killed of a group over its threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum GroupNote {
    /// Something is.
    None,
    /// It is only reported.
    Warn,
    /// So much of the memory is available.
    Plentiful(Percent),
}

impl GroupEvent<'_> {
    /// As [`super::Event::describe`].
    #[allow(clippy::unreadable_literal, reason = "MESSAGE_IDs are only compared")]
    pub(super) fn describe(
        &self,
        users: &RefCell<UserNames>,
        tell: &mut dyn FnMut(&Description<'_>, fmt::Arguments<'_>),
    ) {
        match *self {
            Self::Over(group, note) => tell(
                &warning("group_over", 0x767333fc6dfa4d8681cb836fdea3f870)
                    .notified()
                    .with(|data| data.group = Some(group)),
                format_args!("Group over its threshold: {}{note}", Memory(&group, users)),
            ),
            Self::Reason(process, breach, name, kill) => tell(
                &info("group_reason", 0xc9d2574848f74909a5c195a1190c5eda).breach(process, breach),
                format_args!(
                    "Reason: PID={} is {} group {} over {breach}",
                    process.pid,
                    match kill {
                        GroupKill::Largest => "the largest of",
                        GroupKill::Newest => "the newest of",
                        GroupKill::All => "a member of",
                    },
                    name.shown(users)
                ),
            ),
            Self::Unknown { known, of } => tell(
                &warning("group_unknown", 0x899b0e8c35ef48ff9bd9a1a7f24dc48f).notified(),
                format_args!(
                    "It can't be told of each group whether it is over its threshold: the groups of {known} of {of} \
                     processes are known"
                ),
            ),
            Self::Protected(group) => tell(
                &error("group_protected", 0x80ee9441bf104665a1d1c3771f1df2c4)
                    .notified()
                    .with(|data| data.group = Some(group)),
                format_args!(
                    "Group over its threshold, and every member is protected: {}",
                    Memory(&group, users)
                ),
            ),
        }
    }
}

/// `Group=users/ann, Members=214, RAM=54.20GB (21.17%)`.
struct Memory<'n>(&'n GroupMemory<'n>, &'n RefCell<UserNames>);

impl Display for Memory<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(group, users) = self;
        let name = group.name.shown(users);
        let (members, memory, share) = (group.members, group.memory, group.share);
        write!(f, "Group={name}, Members={members}, RAM={memory} ({share})")
    }
}

impl Display for GroupNote {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Warn => f.write_str(", only reported"),
            Self::Plentiful(share) => write!(f, ", memory is plentiful ({share:.0} available)"),
        }
    }
}
