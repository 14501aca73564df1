//! The cross-field rules of the CRDs in plain Rust, found by their CEL text.
//!
//! The messages stand in the CRDs only. A test fails when a CRD has a rule that is not answered here.

use kubemend_api::event::Timestamp;
use kubemend_api::{Duration, Factor};

use super::format;
use super::yaml::{Node, Shape};

const SELECTOR: &str = "!has(self.selector) || (has(self.selector.matchLabels) && self.selector.matchLabels.size() > 0) || (has(self.selector.matchExpressions) && self.selector.matchExpressions.size() > 0)";
const EXCLUDE: &str = "!has(self.exclude) || (has(self.exclude.matchLabels) && self.exclude.matchLabels.size() > 0) || (has(self.exclude.matchExpressions) && self.exclude.matchExpressions.size() > 0)";
/// The rule on the keys of labels.
pub(super) const LABEL_KEYS: &str = "self.all(key, key.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$'))";
const DURATION: &str =
    "self.matches('^([0-9]{1,6}(ms|s|m|h))+$') && duration(self) <= duration('87600h')";
const FACTOR: &str = "self.matches('^[1-9](\\\\.[0-9]{1,2})?$') && double(self) > 1.0";
const RELAPSE: &str = "duration(has(self.relapseWindow) ? self.relapseWindow : '10m') >= duration(has(self.stableFor) ? self.stableFor : '60s')";
const BACKOFF: &str =
    "!has(self.max) || duration(self.max) >= duration(has(self.initial) ? self.initial : '30s')";
const VALUES: &str =
    "(self.operator in ['In', 'NotIn']) == (has(self.values) && self.values.size() > 0)";

const NO_JOB: &str = "self.all(s, !has(s.action.job))";
const GOOD_CONDITION: &str = "self.status != 'True' || !(self.type in ['Ready', 'ContainersReady', 'Initialized', 'PodScheduled', 'PodReadyToStartContainers', 'Available', 'Progressing'])";
const GOOD: [&str; 7] = [
    "Ready",
    "ContainersReady",
    "Initialized",
    "PodScheduled",
    "PodReadyToStartContainers",
    "Available",
    "Progressing",
];

/// Whether the rule holds for the node; `None` for a rule that is not known here.
pub(super) fn holds(rule: &str, node: &Node) -> Option<bool> {
    if let Some(fields) = exactly_one(rule) {
        return Some(
            fields
                .split("), has(self.")
                .filter(|field| has(node, field))
                .count()
                == 1,
        );
    }
    if let Some((field, least)) = at_least(rule) {
        // A malformed duration is the complaint of another rule.
        return Some(millis(node, field).is_none_or(|length| length >= least));
    }
    Some(match rule {
        // An offline check has no older object.
        "self == oldSelf" => true,
        "self.metadata.name == 'cluster'" => {
            node.get("metadata")
                .and_then(|metadata| text(metadata, "name"))
                == Some(kubemend_api::CONFIG_NAME)
        }
        "!has(self.all) || self.all" => node
            .get("all")
            .is_none_or(|all| matches!(all.shape, Shape::Bool(true))),
        "!has(self.kinds) || !has(self.names)" => !has(node, "kinds") || !has(node, "names"),
        SELECTOR => node.get("selector").is_none_or(selects),
        EXCLUDE => node.get("exclude").is_none_or(selects),
        VALUES => {
            let wants = matches!(text(node, "operator"), Some("In" | "NotIn"));
            wants
                == node
                    .get("values")
                    .is_some_and(|values| !values.items().is_empty())
        }
        LABEL_KEYS => node
            .members()
            .iter()
            .all(|member| format::label_key(&member.key)),
        DURATION => node
            .text()
            .is_none_or(|text| text.parse::<Duration>().is_ok()),
        FACTOR => node
            .text()
            .is_none_or(|text| text.parse::<Factor>().is_ok()),
        BACKOFF => not_below(node, "max", None, "initial", 30_000),
        RELAPSE => not_below(node, "relapseWindow", Some(600_000), "stableFor", 60_000),
        "!has(self.by) || self.by != 0 && self.by != '0%'" => !is_zero(node.get("by")),
        "!has(self.maxUnavailable) || self.maxUnavailable != 0 && self.maxUnavailable != '0%'" => {
            !is_zero(node.get("maxUnavailable"))
        }
        "!has(self.undo) || has(self.action.scale)" => {
            !has(node, "undo")
                || node
                    .get("action")
                    .is_some_and(|action| has(action, "scale"))
        }
        "!has(self.requireApproval) || !has(self.action.wait)" => {
            !has(node, "requireApproval")
                || node.get("action").is_none_or(|action| !has(action, "wait"))
        }
        "!has(self.requireApproval) || !('wait' in self.requireApproval)" => {
            let listed = node.get("requireApproval");
            listed.is_none_or(|all| all.items().iter().all(|one| one.text() != Some("wait")))
        }
        "!has(self.share) || self.share != 0 && self.share != '0%'" => !is_zero(node.get("share")),
        "!has(self.below) || self.below != 0 && self.below != '0%'" => !is_zero(node.get("below")),
        GOOD_CONDITION => {
            let good = text(node, "type").is_some_and(|kind| GOOD.contains(&kind));
            !good || text(node, "status") != Some("True")
        }
        "has(self.releasedWithin) || has(self.kinds)" => {
            has(node, "releasedWithin") || has(node, "kinds")
        }
        "has(self.rules) && self.rules.size() > 0 || has(self.restrict) || has(self.budget)" => {
            let rules = node.get("rules");
            rules.is_some_and(|rules| !rules.items().is_empty())
                || has(node, "restrict")
                || has(node, "budget")
        }
        "!has(self.timeout) || duration(self.timeout) <= duration('1h')" => {
            millis(node, "timeout").is_none_or(|length| length <= 3_600_000)
        }
        NO_JOB => no_job(node),
        "has(self.namespaces) || self.steps.all(s, !has(s.action.job))" => {
            has(node, "namespaces") || node.get("steps").is_none_or(no_job)
        }
        "self.from != self.to" => text(node, "from") != text(node, "to"),
        "self.from < self.to" => {
            let at = |field| text(node, field).and_then(Timestamp::parse_millis);
            at("from").zip(at("to")).is_none_or(|(from, to)| from < to)
        }
        "has(self.strategyRef) != has(self.steps)" => {
            has(node, "strategyRef") != has(node, "steps")
        }
        "self.all(a, self.exists_one(b, b.name == a.name))" => names_differ(node),
        "self.all(r, !has(r.strategyRef) || r.strategyRef.kind == 'ClusterRecoveryStrategy')" => {
            node.items().iter().all(|rule| {
                rule.get("strategyRef")
                    .is_none_or(|reference| text(reference, "kind") != Some("RecoveryStrategy"))
            })
        }
        _ => return None,
    })
}

