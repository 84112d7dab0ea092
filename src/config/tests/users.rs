//! Users that were found before a reload and are not any more.

use super::{Config, Loaded, Origin, Uid, io, parse};

/// What a file becomes at a reload during which no source knows any user, or none answers.
fn reloaded(before: &str, text: &str, answer: fn() -> io::Result<Option<Uid>>) -> Loaded {
    let before = parse(before).unwrap().config;
    let origin = Origin::File("c.toml".into());
    let mut loaded = Config::parse(text.as_bytes(), origin, &|_| answer()).unwrap();
    loaded.keep_users(&before);
    loaded
}

fn said(loaded: &Loaded) -> Vec<String> {
    loaded.warnings.iter().map(ToString::to_string).collect()
}

const LISTED: &str = "[whitelist]\nusers = [\"john\"]\n";
const RULE: &str = "[whitelist]\nusers = []\n[[rule]]\nuser = \"john\"\naction = \"protect\"\n";
const NO_USER: fn() -> io::Result<Option<Uid>> = || Ok(None);
const NO_ANSWER: fn() -> io::Result<Option<Uid>> = || Err(io::Error::other("no answer"));

#[test]
fn a_user_that_was_found_stays_protected() {
    for answer in [NO_USER, NO_ANSWER] {
        for (before, after) in [
            (LISTED, LISTED),
            (RULE, RULE),
            (LISTED, RULE),
            (RULE, LISTED),
        ] {
            let loaded = reloaded(before, after, answer);
            let config = &loaded.config;
            let listed = config.whitelist.users.iter().filter_map(|user| user.uid);
            let matched = config
                .rules
                .iter()
                .filter_map(|rule| rule.matcher.user.as_ref());
            let meant: Vec<_> = listed
                .chain(matched.flat_map(|user| user.uids.clone()))
                .collect();
            assert_eq!(meant, [Uid::new(1000)], "{before} {after}");
            let said = said(&loaded);
            assert_eq!(said.len(), 1, "{said:?}");
            assert!(
                said[0].starts_with("c.toml:") && said[0].contains("the uid it had before is used"),
                "{said:?}"
            );
        }
    }
}

#[test]
fn a_user_that_never_was_found_has_no_effect() {
    let loaded = reloaded(LISTED, "[whitelist]\nusers = [\"jane\"]\n", NO_USER);
    assert_eq!(loaded.config.whitelist.users[0].uid, None);
    assert_eq!(
        said(&loaded),
        ["c.toml:2:10: user \"jane\" does not exist; the entry has no effect until it does"]
    );
}
