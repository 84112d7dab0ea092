//! What is typed and what is meant.

use super::*;
use crate::config::NamePattern;
use crate::quantities::Pid;
use std::num::NonZeroUsize;
use std::time::Duration;

fn typed(line: &str) -> Result<Invocation, String> {
    parse(line.split_whitespace().map(OsString::from)).map_err(|error| error.to_string())
}

#[test]
fn options_are_understood() {
    assert_eq!(typed(""), Ok(Invocation::Run(RunOptions::default())));
    let options = RunOptions {
        config: Some("a.toml".into()),
        dry_run: true,
        once: true,
        console: Verbosity::Verbose,
    };
    assert_eq!(
        typed("-nvc a.toml --once"),
        Ok(Invocation::Run(options.clone()))
    );
    assert_eq!(
        typed("--config=a.toml --dry-run --verbose --once"),
        Ok(Invocation::Run(options))
    );
    let options = ScanOptions {
        config: Some("b".into()),
        json: true,
        console: Verbosity::Quiet,
        ..ScanOptions::default()
    };
    assert_eq!(typed("-q scan --json -c b"), Ok(Invocation::Scan(options)));
    for (option, shown) in [("--over", Shown::Over), ("--all", Shown::All)] {
        let options = ScanOptions {
            shown,
            ..ScanOptions::default()
        };
        let line = format!("scan {option}");
        assert_eq!(typed(&line), Ok(Invocation::Scan(options)));
    }
    let options = ScanOptions {
        filter: Filter {
            user: Some("john".into()),
            name: NamePattern::new("a*").ok(),
        },
        top: NonZeroUsize::new(3),
        watch: true,
        ..ScanOptions::default()
    };
    assert_eq!(
        typed("scan --user john --name a* --top=3 --watch"),
        Ok(Invocation::Scan(options))
    );
    let options = ExplainOptions {
        pid: Pid::new(42).unwrap(),
        config: None,
        json: true,
    };
    assert_eq!(typed("explain --json 42"), Ok(Invocation::Explain(options)));
    let options = CheckOptions {
        config: Some("x".into()),
        ..CheckOptions::default()
    };
    assert_eq!(typed("check x"), Ok(Invocation::Check(options.clone())));
    assert_eq!(typed("check -c x"), Ok(Invocation::Check(options)));
    let options = HistoryOptions {
        since: Some(Since::Ago(Duration::from_secs(7200))),
        ..HistoryOptions::default()
    };
    assert_eq!(
        typed("history --since 2h"),
        Ok(Invocation::History(options))
    );
    assert_eq!(typed("-h"), Ok(Invocation::Help(String::new())));
    assert_eq!(typed("help"), typed("--help"));
    assert_eq!(typed("help scan"), typed("scan --help"));
    assert_eq!(typed("scan --version"), Ok(Invocation::Version));
    let exempt = |action| {
        Ok(Invocation::Exempt(ExemptOptions {
            action,
            json: false,
        }))
    };
    let pid = Pid::new(42).unwrap();
    let two_hours = Duration::from_secs(7200);
    assert_eq!(typed("exempt --list"), exempt(Exempt::List));
    assert_eq!(typed("exempt 42 --end"), exempt(Exempt::End(pid)));
    assert_eq!(
        typed("exempt 42 --for 2h --reason backup"),
        exempt(Exempt::Begin(pid, two_hours, "backup".into()))
    );
}

#[test]
fn mistakes_are_named_with_their_fix() {
    for (line, message) in [
        ("scn", "unknown command \"scn\", did you mean \"scan\"?"),
        (
            "frobnicate",
            "unknown command \"frobnicate\", see memory-monitor --help",
        ),
        (
            "--dryrun",
            "unknown option \"--dryrun\", did you mean \"--dry-run\"?",
        ),
        (
            "scan --nonsense --help",
            "unknown option \"--nonsense\", see memory-monitor scan --help",
        ),
        ("-x", "unknown option \"-x\", see memory-monitor --help"),
        (
            "--json",
            "option \"--json\" needs a command, see memory-monitor --help",
        ),
        (
            "scan --once",
            "\"scan\" has no option \"--once\", see memory-monitor scan --help",
        ),
        ("-qv", "\"--quiet\" and \"--verbose\" exclude each other"),
        (
            "scan --watch --json",
            "\"--json\" and \"--watch\" exclude each other",
        ),
        ("-c", "\"--config\" needs FILE"),
        (
            "exp 1",
            "unknown command \"exp\", did you mean \"explain\"?",
        ),
        ("scan x", "unexpected argument \"x\""),
        (
            "explain",
            "\"explain\" needs PID, see memory-monitor explain --help",
        ),
        ("explain 1 2", "unexpected argument \"2\""),
        (
            "explain chrome",
            "\"PID\" must be a number from 1 to 2147483647, found \"chrome\"",
        ),
        (
            "explain 0",
            "\"PID\" must be a number from 1 to 2147483647, found \"0\"",
        ),
        (
            "scan --top 0",
            "\"--top\" must be a whole number over 0, found \"0\"",
        ),
        (
            "history --since yesterday",
            "\"--since\" must be a time such as 30m, 2h or 3d, or a date such as 2026-11-20, found \"yesterday\"",
        ),
        (
            "check a -c b",
            "\"--config\" and \"FILE\" exclude each other",
        ),
        (
            "check --names --json",
            "\"--json\" and \"--names\" exclude each other",
        ),
        (
            "exempt",
            "\"exempt\" needs PID or --list, see memory-monitor exempt --help",
        ),
        (
            "exempt 1",
            "\"exempt\" needs --for or --end or --list, see memory-monitor exempt --help",
        ),
        (
            "explain -1",
            "\"PID\" must be a number from 1 to 2147483647, found \"-1\"",
        ),
        (
            "exempt --for 2h -12",
            "\"PID\" must be a number from 1 to 2147483647, found \"-12\"",
        ),
        ("explain 1 -2", "unexpected argument \"-2\""),
        (
            "scan --suggest -c file",
            "\"--suggest\" needs TIME, for example --suggest 1m",
        ),
        (
            "exempt 1 --for --json",
            "\"--for\" needs TIME, for example --for 30m",
        ),
        ("scan --user --json", "\"--user\" needs USER"),
        (
            "scan -1",
            "unknown option \"-1\", see memory-monitor scan --help",
        ),
        (
            "exempt 1 --for long",
            "\"--for\" must be a time such as 30s, 10m, 2h or 3d, found \"long\"",
        ),
    ] {
        assert_eq!(typed(line), Err(message.into()), "{line}");
    }
}

