//! Objects as an API server sends them, made up from their number alone: pods of 6 to 9 kB, with
//! the members that nobody here reads, and the workloads that own them.

use serde_json::{Value, json};

/// Pods of one workload.
pub(crate) const REPLICAS: usize = 10;
const BORN: &str = "2026-02-01T00:00:00Z";

/// What owns the pods of a workload: most are Deployments.
fn kind(workload: usize) -> &'static str {
    match workload % 10 {
        0..7 => "ReplicaSet",
        7 | 8 => "StatefulSet",
        _ => "DaemonSet",
    }
}

fn names(workload: usize) -> (String, String) {
    let namespace = format!("team-{:04}", workload / 50);
    (namespace, format!("svc-{workload:05}-backend"))
}

fn uid(class: u8, number: usize) -> String {
    format!("8e7c0b1a-{class:04x}-4000-8000-{number:012x}")
}

/// A number that looks like chance but is the same in every run.
fn scramble(number: usize) -> usize {
    number.wrapping_mul(2_654_435_761) & 0xf_ffff
}

/// The pod of that number.
pub(crate) fn pod(number: usize) -> Value {
    let workload = number / REPLICAS;
    let (namespace, app) = names(workload);
    let owner = kind(workload);
    let (name, owner_name) = match owner {
        "ReplicaSet" => (
            format!("{app}-6d4cf56db6-{:05x}", scramble(number)),
            format!("{app}-6d4cf56db6"),
        ),
        "StatefulSet" => (format!("{app}-{}", number % REPLICAS), app.clone()),
        _ => (format!("{app}-{:05x}", scramble(number)), app.clone()),
    };
    let mut labels = json!({
        "app.kubernetes.io/name": app, "app.kubernetes.io/part-of": namespace,
        "app.kubernetes.io/version": "1.14.2", "tier": "backend",
    });
    match owner {
        "ReplicaSet" => labels["pod-template-hash"] = "6d4cf56db6".into(),
        "StatefulSet" => {
            labels["statefulset.kubernetes.io/pod-name"] = name.as_str().into();
            labels["apps.kubernetes.io/pod-index"] = (number % REPLICAS).to_string().into();
        }
        _ => labels["controller-revision-hash"] = "5c9f7f6b4c".into(),
    }
    // A quarter has a proxy beside it, as meshes do.
    let containers: &[&str] = if workload.is_multiple_of(4) {
        &["app", "proxy"]
    } else {
        &["app"]
    };
    json!({
        "metadata": {
            "name": name, "generateName": format!("{owner_name}-"), "namespace": namespace, "uid": uid(1, number),
            "resourceVersion": (1000 + number).to_string(), "creationTimestamp": BORN, "labels": labels,
            "annotations": {
                "prometheus.io/scrape": "true", "prometheus.io/port": "9090", "kubectl.kubernetes.io/default-container": "app",
                "kubectl.kubernetes.io/restartedAt": BORN, "checksum/config": format!("{:064x}", scramble(workload)),
            },
            "ownerReferences": [{ "apiVersion": "apps/v1", "kind": owner, "name": owner_name, "uid": uid(2, workload), "controller": true, "blockOwnerDeletion": true }],
            "managedFields": managed(containers),
        },
        "spec": spec(number, &app, containers),
        "status": status(number, containers),
    })
}

