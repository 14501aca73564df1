//! `kubemend check` on the corpus of bad objects, on the examples, and on files of every odd shape.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use kubemend_operator::check::run;

fn checked(files: &[PathBuf]) -> (bool, String) {
    let mut out = Vec::new();
    let well = run(files, &mut out).unwrap();
    (well, String::from_utf8(out).unwrap())
}

/// Checks a text that is written to a file of that name.
fn checked_text(name: &str, text: &str) -> (bool, String) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    let (well, out) = checked(std::slice::from_ref(&path));
    (well, out.replace(&format!("{}/", folder.display()), ""))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Each file says what must be found, and `# here` stands on the line where.
#[test]
fn every_bad_object_is_refused_at_the_right_line() {
    let mut count = 0;
    for entry in std::fs::read_dir(root().join("tests/bad")).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let after = |mark: &str| text.lines().find_map(|line| line.strip_prefix(mark));
        let wanted = after("# expect-check: ").or(after("# expect: ")).unwrap();
        let here = text
            .lines()
            .position(|line| line.ends_with("# here"))
            .unwrap()
            + 1;
        let (well, out) = checked(std::slice::from_ref(&path));
        assert!(!well, "{} passed", path.display());
        let place = format!("{}:{here}: ", path.display());
        assert!(
            out.lines()
                .any(|line| line.starts_with(&place) && line.contains(wanted)),
            "{}: {wanted:?} is missing at line {here} in\n{out}",
            path.display()
        );
        count += 1;
    }
    assert!(count >= 36, "only {count} bad objects");
}

#[test]
fn every_example_passes() {
    let (well, out) = checked(&[root().join("examples")]);
    assert!(well, "{out}");
    assert!(
        out.starts_with("ok: ") && out.trim_end().ends_with(" files"),
        "{out}"
    );
}

/// What is installed is checked like what users write, and what belongs to others is passed over.
#[test]
fn the_manifests_pass() {
    let (well, out) = checked(&[root().join("manifests")]);
    assert!(well, "{out}");
    assert!(out.contains(": not a kubemend.io kind"), "{out}");
}

const GOOD: &str = "apiVersion: kubemend.io/v1alpha1
kind: HealingConfig
metadata: {name: cluster}
spec: {modeCeiling: Enforce}
";

#[test]
fn documents_lists_and_foreign_kinds_are_told_apart() {
    let foreign = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n";
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: kubemend.io/v1alpha1\n  kind: HealingConfig\n  metadata: {name: other}\n  spec: {}\n";
    let (well, out) = checked_text(
        "several.yaml",
        &format!("{GOOD}---\n{foreign}---\n---\n{list}"),
    );
    assert!(!well);
    let expected = "several.yaml:6: skipped v1 ConfigMap/other: not a kubemend.io kind\n\
                    several.yaml:14: HealingConfig/other: there is one HealingConfig; name it cluster\n";
    assert_eq!(out, expected);
    let (well, out) = checked_text("good.yaml", &format!("{GOOD}---\n{foreign}"));
    assert!(well);
    assert!(out.ends_with("ok: 1 object in 1 file\n"), "{out}");
}

#[test]
fn a_file_that_is_no_yaml_names_its_line() {
    let (well, out) = checked_text("broken.yaml", "kind: a\nspec: {a: [1\nb: 2\n");
    assert!(!well);
    assert!(out.starts_with("broken.yaml:"), "{out}");
    let (well, out) = checked_text("twice.yaml", &format!("{GOOD}spec: {{}}\n"));
    assert!(!well);
    assert_eq!(
        out,
        "twice.yaml:5: key spec is written twice in one map; remove one\n"
    );
}

#[test]
fn yaml_that_explodes_or_nests_without_end_is_refused() {
    let level = |n: usize| format!("a{n}: &a{n} [{}]\n", format!("*a{}, ", n - 1).repeat(10));
    let bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned()
        + &(1..12).map(level).collect::<String>();
    let (well, out) = checked_text("bomb.yaml", &bomb);
    assert!(!well && out.contains("too many aliases"), "{out}");
    let (well, out) = checked_text("deep.yaml", &"[".repeat(5000));
    assert!(!well && out.starts_with("deep.yaml:1: "), "{out}");
}

