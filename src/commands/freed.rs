//! How much memory killed processes have freed, of which that is not always known: while memory is short their share of
//! it is not read. Pure.

use crate::quantities::Bytes;
use serde::{Serialize, Serializer};
use std::fmt;

/// What several processes have freed, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Freed {
    bytes: Bytes,
    known: usize,
    unknown: usize,
}

impl Freed {
    /// One process more; None where it is not known.
    pub(crate) fn add(&mut self, freed: Option<u64>) {
        match freed {
            Some(freed) => {
                self.bytes = self.bytes.saturating_add(Bytes::new(freed));
                self.known += 1;
            }
            None => self.unknown += 1,
        }
    }
}

impl FromIterator<Option<u64>> for Freed {
    fn from_iter<I: IntoIterator<Item = Option<u64>>>(all: I) -> Self {
        let mut freed = Self::default();
        all.into_iter().for_each(|one| freed.add(one));
        freed
    }
}

/// `1.50GB freed`, `at least 1.50GB freed`, `it is not known what was freed`.
impl fmt::Display for Freed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.known, self.unknown) {
            (0, 1..) => f.write_str("it is not known what was freed"),
            (_, 0) => write!(f, "{} freed", self.bytes),
            (_, _) => write!(f, "at least {} freed", self.bytes),
        }
    }
}

/// The bytes that are known.
impl Serialize for Freed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.bytes.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_claimed_that_is_not_known() {
        let gb = Some(1 << 30);
        for (all, shown) in [
            (vec![], "0.00GB freed"),
            (vec![gb, gb], "2.00GB freed"),
            (vec![gb, None], "at least 1.00GB freed"),
            (vec![None, None], "it is not known what was freed"),
        ] {
            let freed: Freed = all.into_iter().collect();
            assert_eq!(freed.to_string(), shown);
        }
        let freed: Freed = [gb, None].into_iter().collect();
        assert_eq!(serde_json::to_string(&freed).unwrap(), "1073741824");
    }
}
