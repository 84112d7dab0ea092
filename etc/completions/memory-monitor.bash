# Completion of memory-monitor for bash.
# Generated from src/cli/table.rs by cargo test --test generated -- write.

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

_memory_monitor() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} word command=
    COMPREPLY=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
        scan | explain | check | selftest | exempt | history | notify | status | help) command=$word && break ;;
        esac
    done
    case $prev in
    -c | --config) _memory_monitor_files; return ;;
    --suggest) _memory_monitor_words "1m 10m 1h"; return ;;
    --top) _memory_monitor_words "5 10 20"; return ;;
    --user) _memory_monitor_users; return ;;
    --name) _memory_monitor_names; return ;;
    --for) _memory_monitor_words "30m 2h 1d"; return ;;
    --reason) return ;;
    --since) _memory_monitor_words "1h 1d 1w"; return ;;
    esac
    case $command in
    "") _memory_monitor_words "scan explain check selftest exempt history notify status help -c --config -n --dry-run --once -v --verbose -q --quiet -h --help -V --version" ;;
    "scan") _memory_monitor_words "-c --config --json --watch --suggest --all --top --over --user --name -q --quiet -h --help -V --version" ;;
    "explain") if [[ $cur == -* ]]; then _memory_monitor_words "-c --config --json -h --help -V --version"; else _memory_monitor_processes; fi ;;
    "check") if [[ $cur == -* ]]; then _memory_monitor_words "-c --config --json --names -q --quiet -h --help -V --version"; else _memory_monitor_files; fi ;;
    "selftest") _memory_monitor_words "--json --sandbox --notify -h --help -V --version" ;;
    "exempt") if [[ $cur == -* ]]; then _memory_monitor_words "--for --end --reason --list --json -h --help -V --version"; else _memory_monitor_processes; fi ;;
    "history") _memory_monitor_words "--json --since --user --name -h --help -V --version" ;;
    "notify") _memory_monitor_words "-c --config -v --verbose -q --quiet -h --help -V --version" ;;
    "status") _memory_monitor_words "-c --config --json -h --help -V --version" ;;
    "help") if [[ $cur == -* ]]; then _memory_monitor_words "-h --help -V --version"; else _memory_monitor_words "scan explain check selftest exempt history notify status help"; fi ;;
    esac
}

complete -F _memory_monitor memory-monitor
