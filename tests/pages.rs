//! The pages, the help texts and the completions say the same as the program.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use memory_monitor::cli::table::{COMMANDS, Command, Opt, RUN};
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
            std::iter::once(format!("--{}", option.long)).chain(short)
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

/// The part of the synopsis for a command.
fn synopsis(page: &str, command: &Command) -> String {
    let synopsis = page
        .split(".Sh ")
        .find(|part| part.starts_with("SYNOPSIS"))
        .unwrap();
    let mut forms = synopsis.split("\n.Nm\n").skip(1);
    let head = format!(".Cm {}", command.name);
    let is_it = |form: &&str| match command.name {
        "" => !form.starts_with(".Cm"),
        _ => form.lines().next().unwrap().split(" Ar").next() == Some(&head),
    };
    forms
        .find(is_it)
        .unwrap_or_else(|| panic!("{head} is missing"))
        .to_owned()
}

#[test]
fn the_synopsis_has_the_options_of_each_command() {
    let page = read("man/memory-monitor.8");
    for command in COMMANDS.iter().chain([&RUN]) {
        let named = flags(&synopsis(&page, command));
        let all = spellings(command.options.iter().copied());
        let known: BTreeSet<_> = named.difference(&all).collect();
        assert!(
            known.is_empty(),
            "{}: {known:?} of the page is no option",
            command.title()
        );
        for option in command.options {
            let short = option.short.map(|short| format!("-{short}"));
            let has = named.contains(&format!("--{}", option.long))
                || short.is_some_and(|short| named.contains(&short));
            assert!(
                has,
                "{}: the synopsis has no --{}",
                command.title(),
                option.long
            );
        }
    }
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
            let long = format!("--{}", option.long);
            assert!(
                described.contains(&long) || described.contains(&short),
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
fn the_completions_know_every_command_and_option() {
    for path in [
        "memory-monitor.bash",
        "_memory-monitor",
        "memory-monitor.fish",
    ] {
        let text = read(&format!("etc/completions/{path}"));
        let is_fish = Path::new(path).extension().is_some_and(|e| e == "fish");
        for command in COMMANDS.iter().chain([&RUN]) {
            assert!(text.contains(command.name), "{path}: {}", command.name);
            for option in command.all_options() {
                let word = if is_fish {
                    format!("-l {}", option.long)
                } else {
                    format!("--{}", option.long)
                };
                assert!(text.contains(&word), "{path}: {word}");
            }
        }
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
