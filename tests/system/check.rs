//! `memory-monitor check`.

use crate::harness::confine::{Case, cases};
use crate::harness::hog::{Hog, sleeper};
use crate::harness::machine::{Machine, run};
use serde_json::Value;

pub(crate) const CASES: &[Case] = cases![
    a_thread_is_no_process,
    shows_each_value_and_what_it_means_now,
    shows_drop_ins_rules_and_the_week,
    prints_the_names_that_it_has,
    tells_a_name_from_its_program,
    says_where_a_name_is_cut,
    names_every_error_with_status_78,
    notes_what_can_never_match,
    says_which_commands_the_notifier_will_not_run,
    is_silent_about_what_is_shipped,
    shows_what_has_several_lines,
];

fn shows_each_value_and_what_it_means_now() {
    let sleeper = sleeper("sleeper-c");
    let config = Machine::of(
        "[thresholds]\nram_gb_threshold = 0.0001\n[whitelist]\nnames = [\"sleeper-[c]\", \"no-such-name\", \"two names\"]\nusers = [\"no-such-user\", 0]\nprotect_root = false\n",
    );
    let file = config.config_file();
    let said = run(&["check", &file]);
    assert_eq!((said.status, said.err.as_str()), (Some(0), ""), "{said:?}");
    for line in [
        format!("ram_gb_threshold             = 0.0001                          {file}:2\n"),
        "term_timeout                 = 5                               default\n".to_owned(),
        format!(
            "\"sleeper-[c]\"   PID {} (sleeper-c)  ({file}:4)\n",
            sleeper.pid()
        ),
        format!("\"no-such-name\"  nothing now  ({file}:4)\n"),
        format!(
            "\"two names\"     nothing now: it is one name; for several write \"two\", \"names\"  ({file}:4)\n"
        ),
        "user \"no-such-user\" does not exist; the entry has no effect until it does\n".to_owned(),
        "ram_gb_threshold = 0.00GB is low: ".to_owned(),
        "memory is short with less than ".to_owned(),
        "the file has no table [system], so a shortage of memory is only reported".to_owned(),
    ] {
        assert!(said.out.contains(&line), "{line}: {said:?}");
    }
    let quiet = run(&["check", &file, "--quiet"]);
    assert_eq!(
        (quiet.status, quiet.all().as_str()),
        (Some(0), ""),
        "{quiet:?}"
    );
    let said = run(&["check", &file, "--json"]);
    let json = said.json();
    assert_eq!(json["valid"], true);
    let entries = json["whitelist"].as_array().expect("a list");
    let root = entries.iter().find(|entry| entry["entry"] == "0");
    assert_eq!(root.expect("an entry")["protects"], false);
}

fn shows_drop_ins_rules_and_the_week() {
    let sleeper = sleeper("napper-r");
    let rules =
        "[[rule]]\nname = \"napper-*\"\nram_gb_threshold = 0.0001\n[[rule]]\nname = \"napper-r\"\n";
    let week = "[[schedule]]\nfrom = \"08:00\"\nto = \"20:00\"\ncheck_interval = 60\n";
    let names = "[whitelist]\nnames = [\"one\"]\n";
    let config = Machine::of(&format!("{names}{rules}{week}"));
    let added =
        "[whitelist]\nnames = [\"two\"]\n[[rule]]\nname = \"no-such-name\"\naction = \"protect\"\n";
    config.drop_in("50-site.toml", added);
    let (main, drop_in) = (config.config_file(), config.path("config.d/50-site.toml"));
    let drop_in = drop_in.display();
    let pid = sleeper.pid().to_string();
    let said = run(&["check", &main]);
    assert_eq!((said.status, said.err.as_str()), (Some(0), ""), "{said:?}");
    for line in [
        format!("Valid: configuration {main}\nwith the drop-in {drop_in}\n"),
        format!("= 2 entries                       {main}:2, {drop_in}:2\n"),
        format!(
            "name = \"no-such-name\", action = \"protect\"  ({drop_in}:3)\n     matches nothing now\n"
        ),
        format!(
            "ram_gb_threshold = 0.00GB  ({main}:3)\n     matches PID {pid} (napper-r), 1 over the threshold\n"
        ),
        format!("name = \"napper-r\", action = \"kill\"  ({main}:6)\n     matches nothing now\n"),
        "mon to sun  00:00 [thresholds]  08:00 schedule 1    20:00 [thresholds]\n".to_owned(),
        format!("{main}:6:1: rule 3 can never match: rule 2 at {main}:3:1 comes first"),
    ] {
        assert!(said.out.contains(&line), "{line}: {said:?}");
    }
    let said = run(&["check", &main, "--json"]);
    let json = said.json();
    assert_eq!(json["drop_ins"][0], drop_in.to_string());
    assert_eq!(json["rules"][1]["matches"][0]["pid"].to_string(), pid);
    assert_eq!(json["week"]["stretches"][1]["from"], "mon 08:00");
    assert_eq!(json["week"]["stretches"][1]["schedule"], 1);
}

