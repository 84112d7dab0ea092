//! Names of users for people: looked up once each, since a directory server may answer slowly.

use crate::quantities::Uid;
use crate::sys::users;
use std::collections::HashMap;

/// The names that were looked up.
#[derive(Debug, Default)]
pub struct UserNames {
    names: HashMap<Uid, Vec<u8>>,
}

impl UserNames {
    /// The user's name, or the number where no source knows it.
    pub fn name(&mut self, uid: Uid) -> &[u8] {
        self.names
            .entry(uid)
            .or_insert_with(|| match users::name_of(uid) {
                Ok(Some(name)) => name,
                Ok(None) | Err(_) => uid.to_string().into_bytes(),
            })
    }

    /// Forgets them, so that they are looked up again.
    pub fn clear(&mut self) {
        self.names.clear();
    }
}
