//! Names of users: each is looked up once, since a directory server may answer slowly.

use crate::quantities::Uid;
use crate::sys::users;
use std::collections::HashMap;

/// The names that were looked up so far.
#[derive(Debug, Default)]
pub struct UserNames {
    names: HashMap<Uid, Vec<u8>>,
}

impl UserNames {
    /// The name of the user, or the uid where no source knows it.
    pub fn name(&mut self, uid: Uid) -> &[u8] {
        self.names
            .entry(uid)
            .or_insert_with(|| match users::name_of(uid) {
                Ok(Some(name)) => name,
                Ok(None) | Err(_) => uid.to_string().into_bytes(),
            })
    }

    /// Forgets all names, so that they are looked up again.
    pub fn clear(&mut self) {
        self.names.clear();
    }
}
