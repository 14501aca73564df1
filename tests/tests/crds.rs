//! The CRDs on a real API server: they are accepted, refuse every bad object with the words that
//! help, accept every example, and teach by `kubectl explain`.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use kubemend_lab::{Lab, Options};

/// Only the operator may write a `HealingEvent` where its admission policy is installed.
const OPERATOR: [&str; 4] = [
    "--as",
    "system:serviceaccount:kubemend-system:kubemend",
    "--as-group",
    "system:masters",
];
/// The API server serves a changed CRD a moment after it has accepted it.
const PATIENCE: Duration = Duration::from_secs(15);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The lab with the committed CRDs and the namespace that the manifests name.
fn lab() -> &'static Lab {
    static LAB: OnceLock<Lab> = OnceLock::new();
    LAB.get_or_init(|| {
        let lab = Lab::up(&Options::default()).unwrap();
        let crds = root().join("crds");
        let mut apply = lab.kubectl();
        apply
            .args(["apply", "--server-side", "--force-conflicts", "-k"])
            .arg(crds);
        let (well, said) = run(&mut apply);
        // A warning would be a format or a default that the API server does not understand.
        assert!(well && !said.contains("Warning"), "{said}");
        let (well, said) = run(lab.kubectl().args([
            "wait",
            "crd",
            "--all",
            "--for=condition=Established",
            "--timeout=30s",
        ]));
        assert!(well, "{said}");
        // It is there already in every run but the first.
        run(lab.kubectl().args(["create", "namespace", "shop"]));
        lab
    })
}

/// Whether it went well, and everything that it said.
fn run(command: &mut Command) -> (bool, String) {
    let output = command.output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

fn try_on_server(file: &Path) -> (bool, String) {
    let mut apply = lab().kubectl();
    apply.args(["apply", "--dry-run=server", "--validate=strict", "-f"]);
    run(apply.arg(file))
}

/// The files of a folder in the order of their names.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root().join(folder)).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Judges every item on a few threads, each again until it is well or patience ends, and fails
/// with all complaints at once.
fn all_well<T: Sync>(items: &[T], judge: impl Fn(&T) -> Result<(), String> + Sync) {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut complaints = Vec::new();
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            let began = Instant::now();
            while let Err(complaint) = judge(item) {
                if began.elapsed() > PATIENCE {
                    complaints.push(complaint);
                    break;
                }
                thread::sleep(Duration::from_millis(500));
            }
        }
        complaints
    };
    let complaints = thread::scope(|scope| {
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        let done = workers.into_iter().map(|worker| worker.join().unwrap());
        done.collect::<Vec<_>>().concat()
    });
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

#[test]
fn every_bad_object_is_refused_with_its_message() {
    let bad = files("tests/bad");
    assert!(bad.len() >= 36, "only {} bad objects", bad.len());
    all_well(&bad, |file| {
        let text = std::fs::read_to_string(file).unwrap();
        let expected = text
            .lines()
            .find_map(|line| line.strip_prefix("# expect: "))
            .ok_or_else(|| format!("{} says no `# expect: `", file.display()))?;
        match try_on_server(file) {
            (false, said) if said.contains(expected) => Ok(()),
            (well, said) => Err(format!(
                "{}: accepted: {well}; expected {expected:?}, the server said {said}",
                file.display()
            )),
        }
    });
}

#[test]
fn every_example_is_accepted() {
    let examples = files("examples");
    assert!(examples.len() >= 8, "only {} examples", examples.len());
    all_well(&examples, |file| match try_on_server(file) {
        (true, _) => Ok(()),
        (false, said) => Err(format!("{}: {said}", file.display())),
    });
}

#[test]
fn explain_teaches() {
    let fields = [
        ("hpol", "Heals workloads of its own namespace"),
        ("hpol.spec.targets", "labels of the workload object itself"),
        ("hpol.spec.targets.selector.matchExpressions", "Example: In"),
        (
            "hpol.spec.rules.when.crashLoop",
            "A run shorter than this is a crash",
        ),
        ("hpol.spec.rules.steps.verify", "Example: 60s"),
        (
            "hpol.spec.rules.steps.action.rollback",
            "LastHealthy is the newest other revision",
        ),
        (
            "hpol.spec.budget.maxUnavailable",
            "a share of its desired replicas",
        ),
        ("chpol.spec.namespaces", "Example: [shop, payments]"),
        ("rstrat.spec.steps", "attempts are remembered"),
        ("crstrat", "the policies of every namespace"),
        ("hcfg.spec.pause", "Example: INC-4711"),
        ("hev.status", "Detection to healthy"),
    ];
    all_well(&fields, |(field, expected)| {
        let (well, said) = run(lab().kubectl().args(["explain", field]));
        // kubectl wraps lines.
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        if well && said.contains(expected) && !said.contains("<empty>") {
            Ok(())
        } else {
            Err(format!(
                "explain {field}: {expected:?} is missing in {said}"
            ))
        }
    });
}

#[test]
fn a_record_s_spec_never_changes() {
    let record = "apiVersion: kubemend.io/v1alpha1
kind: HealingEvent
metadata: {name: checkout-4f7d1c-1}
spec:
  target: {apiVersion: apps/v1, kind: Deployment, name: checkout, uid: 7c3e0c5e, templateHash: 9f86d081}
  targetRef: Deployment/checkout
  policyRef: HealingPolicy/checkout
  rule: crash-loop
  symptom: CrashLoop
  ttl: 168h
  failedAt: 2026-01-01T00:00:00.000Z
  detectedAt: 2026-01-01T00:00:43.120Z
";
    let namespace = format!("crds-{}", std::process::id());
    let (well, said) = run(lab().kubectl().args(["create", "namespace", &namespace]));
    assert!(well, "{said}");
    let apply = |text: &str| {
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("record.yaml");
        std::fs::write(&file, text).unwrap();
        let mut apply = lab().kubectl();
        apply.args(OPERATOR).args(["-n", &namespace, "apply", "-f"]);
        run(apply.arg(file))
    };
    let created = apply(record);
    let changed = apply(&record.replace("rule: crash-loop", "rule: another"));
    run(lab()
        .kubectl()
        .args(["delete", "namespace", &namespace, "--wait=false"]));
    assert!(created.0, "{}", created.1);
    assert!(
        !changed.0 && changed.1.contains("a HealingEvent's spec never changes"),
        "{}",
        changed.1
    );
}
