//! The help texts, made from the table of commands.

use super::error::Error;
use super::lookup;
use super::table::{COMMANDS, Command, RUN};
use std::fmt::Write;

/// The help of the command of this name; the general one where that is empty.
///
/// # Errors
/// When there is no such command.
pub fn of(name: &str) -> Result<String, Error> {
    let command = if name.is_empty() {
        &RUN
    } else {
        lookup::command(name)?
    };
    let mut text = String::new();
    if command.name.is_empty() {
        let own = usage(command);
        // A String takes any text, here and below.
        let _ = write!(
            text,
            "memory-monitor kills processes that use more memory than a threshold, before\n\
             the kernel's OOM killer has to guess.\n\n\
             Usage: {own}  {}\n       memory-monitor COMMAND ...\n\nCommands:\n",
            command.summary
        );
        let commands = COMMANDS
            .iter()
            .map(|command| (words(command), command.summary));
        columns(&mut text, &commands.collect::<Vec<_>>());
    } else {
        let Command { summary, about, .. } = command;
        let usage = usage(command);
        let mut rest = summary.chars();
        let first = rest.next().map(|first| first.to_ascii_uppercase());
        text.extend(first.into_iter().chain(rest));
        let _ = writeln!(text, ".\n\nUsage: {usage}\n\n{about}");
    }
    text.push_str("\nOptions:\n");
    let options = command.all_options().map(|option| {
        let letter = option
            .short
            .map_or("    ".to_owned(), |short| format!("-{short}, "));
        let value = option
            .value
            .map_or(String::new(), |value| format!(" {}", value.name));
        (format!("{letter}{}{value}", option.long), option.does)
    });
    columns(&mut text, &options.collect::<Vec<_>>());
    if command.name.is_empty() {
        text.push_str(
            "\nEach command has its own help: memory-monitor COMMAND --help\n\
             \n\
             Signals: SIGTERM, SIGINT: stop; SIGHUP: reload the configuration;\n\
             SIGUSR1: reopen the log file.\n\
             Exit status: 0 success, 1 failure while running, 64 wrong usage,\n\
             78 rejected configuration.\n\
             See also: man memory-monitor, man memory-monitor-config\n",
        );
    }
    Ok(text)
}

/// `memory-monitor explain PID [OPTIONS]`.
pub(super) fn usage(command: &Command) -> String {
    let options = if command.options.is_empty() {
        ""
    } else {
        " [OPTIONS]"
    };
    format!("memory-monitor {}{options}", words(command)).replace("  ", " ")
}

/// `explain PID`, `check [FILE]`.
fn words(command: &Command) -> String {
    let name = command.name;
    match command.operand {
        None => name.to_owned(),
        Some(operand) if command.needs_operand() => format!("{name} {}", operand.name),
        Some(operand) => format!("{name} [{}]", operand.name),
    }
}

fn columns(text: &mut String, rows: &[(String, &str)]) {
    let width = rows.iter().map(|(left, _)| left.len()).max().unwrap_or(0);
    for (left, right) in rows {
        let _ = writeln!(text, "  {left:width$}  {right}");
    }
}
