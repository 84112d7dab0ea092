//! Every configuration key, one row each. Parsing, defaults, hints, `check`, the changes that a reload logs and the
//! list of the page are made from these rows; the shipped config.toml is checked against them.

use super::configuration::Config;
use super::group::Group;
use super::items::Items;
use super::rule::Rule;
use super::schedule::Schedule;
use super::slot::At::{Always, IfGiven};
use super::slot::{Key, Merge, Slot};

/// The least share where 0 is not allowed.
const OVER_ZERO: f64 = f64::MIN_POSITIVE;

/// A table that can be given once.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) keys: &'static [Key<Config>],
}

/// The tables that can be given once, and their keys, in the order in which they are shown. A row has the name, the
/// default, the type with its range and where it is stored, and one line for the page.
#[rustfmt::skip]
pub(super) static TABLES: [Table; 5] = [
    Table { name: "thresholds", keys: &[
        key("ram_percent_threshold", "10.0", Slot::Percent(100.0, |c| &mut c.base_thresholds.percent),
            "Percent of MemTotal that a process must not exceed"),
        key("ram_gb_threshold", "2.0", Slot::Gb(|c| &mut c.base_thresholds.amount),
            "GB of 1024^3 bytes that a process must not exceed"),
        key("check_interval", "30", Slot::Seconds(0.1..=86_400.0, Always(|c| &mut c.base_check_interval)),
            "Seconds between two scans"),
        key("early_scan", "true", Slot::Flag(|c| &mut c.early_scan),
            "Scan early when a process could have exceeded a threshold"),
        key("sustained", "0", Slot::Seconds(0.0..=86_400.0, Always(|c| &mut c.sustained)),
            "Seconds a process must be over a threshold before it is killed"),
        key("metric", "\"rss\"", Slot::Metric(Always(|c| &mut c.metric)),
            "What counts as the memory of a process"),
        key("only_below_available_percent", "100.0", Slot::Share(0.0..=100.0, Always(|c| &mut c.only_below_available)),
            "Kill only while less than this percent of MemTotal is available; 100 for always"),
    ] },
    Table { name: "system", keys: &[
        key("action", "\"kill\"", Slot::SystemAction(|c| &mut c.system.action),
            "What is done when the machine is short of memory; warn where a file has no table [system]"),
        key("available_percent_threshold", "4.0", Slot::Share(OVER_ZERO..=50.0, Always(|c| &mut c.system.available_percent)),
            "Percent of MemTotal below which memory is short"),
        key("available_gb_threshold", "1.0", Slot::Gb(|c| &mut c.system.available),
            "GB of 1024^3 bytes; memory is short below the smaller of the two"),
        key("stall_seconds", "4.0", Slot::SecondsOrNone(0.5..=10.0, |c| &mut c.system.stall),
            "Memory is short when all work waited for it for so many of the last ten seconds"),
    ] },
    Table { name: "whitelist", keys: &[
        key("pids", "[1]", Slot::List(Merge::Add, Items::Pids(|c| &mut c.whitelist.pids)),
            "PIDs that are protected"),
        key("names", NAMES, Slot::List(Merge::Add, Items::Names(|c| &mut c.whitelist.names)),
            "Process names that are protected, exact or with wildcards"),
        key("users", "[\"root\"]", Slot::List(Merge::Add, Items::Users(|c| &mut c.whitelist.users)),
            "Users whose processes are protected"),
        key("protect_root", "false", Slot::Flag(|c| &mut c.whitelist.protect_root),
            "Protect root's processes"),
        key("verify_names", "false", Slot::Flag(|c| &mut c.whitelist.verify_names),
            "Let a name protect a process only where its executable verifies it"),
    ] },
    Table { name: "settings", keys: &[
        key("dry_run", "false", Slot::Flag(|c| &mut c.dry_run),
            "Report what would be killed, and kill nothing"),
        key("log_file", "\"/var/log/memory_monitor.log\"", Slot::File(|c| &mut c.log.file),
            "The log file"),
        key("enable_syslog", "true", Slot::Flag(|c| &mut c.log.syslog),
            "Send the log to syslog as well"),
        key("log_level", "\"info\"", Slot::Level(|c| &mut c.log.level),
            "The least level that is logged"),
        key("log_format", "\"text\"", Slot::Format(|c| &mut c.log.format),
            "How a record looks in the log file"),
        key("report_interval", "3600", Slot::Seconds(0.0..=86_400.0, Always(|c| &mut c.report_interval)),
            "Seconds between the lines of scans that found nothing, in the journal and syslog; 0 for all of them"),
        key("metrics_file", "\"\"", Slot::File(|c| &mut c.metrics_file),
            "A file with metrics for Prometheus"),
        key("term_timeout", "5", Slot::Seconds(0.0..=300.0, Always(|c| &mut c.term_timeout)),
            "Seconds from SIGTERM to SIGKILL"),
        key("max_kills_per_minute", "30", Slot::Count(|c| &mut c.max_kills_per_minute),
            "How many processes of one user are killed within a minute; further ones are reported"),
        key("warn_percent", "80", Slot::Percent(0.0, |c| &mut c.warn_percent),
            "Percent of a threshold at which there is an early warning"),
    ] },
    Table { name: "notify", keys: &[
        key("email_to", "[]", Slot::List(Merge::Replace, Items::Addresses(|c| &mut c.notify.email_to)),
            "Addresses that get mail"),
        key("email_from", "\"\"", Slot::Sender(|c| &mut c.notify.email_from),
            "The address that mail comes from; empty for memory-monitor on this machine"),
        key("smtp", "\"localhost:25\"", Slot::Server(|c| &mut c.notify.smtp),
            "The mail server"),
        key("command", "[]", Slot::List(Merge::Replace, Items::Programs(|c| &mut c.notify.command)),
            "Programs that are run for each event"),
        key("tty", "false", Slot::Flag(|c| &mut c.notify.tty),
            "Tell the owner of a process on their terminals"),
        key("desktop", "false", Slot::Flag(|c| &mut c.notify.desktop),
            "Send the signal on the system bus that systembus-notify shows"),
    ] },
];

