//! The directory as a whole: text in, configuration or causes out.

mod accepted;
mod changes;
mod dropins;
mod files;
mod groups;
mod keys;
mod no_effect;
mod rejected;
mod reload;
mod rules;
mod syntax;
mod users;
mod written;

use super::*;
use crate::quantities::Uid;
use std::io;

fn lookup(name: &str) -> io::Result<Option<Uid>> {
    match name {
        "root" | "toor" => Ok(Some(Uid::ROOT)),
        "john" => Ok(Some(Uid::new(1000))),
        "down" => Err(io::Error::other("no answer")),
        _ => Ok(None),
    }
}

fn parse_bytes(text: &[u8]) -> Result<Loaded, Error> {
    Config::parse(text, Origin::File("c.toml".into()), &lookup)
}

fn parse(text: &str) -> Result<Loaded, Error> {
    parse_bytes(text.as_bytes())
}

#[track_caller]
fn accepted(text: &str) -> Config {
    parse(text)
        .map_err(|e| format!("{text}: {e}"))
        .unwrap()
        .config
}

#[track_caller]
fn warnings(text: &str) -> Vec<String> {
    let loaded = parse(text).unwrap();
    loaded.warnings.iter().map(ToString::to_string).collect()
}

#[track_caller]
fn rejected(text: &str, causes: &[&str]) {
    let error = parse(text).expect_err(text);
    assert_eq!(error.to_string(), causes.join("\n"), "{text}");
    assert_eq!(error.causes().len(), causes.len());
}
