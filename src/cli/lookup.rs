//! What is typed -> a row of the table; what has no row is an error that names the nearest one.

use super::error::Error;
use super::table::{COMMANDS, Command, Opt, RUN, all_commands};
use crate::nearest::nearest;
use std::ffi::OsStr;

/// The command of this name.
pub(super) fn command(name: &str) -> Result<&'static Command, Error> {
    let known = COMMANDS.iter().find(|command| command.name == name);
    known.ok_or_else(|| Error::UnknownCommand(name.to_owned(), nearest_words(name)))
}

/// The command or the option that was probably meant by a word, as it is typed: `scan`, `scan --suggest`. None where
/// none is near.
fn nearest_words(word: &str) -> Option<String> {
    let commands = COMMANDS.iter().map(|command| command.name);
    let options = || all_commands().flat_map(Command::all_options);
    let words = commands.chain(options().map(|option| option.long.trim_start_matches('-')));
    let near = nearest(word.trim_start_matches('-'), words)?;
    if COMMANDS.iter().any(|command| command.name == near) {
        return Some(near.to_owned());
    }
    let option = options().find(|option| option.long.trim_start_matches('-') == near)?;
    let owner = all_commands().find(|command| command.has(option.long))?;
    let command = match owner.name {
        "" => String::new(),
        name => format!("{name} "),
    };
    Some(format!("{command}{}", option.long))
}

/// The option that is typed as `--json`; the same word is the same option everywhere. What is unknown may be meant for
/// the command that stands before it, None where none does.
pub(super) fn long_option(
    typed: &str,
    command: Option<&'static Command>,
) -> Result<&'static Opt, Error> {
    let mut options = all_commands().flat_map(Command::all_options);
    let known = options.find(|option| option.long == typed);
    known.ok_or_else(|| {
        let own = command.unwrap_or(&RUN).all_options();
        let near = nearest(typed, own.map(|option| option.long)).map(str::to_owned);
        let near = match command {
            Some(_) => near,
            None => near.or_else(|| nearest_words(typed)),
        };
        Error::UnknownOption(typed.to_owned(), name_of(command), near)
    })
}

/// Whether a word is an option, as it is typed.
pub(super) fn is_option(word: &OsStr) -> bool {
    let mut options = all_commands().flat_map(Command::all_options);
    options.any(|option| {
        let short = option.short.map(|letter| format!("-{letter}"));
        word == option.long || short.is_some_and(|short| word == short.as_str())
    })
}

/// The option with this letter.
pub(super) fn short_option(
    letter: char,
    command: Option<&'static Command>,
) -> Result<&'static Opt, Error> {
    let mut options = all_commands().flat_map(Command::all_options);
    let known = options.find(|option| option.short == Some(letter));
    known.ok_or_else(|| Error::UnknownOption(format!("-{letter}"), name_of(command), None))
}

fn name_of(command: Option<&'static Command>) -> &'static str {
    command.map_or("", |command| command.name)
}
