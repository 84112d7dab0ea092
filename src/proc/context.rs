//! What reading one process needs to know beside its directory.

use super::ProcRoot;
use super::blocking::Blocking;
use super::questions::Questions;
use crate::quantities::Bytes;

/// What reading a process needs to know.
#[derive(Clone, Copy)]
pub(super) struct Context<'c> {
    pub(super) root: &'c ProcRoot,
    pub(super) blocking: &'c Blocking,
    pub(super) questions: &'c dyn Questions,
    /// MemTotal.
    pub(super) total: Bytes,
    /// Whether it is held to be killed, so that its unit and executable are wanted.
    pub(super) is_held: bool,
    /// Whether a name that the kernel has cut is completed even where that decides nothing.
    pub(super) has_whole_names: bool,
}