/// `[has(self.a), has(self.b)].filter(x, x).size() == 1`
fn exactly_one(rule: &str) -> Option<&str> {
    rule.strip_prefix("[has(self.")?
        .strip_suffix(")].filter(x, x).size() == 1")
}

/// `!has(self.window) || duration(self.window) >= duration('10s')`
fn at_least(rule: &str) -> Option<(&str, i64)> {
    let (field, rest) = rule.strip_prefix("!has(self.")?.split_once(')')?;
    let least = rest
        .strip_prefix(" || duration(self.")?
        .strip_prefix(field)?
        .strip_prefix(") >= duration('")?
        .strip_suffix("')")?;
    // A field that is a word of CEL is escaped in rules: `self.__for__`
    let plain = field
        .strip_prefix("__")
        .and_then(|one| one.strip_suffix("__"));
    let least = least.parse::<Duration>().ok()?.as_millis();
    Some((plain.unwrap_or(field), least))
}

/// Whether one duration is not below another, with the values that stand in for absent ones;
/// an upper one without such a value is not judged when it is absent.
fn not_below(node: &Node, upper: &str, stand_in: Option<i64>, lower: &str, otherwise: i64) -> bool {
    let length = |field, otherwise| match node.get(field) {
        Some(_) => millis(node, field),
        None => otherwise,
    };
    match (length(upper, stand_in), length(lower, Some(otherwise))) {
        (Some(upper), Some(lower)) => upper >= lower,
        _ => true,
    }
}

fn names_differ(list: &Node) -> bool {
    let names: Vec<_> = list
        .items()
        .iter()
        .filter_map(|item| text(item, "name"))
        .collect();
    names
        .iter()
        .enumerate()
        .all(|(at, name)| !names[..at].contains(name))
}

fn selects(selector: &Node) -> bool {
    let full = |field: &str| {
        selector
            .get(field)
            .is_some_and(|part| !part.members().is_empty() || !part.items().is_empty())
    };
    full("matchLabels") || full("matchExpressions")
}

fn no_job(steps: &Node) -> bool {
    let is_job = |step: &Node| step.get("action").is_some_and(|action| has(action, "job"));
    !steps.items().iter().any(is_job)
}

fn is_zero(amount: Option<&Node>) -> bool {
    amount.is_some_and(|amount| match &amount.shape {
        Shape::Number(number) => number.as_i64() == Some(0),
        Shape::Text(text) => text == "0%",
        _ => false,
    })
}

fn has(node: &Node, field: &str) -> bool {
    node.get(field).is_some()
}

fn text<'a>(node: &'a Node, field: &str) -> Option<&'a str> {
    node.get(field).and_then(Node::text)
}

fn millis(node: &Node, field: &str) -> Option<i64> {
    let length = text(node, field)?.parse::<Duration>().ok()?;
    Some(length.as_millis())
}

/// `; did you mean targets?`, where one of the names is near.
pub(super) fn did_you_mean<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> String {
    names
        .map(|name| (distance(&word.to_lowercase(), &name.to_lowercase()), name))
        .min()
        // Further away than a third of the word it is another word.
        .filter(|(distance, name)| *distance * 3 <= name.len().max(3))
        .map_or_else(String::new, |(_, name)| format!("; did you mean {name}?"))
}

/// How many letters must be added, removed or replaced to make one word the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}
