//! A validator for structural schemas: types, bounds and unknown fields, in the API server's words.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::yaml::{Node, Shape};
use super::{Problem, format, rules};

/// The schemas of our kinds.
pub(super) struct Kinds {
    by_name: BTreeMap<String, Schema>,
    metadata: Schema,
}

/// The schema of one kind.
pub(super) struct Schema(Value);

impl Kinds {
    /// Those of the CRDs that this program ships.
    pub(super) fn ours() -> Self {
        let schemas = kubemend_api::crds::all().into_iter().filter_map(|crd| {
            let schema = crd
                .spec
                .versions
                .into_iter()
                .next()?
                .schema?
                .open_api_v3_schema?;
            let schema = serde_json::to_value(schema).ok()?;
            Some((crd.spec.names.kind, Schema(schema)))
        });
        Self {
            by_name: schemas.collect(),
            metadata: Schema(metadata()),
        }
    }

    pub(super) fn schema(&self, kind: &str) -> Option<&Schema> {
        self.by_name.get(kind)
    }

    /// The schema of metadata, which is the same for all of them.
    pub(super) fn metadata(&self) -> &Schema {
        &self.metadata
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

impl Schema {
    /// Adds everything that the schema and its rules find wrong.
    pub(super) fn judge(&self, path: &str, object: &Node, problems: &mut Vec<Problem>) {
        Judge { problems }.node(path, object, &self.0);
    }
}

/// CRDs say nothing about metadata: the API server judges it by itself, for every kind alike.
fn metadata() -> Value {
    json!({
        "type": "object",
        "properties": {
            "name": { "type": "string", "maxLength": 253, "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$" },
            "namespace": { "type": "string", "maxLength": 63, "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" },
            "labels": {
                "type": "object",
                "additionalProperties": {
                    "type": "string",
                    "maxLength": 63,
                    "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$",
                },
                "x-kubernetes-validations": [{
                    "rule": rules::LABEL_KEYS,
                    "message": "a key is no label key; write letters, digits and -_. after an optional prefix and slash",
                }],
            },
            "annotations": { "type": "object", "additionalProperties": { "type": "string" } },
            // What the API server writes, as in the output of `kubectl get -o yaml`.
            "creationTimestamp": {}, "deletionGracePeriodSeconds": {}, "deletionTimestamp": {},
            "finalizers": {}, "generateName": {}, "generation": {}, "managedFields": {},
            "ownerReferences": {}, "resourceVersion": {}, "selfLink": {}, "uid": {},
        },
    })
}

struct Judge<'p> {
    problems: &'p mut Vec<Problem>,
}

impl Judge<'_> {
    fn error(&mut self, node: &Node, path: &str, message: impl Into<String>) {
        self.problems.push(Problem::error(node.line, path, message));
    }

    fn node(&mut self, path: &str, node: &Node, schema: &Value) {
        if let Some(wanted) = wrong_type(node, schema) {
            let found = type_name(node);
            return self.error(node, path, format!("must be of type {wanted}: {found:?}"));
        }
        match &node.shape {
            Shape::Map(_) if schema.get("properties").is_some() => {
                self.properties(path, node, schema);
            }
            Shape::Map(_) => self.map(path, node, schema),
            Shape::List(items) => self.list(path, node, items, schema),
            Shape::Text(text) => self.text(path, node, text, schema),
            Shape::Number(number) => self.number(path, node, number.as_f64(), schema),
            Shape::Null | Shape::Bool(_) => {}
        }
        self.rules(path, node, schema);
    }

    /// An object with named fields.
    fn properties(&mut self, path: &str, node: &Node, schema: &Value) {
        let empty = serde_json::Map::new();
        let known = schema["properties"].as_object().unwrap_or(&empty);
        for member in node.members() {
            let path = join(path, &member.key);
            // The API server's own, judged elsewhere.
            if ["apiVersion", "kind", "metadata"].contains(&path.as_str()) {
                continue;
            }
            match known.get(&member.key) {
                Some(_) if matches!(member.node.shape, Shape::Null) => {}
                Some(schema) => self.node(&path, &member.node, schema),
                None if member.written != member.key => {
                    let (written, key) = (&member.written, &member.key);
                    let message = format!(
                        "unknown field {written}; kubectl reads this key as {key:?}, because YAML 1.1 takes {written} for a boolean: use the field's name"
                    );
                    self.error(&member.node, &path, message);
                }
                None => {
                    let near = rules::did_you_mean(&member.key, known.keys().map(String::as_str));
                    self.error(&member.node, &path, format!("unknown field{near}"));
                }
            }
        }
        for field in schema["required"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            if node.get(field).is_none() {
                let message = format!("Required value{}", example(field, &known[field]));
                self.error(node, &join(path, field), message);
            }
        }
    }

