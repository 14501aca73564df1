//! What a round costs, beside the cheapest thing that could be done instead; and what a pod costs
//! in memory, beside the object that it was read from.

use std::sync::OnceLock;

use divan::{AllocProfiler, Bencher, black_box};
use k8s_openapi::api::core::v1::Pod;
use kubemend_engine::change::{self, Change, Object};
use kubemend_engine::facts::slim::SlimPod;
use kubemend_engine::facts::{Phase, PodFacts};
use kubemend_engine::source::Source;
use kubemend_engine::{Effect, Moment, Settings, World, decide};
use serde_json::{Value, json};

/// Counts every allocation, so that bytes per pod are measured and not estimated.
#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// Second zero: 2026-03-01T00:00:00Z.
const NOW: i64 = 1_772_323_200_000;
/// Pods of one Deployment.
const REPLICAS: usize = 10;

fn main() {
    memory::print();
    ratios::print();
    divan::main();
}

/// A world of so many pods of which so many Deployments have a looping one.
struct Case {
    world: World,
    facts: Vec<PodFacts>,
}

#[divan::bench(sample_count = 20)]
fn round_of_10_000_pods_15_suspects(bencher: Bencher) {
    let case = small();
    bencher.bench(|| decide(black_box(&case.world), now()));
}

#[divan::bench(sample_count = 20)]
fn baseline_scan_of_10_000_pods(bencher: Bencher) {
    let case = small();
    bencher.bench(|| scan(black_box(&case.facts)));
}

#[divan::bench(sample_count = 20)]
fn round_of_150_000_pods_15_suspects(bencher: Bencher) {
    let case = large();
    bencher.bench(|| decide(black_box(&case.world), now()));
}

#[divan::bench(sample_count = 20)]
fn baseline_scan_of_150_000_pods(bencher: Bencher) {
    let case = large();
    bencher.bench(|| scan(black_box(&case.facts)));
}

#[divan::bench(sample_count = 10)]
fn round_of_150_000_pods_15_000_suspects(bencher: Bencher) {
    let case = storm();
    bencher.bench(|| decide(black_box(&case.world), now()));
}

#[divan::bench(sample_count = 10)]
fn round_of_150_000_pods_15_000_held(bencher: Bencher) {
    let case = held();
    bencher.bench(|| decide(black_box(&case.world), now()));
}

#[divan::bench(sample_count = 20)]
fn apply_one_pod(bencher: Bencher) {
    let bytes = serde_json::to_vec(&pod(7, false)).expect("JSON");
    let mut case = Case::new(1000, 0);
    bencher.bench_local(move || {
        let change = change::read(Source::Pods, black_box(&bytes)).expect("a pod");
        case.world.apply(change, now())
    });
}

fn now() -> Moment {
    Moment::from_millis(NOW)
}

fn small() -> &'static Case {
    static CASE: OnceLock<Case> = OnceLock::new();
    CASE.get_or_init(|| Case::new(10_000, 15))
}

fn large() -> &'static Case {
    static CASE: OnceLock<Case> = OnceLock::new();
    CASE.get_or_init(|| Case::new(150_000, 15))
}

fn storm() -> &'static Case {
    static CASE: OnceLock<Case> = OnceLock::new();
    CASE.get_or_init(|| Case::new(150_000, 15_000))
}

/// The same storm a while later: each of its targets has a record, and what they share holds them all.
fn held() -> &'static Case {
    static CASE: OnceLock<Case> = OnceLock::new();
    CASE.get_or_init(|| {
        let mut case = Case::new(150_000, 15_000);
        for _ in 0..3 {
            let plan = decide(&case.world, now());
            for effect in plan.effects {
                let (Effect::Open(episode, _) | Effect::Write(episode)) = effect else {
                    panic!("a storm lets nothing act: {effect:?}");
                };
                let record = Change::Object(Box::new(Object::Record(episode)));
                case.world.apply(record, now());
            }
        }
        case
    })
}

/// The baseline: every pod once, counting those that crashed lately. It knows no policy, no
/// budget, no record; whatever looks at every pod in every round costs more than this.
fn scan(pods: &[PodFacts]) -> usize {
    let crashed = |pod: &&PodFacts| {
        matches!(pod.phase, Phase::Failed | Phase::Unknown)
            || pod.containers.iter().any(|one| {
                let ended = one.abnormal().and_then(|end| end.finished);
                one.restarts >= 3 && ended.is_some_and(|at| now().since(at) <= 600_000)
            })
    };
    pods.iter().filter(crashed).count()
}

