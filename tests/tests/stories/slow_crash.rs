//! A container that lives 40 s between crashes looks healthy most of the time, and is not.

use std::rc::Rc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use kubemend_tests::patience::{Look, await_condition};
use kubemend_tests::policy::{Policy, RESTART_ONCE};
use kubemend_tests::record;
use kubemend_tests::stage::Scene;
use kubemend_tests::workload::{App, DIES_EVERY_40_S};

/// The attempt is never taken for a recovery, although the stable stretch asked for is but 15 s.
pub(crate) async fn ends_exhausted(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    namespace
        .apply(&Policy::with_steps(&[RESTART_ONCE]).yaml())
        .await?;
    namespace
        .apply(&App::running(DIES_EVERY_40_S).yaml())
        .await?;

    let look = async || {
        let records = namespace.records().await?;
        let Some(record) = records.first() else {
            return Ok(Look::NotYet("no record".to_owned()));
        };
        Ok(match (record::phase(record), records.len()) {
            ("Exhausted", 1) => Look::Found(record.clone()),
            ("Recovered" | "SelfRecovered", _) | (_, 2..) => Look::Never(record::summary(record)),
            _ => Look::NotYet(record::summary(record)),
        })
    };
    let record = await_condition("the chain ends", Duration::from_mins(4), look).await?;

    ensure!(record::chain(&record) == "restart NotRecovered");
    ensure!(record::reason(&record) == "ChainEnded");
    let status = record::status(&record);
    ensure!(
        status.ended_at.is_none(),
        "it is latched until something changes"
    );
    let run = record::millis(status.longest_run.as_ref()).context("no longest run")?;
    ensure!(
        (39_000..50_000).contains(&run),
        "the longest run was {run} ms"
    );
    Ok(())
}
