//! The test of the notifier: the event by which `selftest --notify` asks for it, and the notifier's answers, each a
//! JSON object in a datagram. Pure.

use crate::quantities::Uid;
use serde::{Deserialize, Serialize};

/// The event's name. The daemon never sends it.
pub const EVENT: &str = "test";

/// The event's field that the answers repeat.
pub const TOKEN: &str = "token";

/// The event for this user, whose terminals are tested.
pub fn event(host: &str, time: &str, user: Uid, token: &str) -> Vec<u8> {
    let fields = serde_json::json!({
        "event": EVENT,
        "time": time,
        "level": "info",
        "message": "This is a test of the notifier",
        "uid": user.get(),
        "host": host,
        TOKEN: token,
        "version": env!("CARGO_PKG_VERSION"),
    });
    fields.to_string().into_bytes()
}

/// What became of the test on one channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// That of the event: no other process knows it.
    pub token: String,
    /// The channel's name: `mail to a@example.com by localhost:25`.
    pub channel: String,
    /// None in the first answer of each channel, which says that another one follows.
    pub result: Option<Delivery>,
    /// For people; may be empty.
    pub detail: String,
}

/// Whether a message was delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivery {
    /// To a server, a bus, a terminal, or by a program that exited with 0.
    Delivered,
    /// There is none who could get it.
    NoRecipient,
    /// The detail says why.
    Failed,
}
