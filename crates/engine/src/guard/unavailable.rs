//! `maxUnavailable`: limits only acts that take a pod away that is Ready and not failing.

use kubemend_api::Amount;

use super::Case;
use crate::episode::{Request, Verb};
use crate::facts::PodFacts;
use crate::health;
use crate::hold::{Hold, No};
use crate::mode;
use crate::view::{PodView, View};

/// budget.maxUnavailable where it is absent.
const DEFAULT: Amount = Amount::Percent(50);

/// Keeps failing pods, and of the others as many as may become unavailable.
pub(super) fn check(case: &Case<'_>, intent: &mut Vec<Request>) -> Result<(), No> {
    let view = case.view;
    let stretch = health::stretch(view, case.episode, Some(case.step));
    let healthy = |request: &Request| {
        takes_away(request, view)
            && view.pods.iter().any(|one| {
                one.facts().uid == request.uid
                    && one.facts().ready
                    && !health::is_failing(one, stretch, view.now)
            })
    };
    if !intent.iter().any(healthy) {
        return Ok(());
    }
    let desired = view.workload.desired;
    let allowed = limit(case).of(desired);
    let ready = view
        .pods
        .iter()
        .map(PodView::facts)
        .filter(|pod| pod.ready)
        .count();
    let unavailable = desired.saturating_sub(u32::try_from(ready).unwrap_or(u32::MAX));
    let mut room = allowed.saturating_sub(unavailable);
    intent.retain(|request| {
        let keep = !healthy(request) || room > 0;
        if healthy(request) {
            room = room.saturating_sub(1);
        }
        keep
    });
    if intent.is_empty() {
        return Err(Hold::MaxUnavailable {
            allowed,
            unavailable,
        }
        .into());
    }
    Ok(())
}

/// It ends what runs in the pod: a resize does where the container wants to be restarted by it.
fn takes_away(request: &Request, view: &View<'_>) -> bool {
    match request.verb {
        Verb::Evict | Verb::Delete => true,
        Verb::Resize => {
            let pod = view.pod(&request.uid).map(PodView::facts);
            let container = request.resize().map(|one| one.container);
            let mut starved = pod.map_or(&[][..], PodFacts::starved).iter();
            starved.any(|one| one.restarts && Some(&one.container) == container.as_ref())
        }
        Verb::Scale | Verb::Restart | Verb::Rollback | Verb::Run => false,
    }
}

/// The claiming policy's limit with its default, and what other enforcing policies write.
fn limit(case: &Case<'_>) -> Amount {
    let (world, key, desired) = (case.view.world, &case.view.key, case.view.workload.desired);
    let own = case.policy.budget.max_unavailable.unwrap_or(DEFAULT);
    let others = world
        .policies_of(key)
        .filter(|policy| {
            mode::effective(world, policy, key, case.view.now).mode == kubemend_api::Mode::Enforce
        })
        .filter_map(|policy| policy.budget.max_unavailable);
    others
        .chain([own])
        .min_by_key(|amount| amount.of(desired))
        .unwrap_or(own)
}
