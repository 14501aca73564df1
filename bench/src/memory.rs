//! Memory: what a process holds that has listed so many pods, and what it needs at most while it
//! lists them all again.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::process::{Operator, Process, own};
use crate::report::Report;
use crate::server::{Server, Size};

/// Pods of the measurement that the goals speak of.
const PODS: usize = 150_000;
/// Whole pods take so much that the baselines are measured with fewer, and compared per pod.
const BASELINE_PODS: usize = 20_000;

/// Kilobytes of one process.
struct Held {
    /// After the first list.
    cold: u64,
    /// At most, the relist included.
    peak: u64,
    /// After the relist.
    after: u64,
}

/// Measures the operator and both baselines.
pub(crate) async fn measure(quick: bool, report: &mut Report) -> Result<()> {
    println!(
        "\nMemory: production binaries against a server that makes pods of 6 to 9 kB up as they are listed\n"
    );
    let shrink = if quick { 10 } else { 1 };
    let (pods, few) = (PODS / shrink, BASELINE_PODS / shrink);
    let folder = std::env::temp_dir().join(format!("kubemend-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let size = |pods, workloads| Size { pods, workloads };
    let empty = operator(size(0, false), &folder).await?;
    // A list of any size leaves the buffers of its pages behind; what a pod more costs is what is asked.
    let tenth = operator(size(pods / 10, false), &folder).await?;
    let full = operator(size(pods, false), &folder).await?;
    let owned = operator(size(pods, true), &folder).await?;
    let whole_tenth = reflector(false, few / 10, &folder).await?;
    let whole = reflector(false, few, &folder).await?;
    let trimmed_tenth = reflector(true, few / 10, &folder).await?;
    let trimmed = reflector(true, few, &folder).await?;
    std::fs::remove_dir_all(&folder)?;

    let own = per_pod(full.after, tenth.after, pods - pods / 10);
    let (whole_pod, trimmed_pod) = (
        per_pod(whole.cold, whole_tenth.cold, few - few / 10),
        per_pod(trimmed.cold, trimmed_tenth.cold, few - few / 10),
    );
    let what = format!("bytes per further pod, {} to {pods} pods", pods / 10);
    let met = ("≤ 512 B", own <= 512.0);
    let reflected = format!("{whole_pod:.0} B (reflector of Pod, {few} pods)");
    report.goal(
        &what,
        &format!("{own:.0} B"),
        &reflected,
        Some(own / whole_pod),
        met,
    );
    let reflected = format!("{trimmed_pod:.0} B (reflector of trimmed Pod, {few} pods)");
    report.figure(
        &what,
        &format!("{own:.0} B"),
        &reflected,
        Some(own / trimmed_pod),
    );
    let baseline = format!(
        "{:.0} MiB (reflector of Pod, extrapolated)",
        mib(whole.peak) * ratio(pods, few)
    );
    let met = ("≤ 128 MiB", mib(full.peak) <= 128.0);
    let what = format!("peak RSS with relist, {pods} pods");
    let extrapolated = mib(whole.peak) * ratio(pods, few);
    report.goal(
        &what,
        &format!("{:.0} MiB", mib(full.peak)),
        &baseline,
        Some(mib(full.peak) / extrapolated),
        met,
    );
    let extrapolated = mib(trimmed.peak) * ratio(pods, few);
    let baseline = format!("{extrapolated:.0} MiB (trimmed, extrapolated)");
    report.figure(
        &what,
        &format!("{:.0} MiB", mib(full.peak)),
        &baseline,
        Some(mib(full.peak) / extrapolated),
    );
    let what = format!(
        "the same with the {} workloads of these pods",
        pods / crate::pods::REPLICAS
    );
    report.figure(
        &what,
        &format!("{:.0} MiB", mib(owned.peak)),
        &format!("{:.0} MiB without", mib(full.peak)),
        Some(mib(owned.peak) / mib(full.peak)),
    );
    report.figure(
        "RSS of an operator with no pods",
        &format!("{:.0} MiB", mib(empty.after)),
        "",
        None,
    );
    Ok(())
}

async fn operator(size: Size, folder: &Path) -> Result<Held> {
    let (server, kubeconfig) = serve(size, folder).await?;
    let operator = Operator::start(&kubeconfig)?;
    operator.ready().await?;
    hold(
        &format!("operator, {} pods", size.pods),
        &server,
        &operator.process,
    )
    .await
}

async fn reflector(trimmed: bool, pods: usize, folder: &Path) -> Result<Held> {
    let size = Size {
        pods,
        workloads: false,
    };
    let (server, kubeconfig) = serve(size, folder).await?;
    let arguments: &[&str] = if trimmed {
        &["reflector", "--trimmed"]
    } else {
        &["reflector"]
    };
    let process = own(arguments, &kubeconfig)?;
    hold(
        &format!("reflector, {pods} pods, trimmed: {trimmed}"),
        &server,
        &process,
    )
    .await
}

async fn serve(size: Size, folder: &Path) -> Result<(Server, PathBuf)> {
    let server = Server::start(size).await?;
    let kubeconfig = server.kubeconfig(folder)?;
    Ok((server, kubeconfig))
}

/// Watches a process through its first list and a relist.
async fn hold(name: &str, server: &Server, process: &Process) -> Result<Held> {
    server.listed().await?;
    let cold = process.settle().await?;
    let cold_peak = process.peak()?;
    process.forget_peak()?;
    server.expire();
    server.listed().await?;
    let after = process.settle().await?;
    let peak = process.peak()?;
    println!(
        "  {name}: cold {:.1} MiB (peak {:.1}), relisted {:.1} MiB (peak {:.1})",
        mib(cold),
        mib(cold_peak),
        mib(after),
        mib(peak)
    );
    Ok(Held {
        cold,
        peak: peak.max(cold_peak),
        after,
    })
}

#[allow(clippy::cast_precision_loss)] // kilobytes of a process are far below 2^52
fn mib(kilobytes: u64) -> f64 {
    kilobytes as f64 / 1024.0
}

#[allow(clippy::cast_precision_loss)] // as above
fn per_pod(full: u64, empty: u64, pods: usize) -> f64 {
    (full as f64 - empty as f64) * 1024.0 / pods as f64
}

#[allow(clippy::cast_precision_loss)] // as above
fn ratio(many: usize, few: usize) -> f64 {
    many as f64 / few as f64
}
