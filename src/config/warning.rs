//! What is doubtful about a configuration that was accepted, with file, line and column. No I/O.

use super::error::{Location, write_location};
use super::suspect::{Compared, Suspicion, Within};
use crate::escape::quoted_path;
use crate::quantities::Bytes;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// What is doubtful about a configuration that is otherwise valid. Displayed on one line.
#[derive(Debug)]
pub struct Warning {
    /// None for the built-in defaults.
    pub location: Option<Location>,
    pub(super) kind: WarningKind,
}

/// What is doubtful. Users are named as written.
#[derive(Debug)]
pub(super) enum WarningKind {
    /// The whitelist names a user that does not exist.
    UnknownUser(String),
    /// A rule names a user that does not exist.
    UnknownRuleUser(String),
    /// No user matches the pattern of a rule.
    NoRuleUser(String),
    /// The user database gave no answer.
    UserLookup(String, io::Error),
    /// The user was found when the configuration was loaded before, and is not now.
    UserKept(String),
    /// A rule that can never match, because an earlier one matches all that it would.
    UnreachableRule {
        /// Its number, from 1.
        number: usize,
        earlier: usize,
        earlier_location: Option<Location>,
    },
    /// A text that no process can have; `text` in quotes.
    Suspect {
        key: &'static str,
        text: String,
        suspicion: Suspicion,
        within: Within,
    },
    /// A key of a rule that protects whatever the key says.
    BesideProtect(&'static str),
    /// A key of a rule that only reports whatever the key says.
    BesideWarn(&'static str),
    /// The share of available memory below which something is killed is 0.
    NothingBelow,
    /// A group that is measured by anonymous memory.
    GroupAnon,
    /// The group with this label is only reported, although its action is to kill.
    ReportedGroup(String),
    /// The threshold of a group is not below what all processes together can have on this machine.
    IdleGroup {
        label: String,
        threshold: Bytes,
        most: Bytes,
    },
    /// The schedule with this number, from 1, changes nothing.
    IdleSchedule(usize, Effect),
    /// The configuration file has no content.
    EmptyFile(PathBuf),
    /// A drop-in has no content.
    EmptyDropIn(PathBuf),
    /// A file in the directory of the drop-ins that is not read.
    IgnoredFile(PathBuf),
    /// A file to be written is a directory; its key.
    IsDirectory(&'static str, PathBuf),
    /// The directory of a file to be written does not exist; the key of the file.
    NoDirectory(&'static str, PathBuf),
    /// Built-in names that a list replaces.
    NamesGone(Vec<String>),
    /// A threshold that the other one always comes before on this machine, at so many bytes.
    IdleThreshold {
        key: &'static str,
        other: &'static str,
        decides: Bytes,
    },
    /// The executable of a rule, which no path is.
    ExeWithoutSlash(String),
    /// The executable of a rule, and where its symbolic link leads.
    ExeLink(String, String),
    /// The unit of a rule, which is a part of a path.
    UnitPath(String),
    /// The mail server's port is one where the notifier can't send.
    MailPort(u16),
    /// `users` names root, but nothing says whether root is to be protected.
    RootNotProtected,
}

/// What a schedule does to the values of a week.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// At some time they are others than without it.
    Changes,
    /// It is in force, and they are the same as without it.
    Same,
    /// It never is in force: the ones before it take all of its time.
    Covered,
}

impl fmt::Display for Warning {
    #[allow(clippy::too_many_lines, reason = "one arm for each kind")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_location(f, self.location.as_ref())?;
        match &self.kind {
            WarningKind::UnknownUser(user) => {
                write!(
                    f,
                    "user {user:?} does not exist; the entry has no effect until it does"
                )?;
                write_suspicion(f, user, Within::Whitelist)
            }
            WarningKind::UnknownRuleUser(user) => {
                write!(
                    f,
                    "user {user:?} does not exist; this rule or group matches nothing until it does"
                )?;
                write_suspicion(f, user, Within::Matcher)
            }
            WarningKind::NoRuleUser(pattern) => {
                write!(
                    f,
                    "no user has a name like {pattern:?}; this rule or group matches nothing until a \
                     reload finds one"
                )?;
                write_suspicion(f, pattern, Within::Matcher)
            }
            WarningKind::UserLookup(user, error) => write!(
                f,
                "user {user:?} can't be looked up and has no effect: {error}"
            ),
            WarningKind::UserKept(user) => write!(
                f,
                "user {user:?} is not found any more; the uid it had before is used until the \
                 service is restarted"
            ),
            WarningKind::UnreachableRule {
                number,
                earlier,
                earlier_location,
            } => {
                write!(f, "rule {number} can never match: rule {earlier}")?;
                if let Some(location) = earlier_location {
                    write!(f, " at {location}")?;
                }
                f.write_str(" comes first and takes all that it would, put the narrower one first")
            }
            WarningKind::Suspect {
                key,
                text,
                suspicion,
                within,
            } => {
                write!(f, "{key} has {text}, which {}", suspicion.told(*within))
            }
            WarningKind::BesideProtect(key) => write!(
                f,
                "\"{key}\" has no effect beside action = \"protect\", which protects whatever the \
                 process uses: remove one of the two"
            ),
            WarningKind::BesideWarn(key) => write!(
                f,
                "\"{key}\" has no effect beside action = \"warn\", by which nothing is killed: remove one of \
                 the two"
            ),
            WarningKind::NothingBelow => f.write_str(
                "only_below_available_percent = 0 lets nothing be killed: what is over its threshold is only \
                 reported",
            ),
            WarningKind::GroupAnon => f.write_str(
                "metric = \"anon\" counts what forked processes share once for each of them, so that a \
                 group of them is over its threshold too early: \"pss\" divides it among them",
            ),
            WarningKind::ReportedGroup(label) => write!(
                f,
                "group {label} is only reported: only_below_available_percent = 0 lets nothing be \
                 killed for it"
            ),
            WarningKind::IdleGroup {
                label,
                threshold,
                most,
            } => write!(
                f,
                "group {label} has a threshold of {threshold}, and all processes together can have \
                 {most} here: it is never over it, and has no effect"
            ),
            WarningKind::IdleSchedule(number, Effect::Covered) => write!(
                f,
                "schedule {number} is never in force: the schedules before it take all of its time, \
                 put the narrower one first"
            ),
            WarningKind::IdleSchedule(number, _) => write!(
                f,
                "schedule {number} changes nothing: it has the values that are in force without it, \
                 give it another check_interval or threshold"
            ),
            WarningKind::EmptyFile(file) => write!(
                f,
                "{} is empty: the built-in defaults are in force",
                quoted_path(file)
            ),
            WarningKind::EmptyDropIn(file) => {
                write!(f, "{} is empty and has no effect", quoted_path(file))
            }
            WarningKind::IgnoredFile(file) => write!(
                f,
                "{} is not read: the name of a drop-in must end in .toml",
                quoted_path(file)
            ),
            WarningKind::IsDirectory(key, path) => write!(
                f,
                "{key} is {}, which is a directory: nothing is written there, name a file in it",
                quoted_path(path)
            ),
            WarningKind::NoDirectory(key, path) => {
                let directory = quoted_path(path.parent().unwrap_or(path));
                write!(
                    f,
                    "{key} is {}, whose directory does not exist: nothing is written until \
                     mkdir -p {directory}",
                    quoted_path(path)
                )
            }
            WarningKind::NamesGone(names) => {
                let names: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
                write!(
                    f,
                    "names replaces the built-in list, of which {} are no longer protected: add \
                     them, or put your names into a drop-in in config.d, which adds to the list",
                    names.join(", ")
                )
            }
            WarningKind::IdleThreshold {
                key,
                other,
                decides,
            } => write!(
                f,
                "{key} never decides on this machine: {other} decides, at {decides}; change that \
                 one, or switch it off"
            ),
            WarningKind::ExeWithoutSlash(exe) => write!(
                f,
                "exe = {exe:?} has no slash and can never match the path of an executable: write \
                 its whole path, or name = {exe:?}"
            ),
            WarningKind::ExeLink(exe, real) => write!(
                f,
                "exe = {exe:?} is behind a symbolic link and can never match: what runs is \
                 {real:?}, write {real:?}"
            ),
            WarningKind::UnitPath(unit) => write!(
                f,
                "unit = {unit:?} has a slash and is compared with the whole path of the control \
                 group, which begins with a slash and ends with none: write the unit alone, or \
                 begin with \"*/\""
            ),
            WarningKind::MailPort(465) => f.write_str(
                "port 465 speaks TLS from the start, which the notifier does not: \
                 give a relay on this machine, such as \"localhost:25\"",
            ),
            WarningKind::MailPort(port) => write!(
                f,
                "port {port} usually wants a login, which the notifier does not have: \
                 give a relay on this machine, such as \"localhost:25\""
            ),
            WarningKind::RootNotProtected => f.write_str(
                "\"users\" names root, but root's processes are not protected: \
                 set \"protect_root\" in [whitelist] to true or false",
            ),
        }
    }
}

/// What is suspect about the name of a user that does not exist.
fn write_suspicion(f: &mut fmt::Formatter<'_>, user: &str, within: Within) -> fmt::Result {
    match Suspicion::of(user, Compared::User) {
        Some(suspicion) => write!(f, "; it {}", suspicion.told(within)),
        None => Ok(()),
    }
}