fn spec(number: usize, app: &str, containers: &[&str]) -> Value {
    let env = |index: usize| json!({ "name": format!("SETTING_{index}"), "value": format!("a-value-of-{app}-{index}") });
    let probe = |path: &str| {
        json!({ "httpGet": { "path": path, "port": 8080, "scheme": "HTTP" }, "initialDelaySeconds": 5, "timeoutSeconds": 1,
                "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3 })
    };
    // Pods with a proxy say less themselves, so that all are of the size that is usual.
    let settings = if containers.len() > 1 { 1 } else { 9 };
    let container = |name: &&str| {
        json!({
            "name": name, "image": format!("registry.example/{app}/{name}:1.14.2"), "imagePullPolicy": "IfNotPresent",
            "env": (0..settings).map(env).collect::<Vec<_>>(),
            "ports": [{ "name": "http", "containerPort": 8080, "protocol": "TCP" }, { "name": "metrics", "containerPort": 9090, "protocol": "TCP" }],
            "resources": { "requests": { "cpu": "100m", "memory": "128Mi" }, "limits": { "memory": "256Mi" } },
            "livenessProbe": probe("/healthz"), "readinessProbe": probe("/readyz"),
            "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] }, "readOnlyRootFilesystem": true, "runAsNonRoot": true },
            "volumeMounts": [
                { "name": "config", "mountPath": "/etc/app" },
                { "name": "kube-api-access-x2v9q", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true },
            ],
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        })
    };
    let toleration = |key: &str| json!({ "key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 });
    json!({
        "containers": containers.iter().map(container).collect::<Vec<_>>(),
        "nodeName": format!("node-{:04}", scramble(number) % 1000), "restartPolicy": "Always", "terminationGracePeriodSeconds": 30,
        "dnsPolicy": "ClusterFirst", "serviceAccountName": app, "serviceAccount": app, "schedulerName": "default-scheduler",
        "securityContext": { "fsGroup": 10001, "seccompProfile": { "type": "RuntimeDefault" } }, "priority": 0,
        "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority",
        "tolerations": [toleration("node.kubernetes.io/not-ready"), toleration("node.kubernetes.io/unreachable")],
        "topologySpreadConstraints": [{ "maxSkew": 1, "topologyKey": "topology.kubernetes.io/zone", "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": { "matchLabels": { "app.kubernetes.io/name": app } } }],
        "volumes": [
            { "name": "config", "configMap": { "name": format!("{app}-config"), "defaultMode": 420 } },
            { "name": "kube-api-access-x2v9q", "projected": { "defaultMode": 420, "sources": [
                { "serviceAccountToken": { "expirationSeconds": 3607, "path": "token" } },
                { "configMap": { "name": "kube-root-ca.crt", "items": [{ "key": "ca.crt", "path": "ca.crt" }] } },
                { "downwardAPI": { "items": [{ "path": "namespace", "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.namespace" } }] } },
            ] } },
        ],
    })
}

fn status(number: usize, containers: &[&str]) -> Value {
    let condition = |name: &&str| json!({ "type": name, "status": "True", "observedGeneration": 1, "lastProbeTime": null, "lastTransitionTime": "2026-02-01T00:00:06Z" });
    // One pod of twenty was restarted once, long ago.
    let restarted = number.is_multiple_of(20);
    let ended = json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled", "containerID": format!("containerd://{:064x}", number + 1),
        "startedAt": BORN, "finishedAt": "2026-02-03T00:00:00Z" } });
    let container = |name: &&str| {
        json!({
            "name": name, "image": format!("registry.example/{name}:1.14.2"), "imageID": format!("registry.example/{name}@sha256:{:064x}", 7),
            "containerID": format!("containerd://{number:064x}"), "ready": true, "started": true, "restartCount": u8::from(restarted),
            "state": { "running": { "startedAt": "2026-02-01T00:00:05Z" } }, "lastState": if restarted { ended.clone() } else { json!({}) },
            "resources": { "requests": { "cpu": "100m", "memory": "128Mi" }, "limits": { "memory": "256Mi" } },
        })
    };
    let conditions = [
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ];
    json!({
        "phase": "Running", "hostIP": "10.0.0.1", "hostIPs": [{ "ip": "10.0.0.1" }], "podIP": "10.1.0.1", "podIPs": [{ "ip": "10.1.0.1" }],
        "qosClass": "Burstable", "startTime": BORN, "observedGeneration": 1,
        "conditions": conditions.iter().map(condition).collect::<Vec<_>>(),
        "containerStatuses": containers.iter().map(container).collect::<Vec<_>>(),
    })
}

