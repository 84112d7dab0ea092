//! Real files: which can't be read, and which can be absent.

use super::super::files::read_if_exists;
use super::super::*;
use crate::quantities::Uid;
use std::fs;
use std::path::Path;

#[track_caller]
fn unreadable(file: &Path, reason: &str) {
    let error = Config::load(Some(file)).unwrap_err();
    let causes: Vec<_> = error.causes().map(ToString::to_string).collect();
    assert_eq!(causes, [format!("can't read {file:?}: {reason}")]);
}

#[test]
fn a_file_that_is_named_must_be_readable() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    unreadable(&file, "No such file or directory (os error 2)");
    unreadable(
        directory.path(),
        "it is a directory and must be a regular file",
    );
    fs::write(&file, "#".repeat((1 << 20) + 1)).unwrap();
    unreadable(
        &file,
        "it is larger than 1 MiB, which no configuration needs",
    );
    fs::write(&file, "#".repeat(1 << 20)).unwrap();
    assert!(Config::load(Some(&file)).is_ok());
    unreadable(
        Path::new("/dev/zero"),
        "it is a device and must be a regular file",
    );
}

#[test]
fn a_file_is_read_with_the_real_users() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a\u{1b}.toml");
    fs::write(&file, "[whitelist]\nusers = ['root', 'no such user']\n").unwrap();
    let Loaded {
        config, warnings, ..
    } = Config::load(Some(&file)).unwrap();
    assert_eq!(config.origin, Origin::File(file.clone()));
    assert_eq!(config.whitelist.users[0].uid, Some(Uid::ROOT));
    assert_eq!(config.whitelist.users[1].uid, None);
    let shown = warnings[0].to_string();
    let location = format!(
        "{:?}:2:18: user \"no such user\"",
        file.display().to_string()
    );
    assert!(shown.starts_with(&location), "{shown}");
    assert_eq!(warnings.len(), 2);
}

#[test]
fn only_nothing_at_all_counts_as_absent() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    assert!(read_if_exists(&file, false).unwrap().is_none());
    std::os::unix::fs::symlink("nowhere", &file).unwrap();
    assert!(read_if_exists(&file, false).is_err());
    fs::remove_file(&file).unwrap();
    fs::write(&file, "x").unwrap();
    assert_eq!(read_if_exists(&file, false).unwrap().unwrap(), b"x");
}

/// A printer that follows the sources prints each text once.
#[test]
fn an_error_of_the_system_is_shown_once() {
    let error = Config::load(Some(Path::new("/nowhere/config.toml"))).unwrap_err();
    let first: &dyn std::error::Error = &error;
    let chain = std::iter::successors(Some(first), |error| error.source());
    let text: Vec<_> = chain.map(ToString::to_string).collect();
    let text = text.join("\n");
    assert_eq!(text.matches("No such file").count(), 1, "{text}");
    assert!(
        matches!(
            error.causes().next(),
            Some(Cause::Unreadable { error, .. }) if error.raw_os_error() == Some(2)
        ),
        "{error:?}"
    );
}
