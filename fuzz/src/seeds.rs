//! Good inputs, from which the mutator makes bad ones: a sick workload and all that concerns it.

use kubemend_api::event::Timestamp;
use kubemend_engine::facts::template;
use kubemend_engine::{Moment, Source};
use serde_json::{Value, json};

/// The present of every run: 2026-03-01T00:00:00Z.
pub const NOW: Moment = Moment::from_millis(1_772_323_200_000);

/// So many seconds before the present, as objects carry it.
pub fn ago(seconds: i64) -> String {
    Timestamp::from_millis(NOW.as_millis() - seconds * 1000)
        .to_string()
        .replace(".000Z", "Z")
}

fn pod_template(app: &str, revision: u32) -> Value {
    json!({"metadata": {"labels": {"app": app}},
        "spec": {"containers": [{"name": "app", "image": format!("{app}:{revision}")}]}})
}

fn hash(app: &str) -> String {
    template::hash(&pod_template(app, 2))
}

/// A Deployment whose two pods crash.
pub fn deployment(namespace: &str, app: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"namespace": namespace, "name": app, "uid": format!("{namespace}-{app}"),
            "resourceVersion": "11", "generation": 2, "creationTimestamp": ago(90_000),
            "labels": {"app": app}, "annotations": {"kubemend.io/mode": "Enforce"}},
        "spec": {"replicas": 2, "paused": false, "template": pod_template(app, 2)},
        "status": {"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 0}})
}

/// Its `ReplicaSet` of that revision; the older one is proven.
pub fn revision(namespace: &str, app: &str, number: u32) -> Value {
    let template = pod_template(app, number);
    let mut annotations = json!({"deployment.kubernetes.io/revision": number.to_string()});
    if number == 1 {
        let proof = format!("{}@{}/3600", template::hash(&template), ago(80_000));
        annotations["kubemend.io/healthy"] = json!(proof);
    }
    json!({"apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {"namespace": namespace, "name": format!("{app}-{number}"),
            "uid": format!("{namespace}-{app}-{number}"), "resourceVersion": "12",
            "creationTimestamp": ago(86_000 - i64::from(number) * 40_000), "annotations": annotations,
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": app,
                "uid": format!("{namespace}-{app}"), "controller": true}]},
        "spec": {"replicas": if number == 2 { 2 } else { 0 }, "template": template}, "status": {}})
}