impl Case {
    fn new(pods: usize, suspects: usize) -> Self {
        let mut world = World::new(Settings::default());
        for source in Source::ALL {
            world.apply(Change::ListBegins(source), now());
        }
        for object in policies() {
            show(&mut world, &object);
        }
        let workloads = pods.div_ceil(REPLICAS);
        for index in 0..workloads {
            for object in &deployment(index) {
                show(&mut world, object);
            }
        }
        // Of the first Deployments one pod each loops; where there are more suspects than
        // Deployments the rest of their pods loop too.
        let mut facts = Vec::with_capacity(pods);
        for index in 0..pods {
            let rank = (index % REPLICAS) * workloads + index / REPLICAS;
            let bytes = serde_json::to_vec(&pod(index, rank < suspects)).expect("JSON");
            world.apply(change::read(Source::Pods, &bytes).expect("a pod"), now());
            let slim: SlimPod = serde_json::from_slice(&bytes).expect("a pod");
            facts.push(PodFacts::read(&slim));
        }
        for source in Source::ALL {
            let version = "9".into();
            world.apply(
                Change::ListEnds {
                    source,
                    version,
                    at: now(),
                },
                now(),
            );
        }
        world.apply(Change::Lead(true), now());
        assert_eq!(scan(&facts), suspects, "the case is not what it says");
        Self { world, facts }
    }
}

fn show(world: &mut World, object: &Value) {
    let kind = object["kind"].as_str().unwrap_or_default();
    let source = Source::ALL.into_iter().find(|one| one.kind() == kind);
    let bytes = serde_json::to_vec(object).expect("JSON");
    let change = change::read(source.expect("a watched kind"), &bytes);
    world.apply(change.expect("an object"), now());
}

fn policies() -> [Value; 3] {
    [
        json!({ "kind": "HealingConfig", "metadata": { "name": "cluster" }, "spec": { "modeCeiling": "Enforce" } }),
        json!({ "kind": "ClusterRecoveryStrategy", "metadata": { "name": "crash-loop" }, "spec": { "steps": [
            { "name": "restart", "action": { "restartPod": {} }, "attempts": { "max": 3 } },
            { "name": "scale", "action": { "scale": { "by": 1 } } },
            { "name": "rollback", "action": { "rollback": {} }, "onlyIf": { "releasedWithin": "24h" } },
        ] } }),
        json!({ "kind": "ClusterHealingPolicy", "metadata": { "name": "all", "uid": "all" }, "spec": {
            "mode": "Enforce", "namespaces": { "all": true }, "targets": { "all": true },
            "rules": [{ "name": "loops", "when": { "crashLoop": { "restarts": 3 } },
                        "strategyRef": { "kind": "ClusterRecoveryStrategy", "name": "crash-loop" } }] } }),
    ]
}

/// A workload and its one revision, proven long ago; fifty Deployments share a namespace.
fn deployment(index: usize) -> [Value; 2] {
    let (name, namespace) = (format!("web-{index}"), format!("team-{}", index / 50));
    let template = json!({ "metadata": { "labels": { "app": name } }, "spec": {
        "containers": [{ "name": "app", "image": "web:1", "envFrom": [{ "configMapRef": { "name": "team" } }, { "secretRef": { "name": format!("{name}-login") } }] }],
        "volumes": [{ "name": "tls", "secret": { "secretName": "tls" } }] } });
    let hash = kubemend_engine::facts::template::hash(&template);
    [
        json!({ "kind": "Deployment",
            "metadata": { "name": name, "namespace": namespace, "uid": format!("d-{index}"), "labels": { "app": name }, "creationTimestamp": "2026-01-01T00:00:00Z" },
            "spec": { "replicas": REPLICAS, "template": template },
            "status": { "updatedReplicas": REPLICAS, "availableReplicas": REPLICAS } }),
        json!({ "kind": "ReplicaSet",
            "metadata": { "name": format!("{name}-rs"), "namespace": namespace, "uid": format!("r-{index}"), "creationTimestamp": "2026-01-01T00:00:00Z",
                "annotations": { "deployment.kubernetes.io/revision": "1", "kubemend.io/healthy": format!("{hash}@2026-01-01T00:00:00Z/86400") },
                "ownerReferences": [{ "kind": "Deployment", "name": name, "uid": format!("d-{index}"), "controller": true }] },
            "spec": { "replicas": REPLICAS, "template": template } }),
    ]
}

