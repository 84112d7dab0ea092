//! The pages say the same as the program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by them"
)]

use memory_monitor::cli::table::{COMMANDS, Opt, RUN};
use memory_monitor::config::keys::{KeyRow, rows};
use memory_monitor::config::{Config, Origin};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// `--json`, and `-c` where there is one.
fn spellings(options: impl Iterator<Item = &'static Opt>) -> BTreeSet<String> {
    options
        .flat_map(|option| {
            let short = option.short.map(|short| format!("-{short}"));
            std::iter::once(option.long.to_owned()).chain(short)
        })
        .collect()
}

/// The flags of mdoc(7) in a text, as they are typed: `.Op Fl nqv` has three of them.
fn flags(text: &str) -> BTreeSet<String> {
    let mut flags = BTreeSet::new();
    for line in text.lines().filter(|line| line.starts_with('.')) {
        let mut words = line.split_whitespace().peekable();
        while let Some(word) = words.next() {
            if word != "Fl" && word != ".Fl" {
                continue;
            }
            let flag = words.peek().copied().unwrap_or_default();
            match flag.strip_prefix('-') {
                Some(long) => drop(flags.insert(format!("--{long}"))),
                None => flags.extend(flag.chars().map(|short| format!("-{short}"))),
            }
        }
    }
    flags
}

#[test]
fn each_option_is_described_where_its_command_is() {
    let page = read("man/memory-monitor.8");
    let description = page.split(".Sh DESCRIPTION").nth(1).unwrap();
    let description = description.split("\n.Sh ").next().unwrap();
    let common = flags(description.split("\n.Ss ").next().unwrap());
    for option in spellings(RUN.all_options()) {
        assert!(common.contains(&option), "{option}");
    }
    for command in &COMMANDS {
        let head = format!("{}\n", command.name);
        let part = description
            .split("\n.Ss ")
            .find(|part| part.starts_with(&head));
        let part = part.unwrap_or_else(|| panic!("no part about {head}"));
        for option in command.options {
            let short = option
                .short
                .map_or(String::new(), |short| format!("-{short}"));
            let described = flags(part);
            let long = option.long;
            assert!(
                described.contains(long) || described.contains(&short),
                "{head}: {long}"
            );
        }
    }
}

#[test]
fn each_configuration_of_a_page_is_valid() {
    let mut count = 0;
    for path in [
        "man/memory-monitor-config.5",
        "man/memory-monitor-recipes.7",
        "man/memory-monitor.8",
        "README.md",
    ] {
        let page = read(path);
        let (begin, end) = if Path::new(path).extension().is_some_and(|e| e == "md") {
            ("```toml\n", "```")
        } else {
            (".Bd -literal -offset indent\n", ".Ed")
        };
        for block in page.split(begin).skip(1) {
            let block = block.split(end).next().unwrap().replace("\\(dq", "\"");
            // A unit file is no configuration.
            if block.starts_with("[Service]") {
                continue;
            }
            let origin = Origin::File(path.into());
            let parsed = Config::parse(block.as_bytes(), origin, &|_| Ok(None));
            assert!(parsed.is_ok(), "{path}: {parsed:?}\n{block}");
            count += 1;
        }
    }
    assert!(count >= 2, "{count}");
}

const CONFIG_PAGE: &str = "man/memory-monitor-config.5";
/// The lines of the page that are made from the table of keys stand between these two.
const KEYS_BEGIN: &str =
    ".\\\" The keys, from src/config/keys.rs by \"KEYS=write cargo test --test pages\"\n";
const KEYS_END: &str = ".\\\" The end of the keys\n";

/// A text as mdoc(7) takes it as an argument.
fn mdoc(text: &str) -> String {
    text.replace('\\', "\\e").replace('"', "\\(dq")
}

/// A default as the page shows it: of a long list the first item.
fn shown_default(row: &KeyRow) -> String {
    let first = row.default.split(", ").next().unwrap();
    match row.default.len() {
        0..60 => row.default.to_owned(),
        _ => format!("{first}, ...]"),
    }
}

/// The heading of a table's keys.
fn titled(table: &str) -> String {
    match table.strip_prefix('[') {
        Some(table) => format!("Tables {}", table.trim_end_matches(']')),
        None => format!("Table {table}"),
    }
}

