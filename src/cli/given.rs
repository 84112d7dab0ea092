//! The options and the operand that were given, before it is known what is meant.

use super::error::Error;
use super::values::FromArgument;
use std::ffi::OsString;

/// What was given, by the words of the table: `--json`, `PID`.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// The name of the command; empty for running in the foreground.
    pub(super) command: &'static str,
    /// Each word with its value, which is empty for an option that takes none.
    pub(super) arguments: Vec<(&'static str, OsString)>,
}

impl Given {
    pub(super) fn has(&self, word: &str) -> bool {
        self.arguments.iter().any(|(given, _)| *given == word)
    }

    /// The value of an option or operand, the last one where there are several; None where it was not given.
    pub(super) fn get<T: FromArgument>(&self, word: &'static str) -> Result<Option<T>, Error> {
        let mut arguments = self.arguments.iter().rev();
        let Some((_, typed)) = arguments.find(|(given, _)| *given == word) else {
            return Ok(None);
        };
        T::from_argument(typed).map(Some).map_err(|allowed| {
            let typed = typed.to_string_lossy().into_owned();
            Error::Value(word, typed, allowed)
        })
    }

    /// The value of an option or operand that is required.
    pub(super) fn need<T: FromArgument>(&self, word: &'static str) -> Result<T, Error> {
        let missing = || Error::Missing(self.command, vec![word]);
        self.get(word)?.ok_or_else(missing)
    }
}