/// A pod as an API server sends it, with the members that nobody here reads.
fn pod(index: usize, looping: bool) -> Value {
    let owner = index / REPLICAS;
    let (app, name) = (
        format!("web-{owner}"),
        format!("web-{owner}-6d4cf56db6-{index:05x}"),
    );
    let state = if looping {
        json!({ "waiting": { "reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container" } })
    } else {
        json!({ "running": { "startedAt": "2026-02-01T00:00:05Z" } })
    };
    let ended = json!({ "terminated": { "exitCode": 1, "reason": "Error", "containerID": "containerd://4f1c", "startedAt": "2026-02-28T23:59:40Z", "finishedAt": "2026-02-28T23:59:45Z" } });
    let ready = if looping { "False" } else { "True" };
    let condition = |name: &str, status: &str| json!({ "type": name, "status": status, "lastProbeTime": null, "lastTransitionTime": "2026-02-01T00:00:06Z" });
    let managed = json!({ "manager": "kubelet", "operation": "Update", "subresource": "status", "apiVersion": "v1", "time": "2026-02-01T00:00:06Z", "fieldsType": "FieldsV1",
        "fieldsV1": { "f:status": { "f:conditions": { "k:{\"type\":\"Ready\"}": { ".": {}, "f:status": {}, "f:type": {} } }, "f:containerStatuses": {}, "f:hostIP": {}, "f:phase": {}, "f:podIP": {}, "f:startTime": {} } } });
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": name, "generateName": format!("web-{owner}-6d4cf56db6-"), "namespace": format!("team-{}", owner / 50),
            "uid": format!("8e7c0b1a-0000-4000-8000-{index:012x}"), "resourceVersion": (1000 + index).to_string(), "creationTimestamp": "2026-02-01T00:00:00Z",
            "labels": { "app": app, "pod-template-hash": "6d4cf56db6", "tier": "backend", "team": format!("team-{}", owner / 50) },
            "annotations": { "prometheus.io/scrape": "true", "prometheus.io/port": "9090", "kubectl.kubernetes.io/default-container": "app" },
            "ownerReferences": [{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{app}-rs"), "uid": format!("r-{owner}"), "controller": true, "blockOwnerDeletion": true }],
            "managedFields": [managed],
        },
        "spec": {
            "containers": [{
                "name": "app", "image": "registry.example/web:1", "imagePullPolicy": "IfNotPresent", "terminationMessagePath": "/dev/termination-log",
                "env": [{ "name": "MODE", "value": "production" }, { "name": "POD", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } }],
                "ports": [{ "containerPort": 8080, "protocol": "TCP" }],
                "resources": { "requests": { "cpu": "100m", "memory": "128Mi" }, "limits": { "memory": "256Mi" } },
                "livenessProbe": { "httpGet": { "path": "/healthz", "port": 8080 }, "periodSeconds": 10 },
                "readinessProbe": { "httpGet": { "path": "/readyz", "port": 8080 }, "periodSeconds": 10 },
                "volumeMounts": [{ "name": "kube-api-access", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true }],
            }],
            "nodeName": format!("node-{}", index % 300), "restartPolicy": "Always", "schedulerName": "default-scheduler", "serviceAccountName": "default",
            "tolerations": [{ "key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 }],
            "volumes": [{ "name": "kube-api-access", "projected": { "defaultMode": 420, "sources": [{ "serviceAccountToken": { "expirationSeconds": 3607, "path": "token" } }] } }],
        },
        "status": {
            "phase": "Running", "hostIP": "10.0.0.1", "podIP": "10.1.0.1", "podIPs": [{ "ip": "10.1.0.1" }], "qosClass": "Burstable", "startTime": "2026-02-01T00:00:00Z",
            "conditions": [condition("Initialized", "True"), condition("Ready", ready), condition("ContainersReady", ready), condition("PodScheduled", "True")],
            "containerStatuses": [{ "name": "app", "image": "registry.example/web:1", "imageID": "registry.example/web@sha256:0f1e", "containerID": "containerd://4f1d", "ready": !looping, "started": !looping,
                "restartCount": if looping { 4 } else { 0 }, "state": state, "lastState": if looping { ended } else { json!({}) } }],
        },
    })
}