/// The text with lines of at most 78 characters, where words allow it.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().unwrap();
        if line.is_empty() {
            line.push_str(word);
        } else if line.len() + word.len() < 78 {
            *line = format!("{line} {word}");
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.join("\n")
}

/// The list of all keys as mdoc(7).
fn key_list() -> String {
    let mut list =
        String::from(".Sh KEYS\nEvery key with its default, and the values that are allowed.\n");
    let mut table = "";
    for row in rows() {
        if row.table != table {
            list += if table.is_empty() { "" } else { ".El\n" };
            let _ = write!(
                list,
                ".Ss {}\n.Bl -tag -width Ds -compact\n",
                titled(row.table)
            );
            table = row.table;
        }
        let default = match row.default {
            "" => String::new(),
            _ => format!(" No = {}", mdoc(&shown_default(&row))),
        };
        let mut allowed = row.allowed.chars();
        let first = allowed.next().unwrap().to_ascii_uppercase();
        let allowed = mdoc(&format!("{first}{}", allowed.as_str()));
        let (allowed, summary) = (wrapped(&format!("{allowed}.")), wrapped(&mdoc(row.summary)));
        let name = row.name;
        let _ = write!(list, ".It Cm {name}{default}\n{summary}.\n{allowed}\n");
    }
    list + ".El\n"
}

#[test]
fn the_list_of_keys_is_the_table_of_keys() {
    let page = read(CONFIG_PAGE);
    let (before, rest) = page.split_once(KEYS_BEGIN).expect("the begin of the keys");
    let (list, after) = rest.split_once(KEYS_END).expect("the end of the keys");
    let expected = key_list();
    if std::env::var_os("KEYS").is_some_and(|word| word == "write") {
        let page = format!("{before}{KEYS_BEGIN}{expected}{KEYS_END}{after}");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(CONFIG_PAGE);
        return fs::write(path, page).unwrap();
    }
    assert_eq!(list, expected, "rewrite it as its first line says");
}

#[test]
fn each_key_has_its_paragraph() {
    let page = read(CONFIG_PAGE);
    let (before, rest) = page.split_once(KEYS_BEGIN).unwrap();
    let prose = before.to_owned() + rest.split_once(KEYS_END).unwrap().1;
    for row in rows() {
        let table = row.table.trim_matches(['[', ']']);
        let part = prose.split("\n.Ss ").find(|part| {
            let heading = part.lines().next().unwrap();
            heading.split_whitespace().any(|word| word == table)
        });
        let part = part.unwrap_or_else(|| panic!("no part about the table {table}"));
        let mut heads = part.lines().filter(|line| line.starts_with(".It Cm "));
        let head = heads.find(|line| line.split([' ', ',']).any(|word| word == row.name));
        let head = head.unwrap_or_else(|| panic!("no paragraph about {table}.{}", row.name));
        if let (false, Some((_, default))) = (row.default.starts_with('['), head.split_once("= ")) {
            assert_eq!(default, mdoc(row.default), "{head}");
        }
    }
}

/// The fields of a record are those of its schema.
#[test]
fn each_field_of_a_record_is_listed() {
    let schema = read("etc/examples/log.schema.json");
    let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
    let page = read("man/memory-monitor.8");
    let part = page.split(".Ss Records for programs").nth(1).unwrap();
    let part = part.split("\n.El\n").next().unwrap();
    let items = part.lines().filter_map(|line| line.strip_prefix(".It Li "));
    let mut listed: Vec<_> = items.flat_map(|line| line.split(" , ")).collect();
    let fields = schema["properties"].as_object().unwrap();
    let mut fields: Vec<_> = fields.keys().map(String::as_str).collect();
    listed.sort_unstable();
    fields.sort_unstable();
    assert_eq!(listed, fields);
}

