//! The index of messages in memory-monitor(8): the texts of all events, with what etc/systemd/memory-monitor.catalog
//! says of each. `GOLDEN=write cargo test --lib messages` rewrites that part of the page.

use super::golden::{CATALOG, each};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;

const PAGE: &str = "man/memory-monitor.8";
const BEGIN: &str = ".\\\" The messages, from src/events/describe.rs and etc/systemd/memory-monitor.catalog by\n\
     .\\\" \"GOLDEN=write cargo test --lib messages\"\n";
const END: &str = ".\\\" The end of the messages\n";

/// The part of a text that is the same in each: up to the first colon, unless the key of an entry stands before that.
fn head(text: &str) -> String {
    let text = text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    match text.split_once(": ") {
        Some((head, _)) if !head.starts_with("whitelist.") => format!("{head}: ..."),
        _ => text.replace("123", "N"),
    }
}

/// The words of the catalog about a message, one sentence a line and none too long for a page.
fn explanation(id: u128) -> String {
    let (_, entry) = CATALOG.split_once(&format!("-- {id:032x}\n")).unwrap();
    let entry = entry.split("\n-- ").next().unwrap();
    let (fields, text) = entry.split_once("\n\n").unwrap();
    let subject = fields
        .lines()
        .find_map(|line| line.strip_prefix("Subject: "));
    let text = format!("{}. {}", subject.unwrap(), text.trim())
        .replace('\n', " ")
        .replace("Process @MEMORY_MONITOR_PID@", "The process")
        .replace("process @MEMORY_MONITOR_PID@", "the process")
        .replace("explain @MEMORY_MONITOR_PID@", "explain PID")
        .replace("the PID @MEMORY_MONITOR_PID@", "this PID")
        .replace("@MEMORY_MONITOR_SIGNAL@", "the signal");
    assert!(!text.contains('@'), "{text}");
    let mut lines = String::new();
    for sentence in text.split_inclusive(". ") {
        let mut width = 0;
        for word in sentence.replace('"', "\\(dq").split_whitespace() {
            if width + word.len() >= 78 {
                lines.push('\n');
                width = 0;
            } else if width > 0 {
                lines.push(' ');
            }
            // A line of mdoc(7) that begins so is a request.
            if width == 0 && word.starts_with(['.', '\'']) {
                lines.push_str("\\&");
            }
            lines.push_str(word);
            width += word.len() + 1;
        }
        lines.push('\n');
    }
    lines
}

/// The index as mdoc(7), sorted by the texts.
fn index() -> String {
    let mut messages = BTreeMap::new();
    let users = RefCell::default();
    each(&mut |event| {
        event.describe(&users, &mut |description, text| {
            let head = head(&text.to_string());
            assert!(head.is_ascii() && !head.contains(['"', '\\']), "{head}");
            let level = match description.level {
                log::Level::Warn => "warning".to_owned(),
                level => level.as_str().to_ascii_lowercase(),
            };
            let (_, levels, _) = messages.entry(head).or_insert((
                description.name,
                Vec::new(),
                description.message_id,
            ));
            if !levels.contains(&level) {
                levels.push(level);
            }
        });
    });
    let mut list = String::from(".Bl -tag -width Ds\n");
    for (head, (name, levels, id)) in messages {
        let levels = levels.join(" or ");
        let _ = write!(
            list,
            ".It \"{head}\"\n.Pq Li {name} , {levels}\n{}",
            explanation(id)
        );
    }
    list + ".El\n"
}

#[test]
fn the_page_has_every_message_and_what_it_means() {
    let page = fs::read_to_string(PAGE).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the begin of the messages");
    let (list, after) = rest.split_once(END).expect("the end of the messages");
    let expected = index();
    if std::env::var_os("GOLDEN").is_some_and(|word| word == "write") {
        return fs::write(PAGE, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
    }
    for (line, expected) in list.lines().zip(expected.lines()) {
        assert_eq!(line, expected, "rewrite it as its first lines say");
    }
    assert_eq!(list.lines().count(), expected.lines().count());
}

#[test]
fn a_head_is_what_all_texts_of_an_event_begin_with() {
    for (text, shown) in [
        ("Killing process: PID=123, Name=a", "Killing process: ..."),
        ("Reason: PID=123 is over", "Reason: ..."),
        (
            "whitelist.pids: no process has PID 123; it",
            "whitelist.pids: no process has PID N; it",
        ),
        ("Stopped by SIGTERM", "Stopped by SIGTERM"),
    ] {
        assert_eq!(head(text), shown);
    }
}
