//! The notifier: a second process without privileges that gets the daemon's events and tells people of
//! them. It may end nothing.

pub mod dbus;
pub mod desktop;
pub mod event;
pub mod pace;
pub mod people;
pub mod tty;
pub mod utmp;