fn prints_the_names_that_it_has() {
    let config = Machine::of(
        "[whitelist]\nnames = [\"b\", \"a-*\", \"b\"]\n[[rule]]\nname = \"x\\u001b\"\n[[rule]]\nexe = \"/b\"\n",
    );
    let said = run(&["check", &config.config_file(), "--names"]);
    assert_eq!((said.status, said.err.as_str()), (Some(0), ""), "{said:?}");
    assert_eq!(said.out, "a-*\nb\nx\\x1b\n");
}

fn tells_a_name_from_its_program() {
    let _impostor = sleeper("sleeper-v");
    for (verify, matches) in [
        ("false", "(sleeper-v)  ("),
        (
            "true",
            "nothing now, 1 of that name not protected: another program  (",
        ),
    ] {
        let config = Machine::of(&format!(
            "[whitelist]\nnames = [\"sleeper-v\"]\nverify_names = {verify}\n"
        ));
        let said = run(&["check", &config.config_file()]);
        assert!(said.out.contains(matches), "{matches}: {said:?}");
    }
}

/// Nothing that the process has completes its name.
fn says_where_a_name_is_cut() {
    let mut cut = Hog::new().start();
    cut.rename("truncated-name-");
    let config = Machine::of("[whitelist]\nnames = [\"truncated-name-of-mine\"]\n");
    let said = run(&["check", &config.config_file()]);
    let told = format!(
        "PID {} (truncated-name-), protected as a name of 15 bytes may be the beginning of this one (1 of them)",
        cut.pid()
    );
    assert!(said.out.contains(&told), "{said:?}");
    let json = run(&["check", "--json", &config.config_file()]).json();
    assert_eq!(json["whitelist"][1]["cut"], 1, "{json}");
}

fn names_every_error_with_status_78() {
    let config = Machine::of("[thresholds]\nram_gb_treshold = 1\n[settings]\ndry_run = 1\n");
    let file = config.config_file();
    let said = run(&["check", &file]);
    assert_eq!(said.status, Some(78));
    assert_eq!(said.out, "");
    let lines: Vec<_> = said.err.lines().collect();
    assert_eq!(lines.len(), 2, "{said:?}");
    assert!(
        lines[0].starts_with(&format!("memory-monitor: error: {file}:2:1: ")),
        "{said:?}"
    );
    assert!(
        lines[1].starts_with(&format!("memory-monitor: error: {file}:4:11: ")),
        "{said:?}"
    );
    let quiet = run(&["check", &file, "--quiet"]);
    assert_eq!(
        (quiet.status, &quiet.out, &quiet.err),
        (Some(78), &said.out, &said.err)
    );
    let said = run(&["check", &file, "--json"]);
    assert_eq!(said.status, Some(78));
    let json = said.json();
    assert_eq!(json["valid"], false);
    assert_eq!(json["errors"].as_array().expect("a list").len(), 2);
}

fn notes_what_can_never_match() {
    let name = "x".repeat(256);
    let config = Machine::of(&format!("[whitelist]\nnames = [\"{name}\"]\n"));
    let said = run(&["check", &config.config_file()]);
    assert!(
        said.out.contains("longer than a process name can be"),
        "{said:?}"
    );
}

