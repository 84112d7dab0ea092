//! The command line: what was typed -> [`Invocation`], what is meant. Touches its arguments only.

pub mod completions;
mod error;
mod given;
pub mod help;
mod invocation;
mod lookup;
pub mod synopsis;
pub mod table;
#[cfg(test)]
mod tests;
mod values;
mod verbosity;

pub use error::Error;
pub use invocation::{
    CheckOptions, Exempt, ExemptOptions, ExplainOptions, Filter, HistoryOptions, Invocation,
    NotifyOptions, RunOptions, ScanOptions, SelftestOptions, Shown, StatusOptions,
};
pub use values::Since;
pub use verbosity::Verbosity;

use given::Given;
use lexopt::Arg::{Long, Short, Value};
use std::ffi::OsString;
use table::{Command, RUN};

/// Reads the arguments, the program's name left out.
///
/// # Errors
/// When they make no sense: each [`Error`] says what is wrong with one of them.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Invocation, Error> {
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut given = Given::default();
    let mut command: Option<&'static Command> = None;
    while let Some(argument) = parser.next()? {
        let option = match argument {
            Long(long) => lookup::long_option(&format!("--{long}"))?,
            Short(short) => lookup::short_option(short)?,
            Value(word) => {
                match command.map(|command| command.operand) {
                    None => command = Some(lookup::command(&word.to_string_lossy())?),
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
    given.command = command.name;
    if given.has("--help") {
        return Ok(Invocation::Help(command.name.to_owned()));
    }
    if given.has("--version") {
        return Ok(Invocation::Version);
    }
    command.check(&given)?;
    (command.read)(&given)
}
