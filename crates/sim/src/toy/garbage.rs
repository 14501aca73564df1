//! The garbage collector: what has lost all its owners goes.

use std::{collections::BTreeSet, sync::Arc};

use serde_json::Value;

use super::meta::{is_going, uid};
use crate::objects::{Key, Objects};

#[derive(Default)]
pub(super) struct Garbage {
    seen: u64,
}

impl Garbage {
    pub(super) fn pass(&mut self, objects: &mut Objects) {
        let loss = objects.after(self.seen).any(|event| event.deleted);
        self.seen = objects.version();
        if !loss {
            return;
        }
        let living: BTreeSet<&str> = objects.all().map(|(_, object)| uid(object)).collect();
        let orphaned = |object: &Arc<Value>| {
            let owners = object["metadata"]["ownerReferences"].as_array();
            owners.is_some_and(|owners| {
                let lives =
                    |owner: &Value| owner["uid"].as_str().is_some_and(|u| living.contains(u));
                !owners.is_empty() && !owners.iter().any(lives)
            })
        };
        let orphans: Vec<Key> = objects
            .all()
            .filter(|(_, object)| orphaned(object) && !is_going(object))
            .map(|(key, _)| key.clone())
            .collect();
        for key in orphans {
            objects.delete(&key, false);
        }
    }
}
