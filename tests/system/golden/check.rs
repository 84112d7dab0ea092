//! `memory-monitor check`, of good configurations and of wrong ones.

use super::transcript::Transcript;
use super::world::World;
use super::{processes, with_config, write};
use crate::harness::clock::{FAKETIME, begin_at};
use crate::harness::confine::{Case, Needs, cases};
use std::process::Command;

pub(crate) const CASES: &[Case] = cases![
    text: [Needs::Users, Needs::File(FAKETIME)],
    json: [Needs::Users, Needs::File(FAKETIME)],
    names: [Needs::Users],
    policies: [Needs::Users],
    errors,
    json_errors,
];

const RICH: &str = r#"[thresholds]
ram_percent_threshold = 5
ram_gb_threshold = 1.5
check_interval = 60
sustained = 10
metric = "anon"

[whitelist]
pids = [1, 106, 999]
names = ["sshd", "guard-*", "no-such-name", "sshd"]
users = ["bob", "root", 1001, "no-such-user"]
verify_names = true

[settings]
log_level = "warn"
log_format = "json"
term_timeout = 0
max_kills_per_minute = 5
warn_percent = 0

[[rule]]
name = "java"
user = "alice"
ram_gb_threshold = 40.0
sustained = 60

[[rule]]
name = "ja*"
user = "alice"

[[rule]]
unit = "golden-*.service"
action = "warn"

[[rule]]
name = "java"
action = "protect"

[[schedule]]
from = "08:00"
to = "20:00"
days = ["mon", "tue", "wed", "thu", "fri"]
check_interval = 15
ram_gb_threshold = 3.0

[[schedule]]
from = "22:00"
to = "06:00"
ram_percent_threshold = 20

[notify]
email_to = ["admin@example.com"]
email_from = "mm@example.com"
smtp = "mail.example.com:587"
command = ["/bin/true", "/nowhere/hook"]
tty = true
desktop = true
"#;

const DROP_IN: &str = r#"[thresholds]
check_interval = 90

[whitelist]
names = ["of-the-drop-in"]

[[rule]]
name = "chrome"
ram_gb_threshold = 8.0

[notify]
email_to = ["site@example.com"]
command = ["/bin/false"]
"#;

/// A configuration that has all, and one drop-in.
fn rich_world() -> World {
    let world = World::with(&processes());
    write("config.toml", RICH);
    write("config.d/50-site.toml", DROP_IN);
    world
}

/// The day and the time decide which schedule is in force.
fn on_a_wednesday(command: &mut Command) {
    const NOON_OF_2026_01_07: u64 = 1_767_787_200;
    begin_at(command, NOON_OF_2026_01_07);
}

fn text() {
    let _world = rich_world();
    let mut transcript = Transcript::new();
    transcript.run_as(&["check", "/opt/config.toml"], on_a_wednesday);
    transcript.agrees();
}

fn json() {
    let _world = rich_world();
    let mut transcript = Transcript::new();
    transcript.run_as(&["check", "/opt/config.toml", "--json"], on_a_wednesday);
    transcript.agrees();
}

fn names() {
    let _world = rich_world();
    let mut transcript = Transcript::new();
    transcript.run(&["check", "/opt/config.toml", "--names"]);
    transcript.run(&["check", "--names"]);
    transcript.agrees();
}

/// Keeps the long list of the default out of the golden file.
const NO_WHITELIST: &str = "[whitelist]\npids = []\nnames = []\nusers = []\n";

/// Valid ones, each with something to be said about it.
const POLICIES: &[(&str, &str)] = &[
    ("built-in", ""),
    ("low", "[thresholds]\nram_gb_threshold = 0.0001\n"),
    ("percent only", "[thresholds]\nram_gb_threshold = inf\n"),
    ("amount only", "[thresholds]\nram_percent_threshold = 100\n"),
    ("high", "[thresholds]\nram_gb_threshold = 4000\n"),
    (
        "root protected",
        "[whitelist]\nusers = [\"root\"]\nprotect_root = true\n",
    ),
    ("all protected", "[whitelist]\nnames = [\"*\"]\n"),
    (
        "rule without effect",
        "[[rule]]\nname = \"*\"\n[[rule]]\nname = \"java\"\naction = \"protect\"\n",
    ),
    (
        "schedules that overlap",
        "[[schedule]]\nfrom = \"08:00\"\nto = \"20:00\"\nram_gb_threshold = 1\n\
         [[schedule]]\nfrom = \"09:00\"\nto = \"10:00\"\nram_gb_threshold = 3\n",
    ),
    (
        "no log",
        "[settings]\nlog_file = \"\"\nenable_syslog = false\ndry_run = true\n",
    ),
    (
        "long name",
        "[whitelist]\nnames = [\"a-name-longer-than-the-kernel-keeps\"]\n",
    ),
];

