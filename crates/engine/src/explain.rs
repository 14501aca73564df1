//! Why a target is or is not healed: the same engine, asked in words.

use kubemend_api::Mode;
use kubemend_api::targets::WorkloadKind;

use crate::claim::{self, Answer};
use crate::decide::decide;
use crate::episode::{Episode, Phase};
use crate::facts::{Name, PodFacts, TargetKey};
use crate::gate;
use crate::guard;
use crate::hold::Skip;
use crate::mode;
use crate::moment::Moment;
use crate::policy::Policy;
use crate::report;
use crate::view::View;
use crate::wording::describe;
use crate::world::World;

/// An answer for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What kind of answer it is, for scripts: `NotSelected`, `BelowThreshold`, `Held`, ...
    pub kind: &'static str,
    /// The answer in one line.
    pub headline: String,
    /// What stands behind it, and what would be done next.
    pub lines: Vec<String>,
}

impl Explanation {
    fn new(kind: &'static str, headline: impl Into<String>) -> Self {
        Self {
            kind,
            headline: headline.into(),
            lines: Vec::new(),
        }
    }
}

/// Why this target is or is not healed now. The world must be complete, and is judged as by a
/// process that holds the lease.
pub fn explain(world: &World, key: &TargetKey, now: Moment) -> Explanation {
    let mut answer = answer(world, key, now);
    answer.lines.extend(policies(world, key, now));
    if let Some(view) = View::of(world, key, now) {
        answer.lines.extend(owners(&view));
        let open = [false, true].map(|dry| world.open_record(key, dry));
        let proposed = open.into_iter().flatten().filter_map(proposed);
        answer.lines.extend(proposed);
        answer.lines.extend(sight(&view));
    }
    answer.lines.extend(next(world, key, now));
    answer
}

/// Why what this pod is a part of is or is not healed now, or why it never is.
pub fn pod(world: &World, name: &Name, now: Moment) -> Explanation {
    let Some(pod) = world.pods.get(name) else {
        let key = TargetKey::new(WorkloadKind::Pod, &name.namespace, &name.name);
        return explain(world, &key, now);
    };
    match world.target_of(&pod.facts) {
        Some(key) => explain(world, &key, now),
        None => Explanation::new(
            "NeverATarget",
            format!("pod {}: {}", name.name, never(world, &pod.facts)),
        ),
    }
}

/// Why a pod is no part of any target.
fn never(world: &World, pod: &PodFacts) -> String {
    match &pod.owner {
        _ if pod.mirror => "a static pod; deleting its mirror would restart nothing".to_owned(),
        Some(owner) if &*owner.kind == "Job" => {
            format!("of Job/{}; Jobs are counted and never healed", owner.name)
        }
        _ if !world.policies.values().any(Policy::heals_pods) => {
            "without a workload, and no policy asks for such; write kinds: [Pod]".to_owned()
        }
        Some(_) if pod.finite => {
            "its restartPolicy lets it end, so its owner decides what follows".to_owned()
        }
        Some(owner) => format!(
            "its owner {}/{} is not there, or is never healed",
            owner.kind, owner.name
        ),
        None => "not seen as a target yet".to_owned(),
    }
}

/// The same for an owner of a kind that is not watched, as records spell it; capitals do not matter.
pub fn owner(world: &World, namespace: &str, reference: &str, now: Moment) -> Explanation {
    let known = world.workloads.keys().chain(world.recorded_targets());
    let mut here = known.filter(|key| *key.namespace == *namespace);
    let same = |key: &&TargetKey| key.reference().eq_ignore_ascii_case(reference);
    let key = here.find(same).cloned().unwrap_or_else(|| {
        let (kind, name) = reference.split_once('/').unwrap_or(("Pod", reference));
        TargetKey::spelled(kind, namespace, name)
    });
    explain(world, &key, now)
}

