//! Draws a history from a seed.

use std::time::Duration;

use kubemend_sim::Rng;

use crate::history::{Event, History, Policy, Workload};
use crate::manifests::{ASKS, CHAINS};

/// What the workloads are.
const KINDS: [&str; 6] = [
    "Deployment",
    "Deployment",
    "Deployment",
    "StatefulSet",
    "StatefulSet",
    "DaemonSet",
];

/// The first releases: most are well, some need one restart.
const FIRST: [&str; 4] = [
    "healthy",
    "healthy",
    "exit-after:2s,code:3,until-replaced",
    "healthy",
];

/// What may be released later.
const LATER: [&str; 8] = [
    "exit-after:2s,code:3",
    "exit-after:2s,code:3,until-replaced",
    "exit-after:3s,times:4",
    "exit-after:20s,code:1",
    "exit-after:4s,oom",
    "exit-after:4s,oom,needs:96Mi",
    "ready-after:3s",
    "never-ready",
];

/// The views that may freeze; one of each weight.
const VIEWS: [&str; 7] = [
    "pods",
    "deployments",
    "replicasets",
    "controllerrevisions",
    "healingpolicies",
    "healingevents",
    "poddisruptionbudgets",
];

/// From when on things go wrong: the first releases have run and proven themselves by then.
const FROM: u64 = 40_000;
/// Until when.
const UNTIL: u64 = 300_000;

/// The history that a seed stands for.
pub(crate) fn draw(seed: u64) -> History {
    let dice = &mut Dice(Rng::new(seed ^ 0x6B75_6265));
    let workloads = workloads(dice);
    let policies = policies(dice, &workloads);
    let mut events = Vec::new();
    // Something has to fail, or nothing is proven.
    for at in 0..workloads.len() {
        if dice.one_in(2) || at == 0 {
            events.push((dice.moment(), Event::Release(at, dice.pick(&LATER))));
        }
    }
    for _ in 0..dice.up_to(6) {
        let event = event(dice, &workloads, &policies);
        events.push((dice.moment(), event));
    }
    // People who look now and then, where somebody has to be asked.
    if policies.iter().any(|one| one.chain == ASKS) {
        for _ in 0..8 {
            events.push((dice.moment(), Event::Approve));
        }
    }
    events.sort_by_key(|(at, _)| *at);
    History {
        seed,
        request_lag: Duration::from_millis(dice.pick(&[0, 20, 200])),
        watch_lag: Duration::from_millis(dice.pick(&[0, 100, 1_000, 3_000])),
        processes: if dice.one_in(3) { 2 } else { 1 },
        workloads,
        policies,
        events,
    }
}

struct Dice(Rng);

impl Dice {
    fn up_to(&mut self, most: u64) -> u64 {
        self.0.up_to(most)
    }

    fn one_in(&mut self, of: u64) -> bool {
        self.up_to(of - 1) == 0
    }

    fn below(&mut self, bound: usize) -> usize {
        let most = u64::try_from(bound.max(1) - 1).unwrap_or(0);
        usize::try_from(self.up_to(most)).unwrap_or(0)
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn moment(&mut self) -> Duration {
        Duration::from_millis(FROM + self.up_to(UNTIL - FROM))
    }

    fn seconds(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_secs(least + self.up_to(most - least))
    }
}

fn workloads(dice: &mut Dice) -> Vec<Workload> {
    let mut workloads: Vec<_> = (0..=dice.up_to(3))
        .map(|at| Workload {
            kind: dice.pick(&KINDS),
            namespace: if dice.one_in(3) { "bank" } else { "shop" },
            name: format!("app{at}"),
            replicas: dice.pick(&[1, 2, 2, 3]),
            program: dice.pick(&FIRST),
            guarded: dice.one_in(4),
        })
        .collect();
    // A disruption budget over a DaemonSet counts its pods only as a number that is named.
    for one in workloads.iter_mut().filter(|one| one.kind == "DaemonSet") {
        one.guarded = false;
    }
    workloads
}

fn policies(dice: &mut Dice, workloads: &[Workload]) -> Vec<Policy> {
    let mut policies = Vec::new();
    for namespace in ["shop", "bank", ""] {
        let here = workloads
            .iter()
            .filter(|one| namespace.is_empty() || one.namespace == namespace);
        let names: Vec<String> = here.map(|one| one.name.clone()).collect();
        // Most namespaces have one policy, some two that overlap; a cluster policy is rarer.
        let count = if names.is_empty() || namespace.is_empty() && !dice.one_in(4) {
            0
        } else {
            1 + usize::from(dice.one_in(4))
        };
        for at in 0..count {
            policies.push(Policy {
                namespace,
                name: format!("policy{at}"),
                targets: if at == 0 && !namespace.is_empty() {
                    names.clone()
                } else {
                    Vec::new()
                },
                chain: dice.below(CHAINS.len()),
                concurrent: dice.pick(&[1, 2, 4]),
                acts: dice.pick(&[2, 10, 30]),
            });
        }
    }
    policies
}

fn event(dice: &mut Dice, workloads: &[Workload], policies: &[Policy]) -> Event {
    let (one, other) = (dice.below(workloads.len()), dice.below(policies.len()));
    match dice.up_to(26) {
        0 => Event::Release(one, dice.pick(&LATER)),
        1 => Event::Release(one, "healthy"),
        2 => Event::DeletePod(one),
        3 => Event::DeleteWorkload(one),
        4 => Event::Recreate(one),
        5 => Event::Scale(one, dice.pick(&[0, 1, 2, 4])),
        6 => Event::Autoscale(one),
        7 => Event::Gitops(one),
        8 => Event::EditChain(other, dice.below(CHAINS.len())),
        9 => Event::EditMode(other, dice.pick(&["Suspended", "DryRun", "Enforce"])),
        10 => Event::EditBudget(other, dice.pick(&[1, 3, 30])),
        11 => Event::DeletePolicy(other),
        12 => Event::Retry,
        13 => Event::Pause(dice.seconds(10, 120)),
        14 => Event::LoseConfig(dice.seconds(10, 120)),
        15 => Event::StepClock(dice.pick(&[-600, -5, 5, 600]), dice.seconds(20, 120)),
        16 => Event::Freeze(dice.pick(&VIEWS), dice.seconds(20, 150)),
        17 => Event::CloseWatches,
        18 => Event::GoneWatches,
        19 => Event::GarbageFrames,
        20 => Event::Forget,
        21 => Event::Refuse(
            dice.pick(&[409, 429, 500, 503, 504]),
            dice.pick(&[100, 500]),
            dice.seconds(5, 60),
        ),
        22 => Event::LoseReplies(dice.pick(&[100, 500, 1_000]), dice.seconds(5, 60)),
        23 => Event::Slow(dice.seconds(1, 12), dice.seconds(5, 60)),
        24 => Event::Deny(
            dice.pick(&["pods", "deployments", "healingevents", "jobs"]),
            dice.seconds(5, 60),
        ),
        25 => Event::Crash(dice.below(2)),
        _ if dice.one_in(3) => Event::CutOff(dice.below(2), dice.seconds(5, 60)),
        _ => Event::CrashAtWrite(dice.below(2), 1 + dice.up_to(8), dice.one_in(2)),
    }
}
