//! `job`: one Job in the target's namespace, from the template of the step.

use kubemend_api::actions::Job;
use serde_json::Value;

use crate::approval;
use crate::episode::{Attempt, Request, Verb};
use crate::facts::{Text, template};
use crate::guard::Case;
use crate::hold::{Hold, No, Skip};
use crate::record_name;

/// One Job. Its name is made from the target, the record's UID and the number of the attempt, so that no attempt finds the
/// Job of another, and the same one finds its own.
pub(super) fn resolve(parameters: &Job, case: &Case<'_>) -> Result<Vec<Request>, No> {
    let view = case.view;
    // One of an episode that has ended may run on: two at once would be in each other's way.
    if let Some(running) = view.world.running_job(&view.key) {
        let (name, until) = (running.name.name.to_string(), running.due);
        if until.is_some_and(|due| view.now > due) {
            let why = format!(
                "Job {name} of an earlier attempt has not ended in its time: its pod cannot go, or somebody has suspended it"
            );
            return Err(Skip::CannotApply { why }.into());
        }
        return Err(Hold::JobRunning { name, until }.into());
    }
    let (uid, attempt) = case.episode.map_or(("", 1), |one| {
        (&*one.uid, approval::next_attempt(one, &case.step.name))
    });
    let record = &template::hash(&Value::from(uid))[..8];
    Ok(vec![Request {
        verb: Verb::Run,
        name: format!("{}{record}-{attempt}", record_name::stem(&view.key)).into(),
        uid: view.workload.uid.clone(),
        from: None,
        to: Some(hash(parameters)),
        result: None,
        detail: None,
    }])
}

/// The hash of a Job's template, by which a Job is known again as the one that was meant.
pub fn hash(job: &Job) -> Text {
    let json = serde_json::to_value(job).unwrap_or_default();
    template::hash(&json).into()
}

/// Why the API server never lets this happen, in the words of its answers.
const REFUSED: [(&str, &str); 3] = [
    (
        "Forbidden",
        "the Job is forbidden here: bind the ClusterRole kubemend-jobs to the operator in this namespace, or mend the quota or admission policy that refuses it",
    ),
    ("Invalid", "the API server finds the Job invalid"),
    ("NameTaken", "somebody else has made a Job of that name"),
];

/// Why an attempt was refused for good; `None` where trying again may help.
pub(super) fn refused_for_good(attempt: &Attempt) -> Option<&'static str> {
    super::refused_as(attempt, &REFUSED)
}