    /// A map whose keys are the user's own.
    fn map(&mut self, path: &str, node: &Node, schema: &Value) {
        let members = node.members();
        if let Some(most) = exceeds(members.len(), &schema["maxProperties"]) {
            let message = format!(
                "Too many: {}: must have at most {most} items",
                members.len()
            );
            self.error(node, path, message);
        }
        for member in members {
            let path = join(path, &member.key);
            if member.written != member.key {
                let (written, key) = (&member.written, &member.key);
                let message = format!(
                    "kubectl reads this key as {key:?}, because YAML 1.1 takes {written} for a boolean; quote it"
                );
                self.problems
                    .push(Problem::warning(member.node.line, &path, message));
            }
            self.node(&path, &member.node, &schema["additionalProperties"]);
        }
    }

    fn list(&mut self, path: &str, node: &Node, items: &[Node], schema: &Value) {
        if let Some(most) = exceeds(items.len(), &schema["maxItems"]) {
            let message = format!("Too many: {}: must have at most {most} items", items.len());
            self.error(node, path, message);
        }
        if let Some(least) = falls_short(items.len(), &schema["minItems"]) {
            self.error(node, path, format!("should have at least {least} items"));
        }
        let mut seen = Vec::new();
        for (at, item) in items.iter().enumerate() {
            let path = format!("{path}[{at}]");
            if let Some(identity) = identity(item, schema) {
                if seen.contains(&identity) {
                    self.error(item, &path, format!("Duplicate value: {identity}"));
                }
                seen.push(identity);
            }
            self.node(&path, item, &schema["items"]);
        }
    }

    fn text(&mut self, path: &str, node: &Node, text: &str, schema: &Value) {
        // The API server counts characters for both bounds, whatever its message says.
        let length = text.chars().count();
        if let Some(most) = exceeds(length, &schema["maxLength"]) {
            self.error(
                node,
                path,
                format!("Too long: may not be more than {most} bytes"),
            );
        }
        if let Some(least) = falls_short(length, &schema["minLength"]) {
            self.error(node, path, format!("should be at least {least} chars long"));
        }
        if let Some(words) = schema["enum"].as_array()
            && !words.iter().any(|word| word == text)
        {
            let near = rules::did_you_mean(text, words.iter().filter_map(Value::as_str));
            let words: Vec<_> = words.iter().map(Value::to_string).collect();
            let words = words.join(", ");
            let message = format!("Unsupported value: {text:?}: supported values: {words}{near}");
            self.error(node, path, message);
        }
        if let Some(format) = schema["format"].as_str()
            && format::has(format, text) == Some(false)
        {
            self.error(node, path, format!("must be of type {format}: {text:?}"));
        }
        // Where a rule says more than the pattern, the rule speaks.
        let rule_speaks = schema.get("x-kubernetes-validations").is_some();
        if let Some(pattern) = schema["pattern"].as_str()
            && !rule_speaks
            && format::matches(pattern, text) == Some(false)
        {
            let message = format!("{text:?} should match '{pattern}'{}", example("", schema));
            self.error(node, path, message);
        }
    }

    fn number(&mut self, path: &str, node: &Node, number: Option<f64>, schema: &Value) {
        let number = number.unwrap_or_default();
        if let Some(least) = schema["minimum"].as_f64().filter(|least| number < *least) {
            let message = format!("{number} should be greater than or equal to {least}");
            self.error(node, path, message);
        }
        if let Some(most) = schema["maximum"].as_f64().filter(|most| number > *most) {
            self.error(
                node,
                path,
                format!("{number} should be less than or equal to {most}"),
            );
        }
    }

