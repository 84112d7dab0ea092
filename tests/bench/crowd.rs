//! Idle processes that stand around while something is measured.

use std::io;

/// Forked copies of the benchmark that sleep: a few pages each. They end when this is dropped, and
/// with the benchmark at the latest.
pub(crate) struct Crowd(Vec<libc::pid_t>);

impl Crowd {
    /// Starts it while the benchmark is still small, which each of them then is as well.
    pub(crate) fn start(processes: usize) -> io::Result<Self> {
        let mut crowd = Self(Vec::with_capacity(processes));
        for started in 0..processes {
            let process = crate::kernel::fork_sleeper().map_err(|error| {
                let message = format!("only {started} of {processes} processes started: {error}");
                io::Error::new(error.kind(), message)
            })?;
            crowd.0.push(process);
        }
        Ok(crowd)
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        for &process in &self.0 {
            crate::kernel::end_child(process);
        }
    }
}
