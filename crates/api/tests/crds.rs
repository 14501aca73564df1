//! The committed CRDs are the ones that the types make. `UPDATE=1 make crds` rewrites them.

#![allow(clippy::unwrap_used)]

use std::path::Path;

#[test]
fn committed_crds_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crds");
    let update = std::env::var_os("UPDATE").is_some();
    for (name, fresh) in kubemend_api::crds::files() {
        let path = folder.join(&name);
        if update {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&path, &fresh).unwrap();
        }
        let committed = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(committed == fresh, "crds/{name} is stale: run `make crds`");
    }
    assert_eq!(
        std::fs::read_dir(&folder)
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().file_name() != "kustomization.yaml")
            .count(),
        6,
        "crds/ holds the six CRDs and the kustomization.yaml that lists them"
    );
}