/// A pod of its newest revision, in a crash loop.
pub fn pod(namespace: &str, app: &str, number: u32) -> Value {
    let end =
        json!({"exitCode": 3, "reason": "Error", "startedAt": ago(40), "finishedAt": ago(30)});
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"namespace": namespace, "name": format!("{app}-2-{number}"),
            "uid": format!("{namespace}-{app}-pod-{number}"), "resourceVersion": "13",
            "creationTimestamp": ago(600), "labels": {"app": app},
            "ownerReferences": [{"kind": "ReplicaSet", "name": format!("{app}-2"),
                "uid": format!("{namespace}-{app}-2"), "controller": true}]},
        "spec": {"nodeName": "node-0", "initContainers": [{"name": "proxy", "restartPolicy": "Always"}],
            "containers": [{"name": "app", "readinessProbe": {"exec": {}}, "livenessProbe": {"exec": {}},
                "restartPolicyRules": [{"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}]}]},
        "status": {"phase": "Running", "reason": "",
            "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": ago(30)}],
            "initContainerStatuses": [{"name": "proxy", "restartCount": 0, "state": {"running": {"startedAt": ago(600)}}}],
            "containerStatuses": [{"name": "app", "ready": false, "restartCount": 6,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": end}}]}})
}

/// The policy over a namespace, with a chain of its own whose first step is chosen.
pub fn policy(namespace: &str, first: u64) -> Value {
    let mut steps = vec![
        json!({"name": "restart", "action": {"restartPod": {}},
            "attempts": {"max": 3, "backoff": {"initial": "30s", "factor": 1, "max": "5m"}},
            "verify": {"timeout": "5m", "stableFor": "60s", "relapseWindow": "10m"}}),
        json!({"name": "scale", "action": {"scale": {"by": "50%", "max": 10}}, "undo": {"after": "1h"}}),
        json!({"name": "rollback", "action": {"rollback": {"to": "LastHealthy", "provenFor": "10m"}},
            "onlyIf": {"releasedWithin": "24h"}, "requireApproval": {"expires": "1h", "onExpiry": "Stop"}}),
    ];
    steps.rotate_left(usize::try_from(first % 3).unwrap_or(0));
    json!({"apiVersion": "kubemend.io/v1alpha1", "kind": "HealingPolicy",
        "metadata": {"namespace": namespace, "name": "all", "uid": format!("policy-{namespace}"),
            "resourceVersion": "14", "generation": 1},
        "spec": {"mode": "Enforce", "targets": {"all": true},
            "rules": [
                {"name": "loops", "when": {"crashLoop": {"restarts": 3, "window": "10m"}}, "recoverWithin": "30s", "steps": steps},
                {"name": "memory", "when": {"oomKilled": {"kills": 2, "window": "10m"}}, "steps": steps},
                {"name": "image", "kinds": ["Deployment"], "when": {"imagePull": {"for": "1m"}}, "steps": steps},
                {"name": "probes", "when": {"probeFailing": {"probes": ["Readiness", "Liveness"], "for": "5m"}}, "steps": steps},
                {"name": "told", "when": {"event": {"reasons": ["Failed", "*Error*"], "count": 3, "window": "10m"}}, "steps": steps},
                {"name": "network", "when": {"networkIssue": {"for": "30s"}}, "steps": steps},
                {"name": "late", "when": {"rolloutStalled": {}}, "steps": steps},
                {"name": "few", "mode": "DryRun", "when": {"unavailable": {"below": "50%", "for": "5m"}}, "steps": steps},
                {"name": "own", "when": {"condition": {"type": "Degraded", "status": "True"}}, "steps": steps},
                {"name": "failed", "when": {"podFailed": {}}, "strategyRef": {"kind": "RecoveryStrategy", "name": "again"}}],
            "budget": {"concurrent": 2, "actsPerHour": 10, "maxUnavailable": "50%"},
            "windows": [{"name": "night", "from": "20:00", "to": "07:00", "timeZone": "Europe/Berlin", "mode": "DryRun"}],
            "restrict": {"forbid": [], "requireApproval": ["scale"]}, "history": {"recovered": 10, "failed": 10, "ttl": "168h"}}})
}

/// A Warning event about a pod of `shop/web`.
fn event(reason: &str, times: Value) -> Value {
    let mut event = json!({"metadata": {"namespace": "shop", "name": "e", "uid": "e", "resourceVersion": "19"},
        "type": "Warning", "reason": reason,
        "message": "Liveness probe failed: Get \"http://10.0.0.1:80/\": dial tcp 10.0.0.1:80: i/o timeout",
        "involvedObject": {"kind": "Pod", "name": "web-2-0", "uid": "shop-web-pod-0"}});
    if let (Some(event), Value::Object(times)) = (event.as_object_mut(), times) {
        event.extend(times);
    }
    event
}

/// A record of `shop/web` in the middle of its chain.
pub fn record() -> Value {
    json!({"apiVersion": "kubemend.io/v1alpha1", "kind": "HealingEvent",
        "metadata": {"namespace": "shop", "name": "web-abc123-1", "uid": "record", "resourceVersion": "15",
            "annotations": {"kubemend.io/retry": "please", "kubemend.io/approval": "approve rollback/2 jane"}},
        "spec": {"target": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web", "uid": "shop-web",
                "templateHash": hash("web")},
            "targetRef": "Deployment/web", "policyRef": "HealingPolicy/all", "rule": "loops",
            "symptom": "CrashLoop", "ttl": "168h", "failedAt": ago(300), "detectedAt": ago(290)},
        "status": {"phase": "Verifying", "mode": "Enforce", "step": "restart", "attemptCount": 1,
            "retried": "please",
            "approval": {"step": "rollback", "attempt": 2, "since": ago(200), "until": ago(-3400)},
            "attempts": [{"step": "restart", "action": "restartPod", "intentAt": ago(280), "notAfter": ago(250),
                "rearmed": 0, "actedAt": ago(279), "approvedBy": "jane", "approvedAt": ago(280), "requests": [{"verb": "Delete", "name": "web-2-0",
                    "uid": "old", "result": "Applied"}]}],
            "baseline": [{"pod": "web-2-1", "container": "app", "restarts": 5}],
            "undo": {"dueAt": ago(-3600), "from": 2, "to": 3, "rearmed": 0},
            "evidence": [{"pod": "web-2-0", "container": "app", "reason": "Error", "exitCode": 3}]}})
}

/// A Lease that another process holds.
pub fn lease() -> Value {
    json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"namespace": "kubemend-system", "name": "kubemend", "uid": "lease", "resourceVersion": "16",
            "annotations": {"kubemend.io/state": "Ready"}},
        "spec": {"holderIdentity": "other", "leaseDurationSeconds": 15, "leaseTransitions": 3,
            "acquireTime": "2026-03-01T00:00:00.000000Z", "renewTime": "2026-03-01T00:00:00.000000Z"}})
}

/// A good object of each collection; what can concern `shop/web` does.
pub fn object(source: Source) -> Vec<Value> {
    let meta = |name: &str| json!({"namespace": "shop", "name": name, "uid": name, "resourceVersion": "17", "generation": 1});
    let steps = policy("shop", 0)["spec"]["rules"][0]["steps"].clone();
    let selector = json!({"matchLabels": {"app": "web"},
        "matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["batch"]}]});
    match source {
        Source::Pods => vec![pod("shop", "web", 0), pod("shop", "web", 7)],
        Source::Deployments => vec![deployment("shop", "web")],
        Source::StatefulSets | Source::DaemonSets => vec![json!({"metadata": meta("db"),
            "spec": {"replicas": 3, "template": pod_template("db", 1)},
            "status": {"observedGeneration": 1, "updatedReplicas": 3, "availableReplicas": 3,
                "desiredNumberScheduled": 3, "updatedNumberScheduled": 3, "numberAvailable": 3}})],
        Source::ReplicaSets => vec![revision("shop", "web", 1), revision("shop", "web", 2)],
        Source::ControllerRevisions => vec![
            json!({"metadata": meta("db-1"), "revision": 1,
                "data": {"spec": {"template": pod_template("db", 1)}}}),
            json!({"metadata": meta("foreign"), "revision": 2, "data": ["no", "template"]}),
        ],
        Source::Namespaces => vec![
            json!({"metadata": {"name": "shop", "uid": "ns", "resourceVersion": "3",
            "labels": {"team": "a"}, "annotations": {"kubemend.io/mode": "Enforce"}}}),
        ],
        Source::DisruptionBudgets => vec![json!({"metadata": meta("web"),
            "spec": {"selector": selector, "unhealthyPodEvictionPolicy": "AlwaysAllow", "minAvailable": "50%"},
            "status": {"observedGeneration": 1, "disruptionsAllowed": 1, "currentHealthy": 1, "desiredHealthy": 1}})],
        Source::Autoscalers => vec![json!({"metadata": meta("web"),
            "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}})],
        Source::VerticalAutoscalers => vec![json!({"metadata": meta("web"),
            "spec": {"targetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
                "updatePolicy": {"updateMode": "Auto"}}})],
        Source::Rollouts => vec![json!({"metadata": meta("web"),
            "spec": {"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}})],
        Source::Jobs => vec![
            json!({"metadata": {"name": "web-5c3e1a-69a3d0c0", "namespace": "shop", "uid": "job",
                "resourceVersion": "8", "annotations": {"kubemend.io/job-template": "a1b2c3d4e5f60718"}},
            "status": {"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded",
                "message": "Job has reached the specified backoff limit", "lastTransitionTime": "2026-03-01T00:00:00Z"}]}}),
        ],
        Source::Nodes => vec![
            json!({"metadata": {"name": "node-0", "uid": "node", "resourceVersion": "8",
                "labels": {"topology.kubernetes.io/zone": "a"}},
            "status": {"conditions": [{"type": "NetworkUnavailable", "status": "True", "reason": "NoRouteCreated",
                "message": "no route", "lastTransitionTime": "2026-03-01T00:00:00Z"}]}}),
        ],
        Source::Policies => vec![policy("shop", 0), policy("shop", 1), policy("shop", 2)],
        Source::ClusterPolicies => vec![
            json!({"metadata": {"name": "everywhere", "uid": "cp", "resourceVersion": "9"},
            "spec": {"mode": "Enforce", "priority": 5, "namespaces": {"selector": {"matchLabels": {"team": "a"}}},
                "targets": {"selector": selector, "exclude": {"matchLabels": {"tier": "batch"}}, "kinds": ["Deployment"]},
                "rules": [{"name": "loops", "when": {"crashLoop": {}},
                    "strategyRef": {"kind": "ClusterRecoveryStrategy", "name": "shared"}}],
                "restrict": {"forbid": ["scale"]}}}),
        ],
        Source::Strategies => vec![json!({"metadata": meta("again"), "spec": {"steps": steps}})],
        Source::ClusterStrategies => {
            vec![json!({"metadata": {"name": "shared", "uid": "cs"}, "spec": {"steps": steps}})]
        }
        Source::Config => vec![config()],
        Source::Records => vec![record()],
        Source::Events => vec![
            event(
                "Failed",
                json!({"count": 7, "firstTimestamp": ago(90), "lastTimestamp": ago(5)}),
            ),
            event(
                "Unhealthy",
                json!({"eventTime": ago(90), "series": {"count": 3, "lastObservedTime": ago(4)}}),
            ),
        ],
    }
}

/// The configuration: everything may act.
pub fn config() -> Value {
    json!({"apiVersion": "kubemend.io/v1alpha1", "kind": "HealingConfig",
        "metadata": {"name": "cluster", "uid": "config", "resourceVersion": "18", "generation": 1},
        "spec": {"clusterName": "fuzz", "modeCeiling": "Enforce", "excludeNamespaces": ["istio-system"],
            "storm": {"share": "30%", "least": 10, "window": "5m", "release": "10m"},
            "freezes": [{"name": "past", "from": "2025-01-01T00:00:00Z", "to": "2025-02-01T00:00:00Z", "modeCeiling": "DryRun"}],
            "budget": {"cluster": {"concurrent": 20, "actsPerHour": 100}, "perNamespace": {"concurrent": 2, "actsPerHour": 10}}}})
}