fn says_which_commands_the_notifier_will_not_run() {
    let config = Machine::of("[notify]\ncommand = [\"/bin/true\", \"/nowhere/hook\"]\n");
    let said = run(&["check", &config.config_file()]);
    assert_eq!(said.status, Some(0), "{said:?}");
    let note = "the notifier runs no such command: /nowhere can't be accessed: No such file";
    assert!(said.out.contains(note), "{said:?}");
    assert!(!said.out.contains("/bin/true can't"), "{said:?}");
}

/// On a machine that has not the users of all of them, nor systemd.
fn is_silent_about_what_is_shipped() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let examples = std::fs::read_dir(root.join("etc/examples")).expect("examples");
    let examples = examples.map(|entry| entry.expect("an entry").path());
    let is_toml = |path: &std::path::PathBuf| path.extension().is_some_and(|end| end == "toml");
    let mut files: Vec<_> = examples.filter(is_toml).collect();
    files.push(root.join("etc/memory-monitor/config.toml"));
    assert!(files.len() > 5, "{files:?}");
    for file in files {
        // A copy of root's alone, as the packages install it.
        let config = Machine::of(&std::fs::read_to_string(&file).expect("an example"));
        let said = run(&["check", "--json", &config.config_file()]);
        let notes = said.json()["notes"].as_array().expect("a list").clone();
        // The examples are for machines of other sizes.
        let size = " here: it is never over it, and has no effect";
        let is_size = |note: &Value| note.as_str().is_some_and(|note| note.ends_with(size));
        let (file, quiet) = (file.display(), notes.iter().all(is_size));
        assert!(
            said.status == Some(0) && said.err.is_empty() && quiet,
            "{file}: {said:?}"
        );
    }
}

/// kill(2) takes the number of a thread for its process, and no process has it as its PID.
fn a_thread_is_no_process() {
    let hog = Hog::new().with_second_thread().start();
    let threads = hog.threads();
    let thread = threads
        .iter()
        .find(|id| **id != hog.pid())
        .expect("another");
    let machine = Machine::new().with("whitelist.pids", &format!("[{thread}]"));
    let said = machine.run(&["check"]);
    let note = format!(
        "nothing now, as it is the number of a thread of process {}: no effect",
        hog.pid()
    );
    assert!(said.out.contains(&note), "{said:?}");
}

/// For people on one line, for programs as it is written.
fn shows_what_has_several_lines() {
    let path = "\"\"\"/srv/\nlog\"\"\"";
    let name = "\'\'\'\nsleeper-m\'\'\'";
    let settings = format!(
        "[settings]\nlog_file = {path}\n[whitelist]\nnames = [{name},\n\"b\"]\n[thresholds]\nram_gb_threshold = 0.0001\n"
    );
    let sleeper = sleeper("sleeper-m");
    let machine = Machine::of(&settings);
    let file = machine.config_file();
    let said = run(&["check", &file]);
    let one_line = |text: &str| text.replace('\n', "\\x0a");
    assert!(
        said.out.contains(&format!(" = {}  ", one_line(path))),
        "{said:?}"
    );
    assert!(
        said.out.contains(&format!("  {}  ", one_line(name))),
        "{said:?}"
    );
    let json = run(&["check", &file, "--json"]).json();
    let values = json["values"].as_array().expect("a list");
    let value = |key: &str| {
        let value = values.iter().find(|value| value["key"] == key);
        value.expect("one of each key")["value"].clone()
    };
    assert_eq!(value("log_file"), path);
    assert_eq!(value("names"), format!("[{name},\n\"b\"]"));
    let entries = json["whitelist"].as_array().expect("a list");
    assert!(entries.iter().any(|entry| entry["entry"] == name), "{json}");
    let pid = sleeper.pid().to_string();
    let said = run(&["explain", &pid, "--config", &file]);
    let decided = format!("Decided by {file}:5: names has ");
    assert!(
        said.out.contains(&(decided.clone() + &one_line(name))),
        "{said:?}"
    );
    let json = run(&["explain", &pid, "--config", &file, "--json"]).json();
    assert_eq!(
        json["decided_by"],
        format!("{file}:5: names has {name}"),
        "{json}"
    );
}
