//! The names of records: `<target, at most 40>-<hash of namespace, kind, name>-<ordinal>[-dry]`.

use sha2::{Digest, Sha256};

use crate::facts::{Name, TargetKey, template};

/// What the names of all records of a target begin with, the last dash included.
pub fn stem(key: &TargetKey) -> String {
    let mut hasher = Sha256::new();
    for part in [&*key.namespace, key.kind.as_str(), &*key.name] {
        hasher.update(part.as_bytes());
        hasher.update([0]);
    }
    let hash = template::hex(&hasher.finalize()[..3]);
    // Names of workloads are ASCII; a cut one must still end in a letter or digit.
    let short: String = key.words().1.chars().take(40).collect();
    format!("{}-{hash}-", short.trim_end_matches(['-', '.']))
}

/// The record of that ordinal.
pub fn name(key: &TargetKey, ordinal: u64, dry: bool) -> Name {
    let dry = if dry { "-dry" } else { "" };
    Name::new(&key.namespace, &format!("{}{ordinal}{dry}", stem(key)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kubemend_api::targets::WorkloadKind;

    #[test]
    fn long_names_are_cut_and_stay_apart() {
        let long = "a-very-long-name-of-a-workload-that-goes-on-and-on";
        let one = TargetKey::new(WorkloadKind::Deployment, "shop", long);
        let other = TargetKey::new(WorkloadKind::StatefulSet, "shop", long);
        let name = name(&one, 3, true);
        assert!(
            name.name.len() < 63 && name.name.ends_with("-3-dry"),
            "{name}"
        );
        assert_ne!(stem(&one), stem(&other));
        // A Job is named by eight digits and a number instead, and its pods have that name as a label.
        assert!(stem(&one).len() + "0044607f-100".len() <= 63);
    }
}
