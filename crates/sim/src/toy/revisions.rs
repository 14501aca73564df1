//! `ControllerRevision`s: one for each template that a `StatefulSet` or `DaemonSet` has had.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::meta::{by_controller, name, namespace, number, owned_by, uid};
use crate::{
    objects::{Key, Objects},
    rng::{Rng, hash},
};

/// The label by which a pod names its revision.
pub(super) const LABEL: &str = "controller-revision-hash";

/// The revisions of all workloads, by the UID of their owner.
pub(super) struct Revisions(BTreeMap<String, Vec<Arc<Value>>>);

impl Revisions {
    pub(super) fn of(objects: &Objects) -> Self {
        Self(by_controller(objects, "ControllerRevision"))
    }

    /// The hash in the name of the present template's revision. It is made where it is missing; one that comes back gets
    /// the highest number, as the real controllers have it.
    pub(super) fn present(&self, objects: &mut Objects, owner: &Value) -> String {
        let template = &owner["spec"]["template"];
        let hash = Rng::new(hash(&template.to_string())).suffix(10);
        let named = format!("{}-{hash}", name(owner));
        let mine = self.0.get(uid(owner)).map_or(&[][..], Vec::as_slice);
        let others = mine.iter().filter(|one| name(one) != named);
        let top = others.map(|one| number(one, "revision")).max().unwrap_or(0) + 1;
        let key = Key::new("ControllerRevision", namespace(owner), &named);
        match objects.get(&key).map(|known| number(known, "revision")) {
            None => {
                let mut data = template.clone();
                data["$patch"] = json!("replace");
                objects.put(json!({
                    "apiVersion": "apps/v1", "kind": "ControllerRevision",
                    "metadata": {
                        "name": named, "namespace": namespace(owner), "ownerReferences": owned_by(owner),
                        "labels": {LABEL: hash},
                    },
                    "data": {"spec": {"template": data}}, "revision": top,
                }));
            }
            Some(number) if number < top => {
                objects.update(&key, |known| known["revision"] = json!(top));
            }
            Some(_) => {}
        }
        hash
    }
}
