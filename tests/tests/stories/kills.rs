//! The operator may die at any moment: the end is the same, and no act happens twice.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use kubemend_tests::stage::Scene;
use kubemend_tests::workload::{BAD_RELEASE, HEALTHY};

use crate::release::{apply_release, proves_itself, was_rolled_back_once};

const NAMESPACES: usize = 5;
const KILLS: u64 = 5;
/// A process acts within seconds after it leads; later moments only find it waiting.
const LATEST_MS: u64 = 6_000;

/// Five bad releases at once, five kills at moments that `KUBEMEND_SEED` chooses.
pub(crate) async fn five_kills_change_nothing(scene: Rc<Scene>) -> Result<()> {
    let seed = seed()?;
    println!("kills are seeded: KUBEMEND_SEED={seed}");
    let mut releases = Vec::new();
    for _ in 0..NAMESPACES {
        let namespace = scene.namespace().await?;
        apply_release(&namespace, HEALTHY).await?;
        releases.push(namespace);
    }
    let mut good = Vec::new();
    for namespace in &releases {
        good.push(proves_itself(namespace).await?);
    }
    for namespace in &releases {
        apply_release(namespace, BAD_RELEASE).await?;
    }
    releases[0].restarted("web", 1, 60).await?;

    let mut operator = scene.operator.lock().await;
    for kill in 0..KILLS {
        let moment = Duration::from_millis(draw(seed, kill) % LATEST_MS);
        tokio::time::sleep(moment).await;
        operator.kill().await?;
        operator.start().await?;
    }
    drop(operator);

    for (namespace, good) in releases.iter().zip(&good) {
        let record = namespace.record_in("Recovered", 180).await?;
        was_rolled_back_once(namespace, good, &record)
            .await
            .with_context(|| format!("in {}", namespace.name))?;
    }
    Ok(())
}

fn seed() -> Result<u64> {
    match std::env::var("KUBEMEND_SEED") {
        Ok(text) => text
            .parse()
            .with_context(|| format!("KUBEMEND_SEED={text} is no number")),
        Err(_) => Ok(u64::from(std::process::id())),
    }
}

/// The n-th number of that seed: one round of `SplitMix64`.
fn draw(seed: u64, n: u64) -> u64 {
    let mut mixed = seed.wrapping_add((n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
