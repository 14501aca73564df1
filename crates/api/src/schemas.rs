//! Schemas of types that are not ours, with the bounds and the words that they lack.

use schemars::{Schema, SchemaGenerator, json_schema};

/// Kubernetes' own label selector.
pub(crate) fn selector(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "properties": {
            "matchLabels": {
                "type": "object",
                "description": "Labels that must all be present with these values. Example: {app: checkout}",
                "maxProperties": 32,
                "additionalProperties": label_value(),
                "x-kubernetes-validations": [{
                    "rule": "self.all(key, key.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$'))",
                    "message": "a key of matchLabels is no label key; write letters, digits and -_. after an optional prefix and slash, for example app.kubernetes.io/name",
                }],
            },
            "matchExpressions": {
                "type": "array",
                "description": "Requirements that must all hold. Example: [{key: tier, operator: In, values: [web]}]",
                "maxItems": 32,
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "required": ["key", "operator"],
                    "properties": {
                        "key": {
                            "type": "string",
                            "description": "The label's key. Example: tier",
                            "minLength": 1,
                            "maxLength": 317,
                            "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$",
                        },
                        "operator": {
                            "type": "string",
                            "description": "How key and values relate. Example: In",
                            "enum": ["In", "NotIn", "Exists", "DoesNotExist"],
                        },
                        "values": {
                            "type": "array",
                            "description": "The values of In and NotIn; absent for the others. Example: [web]",
                            "maxItems": 64,
                            "x-kubernetes-list-type": "atomic",
                            "items": label_value(),
                        },
                    },
                    "x-kubernetes-validations": [{
                        "rule": "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)",
                        "message": "matchExpressions.values must be set for In and NotIn, and only for them",
                    }],
                },
            },
        },
    })
}

fn label_value() -> Schema {
    json_schema!({
        "type": "string",
        "maxLength": 63,
        "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$",
    })
}

/// Kubernetes' own conditions: one per type.
pub(crate) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 8,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "type": { "type": "string", "maxLength": 316, "description": "What is stated. Example: Ready" },
                "status": { "type": "string", "enum": ["True", "False", "Unknown"], "description": "Whether it holds. Example: \"True\"" },
                "reason": { "type": "string", "maxLength": 1024, "description": "Why, in one word. Example: Compiled" },
                "message": { "type": "string", "maxLength": 32768, "description": "Why, in a sentence. Example: 3 workloads are watched" },
                "lastTransitionTime": { "type": "string", "format": "date-time", "description": "When the status last changed. Example: 2026-01-01T00:00:00Z" },
                "observedGeneration": { "type": "integer", "format": "int64", "minimum": 0, "description": "The generation of the spec that it speaks of. Example: 2" },
            },
        },
    })
}

/// A small map of names to words.
pub(crate) fn words(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": { "type": "string", "maxLength": 64 },
    })
}

/// A small map of names to counts.
pub(crate) fn counts(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": { "type": "integer", "format": "int64" },
    })
}