fn answer(world: &World, key: &TargetKey, now: Moment) -> Explanation {
    let name = key.reference();
    let Some(view) = View::of(world, key, now) else {
        return Explanation::new(
            "NotFound",
            format!("{name} does not exist in namespace {}", key.namespace),
        );
    };
    if let Some(why) = mode::never(world, key) {
        return Explanation::new("NeverATarget", why);
    }
    if world.policies_of(key).next().is_none() {
        return Explanation::new("NotSelected", format!("no policy selects {name}"));
    }
    if let Err(hold) = gate::readable(world, key) {
        return held(&hold);
    }
    if let Err(hold) = gate::may_act(world, now) {
        return held(&hold);
    }
    let Some((policy, mode)) = answering(&view) else {
        return suspended(world, key, now);
    };
    let problems = report::problems(world, policy);
    if !problems.is_empty() {
        let what = format!("{} is invalid: {}", policy.reference(), problems.join("; "));
        return Explanation::new("PolicyInvalid", what);
    }
    if let Some(episode) = world.open_record(key, mode == Mode::DryRun) {
        return open(episode);
    }
    match claim::rule(policy, &view, mode, None) {
        Answer::None { why, near, again } => {
            shadowed(world, key, &view, policy).unwrap_or_else(|| {
                let (kind, state) = if near || again.is_some() {
                    ("BelowThreshold", "below threshold")
                } else {
                    ("Healthy", "healthy")
                };
                Explanation::new(kind, format!("{state}: {}", why.join("; ")))
            })
        }
        Answer::Rule(rule, symptom) => Explanation::new(
            "Detected",
            format!(
                "rule {} of {} sees {}",
                rule.name,
                policy.reference(),
                symptom.name
            ),
        ),
    }
}

/// The policy that answers, and in which mode: what acts on the target tells more than what only rehearses, unless
/// only the latter has something to tell.
fn answering<'a>(view: &View<'a>) -> Option<(&'a Policy, Mode)> {
    let (world, key) = (view.world, &view.key);
    let modes = [Mode::Enforce, Mode::DryRun];
    let all = modes.map(|mode| Some((claim::policy(world, key, mode, view.now)?, mode)));
    let mut all = all.into_iter().flatten();
    let tells = |(policy, mode): &(&Policy, Mode)| {
        world.open_record(key, *mode == Mode::DryRun).is_some()
            || matches!(claim::rule(policy, view, *mode, None), Answer::Rule(..))
    };
    let first = all.clone().next();
    all.find(tells).or(first)
}

/// Another policy sees a failure, but does not answer for this target: one policy does, and that
/// one sees none.
fn shadowed(
    world: &World,
    key: &TargetKey,
    view: &View<'_>,
    answers: &Policy,
) -> Option<Explanation> {
    let others = world
        .policies_of(key)
        .filter(|policy| policy.id != answers.id);
    let sees = |policy: &Policy, mode| {
        let effective = mode::effective(world, policy, key, view.now).mode;
        claim::stands(policy, effective, mode)
            && matches!(claim::rule(policy, view, mode, None), Answer::Rule(..))
    };
    let mut seeing =
        others.filter(|policy| sees(policy, Mode::Enforce) || sees(policy, Mode::DryRun));
    seeing.next().map(|policy| {
        let (loser, winner) = (policy.reference(), answers.reference());
        let what = format!("shadowed: {loser} sees a failure, but {winner} answers and sees none");
        Explanation::new("Shadowed", what)
    })
}

fn held(hold: &crate::hold::Hold) -> Explanation {
    let kind = if hold.reason() == "Paused" {
        "Paused"
    } else {
        "Held"
    };
    let word = if kind == "Paused" { "paused" } else { "held" };
    Explanation::new(kind, format!("{word}: {} ({hold})", hold.reason()))
}

fn suspended(world: &World, key: &TargetKey, now: Moment) -> Explanation {
    let why = world.policies_of(key).next().map(|policy| {
        let why = mode::effective(world, policy, key, now).why;
        format!(
            "{}: {}",
            policy.reference(),
            why.as_deref().unwrap_or("mode is Suspended")
        )
    });
    Explanation::new(
        "Suspended",
        format!("suspended: {}", why.unwrap_or_default()),
    )
}

