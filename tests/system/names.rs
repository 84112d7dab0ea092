//! Names of any bytes: none hides its process, writes a line of its own or forges a field.

use crate::harness::confine::{Case, cases};
use crate::harness::hog::Hog;
use crate::harness::machine::{Machine, program, run, said, until};

pub(crate) const CASES: &[Case] = cases![
    any_bytes_in_the_log,
    any_bytes_in_the_table,
    longer_than_15_bytes,
    not_the_full_name,
    json_has_them_as_they_are,
];

/// For programs a name is a string like any other: JSON quotes it, and we do not.
fn json_has_them_as_they_are() {
    const NAME: &str = "a \"b\"\n\u{202e}\\c";
    let machine = Machine::new().with("thresholds.check_interval", "0.2");
    let machine = machine.with("whitelist.names", "[\"guarded, *\", \"a *\"]");
    let hog = Hog::new().comm("guarded, x").argv0("guarded, x").start();
    let named = Hog::new().mib(1).comm(NAME).start();
    let mut victim = Hog::new().comm("victim (x)").argv0("victim (x)").start();
    let mut daemon = machine.start();
    assert_eq!(victim.ended_by(), Some(libc::SIGTERM));
    let has = |words: &[&str], name: &str| {
        let config = machine.config_file();
        let words: Vec<_> = match words[0] {
            "history" | "exempt" => words.to_vec(),
            _ => [words, &["--config", &config]].concat(),
        };
        let name = serde_json::to_string(name).expect("JSON");
        let name = format!("\"name\": {}", name.replace('\u{202e}', "\\u202e"));
        until(&format!("{words:?} has {name}"), || {
            run(&words).out.contains(&name)
        });
        assert!(!run(&words).out.contains('\u{202e}'), "{words:?}");
    };
    let pid = named.pid().to_string();
    let exempt = [
        "exempt",
        &pid,
        "--for",
        "1h",
        "--reason",
        "\u{201c}why\u{201d}",
        "--json",
    ];
    let json = run(&exempt).json();
    assert_eq!(json["reason"], "\u{201c}why\u{201d}");
    assert_eq!(json["name"], NAME);
    let over = json["until_unix"].as_u64().expect("a time");
    let now = std::time::SystemTime::now();
    let now = now
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after 1970");
    assert!(over.abs_diff(now.as_secs() + 3600) < 60, "{json}");
    for words in [
        &["scan", "--all", "--json"][..],
        &["explain", &pid, "--json"],
        &["check", "--json"],
        &["exempt", "--list", "--json"],
    ] {
        has(words, NAME);
    }
    has(&["status", "--json"], "guarded, x");
    has(&["history", "--json"], "victim (x)");
    daemon.stop();
    assert!(hog.is_alive());
}

/// A comm, and the field that the log may show for it.
const HOSTILE: &[(&[u8], &str)] = &[
    (b"a\nb", r#""a\x0Ab""#),
    (b"x) R 1 1 1 0", r#""x) R 1 1 1 0""#),
    (b"((()))", r#""((()))""#),
    (b"[kworker/0:1]", r#""[kworker/0:1]""#),
    (b"\xff\xfe\x80", r#""\xFF\xFE\x80""#),
    (b"\x1b[31mred\x1b[0m", r#""\x1B[31mred\x1B[0m""#),
    (b"a, User=root", r#""a, User=root""#),
    (b"\"quoted\"", r#""\x22quoted\x22""#),
    (b"back\\slash", r#""back\slash""#),
    (b" ", r#"" ""#),
    (b"\t\r\n", r#""\x09\x0D\x0A""#),
    (b"\x7f\xc2\x9b", r#""\x7F\xC2\x9B""#),
    ("\u{202e}gnp".as_bytes(), r#""\xE2\x80\xAEgnp""#),
    ("naïve-höchst".as_bytes(), r#""naïve-höchst""#),
    (b"two words", "two words"),
    (b"%s%n%d", r#""%s%n%d""#),
    (b"{pid}", r#""{pid}""#),
];

fn any_bytes_in_the_log() {
    let machine = Machine::new();
    let start = |name: &&[u8]| Hog::new().comm(name).argv0(name).start();
    let names = HOSTILE.iter().map(|(name, _)| name);
    let mut hogs: Vec<_> = names.map(start).collect();
    let mut daemon = machine.launch(machine.command());
    for hog in &mut hogs {
        assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    }
    let log = machine.log();
    for (hog, (_, shown)) in hogs.iter().zip(HOSTILE) {
        let (pid, shown) = (hog.pid(), shown.to_ascii_lowercase());
        // The digits of \xNN may be of either case; the rest of these names has no capitals.
        let pattern = format!("pid={pid}, name={shown}, user=root, ram=");
        let found = |records: &[crate::harness::log_lines::Record]| {
            records
                .iter()
                .any(|record| record.message.to_ascii_lowercase().contains(&pattern))
        };
        until(&format!("the log has {pattern}"), || found(&log.records()));
    }
    daemon.stop();
}

fn any_bytes_in_the_table() {
    let machine = Machine::new();
    let start = |name: &&[u8]| Hog::new().comm(name).argv0(name).start();
    let names = HOSTILE.iter().map(|(name, _)| name);
    let hogs: Vec<_> = names.map(start).collect();
    for json in [false, true] {
        let mut command = machine.given(program(&["scan"]));
        command.args(json.then_some("--json"));
        let output = said(command);
        assert_eq!(output.status, Some(0), "{output:?}");
        let text = output.out;
        let unwanted = |character: char| {
            character != '\n' && (character.is_control() || character == '\u{202e}')
        };
        assert!(!text.contains(unwanted), "{text:?}");
        for hog in &hogs {
            let pid = hog.pid().to_string();
            let is_it = |word: &str| word.trim_matches(|c: char| !c.is_ascii_digit()) == pid;
            assert!(text.split_ascii_whitespace().any(is_it), "{pid} in {text}");
        }
    }
    assert!(
        hogs.iter().all(crate::harness::hog::RunningHog::is_alive),
        "scan never signals"
    );
}

/// comm takes 15 bytes; `argv[0]` has the rest, and users' lists have all of it.
fn longer_than_15_bytes() {
    let machine = Machine::new().with("whitelist.names", r#"["systemd-journald"]"#);
    let full = "/lib/systemd/systemd-journald";
    let protected = Hog::new().comm("systemd-journald").argv0(full).start();
    let mut other = Hog::new()
        .comm("systemd-journalx")
        .argv0("systemd-journalx")
        .start();
    let mut daemon = machine.launch(machine.command());
    assert_eq!(other.ended_by(), Some(libc::SIGTERM));
    machine.log().wait_for_words(&["Name=systemd-journalx,"]);
    machine.log().wait_for_scans(5);
    assert!(protected.is_alive());
    daemon.stop();
}

/// A full name counts only where comm is its beginning and has all of its 15 bytes.
fn not_the_full_name() {
    let machine = Machine::new().with("whitelist.names", r#"["protected", "systemd-journald"]"#);
    let mut hogs = [
        Hog::new().comm("hog").argv0("protected").start(),
        Hog::new().comm("protected-").argv0("protected").start(),
        Hog::new()
            .comm("systemd-journ")
            .argv0("systemd-journald")
            .start(),
        Hog::new()
            .comm("x-systemd-journ")
            .argv0("systemd-journald")
            .start(),
    ];
    let mut daemon = machine.launch(machine.command());
    for hog in &mut hogs {
        assert_eq!(hog.ended_by(), Some(libc::SIGTERM));
    }
    daemon.stop();
}
