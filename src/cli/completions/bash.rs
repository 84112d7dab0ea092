//! bash, which needs nothing but bash itself.

use super::parts::{GENERATED, command_names, options, spellings};
use crate::cli::table::{Command, Offer, all_commands};
use std::fmt::Write;

const FUNCTIONS: &str = r#"
_memory_monitor_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }
_memory_monitor_users() { mapfile -t COMPREPLY < <(compgen -u -- "$cur"); }
_memory_monitor_processes() { _memory_monitor_words "$(cd /proc && echo [0-9]*)"; }

_memory_monitor_files() {
    compopt -o filenames 2>/dev/null
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
}

_memory_monitor_names() {
    local name i config=()
    # A process chooses its name: offer none that a shell could take for more than a word.
    while IFS= read -r name; do
        [[ $name == "$cur"* && $name != *[!A-Za-z0-9._+-]* ]] && COMPREPLY+=("$name")
    done < <(cat /proc/[0-9]*/comm 2>/dev/null | LC_ALL=C sort -u)
    # Those of the configuration, which are patterns.
    for ((i = 1; i < COMP_CWORD; i++)); do
        [[ ${COMP_WORDS[i]} == @(-c|--config) ]] && config=(--config "${COMP_WORDS[i + 1]}")
    done
    while IFS= read -r name; do
        [[ $name == "$cur"* && $name != *[!A-Za-z0-9._+*?@:-]* ]] || continue
        printf -v name %q "$name"
        [[ " ${COMPREPLY[*]} " == *" $name "* ]] || COMPREPLY+=("$name")
    done < <(memory-monitor check --names "${config[@]}" 2>/dev/null)
}
"#;

/// `etc/completions/memory-monitor.bash`.
pub fn bash() -> String {
    let commands = command_names().replace(' ', " | ");
    let mut text = format!(
        "# Completion of memory-monitor for bash.\n{GENERATED}{FUNCTIONS}
_memory_monitor() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} word command=
    COMPREPLY=()
    for word in \"${{COMP_WORDS[@]:1:COMP_CWORD-1}}\"; do
        case $word in
        {commands}) command=$word && break ;;
        esac
    done
    case $prev in
"
    );
    for option in options() {
        let Some(value) = option.value else {
            continue;
        };
        let spellings = spellings(option).join(" | ");
        let offer = offer(value.offer).map_or(String::new(), |call| format!("{call}; "));
        // A String takes any text, here and below.
        let _ = writeln!(text, "    {spellings}) {offer}return ;;");
    }
    text.push_str("    esac\n    case $command in\n");
    for command in all_commands() {
        let _ = writeln!(text, "    \"{}\") {} ;;", command.name, arguments(command));
    }
    text.push_str("    esac\n}\n\ncomplete -F _memory_monitor memory-monitor\n");
    text
}

/// What offers a value; None where there is nothing to offer.
fn offer(offer: Offer) -> Option<String> {
    Some(match offer {
        Offer::Files => "_memory_monitor_files".to_owned(),
        Offer::Users => "_memory_monitor_users".to_owned(),
        Offer::Processes => "_memory_monitor_processes".to_owned(),
        Offer::Names => "_memory_monitor_names".to_owned(),
        Offer::Commands => format!("_memory_monitor_words \"{}\"", command_names()),
        Offer::Words(words) => format!("_memory_monitor_words \"{}\"", words.join(" ")),
        Offer::Nothing => return None,
    })
}

/// What offers the operand of a command, or its options.
fn arguments(command: &Command) -> String {
    let mut words: Vec<_> = command.all_options().flat_map(spellings).collect();
    if command.name.is_empty() {
        words.insert(0, command_names());
    }
    let options = format!("_memory_monitor_words \"{}\"", words.join(" "));
    match command.operand.and_then(|operand| offer(operand.offer)) {
        Some(offer) => {
            format!("if [[ $cur == -* ]]; then {options}; else {offer}; fi")
        }
        None => options,
    }
}