/// The keys of `[[rule]]`.
#[rustfmt::skip]
pub(super) static RULE: [Key<Rule>; 13] = [
    key("name", "", Slot::Pattern(|r| &mut r.matcher.name),
        "Matches the full name"),
    key("user", "", Slot::UserPattern(|r| &mut r.matcher.user),
        "Matches the real user"),
    key("exe", "", Slot::Pattern(|r| &mut r.matcher.exe),
        "Matches the path of the executable"),
    key("cmdline", "", Slot::Pattern(|r| &mut r.matcher.cmdline),
        "Matches the arguments with a space between them"),
    key("unit", "", Slot::UnitPattern(|r| &mut r.matcher.unit),
        "Matches a systemd unit, or with a slash the path of the control group"),
    key("action", "\"kill\"", Slot::Action(|r| &mut r.action),
        "What is done with a process over its threshold"),
    key("ram_percent_threshold", "", Slot::Percent(100.0, |r| &mut r.thresholds.get_or_insert_default().percent),
        "Percent of MemTotal; without the other threshold, that one is off"),
    key("ram_gb_threshold", "", Slot::Gb(|r| &mut r.thresholds.get_or_insert_default().amount),
        "GB of 1024^3 bytes; without the other threshold, that one is off"),
    key("metric", "", Slot::Metric(IfGiven(|r| &mut r.metric)),
        "What counts as the memory of a process"),
    key("sustained", "", Slot::Seconds(0.0..=86_400.0, IfGiven(|r| &mut r.sustained)),
        "Seconds a process must be over a threshold before it is killed"),
    key("term_timeout", "", Slot::Seconds(0.0..=300.0, IfGiven(|r| &mut r.term_timeout)),
        "Seconds from SIGTERM to SIGKILL"),
    key("only_below_available_percent", "", Slot::Share(0.0..=100.0, IfGiven(|r| &mut r.only_below_available)),
        "Kill only while less than this percent of MemTotal is available; 100 for always"),
    key("when_short", "", Slot::WhenShort(|r| &mut r.when_short),
        "When it is killed while memory is short: before others, after them, or (spare) never"),
];

/// The keys of `[[group]]`.
#[rustfmt::skip]
pub(super) static GROUP: [Key<Group>; 13] = [
    key("label", "", Slot::Label(|g| &mut g.given_label),
        "Its name in log and metrics; without it, the word of by"),
    key("by", "", Slot::GroupBy(|g| &mut g.by),
        "What its members have in common"),
    key("name", "", Slot::Pattern(|g| &mut g.matcher.name),
        "Matches the full name"),
    key("user", "", Slot::UserPattern(|g| &mut g.matcher.user),
        "Matches the real user"),
    key("exe", "", Slot::Pattern(|g| &mut g.matcher.exe),
        "Matches the path of the executable"),
    key("unit", "", Slot::UnitPattern(|g| &mut g.matcher.unit),
        "Matches a systemd unit, or with a slash the path of the control group"),
    key("ram_percent_threshold", "", Slot::Percent(100.0, |g| &mut g.thresholds.percent),
        "Percent of MemTotal that all members together must not exceed"),
    key("ram_gb_threshold", "", Slot::Gb(|g| &mut g.thresholds.amount),
        "GB of 1024^3 bytes that all members together must not exceed"),
    key("sustained", "", Slot::Seconds(0.0..=86_400.0, IfGiven(|g| &mut g.sustained)),
        "Seconds the group must be over a threshold before a member is killed"),
    key("metric", "\"pss\"", Slot::Metric(Always(|g| &mut g.metric)),
        "What counts as the memory of a member"),
    key("kill", "\"largest\"", Slot::GroupKill(|g| &mut g.kill),
        "Which members are killed"),
    key("action", "\"kill\"", Slot::GroupAction(|g| &mut g.action),
        "What is done with a group over its threshold"),
    key("only_below_available_percent", "", Slot::Share(0.0..=100.0, IfGiven(|g| &mut g.only_below_available)),
        "Kill only while less than this percent of MemTotal is available; 100 for always"),
];

