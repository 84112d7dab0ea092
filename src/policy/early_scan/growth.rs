//! How much memory was taken since a moment at which all that matters was known. Pure.

use crate::quantities::Bytes;

/// The memory of the processes since a scan. What is freed hides what is taken, so that it counts from its lowest
/// level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Growth {
    lowest: Bytes,
    /// What was known to be taken at that time.
    known: Bytes,
}

/// What was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// By all processes together.
    pub all: Bytes,
    /// All but what those have grown by that are known. What they show may be shared, and counted more than once: so it
    /// may delay a scan, and never replace it.
    pub unexplained: Bytes,
}

impl Default for Growth {
    /// Counts from the next level on.
    fn default() -> Self {
        Self {
            lowest: Bytes::new(u64::MAX),
            known: Bytes::ZERO,
        }
    }
}

impl Growth {
    /// The processes have `occupied` now, and the known ones have grown by `known` since the scan.
    pub fn note(&mut self, occupied: Bytes, known: Bytes) -> Taken {
        if occupied <= self.lowest {
            (self.lowest, self.known) = (occupied, known);
        }
        let all = occupied.saturating_sub(self.lowest);
        let explained = known.saturating_sub(self.known);
        Taken {
            all,
            unexplained: all.saturating_sub(explained),
        }
    }
}
