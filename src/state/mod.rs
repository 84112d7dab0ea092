//! The files that the daemon keeps for its own commands: what it killed, how it is, and what is exempt.
//! Touches those files only; decides nothing.

pub mod atomic_file;
pub mod exemptions;
pub mod history;
pub mod status;
