//! The completions of bash, zsh and fish, made from the table of commands: each is fixed functions of its shell around
//! what this table has. The files in `etc/completions` are printed by these functions.

mod bash;
mod fish;
mod zsh;

pub use bash::bash;
pub use fish::fish;
pub use zsh::zsh;

use super::table::{COMMANDS, Command, Opt, all_commands};

/// The comment below the first line of each file.
const GENERATED: &str = "\
# Generated from src/cli/table.rs by cargo test --test generated -- write.
";

fn command_names() -> String {
    let names: Vec<_> = COMMANDS.iter().map(|command| command.name).collect();
    names.join(" ")
}

/// The options of all commands, each once.
fn options() -> Vec<&'static Opt> {
    let mut options: Vec<&Opt> = Vec::new();
    for option in all_commands().flat_map(Command::all_options) {
        if !options.iter().any(|other| other.long == option.long) {
            options.push(option);
        }
    }
    options
}

/// An option's letter, where it has one, and its word, as they are typed.
fn spellings(option: &Opt) -> Vec<String> {
    let short = option.short.map(|short| format!("-{short}"));
    short
        .into_iter()
        .chain(std::iter::once(option.long.to_owned()))
        .collect()
}

/// A text in single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
