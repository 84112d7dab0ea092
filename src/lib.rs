//! memory-monitor ends processes that use more memory than they were allowed, before the kernel's
//! OOM killer has to guess.
//!
//! One way through the rooms: [`config`] and [`sample`] feed [`policy`], which decides without any
//! I/O; `act` carries an action out through [`sys`], the one room with libc and `unsafe`; `report`
//! says what happened. The daemon and the commands only connect these rooms.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod config;
pub mod report;
pub mod sys;
pub mod units;
