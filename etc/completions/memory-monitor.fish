# Completion of memory-monitor for fish.
# Generated from src/cli/table.rs by cargo test --test generated -- write.

set -l commands scan explain check selftest exempt history notify status help
set -l none "not __fish_seen_subcommand_from $commands"

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
complete -c memory-monitor -n $none -a scan -d 'Show what is closest to a threshold, and what would be killed'
complete -c memory-monitor -n $none -a explain -d 'Show why a process would, or would not, be killed'
complete -c memory-monitor -n $none -a check -d 'Check a configuration and show what it means on this machine'
complete -c memory-monitor -n $none -a selftest -d 'Kill processes of its own and report each step'
complete -c memory-monitor -n $none -a exempt -d 'Protect a process for a limited time'
complete -c memory-monitor -n $none -a history -d 'Show what was killed, when and why'
complete -c memory-monitor -n $none -a notify -d 'Notify people and programs of the daemon'\''s events'
complete -c memory-monitor -n $none -a status -d 'Show whether the daemon runs, what it did and what it will do'
complete -c memory-monitor -n $none -a help -d 'Print this help, or that of a command'
complete -c memory-monitor -n "__fish_seen_subcommand_from explain" -a '(__fish_complete_pids)'
complete -c memory-monitor -n "__fish_seen_subcommand_from check" -F
complete -c memory-monitor -n "__fish_seen_subcommand_from exempt" -a '(__fish_complete_pids)'
complete -c memory-monitor -n "__fish_seen_subcommand_from help" -a "$commands"
complete -c memory-monitor -n "$none; or __fish_seen_subcommand_from scan explain check notify status" -s c -l config -r -F -d 'Read FILE instead of /etc/memory-monitor/config.toml'
complete -c memory-monitor -n $none -s n -l dry-run -d 'Decide and log, but send no signal'
complete -c memory-monitor -n $none -l once -d 'Scan once, exit when the processes it killed are gone'
complete -c memory-monitor -n "$none; or __fish_seen_subcommand_from notify" -s v -l verbose -d 'Print debug messages too'
complete -c memory-monitor -n "$none; or __fish_seen_subcommand_from scan check notify" -s q -l quiet -d 'Print no messages but errors'
complete -c memory-monitor -s h -l help -d 'Print this help'
complete -c memory-monitor -s V -l version -d 'Print the version'
complete -c memory-monitor -n "__fish_seen_subcommand_from scan explain check selftest exempt history status" -l json -d 'Print JSON'
complete -c memory-monitor -n "__fish_seen_subcommand_from scan" -l watch -d 'Scan every second, with keys to sort, filter and explain'
complete -c memory-monitor -n "__fish_seen_subcommand_from scan" -l suggest -x -a '1m 10m 1h' -d 'Observe for TIME (30s, 10m, 2h), then suggest thresholds'
complete -c memory-monitor -n "__fish_seen_subcommand_from scan" -l all -d 'Show every process'
complete -c memory-monitor -n "__fish_seen_subcommand_from scan" -l top -x -a '5 10 20' -d 'Show at most N processes'
complete -c memory-monitor -n "__fish_seen_subcommand_from scan" -l over -d 'Show only what would be killed, by rules and groups too'
complete -c memory-monitor -n "__fish_seen_subcommand_from scan history" -l user -x -a '(__fish_complete_users)' -d 'Only processes of this user, given by name or number'
complete -c memory-monitor -n "__fish_seen_subcommand_from scan history" -l name -x -a '(__memory_monitor_names)' -d 'Only processes with this name, or that match this pattern'
complete -c memory-monitor -n "__fish_seen_subcommand_from check" -l names -d 'Print only names in the whitelist and rules, one per line'
complete -c memory-monitor -n "__fish_seen_subcommand_from selftest" -l sandbox -d 'Run the test with the settings of the service, by systemd-run'
complete -c memory-monitor -n "__fish_seen_subcommand_from selftest" -l notify -d 'Test only the channels of the running notifier'
complete -c memory-monitor -n "__fish_seen_subcommand_from exempt" -l for -x -a '30m 2h 1d' -d 'Protect the process for TIME (90s, 30m, 2h, 3d)'
complete -c memory-monitor -n "__fish_seen_subcommand_from exempt" -l end -d 'End the exemption'
complete -c memory-monitor -n "__fish_seen_subcommand_from exempt" -l reason -x -d 'Why, for the log and for other administrators'
complete -c memory-monitor -n "__fish_seen_subcommand_from exempt" -l list -d 'List the exemptions'
complete -c memory-monitor -n "__fish_seen_subcommand_from history" -l since -x -a '1h 1d 1w' -d 'Only kills since then: 2h, 3d or a date such as 2026-11-20'
