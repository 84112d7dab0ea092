//! Events -> mail, programs, terminals and desktops, for a process without privileges of its own. What
//! the daemon does never waits for any of it.
//!
//! [`listen`] takes datagrams, [`event`] reads them, [`Lanes`] hands each to the ways that are wanted. Each
//! way has a queue and threads of its own, so that none waits for another: `mail` (`digest` collects,
//! `letter` writes), `hooks` (`trust` looks at the program, `hook` runs it), and `people` for [`tty`] and
//! [`desktop`].

mod dbus;
pub mod desktop;
mod digest;
pub mod event;
mod hook;
mod hooks;
mod lanes;
mod letter;
pub mod listen;
mod mail;
mod pace;
pub mod people;
pub mod repeats;
pub mod reply;
mod sessions;
mod task;
mod tell;
pub mod tty;
mod utmp;

pub use crate::events::sinks::socket_path;
pub use lanes::Lanes;
