//! Users at a reload: a directory that does not answer takes nobody's protection away.

use super::{Config, Loaded, Warning};
use crate::quantities::Uid;

impl Loaded {
    /// Whom no source of the user database knows now, but when `before` was read, stays who it was then. A
    /// directory that does not answer and a user who was deleted look the same, and doubt never kills.
    pub fn keep_users(&mut self, before: &Config) {
        let mut kept = Vec::new();
        for user in &mut self.config.whitelist.users {
            if user.uid.is_none() {
                user.uid = before.meant_by(&user.text).first().copied();
                kept.extend(user.uid.map(|_| user.text.clone()));
            }
        }
        let matchers = self.config.rules.iter_mut().map(|rule| &mut rule.matcher);
        for user in matchers.filter_map(|matcher| matcher.user.as_mut()) {
            if user.uids.is_empty() {
                let text = user.pattern.text().to_string_lossy();
                user.uids = before.meant_by(&text).to_vec();
                kept.extend((!user.uids.is_empty()).then(|| text.into_owned()));
            }
        }
        for warning in &mut self.warnings {
            if let Warning::UnknownUser { place, user }
            | Warning::RuleUser { place, user }
            | Warning::UserLookup { place, user, .. } = warning
            {
                if kept.contains(user) {
                    *warning = Warning::UserKept {
                        place: place.take(),
                        user: std::mem::take(user),
                    };
                }
            }
        }
    }
}

impl Config {
    /// Whom this text, of the whitelist or of a rule, meant when the configuration was read.
    fn meant_by(&self, text: &str) -> &[Uid] {
        let listed = self.whitelist.users.iter();
        let listed = listed.filter(|user| user.text == text);
        let matchers = self
            .rules
            .iter()
            .filter_map(|rule| rule.matcher.user.as_ref());
        let matched = matchers.filter(|user| user.pattern.text().to_bytes() == text.as_bytes());
        listed
            .map(|user| user.uid.as_slice())
            .chain(matched.map(|user| user.uids.as_slice()))
            .find(|uids| !uids.is_empty())
            .unwrap_or_default()
    }
}
