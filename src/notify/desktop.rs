//! Tells desktops, by the signal on the system bus that systembus-notify shows there. Touches the bus
//! only.

use super::dbus::{self, Signal};
use super::event::Ending;
use crate::escape::Escaped;
use std::fmt::Write;
use std::io;

/// More of a name would not fit anyway.
const LONGEST_NAME: usize = 64;

/// Sends `text` to all desktops.
pub fn send(text: &str) -> io::Result<()> {
    dbus::send(&Signal {
        path: "/",
        interface: "net.nuetzlich.SystemNotifications",
        member: "Notify",
        arguments: &["memory-monitor", text],
    })
}

/// What is shown of the end of a process, and of so many more.
pub fn text(ending: &Ending, more: usize) -> String {
    let mut text = name(&ending.name);
    text.push_str(" was ended");
    if let Some(figures) = ending.figures() {
        text.push_str(": ");
        text.push_str(&figures);
    }
    if more > 0 {
        // A String takes any text.
        let _ = write!(text, " (and {more} more)");
    }
    text
}

/// A name as the log shows it. Some desktops take a text for markup and others do not, so what would
/// be markup is escaped in our way, which both show alike.
fn name(name: &str) -> String {
    let short = match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => name.get(..end).unwrap_or_default(),
        None => name,
    };
    let mut shown = String::new();
    for character in Escaped(short.as_bytes()).to_string().chars() {
        match character {
            '<' | '>' | '&' | '\'' => {
                // A String takes any text.
                let _ = write!(shown, "\\x{:02x}", character as u32);
            }
            _ => shown.push(character),
        }
    }
    if short.len() < name.len() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantities::{Bytes, Pid};
    use proptest::prelude::*;

    fn ending(name: &str) -> Ending {
        Ending {
            pid: Pid::INIT,
            owner: None,
            name: name.to_owned(),
            used: Bytes::from_gb(3.5),
            allowed: Bytes::from_gb(2.0),
        }
    }

    #[test]
    fn says_what_was_ended_and_why() {
        assert_eq!(
            text(&ending("chrome"), 0),
            "chrome was ended: 3.50 GB, allowed 2.00 GB"
        );
        assert_eq!(
            text(&ending("<b>x&y</b>"), 3),
            "\"\\x3cb\\x3ex\\x26y\\x3c/b\\x3e\" was ended: 3.50 GB, allowed 2.00 GB (and 3 more)"
        );
        assert!(text(&ending(&"ü".repeat(70)), 0).contains("ü\"... was"));
    }

    proptest! {
        #[test]
        fn no_name_is_markup_or_a_second_line(name in any::<String>()) {
            let text = text(&ending(&name), 0);
            prop_assert!(!text.contains(['<', '>', '&', '\n', '\0']), "{text}");
            prop_assert!(!text.chars().any(char::is_control), "{text:?}");
        }
    }
}
