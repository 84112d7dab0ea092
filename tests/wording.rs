//! What the source and the pages are written in: plain technical English, in lines that fit a window.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by them"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// The files below these paths, which must exist, with their texts; those that are no text are left out.
fn files(paths: &[&str]) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths: Vec<_> = paths.iter().map(|path| root.join(path)).collect();
    let mut files = Vec::new();
    for path in &paths {
        assert!(path.exists(), "{} does not exist", path.display());
    }
    while let Some(path) = paths.pop() {
        if path.is_dir() {
            let entries = fs::read_dir(&path).unwrap();
            paths.extend(entries.map(|entry| entry.unwrap().path()));
        } else if let Ok(text) = fs::read_to_string(&path) {
            files.push((path, text));
        }
    }
    files
}

/// What was written for something that has a plain name: the budget allows, protects, is killed instead, capacity.
const NOT_PLAIN: [&str; 13] = [
    "paid for",
    "pays for",
    " buys",
    "_buys",
    "goes well",
    "make_room",
    "with_room",
    "room for",
    "would end all",
    "to spare",
    "spares",
    "spared ",
    "borne out",
];

#[test]
fn words_are_plain() {
    let files = files(&[
        "src",
        "man",
        "etc",
        "tests",
        "scripts",
        "debian",
        "README.md",
        "CONTRIBUTING.md",
    ]);
    assert!(files.len() > 1200, "{}", files.len());
    for (path, text) in files {
        // This file has them.
        if path.ends_with("tests/wording.rs") {
            continue;
        }
        // A sentence goes on in the next line.
        let words = text.split_whitespace();
        let words = words.filter(|word| !["//", "///", "//!", "#", ".\\\""].contains(word));
        let text = words.collect::<Vec<_>>().join(" ").to_lowercase();
        let found = NOT_PLAIN.iter().find(|words| text.contains(**words));
        assert_eq!(found, None, "{}", path.display());
    }
}

/// rustfmt leaves comments as they are.
#[test]
fn no_comment_is_wider_than_120_columns() {
    let mut wide = Vec::new();
    let files = files(&["src", "tests"]);
    assert!(files.len() > 400, "{}", files.len());
    for (path, text) in files {
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        for (index, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("//") && line.chars().count() > 120 {
                wide.push(format!("{}:{}", path.display(), index + 1));
            }
        }
    }
    assert!(wide.is_empty(), "{}", wide.join("\n"));
}
