//! One step of a rollout: how many pods of which `ReplicaSet`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::meta::{key, number, resolve, wanted};
use crate::objects::Objects;

const DESIRED: &str = "deployment.kubernetes.io/desired-replicas";
const MOST: &str = "deployment.kubernetes.io/max-replicas";

/// What a rollout may do at once.
pub(super) struct Limits {
    pub(super) replicas: i64,
    pub(super) surge: i64,
    pub(super) unavailable: i64,
    recreate: bool,
}

impl Limits {
    pub(super) fn of(deployment: &Value) -> Self {
        let replicas = wanted(deployment);
        let strategy = &deployment["spec"]["strategy"];
        let recreate = strategy["type"] == "Recreate";
        let rolling = &strategy["rollingUpdate"];
        let surge = resolve(&rolling["maxSurge"], "25%", replicas, true);
        let mut unavailable = resolve(&rolling["maxUnavailable"], "25%", replicas, false);
        if surge == 0 && unavailable == 0 {
            unavailable = 1;
        }
        if recreate {
            unavailable = 0;
        }
        Self {
            replicas,
            surge,
            unavailable: unavailable.min(replicas),
            recreate,
        }
    }
}

/// Scale the new `ReplicaSet` up, or the old ones down.
pub(super) fn roll(objects: &mut Objects, limits: &Limits, new: &Value, olds: &[Arc<Value>]) {
    if limits.recreate {
        let gone = olds
            .iter()
            .all(|old| wanted(old) == 0 && no_pods_of(objects, old));
        if gone {
            scale(objects, limits, new, limits.replicas);
        }
        for old in olds {
            scale(objects, limits, old, 0);
        }
        return;
    }
    let total = wanted(new) + olds.iter().map(|old| wanted(old)).sum::<i64>();
    let room = limits.replicas + limits.surge - total;
    let up = match wanted(new) {
        have if have >= limits.replicas => limits.replicas,
        have => (have + room.max(0)).min(limits.replicas),
    };
    if scale(objects, limits, new, up) {
        return;
    }
    let least = limits.replicas - limits.unavailable;
    let missing = wanted(new) - number(&new["status"], "availableReplicas");
    let spare = total - least - missing;
    // First the pods that serve nobody, then those that can be spared.
    let mut targets: Vec<i64> = olds.iter().map(|old| wanted(old)).collect();
    let mut unhealthy_budget = spare;
    for (old, target) in olds.iter().zip(&mut targets) {
        let broken = (wanted(old) - number(&old["status"], "availableReplicas")).max(0);
        let down = broken.min(unhealthy_budget).max(0);
        *target -= down;
        unhealthy_budget -= down;
    }
    let all = olds.iter().map(|old| &**old).chain([new]);
    let available: i64 = all
        .map(|set| number(&set["status"], "availableReplicas"))
        .sum();
    let mut healthy_budget = (available - least).min(unhealthy_budget);
    for target in &mut targets {
        let down = (*target).min(healthy_budget).max(0);
        *target -= down;
        healthy_budget -= down;
    }
    for (old, target) in olds.iter().zip(targets) {
        scale(objects, limits, old, target);
    }
}

/// Scale one `ReplicaSet`; did that change anything?
pub(super) fn scale(objects: &mut Objects, limits: &Limits, set: &Value, replicas: i64) -> bool {
    let before = objects.version();
    let most = limits.replicas + if limits.recreate { 0 } else { limits.surge };
    let annotations = &set["metadata"]["annotations"];
    let marked = |name: &str, count: i64| annotations[name].as_str() == Some(&*count.to_string());
    if set["spec"]["replicas"] == replicas && marked(DESIRED, limits.replicas) && marked(MOST, most)
    {
        return false;
    }
    objects.update(&key(set), |set| {
        set["spec"]["replicas"] = json!(replicas);
        let annotations = &mut set["metadata"]["annotations"];
        annotations[DESIRED] = json!(limits.replicas.to_string());
        annotations[MOST] = json!(most.to_string());
    });
    objects.version() != before
}

fn no_pods_of(objects: &Objects, set: &Value) -> bool {
    let namespace = super::meta::namespace(set);
    let mine = |pod: &Arc<Value>| super::meta::controller(pod) == Some(super::meta::uid(set));
    !objects.list("Pod", namespace).iter().any(mine)
}
