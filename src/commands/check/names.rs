//! The names of a configuration, for completing `--name`.

use crate::config::{Config, NamePattern};
use crate::escape::OneLine;
use std::collections::BTreeSet;

/// The names of the whitelist and of the rules as they are written, each once, one a line.
pub(super) fn names(config: &Config) -> String {
    let listed = config.whitelist.names.iter();
    let ruled = config.rules.iter();
    let ruled = ruled.filter_map(|rule| rule.matcher.name.as_ref());
    let shown = |name: &NamePattern| format!("{}\n", OneLine(name.text()));
    let names: BTreeSet<_> = listed.chain(ruled).map(shown).collect();
    names.into_iter().collect()
}
