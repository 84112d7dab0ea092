//! Every libc call and all `unsafe` of the project, behind small safe functions. Knows no type of
//! the rooms above it but the identifiers in [`crate::units`].

#![allow(unsafe_code)]

pub mod clock;
pub mod glob;
pub mod users;
pub mod writable;

use std::io;

/// The one gate from a libc return value to an error: -1 means look at `errno`.
#[allow(dead_code)]
pub(crate) fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result == -1 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}