/// managedFields, about a third of a pod's bytes.
fn managed(containers: &[&str]) -> Value {
    let container = |name: &&str| {
        let members = [
            "f:env",
            "f:image",
            "f:imagePullPolicy",
            "f:livenessProbe",
            "f:name",
            "f:ports",
            "f:readinessProbe",
            "f:resources",
            "f:securityContext",
            "f:terminationMessagePath",
            "f:terminationMessagePolicy",
            "f:volumeMounts",
        ];
        // A proxy is put in by a webhook, which sets little.
        let told = if name == &"proxy" { 5 } else { members.len() };
        let members: serde_json::Map<_, _> = members[..told]
            .iter()
            .map(|one| ((*one).to_owned(), json!({ ".": {} })))
            .collect();
        (format!("k:{{\"name\":\"{name}\"}}"), Value::from(members))
    };
    let spec: serde_json::Map<_, _> = containers.iter().map(container).collect();
    let conditions = [
        "ContainersReady",
        "Initialized",
        "PodReadyToStartContainers",
        "Ready",
    ];
    let conditions: serde_json::Map<_, _> = conditions
        .iter()
        .map(|one| (format!("k:{{\"type\":\"{one}\"}}"), json!({ ".": {}, "f:lastProbeTime": {}, "f:lastTransitionTime": {}, "f:observedGeneration": {}, "f:status": {}, "f:type": {} })))
        .collect();
    let entry = |manager: &str, fields: Value| json!({ "manager": manager, "operation": "Update", "apiVersion": "v1", "time": BORN, "fieldsType": "FieldsV1", "fieldsV1": fields });
    let mut kubelet = entry(
        "kubelet",
        json!({ "f:status": { "f:conditions": conditions, "f:containerStatuses": {}, "f:hostIP": {}, "f:hostIPs": {},
        "f:observedGeneration": {}, "f:phase": {}, "f:podIP": {}, "f:podIPs": { ".": {}, "k:{\"ip\":\"10.1.0.1\"}": { ".": {}, "f:ip": {} } }, "f:startTime": {} } }),
    );
    kubelet["subresource"] = "status".into();
    json!([
        entry(
            "kube-controller-manager",
            json!({
            "f:metadata": { "f:annotations": { ".": {}, "f:checksum/config": {}, "f:prometheus.io/port": {}, "f:prometheus.io/scrape": {} }, "f:generateName": {},
                "f:labels": { ".": {}, "f:app.kubernetes.io/name": {}, "f:app.kubernetes.io/part-of": {}, "f:tier": {} }, "f:ownerReferences": { ".": {}, "k:{\"uid\":\"8e7c0b1a-0002-4000-8000-000000000001\"}": {} } },
            "f:spec": { "f:containers": spec, "f:dnsPolicy": {}, "f:enableServiceLinks": {}, "f:restartPolicy": {}, "f:schedulerName": {}, "f:securityContext": { ".": {}, "f:fsGroup": {}, "f:seccompProfile": {} },
                "f:serviceAccount": {}, "f:serviceAccountName": {}, "f:terminationGracePeriodSeconds": {}, "f:topologySpreadConstraints": {}, "f:volumes": {} } })
        ),
        kubelet,
    ])
}

/// The `ReplicaSet` or the Deployment above the pods of that workload; `None` where it has none.
pub(crate) fn workload(plural: &str, workload: usize) -> Option<Value> {
    let (namespace, app) = names(workload);
    let (wanted, name, class) = match plural {
        "replicasets" => ("ReplicaSet", format!("{app}-6d4cf56db6"), 2),
        "deployments" => ("ReplicaSet", app.clone(), 3),
        "statefulsets" => ("StatefulSet", app.clone(), 2),
        "daemonsets" => ("DaemonSet", app.clone(), 2),
        _ => return None,
    };
    (kind(workload) == wanted).then(|| {
        let mut object = json!({
            "metadata": { "name": name, "namespace": namespace, "uid": uid(class, workload), "resourceVersion": "900", "generation": 1, "creationTimestamp": BORN,
                "labels": { "app.kubernetes.io/name": app }, "annotations": { "deployment.kubernetes.io/revision": "1" }, "managedFields": managed(&["app"]) },
            "spec": { "replicas": REPLICAS, "selector": { "matchLabels": { "app.kubernetes.io/name": app } },
                "template": { "metadata": { "labels": { "app.kubernetes.io/name": app } }, "spec": spec(workload, &app, &["app"]) } },
            "status": { "observedGeneration": 1, "replicas": REPLICAS, "readyReplicas": REPLICAS, "updatedReplicas": REPLICAS, "availableReplicas": REPLICAS },
        });
        if plural == "replicasets" {
            object["metadata"]["ownerReferences"] = json!([{ "apiVersion": "apps/v1", "kind": "Deployment", "name": app, "uid": uid(3, workload), "controller": true }]);
        }
        object
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_six_to_nine_kilobytes() {
        for number in 0..200 {
            let bytes = pod(number).to_string().len();
            assert!((6_000..=9_000).contains(&bytes), "pod {number}: {bytes}");
        }
    }
}