fn open(episode: &Episode) -> Explanation {
    let state = &episode.state;
    let name = &episode.id.name;
    let detail = match (&state.reason, &state.message) {
        (Some(reason), Some(message)) => format!("{reason} ({message})"),
        (Some(reason), None) => reason.to_string(),
        (None, _) => String::new(),
    };
    let step = state.step.as_deref().unwrap_or("the first step");
    let (kind, headline) = match state.phase {
        Phase::Pending if episode.is_dry() => {
            ("DryRun", format!("dry run {name}: would act by {step}"))
        }
        Phase::Pending => ("Pending", format!("{name} waits before {step}: {detail}")),
        Phase::Held => ("Held", format!("held: {detail}; {name}, step {step}")),
        Phase::AwaitingApproval => {
            let hev = format!("hev/{name} -n {}", episode.id.namespace);
            (
                "AwaitingApproval",
                format!("awaiting approval of step {step}: {detail}; kubemend approve {hev}"),
            )
        }
        Phase::Acting => ("Acting", format!("{name} acts now: {step}")),
        Phase::Verifying => (
            "Verifying",
            format!("{name} acted by {step} and is verified now"),
        ),
        Phase::Recovered => (
            "Recovered",
            format!("{name} recovered by {step}; its relapse window is open"),
        ),
        Phase::Exhausted => (
            "Exhausted",
            format!(
                "{name} is exhausted: {detail}; nothing acts until the symptom is gone, a new revision, or annotation kubemend.io/retry"
            ),
        ),
        Phase::SelfRecovered | Phase::Superseded | Phase::Aborted => {
            ("Ended", format!("{name} has ended: {detail}"))
        }
    };
    Explanation::new(kind, headline)
}

/// Which policies select the target, and which of them answers.
fn policies(world: &World, key: &TargetKey, now: Moment) -> Vec<String> {
    let claims = |policy: &Policy, wanted| {
        claim::policy(world, key, wanted, now).is_some_and(|one| one.id == policy.id)
    };
    let line = |policy: &Policy| {
        let effective = mode::effective(world, policy, key, now);
        let why = effective
            .why
            .map(|why| format!(" ({why})"))
            .unwrap_or_default();
        let mut modes = [Mode::Enforce, Mode::DryRun].into_iter();
        let place = match modes.find(|mode| claim::stands(policy, effective.mode, *mode)) {
            Some(mode) if claims(policy, mode) => "answers".to_owned(),
            Some(mode) => {
                let winner = claim::policy(world, key, mode, now).map(Policy::reference);
                format!("ShadowedBy {}", winner.unwrap_or_default())
            }
            None => "claims nothing".to_owned(),
        };
        let lower: Vec<_> = policy
            .rules
            .iter()
            .filter(|rule| rule.mode(effective.mode) < effective.mode)
            .map(|rule| format!(", rule {} only {}", rule.name, rule.mode(effective.mode)))
            .collect();
        let lower = lower.concat();
        format!(
            "policy {}: {}{why}, {place}{lower}",
            policy.reference(),
            effective.mode
        )
    };
    world.policies_of(key).map(line).collect()
}

/// Who else owns the workload, and what is therefore left alone.
fn owners(view: &View<'_>) -> Vec<String> {
    let line = |owner: Skip, left: &str| format!("{}: {owner}; {left} skipped", owner.reason());
    let whole = guard::owner(view.world, view.workload)
        .map(|one| line(one, "scale, rollback and restartWorkload are"));
    let replicas = guard::autoscaler(view.world, view.workload).map(|one| line(one, "scale is"));
    let resources = guard::vertical_autoscaler(view.world, view.workload)
        .map(|one| line(one, "resizeMemory is"));
    whole.into_iter().chain(replicas).chain(resources).collect()
}

/// What a record proposes to whoever keeps the template.
fn proposed(episode: &Episode) -> Option<String> {
    let proposal = episode.state.proposal.as_ref()?;
    let Name { namespace, name } = &episode.id;
    let revision = &proposal.revision;
    Some(format!(
        "proposed: back to the template of {revision}; kubemend patch hev/{name} -n {namespace} prints the change"
    ))
}

/// What every rule of the answering policy sees.
fn sight(view: &View<'_>) -> Vec<String> {
    let Some((policy, mode)) = answering(view) else {
        return Vec::new();
    };
    match claim::rule(policy, view, mode, None) {
        Answer::None { why, .. } => why,
        Answer::Rule(rule, symptom) => {
            vec![format!(
                "rule {}: {} since {}",
                rule.name, symptom.name, symptom.since
            )]
        }
    }
}

/// What would be done next, by the decision itself.
fn next(world: &World, key: &TargetKey, now: Moment) -> Vec<String> {
    let plan = decide(world, now);
    let mut lines: Vec<String> = plan
        .effects
        .iter()
        .filter(|effect| effect.target() == *key)
        .map(|effect| format!("next: {}", describe(effect)))
        .collect();
    let holds = plan.holds.iter().filter(|held| held.target == *key);
    lines.extend(holds.map(|held| format!("next: held by {} ({})", held.hold.reason(), held.hold)));
    if lines.is_empty() {
        lines.push("next: nothing".to_owned());
    }
    lines
}
