//! Four apps break at the same time on a real cluster, and the operator heals them: `make demo`.

mod voice;
mod cluster;
mod install;
mod apps;
mod story;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use apps::Apps;
use cluster::Cluster;
use install::Operator;
use voice::Voice;

const USAGE: &str = "usage: demo [--fake]

  --fake   nodes played by KWOK even where real ones are possible

Without KUBECONFIG the demo starts its own cluster on this machine. With KUBECONFIG it uses that cluster:
  KUBEMEND_DEMO_IMAGE   the operator's image as that cluster can pull it, instead of the one in manifests/
  KUBEMEND_DEMO_BUSYBOX an image with a shell for the apps (default busybox:1.37)";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let fake = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--fake"] => true,
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    let voice = Voice::begin();
    match play(&voice, fake) {
        Ok(sum) => {
            println!("\ndemo: ok in {} s: {sum}", voice.seconds());
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("\ndemo: FAILED after {} s: {error:#}", voice.seconds());
            ExitCode::FAILURE
        }
    }
}

/// The demo from the cluster to the closing words; the text sums it up.
fn play(voice: &Voice, fake: bool) -> Result<String> {
    println!(
        "Kubemend's demo: apps break at the same time, each in its own way. Some need a new pod, others their last release."
    );

    voice::chapter("1/5  A cluster");
    let cluster = Cluster::find(voice, fake)?;

    voice::chapter("2/5  The operator");
    let operator = Operator::install(voice, &cluster)?;

    voice::chapter("3/5  Some apps and one policy");
    let apps = Apps::deploy(voice, &cluster)?;
    let told = apps
        .prove(voice)
        .and_then(|()| break_and_heal(voice, &apps));
    if told.is_err() {
        explain(&cluster, &operator, &apps);
    }
    let sum = told?;
    look_around(&cluster, &operator, &apps);
    Ok(sum)
}

fn break_and_heal(voice: &Voice, apps: &Apps<'_>) -> Result<String> {
    voice::chapter("4/5  All break");
    apps.break_all(voice)?;
    let records = story::follow(voice, apps)?;

    voice::chapter("5/5  What happened");
    voice::kubectl(
        apps.cluster,
        &["get", "healingevents", "-n", &apps.namespace],
    )?;
    apps.are_healed()?;
    let mut sums = Vec::new();
    for (app, record) in apps.all().iter().zip(&records) {
        voice.say(&story::sum(record));
        if let Some(evidence) = story::evidence(record) {
            voice.say(&evidence);
        }
        let cure = story::cure(record);
        if cure != app.cure {
            bail!("{} is well, by {cure} instead of {}", app.name, app.cure);
        }
        let short = story::short(record);
        sums.push(short.with_context(|| format!("no recovery of {}", app.name))?);
    }
    Ok(sums.join(", "))
}

/// What a reader needs who asks why the demo failed.
fn explain(cluster: &Cluster, operator: &Operator, apps: &Apps<'_>) {
    let namespace = apps.namespace.as_str();
    for what in ["healingpolicies,healingevents,pods", "events"] {
        println!("\n$ kubectl get {what} -n {namespace}");
        let printed = cluster.kubectl(&["get", what, "-n", namespace]);
        println!("{}", printed.unwrap_or_else(|error| format!("{error:#}")));
    }
    println!(
        "\nthe end of the operator's log:\n{}",
        operator.log_tail(cluster)
    );
}

fn look_around(cluster: &Cluster, operator: &Operator, apps: &Apps<'_>) {
    let namespace = &apps.namespace;
    println!("\nThe cluster stays up. Look around:");
    if let Some(export) = cluster.export() {
        println!("  {export}");
    }
    let kubectl = cluster.kubectl_for_people();
    println!("  {kubectl} get healingevents -A");
    println!("  {kubectl} describe healingevents -n {namespace}");
    println!("  {kubectl} get healingpolicy shop -n {namespace} -o yaml");
    println!("  target/debug/kubemend why deployment/checkout -n {namespace}");
    println!("  {}", operator.how_to_read_the_log(cluster));
    println!("{}", cluster.how_to_end(namespace));
}

/// No single wait of the demo is longer.
const LONGEST: Duration = Duration::from_mins(4);
