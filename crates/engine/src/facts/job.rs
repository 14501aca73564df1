//! A Job that a step has run, as far as it tells how it ended.

use kubemend_api::annotations;

use super::condition::since;
use super::pod::created;
use super::slim::{SlimCondition, SlimJob};
use super::{Name, Text};
use crate::moment::{Millis, Moment};

/// The Job controller ends a Job at its deadline, and its pod may take its whole grace of 30 s to go.
pub(crate) const LATE: Millis = 60_000;

/// A message is cut to so many characters: it becomes a part of an attempt's message.
const MESSAGE_MAX: usize = 200;

/// A Job of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct JobFacts {
    pub name: Name,
    pub uid: Text,
    /// The hash of the template that it was made from, as its annotation says.
    pub template: Text,
    /// Absent while it runs.
    pub end: Option<JobEnd>,
    /// When its controller has ended it at the latest, unless its pod cannot go or somebody has suspended it.
    pub due: Option<Moment>,
}

/// How a Job has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct JobEnd {
    pub at: Moment,
    /// Why it failed, where it did.
    pub failure: Option<Text>,
}

impl JobFacts {
    /// Reads a Job. Only the conditions Complete and Failed end one: FailureTarget and SuccessCriteriaMet come before its
    /// pods have ended (batch/v1).
    pub fn read(object: &SlimJob) -> Self {
        let meta = &object.metadata;
        let holds = |kind: &str| {
            let mut all = object.status.conditions.iter();
            all.find(|one| one.type_ == kind && one.status == "True")
        };
        let end = match (holds("Failed"), holds("Complete")) {
            (Some(failed), _) => Some(JobEnd {
                at: since(failed).unwrap_or_default(),
                failure: Some(why(failed)),
            }),
            (None, Some(complete)) => Some(JobEnd {
                at: since(complete).unwrap_or_default(),
                failure: None,
            }),
            (None, None) => None,
        };
        let seconds = object.spec.active_deadline_seconds;
        let due =
            seconds.map(|one| created(meta).plus(one.saturating_mul(1000).saturating_add(LATE)));
        let template = meta.annotations.get(annotations::JOB_TEMPLATE);
        Self {
            name: Name::new(&meta.namespace, &meta.name),
            uid: meta.uid.as_str().into(),
            template: template.map_or("", String::as_str).into(),
            end,
            due,
        }
    }
}

fn why(failed: &SlimCondition) -> Text {
    let words = [&failed.reason, &failed.message];
    let told = words.into_iter().filter(|one| !one.is_empty());
    let told: Vec<&str> = told.map(String::as_str).collect();
    told.join(": ")
        .chars()
        .take(MESSAGE_MAX)
        .collect::<String>()
        .into()
}
