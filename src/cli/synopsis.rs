//! The SYNOPSIS of memory-monitor(8) in mdoc(7), made from the table of commands.

use super::table::{COMMON, Command, all_commands};
use std::fmt::Write;

/// The lines below `.Sh SYNOPSIS`.
pub fn mdoc() -> String {
    let mut text = String::new();
    for command in all_commands() {
        text.push_str(".Nm\n");
        if !command.name.is_empty() {
            let _ = write!(text, ".Cm {}", command.name);
            let operand = command.operand.filter(|_| command.needs_operand());
            if let Some(operand) = operand {
                let _ = write!(text, " {}", macros(command, operand.name));
            }
            text.push('\n');
        }
        for slot in command.slots() {
            let is_placed = command.needs_operand() && slot.iter().all(|word| is_operand(word));
            if !is_placed {
                let words: Vec<_> = slot.iter().map(|word| macros(command, word)).collect();
                // A String takes any text.
                let _ = writeln!(text, ".Op {}", words.join(" | "));
            }
        }
    }
    let common = COMMON.map(|option| format!("Fl {}", flag(option.long, option.short)));
    let _ = writeln!(text, ".Nm\n.Op Ar command\n{}", dotted(&common.join(" | ")));
    text
}

fn is_operand(word: &str) -> bool {
    !word.starts_with("--")
}

fn dotted(macros: &str) -> String {
    format!(".{macros}")
}

/// A word of a command as mdoc(7) has it: `Fl c Ar file`, `Fl -json`, `Ar pid`.
fn macros(command: &Command, word: &str) -> String {
    let argument = |name: &str| format!("Ar {}", name.to_lowercase());
    let Some(option) = command.options.iter().find(|option| option.long == word) else {
        return argument(word);
    };
    let flag = flag(option.long, option.short);
    match option.value {
        Some(value) => format!("Fl {flag} {}", argument(value.name)),
        None => format!("Fl {flag}"),
    }
}

fn flag(long: &str, short: Option<char>) -> String {
    let long = long.strip_prefix('-').unwrap_or(long);
    short.map_or_else(|| long.to_owned(), String::from)
}
