//! `[notify]`: whom the notifier tells of what the daemon does, and how. Read by both; the files it names
//! are looked at by the notifier alone.

use super::value::{Read, must_be};
use std::path::PathBuf;
use toml::de::DeValue;

/// What is wanted of the notifier.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// Whom mail goes to; nobody, no mail.
    pub email_to: Vec<String>,
    /// Whom it comes from; None for memory-monitor on this machine.
    pub email_from: Option<String>,
    /// The mail server, `host:port`.
    pub smtp: String,
    /// Programs to run for each event, by their absolute paths.
    pub command: Vec<PathBuf>,
    /// Whether owners of processes are told on their terminals.
    pub tty: bool,
    /// Whether desktops are told.
    pub desktop: bool,
}

impl Notify {
    /// Whether anything is wanted.
    pub fn is_wanted(&self) -> bool {
        !self.email_to.is_empty() || !self.command.is_empty() || self.tty || self.desktop
    }
}

/// An address as it may stand in an envelope: RFC 5321 without quotes, comments and routes.
pub(super) fn address(value: &DeValue<'_>) -> Read<String> {
    let text = value.as_str().unwrap_or_default();
    let is_word = |word: &str, extra: &str| {
        !word.is_empty()
            && word.split('.').all(|part| !part.is_empty())
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '.' || extra.contains(c))
    };
    match text.rsplit_once('@') {
        Some((local, domain))
            if text.len() <= 254
                && is_word(local, "!#$%&'*+-/=?^_`{|}~")
                && is_word(domain, "-") =>
        {
            Ok(text.to_owned())
        }
        _ => Err(must_be("an address such as \"admin@example.com\"", value)),
    }
}

/// The same; None for an empty one.
pub(super) fn sender(value: &DeValue<'_>) -> Read<Option<String>> {
    match value.as_str() {
        Some("") => Ok(None),
        _ => address(value).map(Some),
    }
}

/// `host:port`.
pub(super) fn server(value: &DeValue<'_>) -> Read<String> {
    let text = value.as_str().unwrap_or_default();
    let is_host = |host: &str| {
        !host.is_empty()
            && host
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || ".-:[]".contains(c))
    };
    match text.rsplit_once(':') {
        Some((host, port)) if is_host(host) && port.parse::<u16>().is_ok_and(|port| port > 0) => {
            Ok(text.to_owned())
        }
        _ => Err(must_be(
            "a mail server and its port, such as \"localhost:25\"",
            value,
        )),
    }
}

/// The absolute path of a program.
pub(super) fn program(value: &DeValue<'_>) -> Read<PathBuf> {
    match value.as_str() {
        Some(path) if path.starts_with('/') && path.len() > 1 && !path.contains('\0') => {
            Ok(path.into())
        }
        _ => Err(must_be(
            "the path of a program that begins with \"/\"; arguments and shell text are not taken",
            value,
        )),
    }
}
