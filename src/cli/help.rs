//! The help texts, made from the table of commands.

use super::table::{COMMANDS, Command, Opt, RUN, all_commands};
use std::fmt::Write;

/// What `memory-monitor --help` prints.
pub fn general() -> String {
    let mut text = String::from(
        "memory-monitor ends processes that use more memory than they were allowed.\n\nUsage:\n",
    );
    let width = usages().map(|(usage, _)| usage.len()).max().unwrap_or(0);
    for (usage, summary) in usages() {
        // A String takes any text.
        let _ = writeln!(text, "  {usage:width$}  {summary}");
    }
    text.push_str("\nOptions:\n");
    options(&mut text, &RUN);
    text.push_str(
        "\nEach command has a help of its own: memory-monitor explain --help\n\
         \n\
         Signals: TERM and INT stop it, HUP reads the configuration again, USR1 opens the log again.\n\
         Exit status: 0 well, 1 failed while running, 64 wrong usage, 78 wrong configuration.\n\
         More: man memory-monitor, man 5 memory-monitor-config\n",
    );
    text
}

/// What `memory-monitor COMMAND --help` prints.
pub fn of(command: &Command) -> String {
    let Command { name, summary, .. } = command;
    let mut text = format!("memory-monitor {name}: {summary}\n\n");
    let _ = writeln!(
        text,
        "Usage: {}\n\n{}\n\nOptions:",
        command.usage(),
        command.about
    );
    options(&mut text, command);
    text
}

fn usages() -> impl Iterator<Item = (String, &'static str)> {
    let line = |command: &'static Command| (command.usage(), command.summary);
    all_commands().map(line)
}

fn options(text: &mut String, command: &Command) {
    let left = |option: &Opt| {
        let letter = option
            .short
            .map_or("    ".into(), |short| format!("-{short}, "));
        let space = if option.value.is_empty() { "" } else { " " };
        format!("{letter}--{}{space}{}", option.long, option.value)
    };
    let lefts = || {
        command
            .all_options()
            .map(|option| (left(option), option.does))
    };
    let width = lefts().map(|(left, _)| left.len()).max().unwrap_or(0);
    for (left, does) in lefts() {
        let _ = writeln!(text, "  {left:width$}  {does}");
    }
}

/// The words of the commands.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    COMMANDS.iter().map(|command| command.name)
}