/// What rounds cost compared with the baseline, as one line each.
mod ratios {
    use super::{Case, decide, held, large, now, scan, small, storm};

    pub(super) fn print() {
        println!(
            "A round of decide() beside a scan of every pod that only counts (median of 21):\n"
        );
        println!("| pods | suspects | decide() | scan | ratio |");
        println!("|---|---|---|---|---|");
        let few = line("10,000", "15", small());
        let many = line("150,000", "15", large());
        let storm = line("150,000", "15,000", storm());
        line("150,000", "15,000, held", held());
        let met = |met: bool| if met { "met" } else { "NOT met" };
        let ratio = many / few;
        println!(
            "\ngoal: 150,000 pods cost at most 1.2 times what 10,000 do: {ratio:.2}, {}",
            met(ratio <= 1.2)
        );
        println!(
            "goal: 15,000 suspects within 1.5 s: {}, {}\n",
            micros(storm),
            met(storm <= 1.5e6)
        );
    }

    fn line(pods: &str, suspects: &str, case: &Case) -> f64 {
        let round = median(|| decide(&case.world, now()).effects.len());
        let scan = median(|| scan(&case.facts));
        println!(
            "| {pods} | {suspects} | {} | {} | {:.2} |",
            micros(round),
            micros(scan),
            round / scan
        );
        round
    }

    fn micros(micros: f64) -> String {
        if micros >= 1000.0 {
            format!("{:.1} ms", micros / 1000.0)
        } else {
            format!("{micros:.0} µs")
        }
    }

    fn median<T>(mut run: impl FnMut() -> T) -> f64 {
        let mut times: Vec<f64> = (0..21).map(|_| time(&mut run)).collect();
        times.sort_by(f64::total_cmp);
        times[10]
    }

    // A benchmark measures; nothing here decides.
    #[allow(clippy::disallowed_methods)]
    fn time<T>(run: &mut impl FnMut() -> T) -> f64 {
        let begin = std::time::Instant::now();
        divan::black_box(run());
        begin.elapsed().as_secs_f64() * 1e6
    }
}

/// Resident bytes per pod, by what the process grows while the pods are loaded.
mod memory {
    use super::{Change, Pod, Settings, Source, World, change, now, pod};

    const PODS: u32 = 20_000;

    pub(super) fn print() {
        let world = per_pod(|| {
            let mut world = World::new(Settings::default());
            for index in 0..PODS {
                let change = change::read(Source::Pods, &bytes(index)).expect("a pod");
                world.apply(change, now());
            }
            assert_eq!(world.pod_count(), PODS as usize);
            world.apply(Change::Lead(true), now());
            world
        });
        let objects = per_pod(|| {
            let read = |index| serde_json::from_slice(&bytes(index)).expect("a pod");
            (0..PODS).map(read).collect::<Vec<Pod>>()
        });
        println!("Resident bytes per pod, {PODS} pods loaded in the same process:\n");
        println!("| World | Vec<k8s_openapi Pod> | ratio |");
        println!("|---|---|---|");
        println!("| {world:.0} | {objects:.0} | {:.2} |\n", world / objects);
    }

    fn bytes(index: u32) -> Vec<u8> {
        serde_json::to_vec(&pod(index as usize, false)).expect("JSON")
    }

    fn per_pod<T>(load: impl FnOnce() -> T) -> f64 {
        let before = resident();
        let loaded = load();
        let grown = resident() - before;
        // What it holds must live until it is measured, and go before the next one is.
        drop(divan::black_box(loaded));
        grown / f64::from(PODS)
    }

    /// Resident bytes of this process.
    fn resident() -> f64 {
        let statm = std::fs::read_to_string("/proc/self/statm").expect("/proc/self/statm");
        let pages = statm
            .split_whitespace()
            .nth(1)
            .and_then(|text| text.parse::<f64>().ok());
        pages.expect("a number of pages") * 4096.0
    }
}