/// The texts that people read spell it "can't"; errors of libc do not.
#[test]
fn what_is_not_possible_is_spelled_alike() {
    let mut paths = ["src", "man", "etc", "tests/golden", "README.md"]
        .map(PathBuf::from)
        .to_vec();
    while let Some(path) = paths.pop() {
        if let Ok(entries) = fs::read_dir(&path) {
            paths.extend(entries.map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).to_lowercase();
        let text = text.replace("cannot allocate memory", "");
        let found = ["cannot", "can not"]
            .iter()
            .find(|word| text.contains(**word));
        assert_eq!(found, None, "{}", path.display());
    }
}

/// The built-in defaults have none of the rules of the shipped file, and whoever relies on either is told.
#[test]
fn what_tells_of_defaults_tells_of_the_rules() {
    let shipped = read("etc/memory-monitor/config.toml");
    let lookup = |_: &str| Ok(None);
    let loaded = Config::parse(shipped.as_bytes(), Origin::File("c.toml".into()), &lookup);
    assert!(!loaded.unwrap().config.rules.is_empty());
    for (file, words) in [
        (
            "README.md",
            "without that file, as here, they are killed too",
        ),
        (
            "man/memory-monitor.8",
            "the values of the shipped file without its rules",
        ),
        (
            "man/memory-monitor-config.5",
            "its rules, which only report databases",
        ),
        (
            "etc/memory-monitor/config.toml",
            "the rules, by which databases and virtual machines",
        ),
    ] {
        let text = read(file);
        let text: Vec<_> = text.split_whitespace().collect();
        assert!(text.join(" ").contains(words), "{file}: {words}");
    }
}

#[test]
fn the_pages_are_clean() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let pages: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|page| page.unwrap().path())
        .collect();
    assert!(pages.len() >= 2);
    for page in &pages {
        let lints: [&[&str]; 2] = [&["mandoc", "-Tlint"], &["man", "--warnings", "-l"]];
        for lint in lints {
            let mut command = process::Command::new(lint[0]);
            let output = command
                .args(&lint[1..])
                .arg(page)
                .env("LC_ALL", "C.UTF-8")
                .output();
            let Ok(output) = output else {
                println!("skipped: {} is not installed", lint[0]);
                continue;
            };
            // mandoc writes what it finds to the standard output, man to the standard error.
            let found = if lint[0] == "man" {
                output.stderr
            } else {
                output.stdout
            };
            let found = String::from_utf8_lossy(&found);
            // Which pages there are beside these is the machine's affair, and NetBSD's rule is for its own pages.
            let others = ["referenced manual not found", "explicitly specified: Os"];
            let mut found = found
                .lines()
                .filter(|line| !others.iter().any(|other| line.contains(other)));
            assert_eq!(found.next(), None, "{lint:?}");
        }
        let footer = format!("\n.Os memory-monitor {}\n", env!("CARGO_PKG_VERSION"));
        let text = fs::read_to_string(page).unwrap();
        assert!(text.contains(&footer), "{}: {footer}", page.display());
    }
}

/// With a database of these pages alone, by the words that one would try.
#[test]
fn man_k_finds_the_pages() {
    let directory = tempfile::tempdir().unwrap();
    for page in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("man")).unwrap() {
        let page = page.unwrap().path();
        let section = format!("man{}", page.extension().unwrap().to_str().unwrap());
        let section = directory.path().join(section);
        fs::create_dir_all(&section).unwrap();
        fs::copy(&page, section.join(page.file_name().unwrap())).unwrap();
    }
    let run = |program: &str, arguments: &[&str]| {
        let mut command = process::Command::new(program);
        command
            .arg(arguments[0])
            .arg(directory.path())
            .args(&arguments[1..]);
        command.env("LC_ALL", "C.UTF-8").output()
    };
    let Ok(made) = run("mandb", &["--create"]) else {
        return println!("skipped: mandb is not installed");
    };
    assert!(made.status.success(), "{made:?}");
    for (word, pages) in [
        (
            "memory",
            &[
                "memory-monitor (8)",
                "memory-monitor-config (5)",
                "memory-monitor-recipes (7)",
            ][..],
        ),
        ("kill", &["memory-monitor (8)"]),
        (
            "threshold",
            &["memory-monitor (8)", "memory-monitor-config (5)"],
        ),
    ] {
        let found = run("man", &["-M", "-k", word]).unwrap();
        let found = String::from_utf8_lossy(&found.stdout).into_owned();
        for page in pages {
            assert!(found.contains(page), "man -k {word}: {page}: {found}");
        }
    }
}

#[test]
fn each_command_has_an_example() {
    let page = read("man/memory-monitor.8");
    for command in &COMMANDS {
        let head = format!("\n.Ss {}\n", command.name);
        let (_, part) = page.split_once(&head).unwrap();
        let part = part.split("\n.Ss ").next().unwrap();
        let example = format!("\n.Dl memory-monitor {}", command.name);
        assert!(part.contains(&example), "{head}: {example}");
    }
}
