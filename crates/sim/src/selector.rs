//! Label and field selectors.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::refusal::Refusal;

/// A label selector and a field selector; empty ones select everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    labels: Vec<Term>,
    fields: Vec<Term>,
}

#[derive(Clone, Debug)]
struct Term {
    key: String,
    op: Op,
}

#[derive(Clone, Debug)]
enum Op {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Missing,
}

impl Selector {
    pub(crate) fn from_query(query: &BTreeMap<String, String>) -> Result<Self, Refusal> {
        let parse = |name: &str| query.get(name).map_or(Ok(Vec::new()), |text| terms(text));
        Ok(Self {
            labels: parse("labelSelector")?,
            fields: parse("fieldSelector")?,
        })
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        let labels = &object["metadata"]["labels"];
        self.labels
            .iter()
            .all(|term| term.op.accepts(labels[&term.key].as_str()))
            && self.fields.iter().all(|term| {
                let field = term.key.split('.').fold(object, |value, part| &value[part]);
                // An absent field compares as empty.
                term.op.accepts(Some(field.as_str().unwrap_or_default()))
            })
    }
}

impl Op {
    fn accepts(&self, value: Option<&str>) -> bool {
        let listed = |all: &[String]| value.is_some_and(|v| all.iter().any(|one| one == v));
        match self {
            Op::In(all) => listed(all),
            Op::NotIn(all) => !listed(all),
            Op::Exists => value.is_some(),
            Op::Missing => value.is_none(),
        }
    }
}

fn terms(text: &str) -> Result<Vec<Term>, Refusal> {
    split(text).into_iter().map(term).collect()
}

/// Split at commas outside of parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0;
    text.split(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        c == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
    .collect()
}

fn term(text: &str) -> Result<Term, Refusal> {
    let one = |value: &str| vec![value.trim().to_owned()];
    let set = |value: &str| -> Vec<String> {
        let inner = value.trim().trim_start_matches('(').trim_end_matches(')');
        inner.split(',').map(|v| v.trim().to_owned()).collect()
    };
    let (key, op) = if let Some((key, value)) = text.split_once("!=") {
        (key, Op::NotIn(one(value)))
    } else if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        (key, Op::In(one(value)))
    } else if let Some((key, value)) = text.split_once(" notin ") {
        (key, Op::NotIn(set(value)))
    } else if let Some((key, value)) = text.split_once(" in ") {
        (key, Op::In(set(value)))
    } else if let Some(key) = text.strip_prefix('!') {
        (key, Op::Missing)
    } else {
        (text, Op::Exists)
    };
    let key = key.trim().to_owned();
    if key.is_empty() || key.contains(' ') {
        return Err(Refusal::bad_request(format!(
            "unable to parse requirement: {text}"
        )));
    }
    Ok(Term { key, op })
}

/// Does a `LabelSelector` object (`matchLabels`, `matchExpressions`) select these labels?
///
/// An empty selector selects everything, as in a `PodDisruptionBudget`.
pub(crate) fn selects(selector: &Value, labels: &Value) -> bool {
    let pairs = selector["matchLabels"].as_object();
    let expressions = selector["matchExpressions"].as_array();
    selector.is_object()
        && pairs.is_none_or(|pairs| pairs.iter().all(|(key, value)| labels[key] == *value))
        && expressions.is_none_or(|all| all.iter().all(|one| expression(one, labels)))
}

fn expression(expression: &Value, labels: &Value) -> bool {
    let key = expression["key"].as_str().unwrap_or_default();
    let values = || -> Vec<String> {
        let all = expression["values"].as_array().into_iter().flatten();
        all.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let op = match expression["operator"].as_str() {
        Some("In") => Op::In(values()),
        Some("NotIn") => Op::NotIn(values()),
        Some("Exists") => Op::Exists,
        _ => Op::Missing,
    };
    op.accepts(labels[key].as_str())
}