    fn rules(&mut self, path: &str, node: &Node, schema: &Value) {
        for rule in schema["x-kubernetes-validations"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let text = rule["rule"].as_str().unwrap_or_default();
            if rules::holds(text, node) == Some(false) {
                self.error(node, path, rule["message"].as_str().unwrap_or(text));
            }
        }
    }
}

fn join(path: &str, field: &str) -> String {
    if path.is_empty() {
        field.to_owned()
    } else {
        format!("{path}.{field}")
    }
}

/// `; for example mode: Enforce`, from the field's description.
fn example(field: &str, schema: &Value) -> String {
    let description = schema["description"].as_str().unwrap_or_default();
    let Some((_, example)) = description.split_once("Example: ") else {
        return String::new();
    };
    let gap = if field.is_empty() { "" } else { ": " };
    format!("; for example {field}{gap}{example}")
}

/// The type that is wanted, where the node has another.
fn wrong_type(node: &Node, schema: &Value) -> Option<String> {
    let found = type_name(node);
    if schema["x-kubernetes-int-or-string"] == true {
        return (found != "integer" && found != "string").then(|| "integer,string".to_owned());
    }
    let wanted = schema["type"].as_str()?;
    let fits = wanted == found || wanted == "number" && found == "integer";
    // The API server names a string's format instead, where it has one.
    let format = schema["format"].as_str().filter(|_| wanted == "string");
    (!fits).then(|| format.unwrap_or(wanted).to_owned())
}

fn type_name(node: &Node) -> &'static str {
    match &node.shape {
        Shape::Null => "null",
        Shape::Bool(_) => "boolean",
        Shape::Number(number) if number.is_f64() => "number",
        Shape::Number(_) => "integer",
        Shape::Text(_) => "string",
        Shape::List(_) => "array",
        Shape::Map(_) => "object",
    }
}

/// What must differ between the items of a set or of a list that is a map.
fn identity(item: &Node, schema: &Value) -> Option<Value> {
    match schema["x-kubernetes-list-type"].as_str()? {
        "set" => Some(item.to_json()),
        "map" => {
            let keys = schema["x-kubernetes-list-map-keys"].as_array()?;
            let keys = keys.iter().filter_map(Value::as_str);
            let pairs = keys.filter_map(|key| Some((key.to_owned(), item.get(key)?.to_json())));
            Some(pairs.collect::<serde_json::Map<_, _>>().into())
        }
        _ => None,
    }
}

fn exceeds(size: usize, bound: &Value) -> Option<u64> {
    bound.as_u64().filter(|most| size as u64 > *most)
}

fn falls_short(size: usize, bound: &Value) -> Option<u64> {
    bound.as_u64().filter(|least| (size as u64) < *least)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the API server enforces must have its answer here: an unknown rule, pattern or
    /// format would silently pass.
    #[test]
    fn every_rule_pattern_and_format_of_the_crds_is_known() {
        let anything = Node {
            line: 1,
            shape: Shape::Map(Vec::new()),
        };
        let (mut rules, mut unknown) = (0, Vec::new());
        for Schema(schema) in Kinds::ours().by_name.values() {
            visit(schema, &mut |schema| {
                for rule in schema["x-kubernetes-validations"]
                    .as_array()
                    .into_iter()
                    .flatten()
                {
                    rules += 1;
                    let text = rule["rule"].as_str().unwrap_or_default();
                    if rules::holds(text, &anything).is_none() {
                        unknown.push(text.to_owned());
                    }
                }
                for (word, known) in [
                    ("pattern", format::matches as fn(&str, &str) -> Option<bool>),
                    ("format", format::has),
                ] {
                    let text = schema[word].as_str().filter(|_| schema["type"] == "string");
                    unknown.extend(
                        text.filter(|text| known(text, "a").is_none())
                            .map(str::to_owned),
                    );
                }
            });
        }
        assert!(rules > 50, "only {rules} rules were visited");
        assert!(unknown.is_empty(), "not answered: {unknown:#?}");
    }

    fn visit(schema: &Value, see: &mut impl FnMut(&Value)) {
        see(schema);
        for property in schema["properties"]
            .as_object()
            .into_iter()
            .flat_map(|all| all.values())
        {
            visit(property, see);
        }
        for nested in ["items", "additionalProperties"] {
            if let Some(nested) = schema.get(nested) {
                visit(nested, see);
            }
        }
    }
}
