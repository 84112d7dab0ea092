//! The files that the daemon keeps for its commands: what it killed, how it runs, and what is exempt; and the form in
//! which a process is written to files. Touches those files only; decides nothing.

pub mod atomic_file;
pub mod daemon_lock;
pub mod exemptions;
pub mod history;
pub mod process_record;
pub mod status;
