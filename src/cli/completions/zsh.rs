//! zsh, by its `_arguments`.

use super::parts::{GENERATED, command_names, quoted, spellings};
use crate::cli::table::{COMMANDS, Command, Offer, Opt, RUN, Value};
use std::fmt::Write;

const FUNCTIONS: &str = r#"
# The _pids of zsh has those of this terminal only.
_memory-monitor_pids() {
    local -a pids=(/proc/<->(/:t))
    compadd -a pids
}

_memory-monitor_names() {
    # A process chooses its name: offer none that a shell could take for more than a word.
    local -a names=(${(fu)"$(cat /proc/[0-9]*/comm 2>/dev/null)"})
    names=(${names:#*[^A-Za-z0-9._+-]*})
    compadd -a names
    # Those of the configuration, which are patterns.
    local -a config=() patterns
    local i=${words[(I)(-c|--config)]}
    (( i )) && config=(--config "${(Q)words[i + 1]}")
    patterns=(${(f)"$(memory-monitor check --names $config 2>/dev/null)"})
    patterns=(${patterns:#*[^A-Za-z0-9._+*?@:-]*})
    compadd -a patterns
}

_memory-monitor "$@"
"#;

/// `etc/completions/_memory-monitor`.
pub fn zsh() -> String {
    let mut text = format!(
        "#compdef memory-monitor
# Completion of memory-monitor for zsh.
{GENERATED}
_memory-monitor() {{
    local curcontext=$curcontext state line

    # What follows the command belongs to the command.
    _arguments -C -A \"-*\" \\\n"
    );
    // A String takes any text, here and below.
    for option in RUN.all_options() {
        let _ = writeln!(text, "        {} \\", specification(&RUN, option));
    }
    text.push_str(
        "        '1:command:->command' '*::argument:->argument' && return

    case $state in
    command)
        local -a commands=(\n",
    );
    for Command { name, summary, .. } in &COMMANDS {
        let _ = writeln!(text, "            {}", quoted(&format!("{name}:{summary}")));
    }
    text.push_str(
        "        )
        _describe command commands
        ;;
    argument)
        case $line[1] in\n",
    );
    for command in &COMMANDS {
        let _ = write!(text, "        {}) _arguments", command.name);
        if let Some(operand) = command.operand {
            let others = exclusion(&others(command, operand.name));
            let operand = quoted(&format!("{others}1{}", offer(operand)));
            let _ = write!(text, " \\\n            {operand}");
        }
        for option in command.all_options() {
            let _ = write!(text, " \\\n            {}", specification(command, option));
        }
        text.push_str(" ;;\n");
    }
    text.push_str("        esac\n        ;;\n    esac\n}\n");
    text + FUNCTIONS
}

/// An option as `_arguments` wants it: `'(-c --config)'{-c,--config}'[...]:file:_files'`.
fn specification(command: &Command, option: &Opt) -> String {
    let spellings = spellings(option);
    let mut excluded = others(command, option.long);
    let does = option.does.replace('[', r"\[").replace(']', r"\]");
    let rest = format!("[{does}]{}", option.value.map_or(String::new(), offer));
    if spellings.len() == 1 {
        return quoted(&format!("{}{}{rest}", exclusion(&excluded), option.long));
    }
    excluded.extend(spellings.iter().cloned());
    format!(
        "{}{{{}}}{}",
        quoted(&exclusion(&excluded)),
        spellings.join(","),
        quoted(&rest)
    )
}

/// What can't be given together with a word of the table; an operand is `1`.
fn others(command: &Command, word: &str) -> Vec<String> {
    let sets = command.exclusive.iter().filter(|set| set.contains(&word));
    let words = sets
        .flat_map(|set| set.iter())
        .filter(|other| **other != word);
    let mut others: Vec<String> = Vec::new();
    for other in words {
        let option = command.options.iter().find(|option| option.long == *other);
        let typed = option.map_or(vec!["1".to_owned()], |option| spellings(option));
        for word in typed {
            if !others.contains(&word) {
                others.push(word);
            }
        }
    }
    others
}

fn exclusion(words: &[String]) -> String {
    if words.is_empty() {
        String::new()
    } else {
        format!("({})", words.join(" "))
    }
}

/// `:file:_files`.
fn offer(value: Value) -> String {
    let offered = match value.offer {
        Offer::Files => "_files".to_owned(),
        Offer::Users => "_users".to_owned(),
        Offer::Processes => "_memory-monitor_pids".to_owned(),
        Offer::Names => "_memory-monitor_names".to_owned(),
        Offer::Commands => format!("({})", command_names()),
        Offer::Words(words) => format!("({})", words.join(" ")),
        Offer::Nothing => String::new(),
    };
    format!(":{}:{offered}", value.name.to_lowercase())
}
