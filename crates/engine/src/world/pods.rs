//! The pods by name, of which there are more than of anything else.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::Pod;
use crate::facts::Name;

/// A set instead of a map: each pod knows its own name. Boxed, because the nodes of a set that grows
/// in order stay half empty.
#[derive(Default)]
pub(crate) struct Pods(BTreeSet<ByName>);

struct ByName(Box<Pod>);

impl Pods {
    /// The pod of that name.
    pub(crate) fn get(&self, name: &Name) -> Option<&Pod> {
        self.0.get(name).map(|one| &*one.0)
    }

    /// Puts a pod in the place of the one of its name.
    pub(super) fn insert(&mut self, pod: Pod) {
        self.0.replace(ByName(Box::new(pod)));
    }

    /// Takes a pod away; true where there was one.
    pub(super) fn remove(&mut self, name: &Name) -> bool {
        self.0.remove(name)
    }

    /// All names, in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        self.0.iter().map(Borrow::borrow)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

impl Borrow<Name> for ByName {
    fn borrow(&self) -> &Name {
        &self.0.facts.name
    }
}

impl PartialEq for ByName {
    fn eq(&self, other: &Self) -> bool {
        self.0.facts.name == other.0.facts.name
    }
}

impl Eq for ByName {}

impl PartialOrd for ByName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.facts.name.cmp(&other.0.facts.name)
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::Container;
    use crate::world::Pod;

    /// A hundred thousand of each are held; one word more is a megabyte.
    #[test]
    fn digests_keep_their_size() {
        assert_eq!(size_of::<Pod>(), 128);
        assert_eq!(size_of::<Container>(), 48);
    }
}
