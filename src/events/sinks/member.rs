//! The members of simplelog's `CombinedLogger`, each of which takes every record and knows itself which ones it writes.

use log::{LevelFilter, Log, Metadata, Record};
use simplelog::{Config, SharedLogger};

/// What a member does with a record.
pub(super) trait Member: Send + Sync {
    fn log(&self, record: &Record<'_>);
}

/// A member as the combined logger wants it.
pub(super) fn boxed(member: &(impl Member + Clone + 'static)) -> Box<dyn SharedLogger> {
    Box::new(Shared(member.clone()))
}

struct Shared<M>(M);

impl<M: Member> Log for Shared<M> {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        self.0.log(record);
    }

    fn flush(&self) {}
}

impl<M: Member + 'static> SharedLogger for Shared<M> {
    /// All of them: the combined logger keeps what it is told here for ever, but a reload may change the level.
    fn level(&self) -> LevelFilter {
        LevelFilter::Trace
    }

    fn config(&self) -> Option<&Config> {
        None
    }

    fn as_log(self: Box<Self>) -> Box<dyn Log> {
        self
    }
}
