//! The pages say the same as the program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use memory_monitor::cli::table::{COMMANDS, Opt, RUN};
use memory_monitor::config::{Config, Origin};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
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

#[test]
fn the_pages_are_clean() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("man");
    let pages: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|page| page.unwrap().path())
        .collect();
    assert!(pages.len() >= 2);
    for page in &pages {
        let lints: [&[&str]; 2] = [
            &["mandoc", "-Tlint", "-Wwarning"],
            &["man", "--warnings", "-l"],
        ];
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
            assert!(
                output.status.success() && found.is_empty(),
                "{lint:?}: {found}"
            );
        }
    }
}
