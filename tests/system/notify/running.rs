//! The notifier as a process: how it starts, listens, tests itself, reloads and stops.

use super::desktop::{ADDRESS, BUS, BUSCTL, MONITOR, system_bus};
use super::letters::letters;
use super::mail::{MailServer, SERVER};
use super::notifier::{Notifier, Place, ended, selftest};
use crate::harness::confine::{Case, Needs, cases};
use crate::harness::machine::{Said, notifier, program, said};
use serde_json::{Value, json};
use std::process::Command;

pub(crate) const CASES: &[Case] = cases![
    a_test_uses_every_channel_and_reports_each: [Needs::Users, SERVER, BUS, MONITOR, BUSCTL],
    a_test_without_a_notifier_or_without_channels_says_so: [Needs::Users],
    a_reload_changes_the_channels_and_a_rejected_one_changes_nothing: [Needs::Users],
    a_lost_configuration_changes_nothing: [Needs::Users],
    a_configuration_that_is_rejected_elsewhere_is_reported: [Needs::Users],
    both_programs_take_the_same_options,
];

fn a_test_uses_every_channel_and_reports_each() {
    let server = MailServer::start();
    let bus = system_bus();
    let (_monitor, mut signals) = bus.monitor();
    let place = Place::new(
        0,
        &format!(
            "[notify]\nemail_to = [\"a@example.com\"]\nsmtp = \"localhost:{}\"\n\
             command = [\"/bin/true\", \"/bin/false\"]\ntty = true\ndesktop = true\n",
            server.port
        ),
    );
    let mut command = program(&["notify"]);
    command.env(ADDRESS, &bus.address);
    let notifier = place.start(command);
    let (passed, steps) = notifier.selftest();
    let outcome = |name: &str| {
        let is_it = |step: &&Value| step["name"].as_str().unwrap().contains(name);
        steps
            .iter()
            .find(is_it)
            .map(|step| step["outcome"].as_str().unwrap())
    };
    assert!(!passed, "/bin/false does");
    assert_eq!(outcome("hand a test"), Some("ok"));
    assert_eq!(
        outcome("mail to a@example.com by localhost:"),
        Some("ok"),
        "{steps:?}"
    );
    assert_eq!(outcome("command /bin/true"), Some("ok"));
    assert_eq!(outcome("command /bin/false"), Some("failed"));
    assert_eq!(outcome("desktops"), Some("ok"));
    // The user who runs the tests may or may not be logged in on a terminal.
    assert!(outcome("terminals").is_some());
    assert_eq!(steps.len(), 6);
    signals.wait_for("This is a test of memory-monitor");
    assert_eq!(
        letters(&server.maildir).len(),
        1,
        "at once, not in a minute"
    );
    notifier.stop();
}

fn a_test_without_a_notifier_or_without_channels_says_so() {
    let notifier = Notifier::start("");
    let (passed, steps) = notifier.selftest();
    assert!(passed);
    assert_eq!(steps[1]["outcome"], "missing");
    assert!(steps[1]["detail"].as_str().unwrap().contains("[notify]"));
    let socket = notifier.socket.clone();
    notifier.stop();
    assert!(!socket.exists(), "it removes its socket");
    let said = selftest(&socket, &[]);
    assert_eq!(said.status, Some(1));
    let fix = "systemctl start memory-monitor-notify.socket";
    assert!(said.out.contains(fix), "{said:?}");
}

fn a_reload_changes_the_channels_and_a_rejected_one_changes_nothing() {
    let mut notifier = Notifier::start("[notify]\ncommand = [\"/bin/true\"]\n");
    notifier.reload("[notify]\ncommand = [\"true\"]\n");
    let rejected = notifier.says("Configuration rejected, the previous one stays in force");
    assert!(rejected.contains("notify.toml:2"), "{rejected}");
    notifier.tell(&ended("a"));
    notifier.says("Path=/bin/true, Result=exit status: 0");
    notifier.reload("[notify]\ncommand = [\"/bin/false\"]\n");
    notifier.says("Notifier ready");
    notifier.tell(&ended("a"));
    notifier.says("Path=/bin/false, Result=exit status: 1");
    notifier.stop();
}

/// Without its channels it could not tell that the daemon rejects the file.
fn a_lost_configuration_changes_nothing() {
    let mut notifier = Notifier::start("[notify]\ncommand = [\"/bin/true\"]\n");
    for text in ["", " \n\n"] {
        notifier.reload(text);
        let rejected = notifier.says("Configuration rejected, the previous one stays in force");
        assert!(rejected.contains("is empty now"), "{rejected}");
        notifier.tell(&ended("a"));
        notifier.says("Path=/bin/true, Result=exit status: 0");
    }
    notifier.remove_configuration();
    let rejected = notifier.says("Configuration rejected, the previous one stays in force");
    assert!(rejected.contains("No such file"), "{rejected}");
    notifier.tell(&ended("a"));
    notifier.says("Path=/bin/true, Result=exit status: 0");
    notifier.stop();
}

fn a_configuration_that_is_rejected_elsewhere_is_reported() {
    let mut notifier = Notifier::start(
        "[thresholds]\nram_percent_threshold = \"much\"\n[notify]\ncommand = [\"/bin/true\"]\n",
    );
    notifier.tell(&json!({"event": "reload_rejected", "message": "Configuration rejected"}));
    notifier.says("Path=/bin/true, Result=exit status: 0");
    notifier.stop();
}

fn both_programs_take_the_same_options() {
    for (arguments, status) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["--configuration", "/x"], 64),
        (&["--json"], 64),
        (&["operand"], 64),
    ] {
        let run = |mut command: Command| {
            command.args(arguments);
            let Said { status, out, err } = said(command);
            (status, out, err)
        };
        let direct = run(Command::new(notifier()));
        assert_eq!(direct.0, Some(status), "{direct:?}");
        assert_eq!(direct, run(program(&["notify"])), "{arguments:?}");
    }
}
