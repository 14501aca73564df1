//! The list cannot rot: each bug still has its place in the source.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_bug_has_exactly_one_place() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a workspace");
    let mut names = BTreeSet::new();
    for mutant in kubemend_mutants::all() {
        let source = std::fs::read_to_string(root.join(mutant.file)).expect(mutant.file);
        let places = source.matches(mutant.find).count();
        assert_eq!(
            places, 1,
            "{}: {:?} in {}",
            mutant.name, mutant.find, mutant.file
        );
        assert_ne!(mutant.find, mutant.replace);
        assert!(names.insert(mutant.name), "{} is there twice", mutant.name);
    }
    assert!(names.len() >= 30, "only {} bugs are left", names.len());
}
