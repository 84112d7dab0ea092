//! The arguments of one process, read by the helper when they are first wanted.

use super::super::name::with_spaces;
use super::super::procfile::{Failure, Unreadable};
use super::Blocking;
use super::reader::Request;
use crate::quantities::ProcessKey;
use crate::sys::process::ProcessDirectory;

/// The arguments of one process, read when they are first wanted.
pub(in crate::proc) struct Arguments<'a> {
    blocking: &'a Blocking,
    directory: &'a ProcessDirectory,
    key: ProcessKey,
    read: Option<Result<(), Unreadable>>,
    text: Vec<u8>,
    joined: Vec<u8>,
}

impl<'a> Arguments<'a> {
    pub(in crate::proc) fn of(
        blocking: &'a Blocking,
        directory: &'a ProcessDirectory,
        key: ProcessKey,
    ) -> Self {
        Self {
            blocking,
            directory,
            key,
            read: None,
            text: blocking.take_text(),
            joined: blocking.take_text(),
        }
    }

    /// As the process has them, a NUL after each. A process that is gone has none.
    ///
    /// # Errors
    /// Where they can't be read, to their end or in time.
    pub(in crate::proc) fn get(&mut self) -> Result<&[u8], Unreadable> {
        if self.read.is_none() {
            let read =
                self.blocking
                    .read(self.directory, self.key, Request::Cmdline, &mut self.text);
            self.read = Some(match read {
                Ok(()) => Ok(()),
                Err(Failure::Unreadable(unreadable)) => Err(unreadable),
                Err(Failure::Gone) => {
                    self.text.clear();
                    Ok(())
                }
            });
        }
        match self.read {
            Some(Err(unreadable)) => Err(unreadable),
            _ => Ok(&self.text),
        }
    }

    /// The same with spaces between them, as ps(1) shows them.
    ///
    /// # Errors
    /// As [`Arguments::get`].
    pub(in crate::proc) fn joined(&mut self) -> Result<&[u8], Unreadable> {
        self.get()?;
        self.joined.clear();
        self.joined.extend(with_spaces(&self.text));
        Ok(&self.joined)
    }
}

impl Drop for Arguments<'_> {
    fn drop(&mut self) {
        self.blocking.give_back(std::mem::take(&mut self.text));
        self.blocking.give_back(std::mem::take(&mut self.joined));
    }
}
