//! What the completions of all shells are made of.

use crate::cli::table::{COMMANDS, Command, Opt, all_commands};

/// The comment below the first line of each file.
pub(super) const GENERATED: &str = "\
# Generated from src/cli/table.rs by cargo test --test generated -- write.
";

pub(super) fn command_names() -> String {
    let names: Vec<_> = COMMANDS.iter().map(|command| command.name).collect();
    names.join(" ")
}

/// The options of all commands, each once.
pub(super) fn options() -> Vec<&'static Opt> {
    let mut options: Vec<&Opt> = Vec::new();
    for option in all_commands().flat_map(Command::all_options) {
        if !options.iter().any(|other| other.long == option.long) {
            options.push(option);
        }
    }
    options
}

/// An option's letter, where it has one, and its word, as they are typed.
pub(super) fn spellings(option: &Opt) -> Vec<String> {
    let short = option.short.map(|short| format!("-{short}"));
    short
        .into_iter()
        .chain(std::iter::once(option.long.to_owned()))
        .collect()
}

/// A text in single quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
