//! How a way to people went, said to the one who asked: the test of the notifier. Touches a socket.

use serde::{Deserialize, Serialize};
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// It was delivered.
    Delivered,
    /// Nobody is there to get it.
    NobodyThere,
    /// It could not be delivered.
    Failed,
}

/// One datagram of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// What the question had: nobody else knows it.
    pub token: String,
    /// Which way it is about.
    pub way: String,
    /// None in the first answers, one a way, which say what is to be waited for.
    pub how: Option<How>,
    /// What else there is to say.
    pub detail: String,
}

/// Somebody who waits for answers.
#[derive(Debug)]
pub struct Reply {
    socket: UnixDatagram,
    to: SocketAddr,
    token: String,
}

impl Reply {
    /// To this address; None where it has none or can't be reached.
    pub fn new(to: SocketAddr, token: String) -> Option<Self> {
        if to.is_unnamed() {
            return None;
        }
        let socket = UnixDatagram::unbound().ok()?;
        socket.set_nonblocking(true).ok()?;
        Some(Self { socket, to, token })
    }

    /// Says how `way` went; None that it is on its way.
    pub fn say(&self, way: &str, how: Option<How>, detail: &str) {
        let answer = Answer {
            token: self.token.clone(),
            way: way.to_owned(),
            how,
            detail: detail.to_owned(),
        };
        if let Ok(answer) = serde_json::to_vec(&answer) {
            // Who no longer listens does not want to know.
            let _ = self.socket.send_to_addr(&answer, &self.to);
        }
    }
}
