//! Names of users: each is looked up once, since a directory server may answer slowly. A command waits for the answer;
//! the daemon asks a process of its own, and shows the uid until that has answered.

mod directory;

pub use directory::{Directory, Lookups};

use crate::quantities::Uid;
use crate::sys::users;
use directory::Answer;
use std::collections::HashMap;

/// So many names are kept; with one more all are forgotten, and looked up again.
const NAMES: usize = 1024;

/// The names that were looked up so far.
#[derive(Debug, Default)]
pub struct UserNames {
    names: HashMap<Uid, Vec<u8>>,
    /// None where each look-up is waited for.
    directory: Option<Directory>,
}

impl UserNames {
    /// Asks this process for names. A name that it does not know yet is the uid.
    pub fn of(directory: Directory) -> Self {
        Self {
            names: HashMap::new(),
            directory: Some(directory),
        }
    }

    /// The name of the user, or the uid where no source knows it, or none has answered yet.
    pub fn name(&mut self, uid: Uid) -> &[u8] {
        let (names, directory) = (&mut self.names, &mut self.directory);
        if let Some(directory) = directory {
            directory.take(&mut |answer| match answer {
                Answer::Name(uid, name) => drop(names.insert(uid, name)),
                // No answer is none: it is asked for again.
                Answer::None(uid) => drop(names.remove(&uid)),
            });
        }
        if names.len() >= NAMES && !names.contains_key(&uid) {
            names.clear();
        }
        names.entry(uid).or_insert_with(|| {
            let name = match directory {
                Some(directory) => directory.name_of(uid),
                None => users::name_of(uid).ok().flatten(),
            };
            name.unwrap_or_else(|| uid.to_string().into_bytes())
        })
    }

    /// Forgets all names, so that they are looked up again.
    pub fn clear(&mut self) {
        self.names.clear();
    }
}
