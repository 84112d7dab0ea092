//! What is typed and what is meant.

use super::*;
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
    assert_eq!(typed("-h"), Ok(Invocation::Help(help::general())));
    assert_eq!(typed("scan --version"), Ok(Invocation::Version));
}

#[test]
fn mistakes_are_named_with_their_mend() {
    for (line, message) in [
        ("scn", "unknown command \"scn\", did you mean \"scan\"?"),
        ("frobnicate", "unknown command \"frobnicate\", see --help"),
        (
            "--dryrun",
            "unknown option \"--dryrun\", did you mean \"--dry-run\"?",
        ),
        (
            "scan --nonsense --help",
            "unknown option \"--nonsense\", see --help",
        ),
        ("-x", "unknown option \"-x\", see --help"),
        (
            "--json",
            "option \"--json\" does not go with running, see --help",
        ),
        (
            "scan --once",
            "option \"--once\" does not go with scan, see --help",
        ),
        ("-qv", "\"--quiet\" and \"--verbose\" contradict each other"),
        (
            "scan --watch --json",
            "\"--watch\" and \"--json\" contradict each other",
        ),
        ("-c", "missing argument for option '-c'"),
        (
            "exp 1",
            "unknown command \"exp\", did you mean \"explain\"?",
        ),
        ("scan x", "unexpected argument \"x\""),
        (
            "explain",
            "\"explain\" needs the number of a process, see --help",
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
            "\"--since\" must be a time as 30m, 2h or 3d, or a date as 2026-11-20, found \"yesterday\"",
        ),
        (
            "check a -c b",
            "\"--config\" and \"FILE\" contradict each other",
        ),
        (
            "check --names --json",
            "\"--names\" and \"--json\" contradict each other",
        ),
    ] {
        assert_eq!(typed(line), Err(message.into()), "{line}");
    }
}

#[test]
fn every_command_has_a_help_that_names_its_options() {
    let general = help::general();
    for command in &COMMANDS {
        assert!(general.contains(&command.usage()), "{command:?}");
        let Ok(Invocation::Help(text)) = typed(&format!("{} --help", command.name)) else {
            panic!("{command:?} has no help");
        };
        for option in command.all_options() {
            assert!(text.contains(&format!("--{}", option.long)), "{option:?}");
        }
        let widest = text.lines().map(str::len).max().unwrap();
        assert!(widest <= 100, "{widest}: {text}");
    }
    let widest = general.lines().map(str::len).max().unwrap();
    assert!(widest <= 100, "{widest}: {general}");
}
