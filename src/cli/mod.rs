//! The command line: what was typed -> [`Invocation`], what is meant. Touches its arguments only.

pub mod completions;
mod error;
pub mod help;
mod invocation;
pub mod synopsis;
pub mod table;
#[cfg(test)]
mod tests;
mod values;
mod verbosity;

pub use error::Error;
pub use invocation::{
    CheckOptions, Exempt, ExemptOptions, ExplainOptions, Filter, HistoryOptions, Invocation,
    NotifyOptions, RunOptions, ScanOptions, SelftestOptions, StatusOptions,
};
pub use values::Since;
pub use verbosity::Verbosity;

use crate::nearest::nearest;
use lexopt::Arg::{Long, Short, Value};
use std::ffi::{OsStr, OsString};
use table::{COMMANDS, Command, Opt, RUN};
use values::FromArgument;

/// Reads the arguments, the program's name left out.
///
/// # Errors
/// When they make no sense: each [`Error`] says what is wrong with one of them.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut given = Given {
        command: &RUN,
        arguments: Vec::new(),
    };
    let mut command: Option<&'static Command> = None;
    while let Some(argument) = parser.next()? {
        let option = match argument {
            Long(long) => find_option(&format!("--{long}"))?,
            Short(short) => table::option(|option| option.short == Some(short))
                .ok_or_else(|| Error::UnknownOption(format!("-{short}"), None))?,
            Value(word) => {
                match command.map(|command| command.operand) {
                    None => command = Some(find_command(&word)?),
                    Some(Some(operand)) if !given.has(operand.name) => {
                        given.arguments.push((operand.name, word));
                    }
                    Some(_) => return Err(Value(word).unexpected().into()),
                }
                continue;
            }
        };
        let value = match option.value {
            Some(_) => parser.value()?,
            None => OsString::new(),
        };
        given.arguments.push((option.long, value));
    }
    let command = command.unwrap_or(&RUN);
    given.command = command;
    if given.has("--help") {
        return Ok(Invocation::Help(help::of(command)));
    }
    if given.has("--version") {
        return Ok(Invocation::Version);
    }
    given.check()?;
    (command.read)(&given)
}

/// The options and the operand that were given, by their words in the table, before it is known what is meant.
#[derive(Debug)]
struct Given {
    command: &'static Command,
    arguments: Vec<(&'static str, OsString)>,
}

impl Given {
    fn has(&self, word: &str) -> bool {
        self.arguments.iter().any(|(given, _)| *given == word)
    }

    /// The value of an option or operand, the last one where there are several; None where it was not given.
    fn get<T: FromArgument>(&self, word: &'static str) -> Result<Option<T>, Error> {
        let mut arguments = self.arguments.iter().rev();
        let Some((_, typed)) = arguments.find(|(given, _)| *given == word) else {
            return Ok(None);
        };
        T::from_argument(typed).map(Some).map_err(|allowed| {
            let typed = typed.to_string_lossy().into_owned();
            Error::Value(word, typed, allowed)
        })
    }

    /// The value of an option or operand that the table requires.
    fn need<T: FromArgument>(&self, word: &'static str) -> Result<T, Error> {
        let missing = || Error::Missing(self.command, vec![word]);
        self.get(word)?.ok_or_else(missing)
    }

    /// What the table forbids.
    fn check(&self) -> Result<(), Error> {
        let command = self.command;
        for &(word, _) in &self.arguments {
            if word.starts_with("--") && !command.has(word) {
                return Err(Error::Misplaced(word, command));
            }
        }
        for set in command.exclusive {
            let mut both = set.iter().filter(|word| self.has(word));
            if let (Some(one), Some(other)) = (both.next(), both.next()) {
                return Err(Error::Exclusive(one, other));
            }
        }
        let missing = |set: &&&[&str]| !set.iter().any(|word| self.has(word));
        match command.required.iter().find(missing) {
            Some(set) => Err(Error::Missing(command, set.to_vec())),
            None => Ok(()),
        }
    }
}

fn find_command(word: &OsStr) -> Result<&'static Command, Error> {
    let word = word.to_string_lossy();
    table::command(&word).ok_or_else(|| {
        let names = COMMANDS.iter().map(|command| command.name);
        Error::UnknownCommand(word.to_string(), nearest(&word, names))
    })
}

fn find_option(long: &str) -> Result<&'static Opt, Error> {
    table::option(|option| option.long == long).ok_or_else(|| {
        let options = table::all_commands().flat_map(Command::all_options);
        let near = nearest(long, options.map(|option| option.long));
        Error::UnknownOption(long.to_owned(), near)
    })
}
