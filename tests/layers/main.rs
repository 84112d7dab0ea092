//! The layers of the design hold: what each directory of src/ may import, and that no files import each other in a
//! circle. Read from the `use` lines and the paths in the code; a path through a re-export leads to the file that
//! defines the name.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by them"
)]

mod source;

use source::{collect, imports, modules};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Each directory (or file) directly below src/, and what it may import besides itself. All of that stands above it.
const LAYERS: &[(&str, &str)] = &[
    ("quantities", ""),
    ("escape", ""),
    ("nearest", ""),
    ("paths", ""),
    ("sys", "escape quantities"),
    ("users", "quantities sys"),
    ("config", "escape nearest paths quantities sys"),
    ("proc", "escape quantities sys"),
    ("cli", "config escape nearest quantities"),
    ("policy", "config escape proc quantities"),
    ("kill", "proc quantities sys"),
    (
        "state",
        "config escape paths policy proc quantities sys users",
    ),
    (
        "events",
        "config escape kill paths policy proc quantities state sys users",
    ),
    ("systemd", "escape paths quantities sys"),
    ("error", "cli config escape proc quantities sys systemd"),
    (
        "daemon",
        "cli config error escape events kill paths policy proc quantities state sys systemd users",
    ),
    (
        "commands",
        "cli config daemon error escape events kill nearest paths policy proc quantities state sys systemd users",
    ),
    ("lib", "cli commands daemon error"),
    ("main", "lib"),
    (
        "notify",
        "cli config error escape events lib paths quantities state sys systemd users",
    ),
];

/// What only some directories may name, whatever they import: a word of the code, and where it may stand.
const RESERVED: &[(&str, &[&str])] = &[
    ("unsafe", &["sys"]),
    // The daemon runs no program; the commands may, and the notifier must.
    ("process::Command", &["commands", "notify", "systemd"]),
    ("lettre", &["notify"]),
];

#[test]
fn a_directory_imports_only_what_its_layer_may() {
    let modules = modules();
    let mut wrong = Vec::new();
    for (from, targets) in imports(&modules) {
        let layer = modules[from].layer();
        let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == layer) else {
            wrong.push(format!(
                "{}: {layer} is not in the table of layers",
                modules[from].file
            ));
            continue;
        };
        for target in targets {
            let other = modules[target].layer();
            if other != layer && !allowed.split(' ').any(|name| name == other) {
                wrong.push(format!(
                    "{} imports {}",
                    modules[from].file, modules[target].file
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn no_lower_layer_may_import_a_higher_one() {
    // The table itself has no circle: it can be sorted.
    let mut left: Vec<_> = LAYERS.to_vec();
    while !left.is_empty() {
        let names: BTreeSet<_> = left.iter().map(|(name, _)| *name).collect();
        let before = left.len();
        left.retain(|(_, allowed)| allowed.split(' ').any(|name| names.contains(name)));
        assert!(left.len() < before, "a circle among {left:?}");
    }
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let modules = modules();
    let imports = imports(&modules);
    let reach = |from: usize| {
        let mut reached = BTreeSet::new();
        let mut next = vec![from];
        while let Some(file) = next.pop() {
            next.extend(
                imports[&file]
                    .iter()
                    .filter(|&&target| reached.insert(target)),
            );
        }
        reached
    };
    let reached: BTreeMap<usize, BTreeSet<usize>> =
        imports.keys().map(|&file| (file, reach(file))).collect();
    let edges: Vec<String> = imports
        .iter()
        .flat_map(|(from, targets)| targets.iter().map(move |to| (from, to)))
        .filter(|(from, to)| reached[to].contains(from))
        .map(|(from, to)| format!("{} -> {}", modules[*from].file, modules[*to].file))
        .collect();
    assert!(
        edges.is_empty(),
        "imports that close a circle:\n{}",
        edges.join("\n")
    );
}

#[test]
fn some_words_stand_only_where_they_may() {
    for module in modules() {
        for (word, places) in RESERVED {
            let stands = module.says(word) && !places.contains(&module.layer());
            // lib.rs and attributes name lints.
            let is_lint = *word == "unsafe"
                && !module.code.contains("unsafe {")
                && !module.code.contains("unsafe fn");
            assert!(
                !stands || is_lint,
                "{} has \"{word}\", which belongs into {places:?}",
                module.file
            );
        }
    }
}

/// The daemon runs no program: what asks systemctl is for the commands, and the errors that show its answer.
#[test]
fn the_daemon_does_not_reach_what_runs_a_program() {
    let modules = modules();
    let imports = imports(&modules);
    let runs = |index: &usize| modules[*index].says("process::Command");
    let runners: BTreeSet<usize> = imports.keys().copied().filter(runs).collect();
    assert!(!runners.is_empty());
    for (from, targets) in &imports {
        let importer = modules[*from].layer();
        for runner in targets.intersection(&runners) {
            let same = importer == modules[*runner].layer();
            let may = same || ["commands", "error", "lib"].contains(&importer);
            let (from, to) = (&modules[*from].file, &modules[*runner].file);
            assert!(may, "{from} imports {to}, which runs programs");
        }
    }
}

#[test]
fn no_file_is_longer_than_400_lines() {
    let mut files = Vec::new();
    for directory in ["src", "tests"] {
        collect(Path::new(directory), &mut files);
    }
    assert!(files.len() > 300, "{}", files.len());
    let long: Vec<String> = files
        .into_iter()
        .map(|file| (fs::read_to_string(&file).unwrap().lines().count(), file))
        .filter(|(lines, _)| *lines > 400)
        .map(|(lines, file)| format!("{file} has {lines} lines"))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}