fn policies() {
    let _world = World::with(&processes());
    let mut transcript = Transcript::new();
    for (name, text) in POLICIES {
        let is_about_it = text.is_empty() || text.contains("[whitelist]");
        let whitelist = if is_about_it { "" } else { NO_WHITELIST };
        write("config.toml", &format!("{text}{whitelist}"));
        transcript.remark(name);
        transcript.run_as(&["check", "/opt/config.toml"], on_a_wednesday);
    }
    transcript.agrees();
}

/// Rejected ones.
const WRONG: &[&str] = &[
    "[thresholds]\nram_gb_treshold = 2.0\n",
    "[threshold]\nram_gb_threshold = 2.0\n",
    "ram_gb_threshold = 2.0\n",
    "nonsense = 1\n[no_such_table]\n",
    "[thresholds]\nram_gb_threshold = \"2\"\n",
    "[thresholds]\nram_gb_threshold = -1\n",
    "[thresholds]\nram_gb_threshold = nan\n",
    "[thresholds]\nram_percent_threshold = 101\n",
    "[thresholds]\nram_percent_threshold = 100\nram_gb_threshold = inf\n",
    "[thresholds]\ncheck_interval = 0\nsustained = -1\nmetric = \"vss\"\nearly_scan = 1\n",
    "[thresholds]\ncheck_interval = 86401\n",
    "[settings]\nterm_timeout = 301\nlog_level = \"loud\"\nlog_format = \"xml\"\nwarn_percent = 101\n",
    "[settings]\ndry_run = 1\nlog_file = \"relative\"\nmax_kills_per_minute = -1\nmetrics_file = 5\n",
    "[settings]\ndry_run = \n",
    "[settings]\ndry_run = true\ndry_run = false\n",
    "[whitelist]\npids = [0, -1, 1.5, 4194305]\nnames = [\"a[\", \"\", 7]\nusers = [\"\", -1, true]\n",
    "[whitelist]\npids = 1\nnames = \"sshd\"\n",
    "[[rule]]\n",
    "[[rule]]\naction = \"kill\"\n",
    "[[rule]]\nname = \"a\"\naction = \"end\"\n",
    "[[rule]]\nnam = \"a\"\n[[rule]]\nname = \"b[\"\nram_gb_threshold = 0\n",
    "[[rule]]\nname = \"a\"\naction = \"protect\"\nram_gb_threshold = 1\n",
    "[rule]\nname = \"a\"\n",
    "[[schedule]]\nfrom = \"25:00\"\nto = \"9\"\ndays = [\"monday\"]\n",
    "[[schedule]]\nfrom = \"09:00\"\nto = \"09:00\"\nram_gb_threshold = 1\n",
    "[[schedule]]\nfrom = \"09:00\"\n",
    "[[schedule]]\nfrom = \"09:00\"\nto = \"10:00\"\n",
    "[notify]\nemail_to = [\"not an address\"]\nsmtp = \"no port\"\ncommand = [\"relative\"]\ntty = 1\n",
    "[notify]\nemail_to = [\"a@example.com\"]\nemail_from = \"x\"\ncommand = \"\"\n",
];

fn errors() {
    let _world = World::with(&[]);
    let mut transcript = Transcript::new();
    for text in WRONG {
        write("config.toml", text);
        transcript.remark(text);
        transcript.run_as(&["check", "/opt/config.toml"], on_a_wednesday);
    }
    transcript.remark("the daemon rejects the same");
    transcript.run(&with_config(&["--once"]));
    write("config.toml", "");
    write(
        "config.d/50-site.toml",
        "[thresholds]\nram_gb_threshold = 0\n",
    );
    write("config.d/60-other.toml", "[threshold]\n");
    transcript.remark("in drop-ins");
    transcript.run(&["check", "/opt/config.toml"]);
    transcript.remark("no such file, and a directory");
    transcript.run(&["check", "/opt/missing.toml"]);
    transcript.run(&["check", "/opt/config.d"]);
    transcript.agrees();
}

fn json_errors() {
    let _world = World::with(&[]);
    let mut transcript = Transcript::new();
    write("config.toml", WRONG[9]);
    transcript.run(&["check", "/opt/config.toml", "--json"]);
    transcript.run(&["check", "/opt/missing.toml", "--json"]);
    transcript.agrees();
}
