//! fish, by its `complete`.

use super::parts::{GENERATED, command_names, options, quoted};
use crate::cli::table::{COMMANDS, COMMON, Offer, Opt, RUN};
use std::fmt::Write;

const FUNCTIONS: &str = r"
function __memory_monitor_names
    # A process chooses its name: offer none that a shell could take for more than a word.
    cat /proc/*/comm 2>/dev/null | string match -r '^[A-Za-z0-9._+-]+$' | sort -u
    # Those of the configuration, which are patterns.
    set -l words (commandline -opc)
    set -l config
    set -l index (contains -i -- --config $words; or contains -i -- -c $words)
    and set config --config $words[(math $index[1] + 1)]
    memory-monitor check --names $config 2>/dev/null | string match -r '^[A-Za-z0-9._+*?@:-]+$'
end

complete -c memory-monitor -f
";

/// `etc/completions/memory-monitor.fish`.
pub fn fish() -> String {
    let commands = command_names();
    let mut text = format!(
        "# Completion of memory-monitor for fish.\n{GENERATED}
set -l commands {commands}
set -l none \"not __fish_seen_subcommand_from $commands\"\n{FUNCTIONS}"
    );
    // A String takes any text, here and below.
    for command in &COMMANDS {
        let does = described(command.summary);
        let _ = writeln!(
            text,
            "complete -c memory-monitor -n $none -a {} {does}",
            command.name
        );
    }
    for command in &COMMANDS {
        if let Some(operand) = command.operand {
            let offer = offer(operand.offer);
            let name = command.name;
            let _ = writeln!(
                text,
                "complete -c memory-monitor -n \"__fish_seen_subcommand_from {name}\"{offer}"
            );
        }
    }
    for option in options() {
        let condition = condition(option);
        let short = option
            .short
            .map_or(String::new(), |short| format!(" -s {short}"));
        let long = option.long.trim_start_matches('-');
        let needs = match option.value {
            None => String::new(),
            Some(value) if value.offer == Offer::Files => " -r -F".to_owned(),
            Some(value) => format!(" -x{}", offer(value.offer)),
        };
        let does = described(option.does);
        let _ = writeln!(
            text,
            "complete -c memory-monitor{condition}{short} -l {long}{needs} {does}"
        );
    }
    text
}

/// When an option is offered: without a command, with some of them, or always.
fn condition(option: &Opt) -> String {
    if COMMON.iter().any(|common| common.long == option.long) {
        return String::new();
    }
    let with = COMMANDS.iter().filter(|command| command.has(option.long));
    let with: Vec<_> = with.map(|command| command.name).collect();
    let with = with.join(" ");
    match (RUN.has(option.long), with.is_empty()) {
        (true, true) => " -n $none".to_owned(),
        (true, false) => format!(" -n \"$none; or __fish_seen_subcommand_from {with}\""),
        (false, _) => format!(" -n \"__fish_seen_subcommand_from {with}\""),
    }
}

fn offer(offer: Offer) -> String {
    match offer {
        Offer::Files => " -F".to_owned(),
        Offer::Users => " -a '(__fish_complete_users)'".to_owned(),
        Offer::Processes => " -a '(__fish_complete_pids)'".to_owned(),
        Offer::Names => " -a '(__memory_monitor_names)'".to_owned(),
        Offer::Commands => " -a \"$commands\"".to_owned(),
        Offer::Words(words) => format!(" -a '{}'", words.join(" ")),
        Offer::Nothing => String::new(),
    }
}

/// `-d 'Print JSON'`: fish begins its descriptions with a capital.
fn described(does: &str) -> String {
    let mut letters = does.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    let text: String = first.into_iter().chain(letters).collect();
    format!("-d {}", quoted(&text))
}
