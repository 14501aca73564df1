//! Patches, and what becomes of a template under them.

#![allow(clippy::unwrap_used)]

use super::*;

/// What kubectl and kustomize make of a patch: a strategic merge.
fn merged(under: &Value, patch: &Value, key: &str) -> Value {
    match (under, patch) {
        (Value::Object(under), Value::Object(patch)) => {
            let mut all = under.clone();
            for (key, one) in patch {
                if one.is_null() {
                    all.remove(key);
                } else {
                    let before = all.get(key).cloned().unwrap_or_default();
                    all.insert(key.clone(), merged(&before, one, key));
                }
            }
            Value::Object(all)
        }
        (_, Value::Array(patch)) if BY_NAME.contains(&key) || BY_OTHER.contains(&key) => {
            list(under, patch)
        }
        _ => patch.clone(),
    }
}

fn list(under: &Value, patch: &[Value]) -> Value {
    let said = |one: &Value| one["$patch"].as_str().map(str::to_owned);
    if patch.first().and_then(said).as_deref() == Some("replace") {
        return Value::Array(patch[1..].to_vec());
    }
    let mut all = under.as_array().cloned().unwrap_or_default();
    for one in patch {
        let at = all.iter().position(|own| own["name"] == one["name"]);
        match (at, said(one).as_deref()) {
            (Some(at), Some("delete")) => drop(all.remove(at)),
            (Some(at), _) => all[at] = merged(&all[at].clone(), one, ""),
            (None, _) => all.push(one.clone()),
        }
    }
    Value::Array(all)
}

#[allow(clippy::needless_pass_by_value)] // it is handed what it wraps
fn template(spec: Value) -> Value {
    json!({ "metadata": { "labels": { "app": "web" } }, "spec": spec })
}

/// The patch, after a look that it does what it is for.
fn turns(from: &Value, to: &Value) -> Value {
    let difference = between(from, to, Literals::Shown);
    assert!(difference.left_out.is_empty());
    let patch = difference.patch.expect("no bound");
    let patch = &patch["spec"]["template"];
    let (from, to) = (
        template::as_released(from.clone()),
        template::as_released(to.clone()),
    );
    assert_eq!(merged(&from, patch, ""), to, "{patch:#}");
    patch.clone()
}

#[test]
fn a_bad_image_is_one_line() {
    let of = |image: &str| {
        template(
            json!({ "containers": [{ "name": "app", "image": image }, { "name": "side", "image": "s:1" }] }),
        )
    };
    let mut current = of("web:2");
    current["metadata"]["labels"]["pod-template-hash"] = json!("5d6");
    current["metadata"]["annotations"] = json!({ "kubectl.kubernetes.io/restartedAt": "now" });
    assert_eq!(
        turns(&current, &of("web:1")),
        json!({ "spec": { "containers": [{ "name": "app", "image": "web:1" }] } })
    );
    assert_eq!(turns(&of("web:1"), &of("web:1")), json!({}));
}

#[test]
fn what_is_gone_is_deleted_and_what_is_new_is_written_whole() {
    let from = template(json!({
        "containers": [{ "name": "app", "image": "web:2", "args": ["--new"], "ports": [{ "containerPort": 81 }],
            "env": [{ "name": "A", "value": "1" }, { "name": "B", "value": "2" }],
            "volumeMounts": [{ "name": "v", "mountPath": "/v" }],
            "livenessProbe": { "httpGet": { "path": "/" }, "periodSeconds": 5 } },
            { "name": "added", "image": "x" }],
        "volumes": [{ "name": "v", "emptyDir": {} }, { "name": "w", "configMap": { "name": "two" } }],
        "nodeSelector": { "disk": "ssd" },
    }));
    let to = template(json!({
        "containers": [{ "name": "app", "image": "web:1", "args": ["--old", "x"], "ports": [{ "containerPort": 80 }],
            "env": [{ "name": "A", "valueFrom": { "secretKeyRef": { "name": "s", "key": "k" } } }],
            "volumeMounts": [],
            "livenessProbe": { "tcpSocket": { "port": 80 }, "periodSeconds": 5 } }],
        "volumes": [{ "name": "w", "secret": { "secretName": "one" } }],
        "serviceAccountName": "web",
    }));
    let patch = turns(&from, &to);
    let containers = patch["spec"]["containers"].as_array().unwrap();
    assert_eq!(
        containers[1],
        json!({ "$patch": "delete", "name": "added" })
    );
    assert_eq!(patch["spec"]["nodeSelector"], Value::Null);
    turns(&to, &from);
}

#[test]
fn an_order_that_changes_is_written_whole() {
    let of = |names: &[&str]| {
        let all: Vec<Value> = names
            .iter()
            .map(|one| json!({ "name": one, "image": "i" }))
            .collect();
        template(json!({ "initContainers": all }))
    };
    let patch = turns(&of(&["b", "a"]), &of(&["a", "b"]));
    assert_eq!(
        patch["spec"]["initContainers"][0],
        json!({ "$patch": "replace" })
    );
    turns(&of(&["a", "c"]), &of(&["a", "b", "c"]));
    turns(&of(&["a", "b", "c"]), &of(&["a", "c"]));
}

#[test]
fn a_record_holds_no_values_of_variables() {
    let of = |image: &str, password: &str| {
        template(json!({ "containers": [{ "name": "app", "image": image,
        "env": [{ "name": "PASSWORD", "value": password }, { "name": "HOST", "valueFrom": { "fieldRef": { "fieldPath": "x" } } }] }] }))
    };
    let (from, to) = (of("web:2", "hunter3"), of("web:1", "hunter2"));
    let kept = for_record(&from, &to);
    let patch = kept.patch.unwrap();
    assert_eq!(
        patch,
        json!({ "spec": { "template": { "spec": { "containers": [{ "name": "app", "image": "web:1" }] } } } })
    );
    assert_eq!(kept.left_out, ["spec.containers[app].env"]);
    // Nor where a whole container is new.
    let none = template(json!({ "containers": [{ "name": "side", "image": "s" }] }));
    let kept = for_record(&none, &to);
    assert!(!kept.patch.unwrap().to_string().contains("hunter"));
    assert_eq!(kept.left_out, ["spec.containers"]);
    turns(&from, &to);
}

#[test]
fn what_is_too_long_keeps_its_images() {
    let of = |image: &str, arg: &str| {
        template(json!({ "containers": [{ "name": "app", "image": image, "args": [arg] }] }))
    };
    let kept = for_record(&of("web:2", "x"), &of("web:1", &"y".repeat(PATCH_MAX)));
    let patch = kept.patch.unwrap();
    assert_eq!(
        patch,
        json!({ "spec": { "template": { "spec": { "containers": [{ "name": "app", "image": "web:1" }] } } } })
    );
    assert_eq!(kept.left_out, ["everything but the images"]);
}
