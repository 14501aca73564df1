//! The proofs on a real cluster: each story breaks something and reads the record of how it was healed.

mod transient;
mod release;
mod slow_crash;
mod ten_pods;
mod modes;
mod kills;
mod leaders;
mod installed;
mod guards;
mod forgery;
mod approval;
mod jobs;
mod failures;
mod revisions;
mod networks;
mod memory;
mod alone;
mod pods;
mod storm;
mod outages;
mod hollow;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use kubemend_lab::{Lab, Options};
use kubemend_tests::cluster::Cluster;
use kubemend_tests::install;
use kubemend_tests::operator::Operator;
use kubemend_tests::stage::{Stage, Story, story};

/// Stories wait most of the time; so many at once leave two cores idle enough for honest times.
const ABREAST: usize = 8;

/// Side by side under one operator, each in a namespace of its own; the longest first.
fn shared() -> Vec<Story> {
    vec![
        story(
            "d-dies-every-40s-is-never-called-recovered",
            slow_crash::ends_exhausted,
        ),
        story("a-transient-crash-300s-cap", transient::under_a_300s_cap),
        story("a-transient-crash-10s-cap", transient::under_a_10s_cap),
        story("b-bad-release-is-rolled-back", release::is_rolled_back),
        story("c-own-fix-supersedes", release::is_superseded_by_an_own_fix),
        story("n-bad-config-breaks-every-replica", outages::bad_config),
        story("n-shared-config-breaks-three-apps", outages::shared_config),
        story("n-registry-away-touches-nothing", outages::registry_away),
        story(
            "e-ten-pods-in-one-episode",
            ten_pods::are_healed_in_one_episode,
        ),
        story(
            "e-ten-pods-with-a-budget-of-four",
            ten_pods::are_healed_as_far_as_the_budget_goes,
        ),
        story("f-dry-run-writes-nothing-else", modes::dry_run_only_records),
        story("f-suspended-does-nothing", modes::suspended_does_nothing),
        story(
            "f-policy-deleted-in-the-middle",
            modes::a_deleted_policy_aborts,
        ),
        story(
            "f-target-deleted-in-the-middle",
            modes::a_deleted_target_aborts,
        ),
        story(
            "i-autoscaled-is-not-scaled",
            guards::an_autoscaled_workload_is_not_scaled,
        ),
        story(
            "i-argo-tracked-is-not-scaled",
            guards::an_argo_tracked_workload_is_not_scaled,
        ),
        story(
            "i-what-git-keeps-is-proposed",
            guards::what_git_keeps_is_proposed_as_a_patch,
        ),
        story(
            "i-scale-that-did-not-help-is-undone",
            guards::a_scale_that_did_not_help_is_undone,
        ),
        story(
            "i-disruption-budget-holds",
            guards::a_disruption_budget_holds,
        ),
        story("j-tenants-cannot-forge-records", forgery::is_refused),
        story("q-approval-is-a-right-of-its-own", approval::is_real_rbac),
        story("r-a-job-mends-what-it-can", jobs::mends_what_it_can),
        story(
            "r-a-job-without-a-right-is-passed-over",
            jobs::nothing_without_a_right,
        ),
        story("l-evicted-garbage-is-removed", failures::evicted),
        story(
            "o-deadlocked-stateful-set-is-rolled-back",
            revisions::deadlocked_stateful_set,
        ),
        story("o-daemon-set-is-rolled-back", revisions::daemon_set),
        story("l-daemon-set-is-rolled", failures::daemon_set),
        story("l-stateful-set-is-rolled", failures::stateful_set),
        story("l-out-of-memory-is-restarted", failures::out_of_memory),
        story("o-out-of-memory-is-resized", memory::is_resized),
        story("o-out-of-memory-is-shared", memory::is_shared),
        story("l-wrong-image-is-rolled-back", failures::wrong_image),
        story(
            "l-stalled-rollout-is-rolled-back",
            failures::stalled_rollout,
        ),
        story("l-missing-config-is-only-told", failures::missing_config),
        story("l-not-ready-is-restarted", failures::not_ready),
        story("l-not-alive-is-restarted", failures::not_alive),
        story("l-no-node-is-only-told", failures::no_node),
        story("m-no-failure-is-left-alone", alone::what_is_no_failure),
        story(
            "t-lost-packets-are-a-network-issue",
            networks::packets_are_lost,
        ),
        story("t-escalation-names-the-node", networks::the_node_is_named),
        story("t-failing-hook-is-told-by-events", networks::a_hook_fails),
        story("l-finalizer-is-only-told", failures::kept_by_a_finalizer),
        story("p-bare-pod-is-only-told", pods::bare),
        story(
            "p-pods-of-another-owner-are-restarted",
            pods::of_another_owner,
        ),
        story("p-jobs-are-only-counted", pods::of_jobs),
        story("p-three-share-a-cause-that-is-told", pods::share_a_cause),
    ]
}

/// One after another: these pause, kill or replace the operator.
fn exclusive() -> Vec<Story> {
    vec![
        story("f-paused-holds-everything", modes::a_pause_holds_everything),
        story("n-dependency-down-is-a-storm", storm::holds_everything),
        story(
            "n-two-hundred-unready-at-once-are-left-alone",
            hollow::two_hundred_at_once,
        ),
        story(
            "g-five-kills-change-nothing",
            kills::five_kills_change_nothing,
        ),
        story(
            "k-four-leader-changes-lose-and-double-nothing",
            leaders::four_changes_lose_and_double_nothing,
        ),
        story(
            "h-installed-as-a-pod",
            installed::heals_as_a_pod_with_its_own_rights,
        ),
    ]
}

fn main() -> ExitCode {
    let played = match Lab::up(&Options::default()) {
        Ok(lab) if lab.is_fake() => {
            println!(
                "no story is played: containers that really crash need real nodes, and those need root"
            );
            if std::env::var("KUBEMEND_STORIES").is_ok_and(|wanted| wanted == "none") {
                return ExitCode::SUCCESS;
            }
            println!("run as root, or set KUBEMEND_STORIES=none to go without these proofs");
            return ExitCode::FAILURE;
        }
        lab => lab.and_then(play),
    };
    match played {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("the stories could not be played: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Plays both lanes; true if no story failed. One thread is enough, and stories need not be `Send`.
fn play(lab: Lab) -> Result<bool> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let began = Instant::now();
        let cluster = Cluster::of(lab).await?;
        install::install(&cluster).await?;
        let mut operator = Operator::of(&cluster)?;
        operator.start().await?;
        println!(
            "the operator leads; its log is {}",
            operator.log().display()
        );
        let mut stage = Stage::new(cluster, operator);
        stage.play(shared(), ABREAST).await;
        stage.play(exclusive(), 1).await;
        println!("in {} s", began.elapsed().as_secs());
        println!("{} passed, {} failed", stage.passed, stage.failed);
        Ok(stage.failed == 0)
    })
}
