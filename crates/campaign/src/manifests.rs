//! The objects that a history puts on the server.

use kubemend_sim::toy;
use serde_json::{Value, json};

use crate::history::{Policy, Workload};

/// The kinds of workloads that are healed.
pub(crate) const KINDS: [&str; 3] = ["Deployment", "StatefulSet", "DaemonSet"];

/// What a chain is made of.
type Chain = fn() -> Value;

/// The chains that policies choose from; short waits, so that a run ends soon.
pub(crate) const CHAINS: [Chain; 10] = [
    || json!([restart(2)]),
    || json!([restart(2), scale(), rollback()]),
    || json!([rollback(), restart(1)]),
    || json!([scale(), restart(3)]),
    || json!([restart(1), rollback()]),
    || {
        let mut patient = restart(2);
        patient["verify"]["relapseWindow"] = json!("5m");
        json!([patient])
    },
    || json!([roll(), rollback()]),
    || json!([wait(), roll()]),
    || json!([asked(), rollback()]),
    || json!([job("mends"), job("fails"), restart(2)]),
];

/// The chain whose first step waits for a person.
pub(crate) const ASKS: usize = 8;

/// The chain with Jobs, which only a strategy of the cluster may have.
pub(crate) const JOBS: usize = 9;

/// The step that no act is made for without an approval, and who gives it.
pub(crate) const ASKED: &str = "asked";
pub(crate) const PERSON: &str = "jane doe";

fn verify() -> Value {
    json!({"timeout": "90s", "stableFor": "15s", "relapseWindow": "90s"})
}

fn restart(max: u32) -> Value {
    json!({"name": "restart", "action": {"restartPod": {}}, "verify": verify(),
        "attempts": {"max": max, "backoff": {"initial": "5s", "factor": 1}}})
}

fn asked() -> Value {
    let mut asked = restart(2);
    asked["name"] = json!(ASKED);
    asked["requireApproval"] = json!({"expires": "60s"});
    asked
}

fn roll() -> Value {
    json!({"name": "roll", "action": {"restartWorkload": {}}, "verify": verify(),
        "attempts": {"max": 2, "backoff": {"initial": "5s", "factor": 1}}})
}

/// What answers a killed container, whatever the chain of the rest.
fn resize() -> Value {
    json!({"name": "resize", "action": {"resizeMemory": {}}, "verify": verify(),
        "attempts": {"max": 2, "backoff": {"initial": "5s", "factor": 1}}})
}

fn job(image: &str) -> Value {
    json!({"name": image, "action": {"job": {"image": image, "timeout": "30s"}}, "verify": verify(),
        "attempts": {"max": 2, "backoff": {"initial": "5s", "factor": 1}}})
}

/// Lets the chain of that number answer a rule.
pub(crate) fn answer(rule: &mut Value, chain: usize) {
    let (steps, named) = if chain == JOBS {
        let named = json!({"kind": "ClusterRecoveryStrategy", "name": "jobs"});
        (Value::Null, named)
    } else {
        (CHAINS[chain](), Value::Null)
    };
    rule["steps"] = steps;
    rule["strategyRef"] = named;
}

/// The strategy with Jobs.
pub(crate) fn strategy() -> Value {
    json!({
        "apiVersion": "kubemend.io/v1alpha1", "kind": "ClusterRecoveryStrategy",
        "metadata": {"name": "jobs"},
        "spec": {"namespaces": ["shop", "bank"], "steps": CHAINS[JOBS]()},
    })
}

fn wait() -> Value {
    json!({"name": "wait", "action": {"wait": {}},
        "verify": {"timeout": "20s", "stableFor": "15s", "relapseWindow": "90s"}})
}

fn scale() -> Value {
    json!({"name": "scale", "action": {"scale": {"by": 1, "max": 6}}, "verify": verify(),
        "undo": {"after": "2m"}})
}

fn rollback() -> Value {
    json!({"name": "rollback", "action": {"rollback": {"to": "LastHealthy", "provenFor": "20s"}},
        "onlyIf": {"releasedWithin": "24h"}, "verify": verify()})
}

/// Attempts at once and acts per hour in the whole cluster, and in each namespace.
pub(crate) const CLUSTER: (u64, u64) = (4, 30);
pub(crate) const NAMESPACE: (u64, u64) = (3, 20);