#[test]
fn what_excludes_each_other_is_named() {
    for (line, message) in [
        (
            "scan --suggest 1s --user root",
            "\"--suggest\" and \"--user\" exclude each other",
        ),
        (
            "scan --suggest 1s --name a",
            "\"--suggest\" and \"--name\" exclude each other",
        ),
        (
            "scan --suggest 1s --top 3",
            "\"--suggest\" and \"--top\" exclude each other",
        ),
        (
            "scan --suggest 1s --all",
            "\"--suggest\" and \"--all\" exclude each other",
        ),
        (
            "exempt 1 --end --json",
            "\"--end\" and \"--json\" exclude each other",
        ),
        (
            "exempt 1 --for 2h --end",
            "\"--for\" and \"--end\" exclude each other",
        ),
        (
            "exempt 1 --reason x --end",
            "\"--reason\" and \"--end\" exclude each other",
        ),
        (
            "exempt 1 --list",
            "\"PID\" and \"--list\" exclude each other",
        ),
    ] {
        assert_eq!(typed(line), Err(message.into()), "{line}");
    }
}

#[test]
fn a_word_that_is_an_option_is_told_as_one() {
    for (line, message) in [
        (
            "suggest",
            "unknown command \"suggest\", did you mean \"scan --suggest\"?",
        ),
        (
            "watch",
            "unknown command \"watch\", did you mean \"scan --watch\"?",
        ),
        (
            "dryrun",
            "unknown command \"dryrun\", did you mean \"--dry-run\"?",
        ),
        (
            "version",
            "unknown command \"version\", did you mean \"--version\"?",
        ),
        (
            "--status",
            "unknown option \"--status\", did you mean \"status\"?",
        ),
        (
            "--usr john",
            "unknown option \"--usr\", did you mean \"scan --user\"?",
        ),
        // A command is only told of what it has.
        (
            "history --onec",
            "unknown option \"--onec\", see memory-monitor history --help",
        ),
        (
            "status --watc",
            "unknown option \"--watc\", see memory-monitor status --help",
        ),
        (
            "history --sinse 2h",
            "unknown option \"--sinse\", did you mean \"--since\"?",
        ),
        (
            "--suggest 5m",
            "option \"--suggest\" needs a command, \"scan\" has it",
        ),
        (
            "status --watch",
            "\"status\" has no option \"--watch\", \"scan\" has it",
        ),
    ] {
        assert_eq!(typed(line), Err(message.into()), "{line}");
    }
}

#[test]
fn every_command_has_a_help_that_names_its_options() {
    let general = help::of("").unwrap();
    for command in table::all_commands() {
        assert!(general.contains(command.summary), "{command:?}");
        let name = command.name.to_owned();
        assert_eq!(typed(&format!("{name} --help")), Ok(Invocation::Help(name)));
        let text = help::of(command.name).unwrap();
        assert!(text.contains(&help::usage(command)), "{command:?}");
        for option in command.all_options() {
            assert!(text.contains(option.long), "{option:?}");
        }
        let widest = text.lines().map(str::len).max().unwrap();
        assert!(widest <= 80, "{widest}: {text}");
    }
}

#[test]
fn an_empty_word_is_no_command() {
    let error = parse([OsString::new()]).unwrap_err().to_string();
    assert_eq!(error, "unknown command \"\", see memory-monitor --help");
}

#[test]
fn help_of_an_unknown_command_names_the_nearest() {
    assert_eq!(
        help::of("scn").unwrap_err().to_string(),
        "unknown command \"scn\", did you mean \"scan\"?"
    );
}

#[test]
fn the_table_names_only_what_it_has() {
    for command in table::all_commands() {
        let sets = command.exclusive.iter().chain(command.required);
        for word in sets.flat_map(|set| set.iter()) {
            let is_operand = command.operand.is_some_and(|operand| operand.name == *word);
            assert!(is_operand || command.has(word), "{word}: {command:?}");
        }
        for option in command.all_options() {
            let same = lookup::long_option(option.long, None).unwrap();
            assert_eq!(same.does, option.does, "two options of one name");
        }
    }
}
