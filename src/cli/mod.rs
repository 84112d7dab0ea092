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
use table::{Command, Offer, RUN};

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
            Long(long) => lookup::long_option(&format!("--{long}"), command)?,
            Short(digit) if digit.is_ascii_digit() && takes_number(command) => {
                let mut word = OsString::from(format!("-{digit}"));
                word.push(parser.optional_value().unwrap_or_default());
                take_operand(&mut given, command, word)?;
                continue;
            }
            Short(short) => lookup::short_option(short, command)?,
            Value(word) => {
                if command.is_some() {
                    take_operand(&mut given, command, word)?;
                } else {
                    command = Some(lookup::command(&word.to_string_lossy())?);
                }
                continue;
            }
        };
        let value = match option.value {
            // An option that comes next is not meant as the value of this one.
            Some(value) => match parser.value() {
                Ok(word) if !lookup::is_option(&word) => word,
                _ => return Err(Error::NoValue(option.long, value.name, value.example())),
            },
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

/// Whether a number is expected, so that `-1` is one that is wrong and no option.
fn takes_number(command: Option<&Command>) -> bool {
    let operand = command.and_then(|command| command.operand);
    operand.is_some_and(|operand| operand.offer == Offer::Processes)
}

fn take_operand(
    given: &mut Given,
    command: Option<&'static Command>,
    word: OsString,
) -> Result<(), Error> {
    match command.and_then(|command| command.operand) {
        Some(operand) if !given.has(operand.name) => {
            given.arguments.push((operand.name, word));
            Ok(())
        }
        _ => Err(Value(word).unexpected().into()),
    }
}
