//! Drop-ins, as real files in a directory of their own.

use super::super::*;
use crate::quantities::{Bytes, Uid};
use crate::sys::effective_uid;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::PathBuf;
use std::time::Duration;

pub(super) struct Etc(tempfile::TempDir);

impl Etc {
    pub(super) fn new(main: &str) -> Self {
        let etc = Self(tempfile::tempdir().unwrap());
        fs::create_dir(etc.path("config.d")).unwrap();
        etc.mode("config.d", 0o755);
        etc.write("config.toml", main);
        etc
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        self.mode(name, 0o644);
    }

    pub(super) fn load(&self) -> Result<Loaded, String> {
        // The directory's name is another one each time.
        let directory = format!("{}/", self.0.path().display());
        Config::load(Some(&self.path("config.toml")))
            .map_err(|error| error.to_string().replace(&directory, ""))
    }

    pub(super) fn config(&self) -> Config {
        self.load().unwrap().config
    }
}

fn names(config: &Config) -> Vec<String> {
    let names = config.whitelist.names.iter();
    names.map(|name| name.text().to_owned()).collect()
}

#[test]
fn later_values_win_whitelists_are_added_and_rules_come_first() {
    let etc = Etc::new(
        "[thresholds]\nram_gb_threshold = 1\ncheck_interval = 7\n[whitelist]\nnames = [\"a\"]\n\
         [[rule]]\nname = \"main\"\n",
    );
    etc.write(
        "config.d/20-late.toml",
        "[thresholds]\nram_gb_threshold = 3\n[whitelist]\nnames = [\"c\"]\nusers = [1001]\n\
         [[rule]]\nname = \"late\"\n",
    );
    etc.write(
        "config.d/10-early.toml",
        "[thresholds]\nram_gb_threshold = 2\ncheck_interval = 8\n[whitelist]\nnames = [\"b\"]\n\
         [[rule]]\nname = \"early 1\"\n[[rule]]\nname = \"early 2\"\n",
    );
    for name in ["30.toml.bak", ".hidden.toml", "README", "40.toml~"] {
        etc.write(&format!("config.d/{name}"), "nonsense");
    }
    let config = etc.config();
    assert_eq!(config.thresholds.amount(), Bytes::from_gb(3.0));
    assert_eq!(config.check_interval, Duration::from_secs(8));
    assert_eq!(names(&config), ["a", "b", "c"]);
    // Added to what is below, which is the default here.
    let users = config.whitelist.users.iter();
    let users: Vec<_> = users.map(|user| user.text.as_str()).collect();
    assert_eq!(users, ["root", "1001"]);
    let rules = config.rules.iter();
    let rules: Vec<_> = rules
        .map(|rule| rule.matcher.name.as_ref().unwrap().text())
        .collect();
    assert_eq!(rules, ["late", "early 1", "early 2", "main"]);
    let location = config.rules[0].location.as_ref().unwrap();
    assert!(location.to_string().ends_with("config.d/20-late.toml:6:1"));
    assert_eq!(
        config.drop_ins,
        [
            etc.path("config.d/10-early.toml"),
            etc.path("config.d/20-late.toml")
        ]
    );
}

/// The lists of the whitelist are added, those of `[notify]` are replaced; `written`, from which `check` shows them,
/// says the same.
#[test]
fn a_list_is_shown_as_it_is_used() {
    let etc = Etc::new(
        "[whitelist]\npids = [7]\nusers = [1]\n\
         [notify]\nemail_to = [\"a@x.org\"]\ncommand = [\"/bin/a\"]\n",
    );
    etc.write(
        "config.d/1.toml",
        "[whitelist]\npids = [8]\nnames = [\"b\"]\nusers = [2]\n\
         [notify]\nemail_to = [\"b@x.org\"]\ncommand = [\"/bin/b\"]\n",
    );
    let Loaded {
        config, written, ..
    } = etc.load().unwrap();
    let shown = |table, key| {
        let items = written.entry(table, key).unwrap().items.iter();
        let items: Vec<_> = items.map(|item| item.text.trim_matches('"')).collect();
        items.join(" ")
    };
    assert_eq!(shown("whitelist", "pids"), "7 8");
    assert_eq!(config.whitelist.pids.len(), 2);
    assert_eq!(shown("whitelist", "names"), names(&config).join(" "));
    assert_eq!(shown("whitelist", "users"), "1 2");
    assert_eq!(config.whitelist.users.len(), 2);
    assert_eq!(shown("notify", "email_to"), "b@x.org");
    assert_eq!(config.notify.email_to, ["b@x.org"]);
    assert_eq!(shown("notify", "command"), "/bin/b");
    assert_eq!(config.notify.command, [PathBuf::from("/bin/b")]);
}

