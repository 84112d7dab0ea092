# Completion of memory-monitor for bash, which needs nothing but bash itself.

_memory_monitor() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
    local word command= words= name i config=()
    COMPREPLY=()
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        case $word in
        scan | explain | check | selftest | exempt | history | notify | status) command=$word && break ;;
        esac
    done
    case $prev in
    -c | --config)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        compopt -o filenames 2>/dev/null
        return
        ;;
    --user)
        mapfile -t COMPREPLY < <(compgen -u -- "$cur")
        return
        ;;
    --name)
        # A process chooses its name: none that a shell could take for more than a word.
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
        return
        ;;
    --for) words="30m 2h 1d" ;;
    --reason) return ;;
    --since) words="1h 1d 1w" ;;
    --suggest) words="1m 10m 1h" ;;
    --top) words="5 10 20" ;;
    *)
        case $command in
        "") words="scan explain check selftest exempt history notify status
            -c --config -n --dry-run --once -v --verbose -q --quiet" ;;
        scan) words="-c --config --json --all --user --name --top --watch --suggest -q --quiet" ;;
        explain) words="-c --config --json" ;;
        check) words="-c --config --json --names" ;;
        selftest) words="--json --sandbox --notify" ;;
        exempt) words="--for --reason --end --list --json" ;;
        history) words="--json --since --user --name" ;;
        notify) words="-c --config -v --verbose -q --quiet" ;;
        status) words="--json" ;;
        esac
        words+=" -h --help -V --version"
        if [[ $command == @(explain|exempt) && $cur != -* ]]; then
            words=$(cd /proc && echo [0-9]*)
        elif [[ $command == check && $cur != -* ]]; then
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            compopt -o filenames 2>/dev/null
            return
        fi
        ;;
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _memory_monitor memory-monitor