/// The cluster's own settings.
pub(crate) fn config() -> Value {
    json!({
        "apiVersion": "kubemend.io/v1alpha1", "kind": "HealingConfig",
        "metadata": {"name": "cluster"},
        "spec": {
            "clusterName": "sim", "modeCeiling": "Enforce",
            // Twenty workloads fail in one moment; what a storm holds is the scenarios' business.
            "storm": {"least": 1000},
            "budget": {
                "cluster": {"concurrent": CLUSTER.0, "actsPerHour": CLUSTER.1},
                "perNamespace": {"concurrent": NAMESPACE.0, "actsPerHour": NAMESPACE.1},
            },
        },
    })
}

/// The node that the toy's pods are on, with a kubelet that can be asked for a resize.
pub(crate) fn node() -> Value {
    json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node-0"},
        "status": {"nodeInfo": {"kubeletVersion": "v1.37.2"}}})
}

/// A namespace.
pub(crate) fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}

/// A workload as its first release.
pub(crate) fn workload(one: &Workload) -> Value {
    match one.kind {
        "StatefulSet" => toy::stateful_set(one.namespace, &one.name, one.replicas, one.program),
        "DaemonSet" => toy::daemon_set(one.namespace, &one.name, one.program),
        _ => toy::deployment(one.namespace, &one.name, one.replicas, one.program),
    }
}

/// The budget over a workload's pods.
pub(crate) fn disruption_budget(one: &Workload) -> Value {
    json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"namespace": one.namespace, "name": one.name},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"app": one.name}}},
    })
}

/// An autoscaler that owns a workload's replicas.
pub(crate) fn autoscaler(one: &Workload) -> Value {
    json!({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"namespace": one.namespace, "name": one.name},
        "spec": {
            "minReplicas": 1, "maxReplicas": 5,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": one.kind, "name": one.name},
        },
    })
}

/// A policy that enforces.
pub(crate) fn policy(one: &Policy) -> Value {
    let cluster = one.namespace.is_empty();
    let targets = if one.targets.is_empty() {
        json!({"all": true})
    } else {
        let names = one
            .targets
            .iter()
            .flat_map(|name| KINDS.map(|kind| json!({"kind": kind, "name": name})));
        json!({"names": names.collect::<Vec<_>>()})
    };
    let mut policy = json!({
        "apiVersion": "kubemend.io/v1alpha1",
        "kind": if cluster { "ClusterHealingPolicy" } else { "HealingPolicy" },
        "metadata": {"name": one.name, "generation": 1},
        "spec": {
            "mode": "Enforce", "targets": targets,
            "rules": [
                {"name": "crash-loop", "when": {"crashLoop": {"restarts": 2}}},
                {"name": "oom", "when": {"oomKilled": {"kills": 1}}, "steps": [resize(), restart(1)]},
            ],
            "budget": {"concurrent": one.concurrent, "actsPerHour": one.acts},
        },
    });
    answer(&mut policy["spec"]["rules"][0], one.chain);
    if cluster {
        policy["spec"]["namespaces"] = json!({"names": ["shop", "bank"]});
    } else {
        policy["metadata"]["namespace"] = json!(one.namespace);
    }
    policy
}

/// What must never be touched: a crash loop in kube-system under a policy, one that no policy
/// selects, and one whose policy only looks.
pub(crate) fn bystanders() -> Vec<Value> {
    let looping = "exit-after:2s,code:3";
    let over = |namespace: &str, mode: &str| {
        let mut one = policy(&Policy {
            namespace: "shop",
            name: "bystander".to_owned(),
            targets: vec!["bystander".to_owned()],
            chain: 0,
            concurrent: 1,
            acts: 10,
        });
        one["metadata"]["namespace"] = json!(namespace);
        one["spec"]["mode"] = json!(mode);
        one
    };
    vec![
        toy::deployment("kube-system", "bystander", 1, looping),
        over("kube-system", "Enforce"),
        namespace("alone"),
        toy::deployment("alone", "bystander", 1, looping),
        namespace("dry"),
        toy::deployment("dry", "bystander", 1, looping),
        over("dry", "DryRun"),
    ]
}