#[test]
fn new_and_removed_files_are_seen_at_the_next_load() {
    let etc = Etc::new("");
    let before = etc.config();
    etc.write("config.d/a.toml", "[settings]\nterm_timeout = 9\n");
    let with = etc.config();
    let changes: Vec<_> = before
        .changes(&with)
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(changes[0], "term_timeout: 5 -> 9");
    assert!(
        changes[1].ends_with("config.d/a.toml\" added"),
        "{changes:?}"
    );
    fs::remove_file(etc.path("config.d/a.toml")).unwrap();
    assert_eq!(etc.config(), before);
    fs::remove_dir(etc.path("config.d")).unwrap();
    assert_eq!(etc.config(), before);
}

/// As one for a database that is killed after all, with a longer grace period.
#[test]
fn a_rule_may_replace_one_with_the_same_conditions() {
    let etc = Etc::new("[[rule]]\nname = \"a\"\nuser = \"0\"\naction = \"warn\"\n");
    let warnings = |conditions: &str| {
        etc.write(
            "config.d/a.toml",
            &format!("[[rule]]\n{conditions}action = \"kill\"\n"),
        );
        Config::load(Some(&etc.path("config.toml")))
            .unwrap()
            .warnings
            .len()
    };
    assert_eq!(warnings("name = \"a\"\nuser = \"0\"\n"), 0);
    assert_eq!(warnings("name = \"a*\"\nuser = \"0\"\n"), 1);
    assert_eq!(warnings("name = \"a\"\n"), 1);
}

#[test]
fn each_error_names_its_file() {
    let etc = Etc::new("[thresholds]\ncheck_interval = 0\n");
    etc.write("config.d/a.toml", "[settings]\ndry_run = 1\n");
    etc.write("config.d/b.toml", "[whitelist]\nnames = \"x\"\n");
    etc.write("config.d/c.toml", "[settings]\n");
    fs::write(etc.path("config.d/d.toml"), b"#\xff").unwrap();
    assert_eq!(
        etc.load().unwrap_err(),
        "config.toml:2:18: \"check_interval\" in [thresholds] must be a number of seconds from 0.1 to \
         86400, found 0\n\
         config.d/a.toml:2:11: \"dry_run\" in [settings] must be true or false, found 1\n\
         config.d/b.toml:2:9: \"names\" in [whitelist] must be a list, found the string \"x\", write \
         [\"x\"]\n\
         config.d/d.toml:1:2: not UTF-8: byte 0xff, save the file in UTF-8"
    );
}

#[test]
fn both_thresholds_off_across_files_are_rejected() {
    let etc = Etc::new("[thresholds]\nram_gb_threshold = inf\n");
    etc.write(
        "config.d/a.toml",
        "[thresholds]\nram_percent_threshold = 100\n",
    );
    let rejected = etc.load().unwrap_err();
    assert!(rejected.contains("both thresholds are off"), "{rejected}");
}

#[test]
fn a_configuration_of_another_name_has_no_drop_ins() {
    let etc = Etc::new("");
    etc.write("other.toml", "");
    etc.write("config.d/a.toml", "[settings]\nterm_timeout = 9\n");
    let config = Config::load(Some(&etc.path("other.toml"))).unwrap().config;
    assert_eq!(config.term_timeout, Duration::from_secs(5));
}

#[test]
fn root_takes_only_what_root_alone_can_write() {
    if effective_uid() != Uid::ROOT {
        println!("skipped: needs root to give files away");
        return;
    }
    let etc = Etc::new("");
    etc.write("config.d/group.toml", "");
    etc.mode("config.d/group.toml", 0o664);
    etc.write("config.d/others.toml", "");
    etc.mode("config.d/others.toml", 0o646);
    etc.write("config.d/theirs.toml", "");
    chown(etc.path("config.d/theirs.toml"), Some(1000), None).unwrap();
    etc.write("elsewhere", "");
    chown(etc.path("elsewhere"), Some(1000), None).unwrap();
    symlink(etc.path("elsewhere"), etc.path("config.d/link.toml")).unwrap();
    etc.write("config.d/fine.toml", "");
    assert_eq!(
        etc.load().unwrap_err(),
        "config.d/group.toml can be written by others than root (mode 0664): chmod go-w config.d/group.toml\n\
         config.d/link.toml belongs to uid 1000 (mode 0644) and must be root's: chown root config.d/link.toml\n\
         config.d/others.toml can be written by others than root (mode 0646): chmod go-w config.d/others.toml\n\
         config.d/theirs.toml belongs to uid 1000 (mode 0644) and must be root's: chown root config.d/theirs.toml"
    );
    let etc = Etc::new("");
    etc.write("config.d/fine.toml", "");
    assert!(etc.load().is_ok());
    etc.mode("config.d", 0o777);
    let rejected = etc.load().unwrap_err();
    assert!(
        rejected.starts_with("config.d can be written by others"),
        "{rejected}"
    );
    // A link to a file of root's in a directory of a user's: that user can replace it.
    let etc = Etc::new("");
    fs::create_dir(etc.path("home")).unwrap();
    etc.write("home/linked.toml", "");
    etc.mode("home", 0o755);
    chown(etc.path("home"), Some(1000), None).unwrap();
    symlink(etc.path("home/linked.toml"), etc.path("config.d/link.toml")).unwrap();
    assert_eq!(
        etc.load().unwrap_err(),
        "home belongs to uid 1000 (mode 0755) and must be root's: chown root home, or use another directory"
    );
    // The main file, where it is and where it leads.
    for (name, text) in [
        ("home/linked.toml", "home belongs to uid 1000"),
        ("config.d/link.toml", "home belongs to uid 1000"),
    ] {
        let rejected = Config::load(Some(&etc.path(name))).unwrap_err().to_string();
        assert!(rejected.contains(text), "{name}: {rejected}");
    }
    let etc = Etc::new("");
    etc.mode("config.toml", 0o666);
    let rejected = etc.load().unwrap_err();
    assert!(rejected.starts_with("config.toml can be written by others than root (mode 0666)"));
    let main = etc.path("config.toml");
    assert!(files::read(&main, files::Streams::Reject, false).is_ok());
    let etc = Etc::new("");
    etc.write("config.d/fine.toml", "");
    etc.mode("config.d", 0o777);
    // Run by another user, memory-monitor may trust that user's files.
    let main = etc.path("config.toml");
    assert_eq!(files::drop_ins(&main, false).unwrap().files.len(), 1);
}

