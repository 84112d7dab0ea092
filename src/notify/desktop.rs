//! Messages on desktops: the signal on the system bus that systembus-notify shows there, sent by busctl(1).

use crate::child::{self, End};
use crate::event::Ended;
use crate::messages::MessageChannel;
use memory_monitor::escape::{Escaped, OneLine};
use memory_monitor::events::notifier_test::Delivery;
use memory_monitor::quantities::Uid;
use std::env;
use std::fmt::Write;
use std::io;
use std::time::Duration;

/// Of systemd.
const BUSCTL: &str = "busctl";
/// For each call of it; a bus that does not answer holds it up.
const TIMEOUT: Duration = Duration::from_secs(5);
/// By which another bus is named.
const ADDRESS: &str = "DBUS_SYSTEM_BUS_ADDRESS";
/// Characters of a name; desktops show no more.
const LONGEST_NAME: usize = 64;

/// All desktops of this machine.
#[derive(Debug, Default)]
pub(crate) struct Desktop {
    is_failing: bool,
}

impl MessageChannel for Desktop {
    type Recipient = ();

    fn recipient(_owner: Option<Uid>) -> Option<()> {
        Some(())
    }

    fn text(&self, ended: &Ended, more: usize) -> String {
        ended.sentence(shown(&ended.name), more)
    }

    /// Logs a failure once, until it works again.
    fn send(&mut self, (): (), text: &str) -> (Delivery, String) {
        match send(BUSCTL, text) {
            Ok(()) => {
                if std::mem::take(&mut self.is_failing) {
                    log::warn!("Desktop signals are sent again");
                }
                log::debug!("Desktop signal sent");
                let detail = "signal sent; systembus-notify shows it where it runs";
                (Delivery::Delivered, detail.to_owned())
            }
            Err(error) => {
                let is_repeated = std::mem::replace(&mut self.is_failing, true);
                let level = if is_repeated {
                    log::Level::Debug
                } else {
                    log::Level::Warn
                };
                log::log!(level, "Desktop signal failed: Error={error}");
                (Delivery::Failed, error)
            }
        }
    }
}

/// Sends the signal, or says why that failed and how to fix it.
fn send(busctl: &str, text: &str) -> Result<(), String> {
    // `emit` does not wait for the bus, and exits with 0 although the bus rejects this user; a call tells.
    let bus = "org.freedesktop.DBus";
    call(
        busctl,
        &["call", bus, "/org/freedesktop/DBus", bus, "GetId"],
    )?;
    let interface = "net.nuetzlich.SystemNotifications";
    let signal = ["emit", "/", interface, "Notify", "ss", "memory-monitor"];
    call(busctl, &[&signal[..], &[text]].concat())
}

fn call(busctl: &str, arguments: &[&str]) -> Result<(), String> {
    let mut command = child::command(busctl);
    command.args(["--system", "--"]).args(arguments);
    command.envs(env::var_os(ADDRESS).map(|address| (ADDRESS, address)));
    match child::run(&mut command, TIMEOUT, None) {
        Ok((End::Exited(status), _)) if status.success() => Ok(()),
        Ok((End::Exited(status), output)) => {
            let said = String::from_utf8_lossy(&output.text);
            let fix = if said.contains("not connected") || said.contains("Connection reset") {
                ": the bus closes the connection, as it does where this user has no name: install libnss-systemd"
            } else if said.contains("verb") {
                ": this busctl has no \"emit\": systemd 242 or later is needed"
            } else {
                ""
            };
            let said = OneLine(said.trim()).to_string();
            Err(format!("{BUSCTL} failed ({status}): {said}{fix}"))
        }
        Ok(_) => {
            let seconds = TIMEOUT.as_secs();
            Err(format!(
                "{BUSCTL} was killed after {seconds} s: the bus does not answer"
            ))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(format!("there is no {BUSCTL}: install systemd"))
        }
        Err(error) => Err(format!("{BUSCTL} can't be started: {error}")),
    }
}

/// A name as the log shows it. Some desktops take a text for markup and others do not: what would be markup is escaped
/// in our way, which both show alike.
fn shown(name: &str) -> String {
    let short = match name.char_indices().nth(LONGEST_NAME) {
        Some((end, _)) => name.get(..end).unwrap_or_default(),
        None => name,
    };
    let mut shown = String::new();
    for character in Escaped(short.as_bytes()).to_string().chars() {
        match character {
            '<' | '>' | '&' | '\'' => {
                // Writing to a String never fails.
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
    use proptest::prelude::*;

    fn text(name: &str, more: usize) -> String {
        Desktop::default().text(&Ended::of(name, None), more)
    }

    #[test]
    fn the_text_has_process_memory_and_threshold() {
        assert_eq!(
            text("chrome", 0),
            "chrome was killed: 3.50 GB, threshold 2.00 GB"
        );
        assert_eq!(
            text("<b>x&y</b>", 3),
            "\"\\x3cb\\x3ex\\x26y\\x3c/b\\x3e\" was killed: 3.50 GB, threshold 2.00 GB (and 3 more)"
        );
        assert!(text(&"ü".repeat(70), 0).contains("ü\"... was"));
    }

    #[test]
    fn a_missing_busctl_is_named() {
        let error = send("/nowhere/busctl", "text").unwrap_err();
        assert_eq!(error, "there is no busctl: install systemd");
    }

    proptest! {
        #[test]
        fn no_name_is_markup_or_a_second_line(name in any::<String>()) {
            let text = text(&name, 0);
            prop_assert!(!text.contains(['<', '>', '&', '\n', '\0']), "{text}");
            prop_assert!(!text.chars().any(char::is_control), "{text:?}");
        }
    }
}