/// kubectl turns the key into "true": in a map of labels that is no error, and not what was meant.
#[test]
fn a_label_called_on_is_a_warning() {
    let policy = "apiVersion: kubemend.io/v1alpha1
kind: HealingPolicy
metadata: {name: a, namespace: shop}
spec:
  targets:
    selector:
      matchLabels:
        on: web
  rules:
  - name: crash-loop
    when: {crashLoop: {}}
    steps:
    - {name: restart, action: {restartPod: {}}}
";
    let (well, out) = checked_text("on.yaml", policy);
    assert!(well, "{out}");
    assert!(
        out.starts_with(
            "on.yaml:8: HealingPolicy/a spec.targets.selector.matchLabels.true: warning: "
        ),
        "{out}"
    );
}

#[test]
fn what_cannot_be_read_is_an_error_that_names_it() {
    let error = run(&[PathBuf::from("no-such-file.yaml")], &mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("no-such-file.yaml"));
}

/// A rule's worst case, with a strategy that comes with Kubemend and with inline steps; an objective that no act
/// can meet is an error.
#[test]
fn the_timeline_is_the_worst_case() {
    let policy = |within: &str| {
        format!(
            "apiVersion: kubemend.io/v1alpha1
kind: HealingPolicy
metadata: {{name: shop, namespace: shop}}
spec:
  targets: {{all: true}}
  rules:
  - name: loop
    when: {{crashLoop: {{}}}}
    strategyRef: {{kind: ClusterRecoveryStrategy, name: crash-loop}}
  - name: patient
    when: {{podFailed: {{}}}}
    recoverWithin: {within}
    steps:
    - {{name: wait, action: {{wait: {{}}}}, verify: {{timeout: 2m}}}}
    - {{name: restart, action: {{restartPod: {{}}}}, attempts: {{max: 2, backoff: {{initial: 30s}}}}}}
  - {{name: asleep, mode: Suspended, when: {{evicted: {{}}}}, steps: [{{name: wait, action: {{wait: {{}}}}}}]}}
  - name: asked
    mode: DryRun
    when: {{unavailable: {{}}}}
    steps:
    - {{name: roll, action: {{restartWorkload: {{}}}}, requireApproval: {{expires: 30m}}}}
    - {{name: back, action: {{rollback: {{}}}}}}
  restrict: {{requireApproval: [rollback]}}
"
        )
    };
    let told = |within: &str| {
        let name = format!("timeline-{within}.yaml");
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&path, policy(within)).unwrap();
        let mut out = Vec::new();
        let well = kubemend_operator::check::timeline(&[path], &mut out).unwrap();
        (well, String::from_utf8(out).unwrap())
    };
    let (well, text) = told("3m");
    assert!(well, "{text}");
    for line in [
        "HealingPolicy/shop rule loop, from detection of CrashLoop:",
        "  T+0:00 restart (restartPod), attempt 1 of 3",
        "  T+5:30 restart (restartPod), attempt 2 of 3",
        "  T+11:00 restart (restartPod), attempt 3 of 3",
        "  T+16:00 scale (scale), attempt 1 of 1",
        "  T+21:00 rollback waits for an approval, given at the last moment",
        "  T+1:21:00 rollback (rollback), attempt 1 of 1",
        "  T+1:26:00 exhausted, and latched until the symptom is gone",
        "HealingPolicy/shop rule asleep is Suspended: nothing answers Evicted",
        "HealingPolicy/shop rule asked in DryRun, from detection of Unavailable:",
        "  T+0:00 roll waits for an approval, given at the last moment",
        "  T+30:00 roll (restartWorkload), attempt 1 of 1",
        "  T+35:00 back waits for an approval, given at the last moment",
        "  at most 10 acts in an hour, of 10 that its budget allows",
        "  T+2:00 restart (restartPod), attempt 1 of 2",
        "  T+7:30 restart (restartPod), attempt 2 of 2",
    ] {
        assert!(
            text.lines().any(|one| one == line),
            "{line:?} is missing in\n{text}"
        );
    }
    let (well, text) = told("1m");
    assert!(
        !well && text.contains("begins 2m after detection"),
        "{text}"
    );
}
