//! How much a program writes to standard error. Pure.

use log::LevelFilter;

/// How much is written to standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// What the configured level says.
    #[default]
    Normal,
    /// Everything down to debug.
    Verbose,
}

impl Verbosity {
    /// The least severe level for standard error where the configuration says `configured`.
    pub fn level(self, configured: LevelFilter) -> LevelFilter {
        match self {
            Self::Quiet => LevelFilter::Error,
            Self::Normal => configured,
            Self::Verbose => configured.max(LevelFilter::Debug),
        }
    }
}