/// The keys of `[[schedule]]`.
#[rustfmt::skip]
pub(super) static SCHEDULE: [Key<Schedule>; 6] = [
    key("from", "", Slot::Minute(|s| &mut s.from),
        "The time of day at which it begins"),
    key("to", "", Slot::Minute(|s| &mut s.to),
        "The time of day at which it ends, on the next day where that is not after from"),
    key("days", "[\"mon\", \"tue\", \"wed\", \"thu\", \"fri\", \"sat\", \"sun\"]", Slot::List(Merge::Replace, Items::Days(|s| &mut s.days)),
        "The days on which it begins"),
    key("check_interval", "", Slot::Seconds(0.1..=86_400.0, IfGiven(|s| &mut s.check_interval)),
        "Seconds between two scans"),
    key("ram_percent_threshold", "", Slot::Percent(100.0, |s| &mut s.thresholds.get_or_insert_default().percent),
        "Percent of MemTotal; without the other threshold, that one is off"),
    key("ram_gb_threshold", "", Slot::Gb(|s| &mut s.thresholds.get_or_insert_default().amount),
        "GB of 1024^3 bytes; without the other threshold, that one is off"),
];

const NAMES: &str = r#"["systemd", "kernel", "init", "sshd", "docker", "systemd-*", "(sd-pam)", "sshd-*", "login",
    "agetty", "getty", "dockerd", "containerd", "containerd-shim*", "dbus-daemon", "dbus-broker", "dbus-broker-launch",
    "NetworkManager", "wpa_supplicant", "tmux: server", "screen", "Xorg", "Xwayland", "gnome-shell", "kwin_wayland"]"#;

const fn key<T>(
    name: &'static str,
    default: &'static str,
    slot: Slot<T>,
    summary: &'static str,
) -> Key<T> {
    Key {
        name,
        slot,
        default,
        summary,
    }
}

/// A row as the messages about unknown keys, the pages and the tests need it.
#[derive(Debug)]
pub struct KeyRow {
    /// The name of its table, `[rule]` for `[[rule]]`.
    pub table: &'static str,
    /// The name of the key.
    pub name: &'static str,
    /// The type and the range of its values.
    pub allowed: String,
    /// As written in TOML; empty where the value is that of `[thresholds]`, or the key has to be given.
    pub default: &'static str,
    /// What it is, in one line.
    pub summary: &'static str,
}

/// All rows, table by table.
pub fn rows() -> Vec<KeyRow> {
    let mut rows = Vec::new();
    for table in &TABLES {
        rows.extend(table.keys.iter().map(|key| row(table.name, key)));
    }
    rows.extend(RULE.iter().map(|key| row("[rule]", key)));
    rows.extend(GROUP.iter().map(|key| row("[group]", key)));
    rows.extend(SCHEDULE.iter().map(|key| row("[schedule]", key)));
    rows
}

fn row<T>(table: &'static str, key: &Key<T>) -> KeyRow {
    let allowed = match &key.slot {
        Slot::List(_, items) => format!("a list: {}", items.allowed()),
        slot => slot.allowed(),
    };
    KeyRow {
        table,
        name: key.name,
        allowed,
        default: key.default,
        summary: key.summary,
    }
}

/// What a configuration file without the table `[system]` means: files of earlier versions kill nothing new.
pub(super) const WITHOUT_SYSTEM: &str = "[system]\naction = \"warn\"\n";

/// A configuration that gives every key of `TABLES` its default.
pub(super) fn defaults() -> String {
    let mut text = String::new();
    for table in &TABLES {
        let keys = table.keys.iter();
        let lines = keys.map(|key| format!("{} = {}\n", key.name, key.default));
        text.extend([format!("[{}]\n", table.name)].into_iter().chain(lines));
    }
    text
}
