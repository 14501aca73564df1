//! The ConfigMaps and Secrets that a template takes its configuration from, by name: nobody reads what is in them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Text;

/// Every namespace has it, and every pod mounts it.
const OF_EVERYBODY: &str = "kube-root-ca.crt";

/// A record holds no longer name.
const LONGEST: usize = 253;

/// `ConfigMap/settings`, `Secret/login`: what environments, volumes and projections name, sorted.
pub(super) fn read(template: &Value) -> Box<[Text]> {
    let spec = &template["spec"];
    let containers = ["initContainers", "containers"].map(|list| spec[list].as_array());
    let containers = containers.into_iter().flatten().flatten();
    let of_containers = containers.flat_map(|one| {
        let single = items(&one["env"]).map(|env| &env["valueFrom"]);
        let single = single.flat_map(|from| named(from, ["configMapKeyRef", "secretKeyRef"]));
        let whole = items(&one["envFrom"]);
        single.chain(whole.flat_map(|from| named(from, ["configMapRef", "secretRef"])))
    });
    let of_volumes = items(&spec["volumes"]).flat_map(|one| {
        let own = named(one, ["configMap", "secret"]);
        let parts = items(&one["projected"]["sources"]);
        own.chain(parts.flat_map(|part| named(part, ["configMap", "secret"])))
    });
    let all: BTreeSet<Text> = of_containers.chain(of_volumes).collect();
    all.into_iter().collect()
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// The ConfigMap and the Secret that these members name; a volume calls a Secret's name `secretName`.
fn named<'a>(from: &'a Value, members: [&'a str; 2]) -> impl Iterator<Item = Text> + 'a {
    let kinds = ["ConfigMap", "Secret"].into_iter().zip(members);
    kinds.filter_map(|(kind, member)| {
        let reference = &from[member];
        let name = reference["name"].as_str();
        let name = name.or_else(|| reference["secretName"].as_str())?;
        let fits = !name.is_empty() && name.len() <= LONGEST - "ConfigMap/".len();
        (fits && name != OF_EVERYBODY).then(|| format!("{kind}/{name}").into())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_place_where_a_template_names_its_configuration_is_read() {
        let template = json!({ "spec": {
            "initContainers": [{ "envFrom": [{ "secretRef": { "name": "login" } }] }],
            "containers": [{
                "env": [
                    { "name": "A", "value": "plain" },
                    { "name": "B", "valueFrom": { "configMapKeyRef": { "name": "flags", "key": "b" } } },
                    { "name": "C", "valueFrom": { "secretKeyRef": { "name": "token", "key": "c" } } },
                ],
                "envFrom": [{ "configMapRef": { "name": "flags" } }],
            }],
            "volumes": [
                { "name": "v", "configMap": { "name": "settings" } },
                { "name": "w", "secret": { "secretName": "tls" } },
                { "name": "x", "emptyDir": {} },
                { "name": "y", "projected": { "sources": [
                    { "configMap": { "name": "kube-root-ca.crt" } }, { "configMap": { "name": "rules" } },
                    { "secret": { "name": "key" } }, { "downwardAPI": {} },
                ] } },
                "nothing at all",
            ],
        } });
        let read = read(&template);
        let read: Vec<&str> = read.iter().map(|one| &**one).collect();
        let wanted = [
            "ConfigMap/flags",
            "ConfigMap/rules",
            "ConfigMap/settings",
            "Secret/key",
            "Secret/login",
            "Secret/tls",
            "Secret/token",
        ];
        assert_eq!(read, wanted);
    }

    #[test]
    fn what_is_no_template_names_nothing() {
        for template in [
            json!(null),
            json!({ "spec": { "volumes": 7, "containers": [[]] } }),
        ] {
            assert!(read(&template).is_empty());
        }
    }
}