#[test]
fn what_is_not_read_is_told_unless_it_was_left_behind() {
    let etc = Etc::new("#");
    for name in [
        "10.conf",
        "20",
        "30.toml.bak",
        ".40",
        "README.md",
        "50.toml~",
        "60.toml.dpkg-old",
        "70.TOML",
        "80.toml.disabled",
    ] {
        etc.write(&format!("config.d/{name}"), "nonsense");
    }
    let loaded = etc.load().unwrap();
    let told: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    for (told, name) in told.iter().zip(["10.conf", "20", "70.TOML"]) {
        let end = format!("config.d/{name}\" is not read: the name of a drop-in must end in .toml");
        assert!(told.ends_with(&end), "{told}");
    }
}

#[test]
fn one_label_in_two_files_is_told_with_both_places() {
    let etc = Etc::new("[[group]]\nlabel = \"a\"\nby = \"user\"\nram_gb_threshold = 2\n");
    let group = "\n[[group]]\nlabel = \"a\"\nby = \"all\"\nname = \"x\"\nram_gb_threshold = 1\n";
    etc.write("config.d/10.toml", group);
    let error = etc.load().unwrap_err();
    let fault = |file: &str| {
        format!(
            "{file}:2:1: [[group]] has the label \"a\", as the group at config.toml:1:1 has: give one of the two \
             another label"
        )
    };
    assert_eq!(error, fault("config.d/10.toml"));
    etc.write("config.d/20.toml", group);
    let error = etc.load().unwrap_err();
    assert_eq!(
        error,
        fault("config.d/10.toml") + "\n" + &fault("config.d/20.toml")
    );
}

#[test]
fn files_that_can_not_be_written_are_told() {
    let told = |settings: &str| {
        let etc = Etc::new(&format!("[settings]\n{settings}\n"));
        let loaded = etc.load().unwrap();
        let told: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
        told.join("\n")
    };
    assert!(told("log_file = '/var'").contains(":2:1: log_file is \"/var\", which is a directory"));
    let missing = told("log_file = '/no/such/x.log'");
    assert!(
        missing.ends_with("nothing is written until mkdir -p \"/no/such\""),
        "{missing}"
    );
    let missing = told("metrics_file = '/no/such/x.prom'");
    assert!(missing.contains(":2:1: metrics_file is "), "{missing}");
    assert_eq!(told("log_file = ''"), "");
    assert_eq!(told("metrics_file = '/run/memory-monitor/x.prom'"), "");
}

/// What a reload would lose is told of the texts that were loaded, whatever is on disk by now.
#[test]
fn the_sources_count_the_drop_ins() {
    let etc = Etc::new("[thresholds]\nram_gb_threshold = 1\n");
    let shown = |etc: &Etc| {
        let shown = etc.config().sources().to_string();
        shown.replace(&format!("{}/", etc.0.path().display()), "")
    };
    assert_eq!(shown(&etc), "configuration config.toml");
    etc.write("config.d/50-a.toml", "[settings]\ndry_run = true\n");
    assert_eq!(shown(&etc), "configuration config.toml and 1 drop-in");
    etc.write("config.d/60-a.toml", "[settings]\ndry_run = true\n");
    etc.write("config.toml", "");
    assert_eq!(
        shown(&etc),
        "built-in defaults, as config.toml is empty, and 2 drop-ins"
    );
}
