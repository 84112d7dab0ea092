# Completion of memory-monitor for fish.

set -l commands scan explain check selftest exempt history notify status
set -l none "not __fish_seen_subcommand_from $commands"

function __memory_monitor_names
    # A process chooses its name: none that a shell could take for more than a word.
    cat /proc/*/comm 2>/dev/null | string match -r '^[A-Za-z0-9._+-]+$' | sort -u
    # Those of the configuration, which are patterns.
    set -l words (commandline -opc)
    set -l config
    set -l place (contains -i -- --config $words; or contains -i -- -c $words)
    and set config --config $words[(math $place[1] + 1)]
    memory-monitor check --names $config 2>/dev/null | string match -r '^[A-Za-z0-9._+*?@:-]+$'
end

complete -c memory-monitor -f
complete -c memory-monitor -s h -l help -d 'Print a help'
complete -c memory-monitor -s V -l version -d 'Print the version'

complete -c memory-monitor -n $none -a scan -d 'One look at the processes nearest to their threshold'
complete -c memory-monitor -n $none -a explain -d 'Why that process is, or is not, ended, test by test'
complete -c memory-monitor -n $none -a check -d 'Check a configuration and what it means here and now'
complete -c memory-monitor -n $none -a selftest -d 'End two processes of its own and report each step'
complete -c memory-monitor -n $none -a exempt -d 'Spare a process for a while'
complete -c memory-monitor -n $none -a history -d 'What was ended, when, why and how'
complete -c memory-monitor -n $none -a notify -d 'Tell people and programs of what the daemon does'
complete -c memory-monitor -n $none -a status -d 'Whether the daemon runs, and what it did and will do'
complete -c memory-monitor -n $none -s n -l dry-run -d 'Decide and log, but signal nobody'
complete -c memory-monitor -n $none -l once -d 'One check, then exit'
complete -c memory-monitor -n "$none; or __fish_seen_subcommand_from notify" -s v -l verbose -d 'Show debug messages'

complete -c memory-monitor -n "$none; or __fish_seen_subcommand_from scan explain check notify" \
    -s c -l config -r -F -d 'Read this configuration'
complete -c memory-monitor -n "$none; or __fish_seen_subcommand_from scan notify" \
    -s q -l quiet -d 'Print errors only'
complete -c memory-monitor -n "__fish_seen_subcommand_from scan explain check selftest exempt history status" \
    -l json -d 'Print JSON'
complete -c memory-monitor -n "__fish_seen_subcommand_from scan history" \
    -l user -x -a '(__fish_complete_users)' -d 'Only what belongs to this user'
complete -c memory-monitor -n "__fish_seen_subcommand_from scan history" \
    -l name -x -a '(__memory_monitor_names)' -d 'Only what has this name'
complete -c memory-monitor -n "__fish_seen_subcommand_from check" \
    -l names -d 'Print only the names that it has'
complete -c memory-monitor -n "__fish_seen_subcommand_from scan" -l all -d 'Show every process'
complete -c memory-monitor -n "__fish_seen_subcommand_from scan" -l top -x -a '5 10 20' -d 'Show no more than so many'
complete -c memory-monitor -n "__fish_seen_subcommand_from scan" -l watch -d 'Look every second until q or Ctrl-C'
complete -c memory-monitor -n "__fish_seen_subcommand_from scan" \
    -l suggest -x -a '1m 10m 1h' -d 'Observe, then suggest thresholds'
complete -c memory-monitor -n "__fish_seen_subcommand_from explain exempt" -a '(__fish_complete_pids)'
complete -c memory-monitor -n "__fish_seen_subcommand_from check" -F
complete -c memory-monitor -n "__fish_seen_subcommand_from selftest" \
    -l sandbox -d 'With the settings of the installed unit'
complete -c memory-monitor -n "__fish_seen_subcommand_from selftest" \
    -l notify -d 'Have the notifier send one of each'
complete -c memory-monitor -n "__fish_seen_subcommand_from history" \
    -l since -x -a '1h 1d 1w' -d 'Only what ended since then'
complete -c memory-monitor -n "__fish_seen_subcommand_from exempt" -l for -x -a '30m 2h 1d' -d 'Spare it for this time'
complete -c memory-monitor -n "__fish_seen_subcommand_from exempt" -l reason -x -d 'Why'
complete -c memory-monitor -n "__fish_seen_subcommand_from exempt" -l end -d 'Spare it no longer'
complete -c memory-monitor -n "__fish_seen_subcommand_from exempt" -l list -d 'Show who is exempt'
