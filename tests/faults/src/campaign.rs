//! Many runs abreast: references, plans, results that are kept, and the table at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use kubemend_lab::{Lab, Options};
use kubemend_tests::cluster::Cluster;
use kubemend_tests::install::install;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use crate::oracle::Reference;
use crate::plan::{Fault, Plan, Writes, generate};
use crate::process::binary;
use crate::run::{Bench, Run};
use crate::story::STORIES;

/// Runs wait most of the time.
const ABREAST: usize = 10;
/// So many runs without a fault tell what differs by itself.
const REFERENCES: usize = 3;
const LONGEST: Duration = Duration::from_mins(5);

/// Which plans are played.
pub enum Choice {
    /// So many, which cover every fault and story.
    Sample(usize),
    /// All that have no result yet.
    Rest,
    /// These.
    Named(Vec<String>),
}

/// What is known of a story without a fault.
#[derive(Clone, Serialize, Deserialize)]
struct Known {
    reference: Reference,
    writes: Writes,
}

/// How a plan ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Verdict {
    /// As without the fault.
    Passed,
    /// As without the fault, but the trigger never came or the fault never struck.
    Missed,
    /// Not as without the fault.
    Failed,
}

#[derive(Serialize, Deserialize)]
struct Record {
    plan: String,
    verdict: Verdict,
    wrong: Vec<String>,
    seconds: u64,
}

/// A campaign on one fake cluster.
pub struct Campaign {
    bench: Bench,
    known: BTreeMap<String, Known>,
}

impl Campaign {
    /// Plays the chosen plans; fails if one does.
    pub fn main(choice: &Choice) -> ExitCode {
        match own_lab().and_then(|lab| play(lab, choice)) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("error: {error:#}");
                ExitCode::FAILURE
            }
        }
    }

    async fn open(lab: Lab, stories: &[&str], afresh: bool) -> Result<Self> {
        let cluster = Cluster::of(lab).await?;
        install(&cluster).await?;
        let folder = folder()?;
        let bench = Bench {
            cluster,
            binary: binary()?,
            folder,
        };
        let mut known = BTreeMap::new();
        let mut learning = Vec::new();
        for story in stories {
            let kept = fs::read(bench.folder.join(format!("{story}.reference")));
            match kept
                .ok()
                .and_then(|kept| serde_json::from_slice(&kept).ok())
            {
                Some(kept) if !afresh => drop(known.insert((*story).to_owned(), kept)),
                _ => learning.push(learn(&bench, story)),
            }
        }
        for learnt in futures::future::join_all(learning).await {
            let (story, learnt) = learnt?;
            fs::write(
                bench.folder.join(format!("{story}.reference")),
                serde_json::to_vec(&learnt)?,
            )?;
            known.insert(story, learnt);
        }
        Ok(Self { bench, known })
    }

    fn plans(&self) -> Vec<Plan> {
        self.known
            .iter()
            .flat_map(|(story, known)| generate(story, &known.writes))
            .collect()
    }

    async fn try_plan(&self, plan: &Plan) -> Record {
        let began = Instant::now();
        let label = file_name(&plan.to_string());
        let run = Box::pin(self.bench.run(&plan.story, Some(plan), &label));
        let ran = timeout(LONGEST, run).await;
        let (verdict, wrong) = match ran {
            Ok(Ok(run)) => self.judge(plan, &run),
            Ok(Err(error)) => (Verdict::Failed, vec![format!("{error:#}")]),
            Err(_) => (Verdict::Failed, vec!["it came to no end".to_owned()]),
        };
        if verdict != Verdict::Failed {
            for kind in ["trace", "log", "kubeconfig"] {
                // A file that stays costs space only.
                let _ = fs::remove_file(self.bench.folder.join(format!("{label}.{kind}")));
            }
        }
        Record {
            plan: plan.to_string(),
            verdict,
            wrong,
            seconds: began.elapsed().as_secs(),
        }
    }

    fn judge(&self, plan: &Plan, run: &Run) -> (Verdict, Vec<String>) {
        let mut wrong = run.wrong.clone();
        match self.known.get(&plan.story) {
            Some(known) => wrong.extend(known.reference.judge(Some(plan.fault), &run.ending)),
            None => wrong.push(format!("no story {}", plan.story)),
        }
        let verdict = match (wrong.is_empty(), run.reached) {
            (false, _) => Verdict::Failed,
            (true, true) => Verdict::Passed,
            (true, false) => Verdict::Missed,
        };
        (verdict, wrong)
    }
}

async fn learn(bench: &Bench, story: &str) -> Result<(String, Known)> {
    let labels: Vec<String> = (1..=REFERENCES)
        .map(|nth| format!("{story}-reference{nth}"))
        .collect();
    let runs = labels
        .iter()
        .map(|label| timeout(LONGEST, bench.run(story, None, label)));
    let mut endings = Vec::new();
    let mut common: Option<Writes> = None;
    for ran in futures::future::join_all(runs).await {
        let run = ran.with_context(|| format!("{story} came to no end"))??;
        anyhow::ensure!(
            run.wrong.is_empty(),
            "{story} without a fault: {}; see {}",
            run.wrong.join("; "),
            run.trace.display()
        );
        // Triggers are only writes that recur in every clean run.
        let recurs =
            |one: &(String, usize)| common.as_ref().is_none_or(|common| common.contains(one));
        common = Some(
            run.writes
                .iter()
                .filter(|one| recurs(one))
                .cloned()
                .collect(),
        );
        endings.push(run.ending);
    }
    let (reference, writes) = (Reference::of(&endings), common.unwrap_or_default());
    println!(
        "{story}: {} writes, acts {:?}, chains {:?}, masked {:?}",
        writes.len(),
        reference.ending.acts,
        reference.ending.chains,
        reference.masked
    );
    Ok((story.to_owned(), Known { reference, writes }))
}

#[tokio::main]
async fn play(lab: Lab, choice: &Choice) -> Result<bool> {
    let stories: Vec<&str> = match choice {
        Choice::Named(named) => {
            let named = named
                .iter()
                .map(|plan| plan.split(',').next().unwrap_or_default());
            named.collect::<BTreeSet<_>>().into_iter().collect()
        }
        _ => STORIES.to_vec(),
    };
    let campaign = Campaign::open(lab, &stories, matches!(choice, Choice::Sample(_))).await?;
    let all = campaign.plans();
    let results = campaign.bench.folder.join("results.jsonl");
    let mut records = if matches!(choice, Choice::Rest) {
        read(&results)
    } else {
        Vec::new()
    };
    let chosen: Vec<Plan> = match choice {
        Choice::Sample(count) => sample(&all, *count),
        Choice::Named(named) => named
            .iter()
            .map(|plan| plan.parse())
            .collect::<Result<_>>()?,
        Choice::Rest => {
            let done: BTreeSet<String> = records.iter().map(|one| one.plan.clone()).collect();
            spread(&all)
                .filter(|plan| !done.contains(&plan.to_string()))
                .cloned()
                .collect()
        }
    };
    println!(
        "{} plans in all, {} have results, {} to play, {ABREAST} abreast",
        all.len(),
        records.len(),
        chosen.len()
    );
    let mut file = File::options().create(true).append(true).open(&results)?;
    let (began, total) = (Instant::now(), chosen.len());
    let mut runs = futures::stream::iter(&chosen)
        .map(|plan| campaign.try_plan(plan))
        .buffer_unordered(ABREAST);
    let mut played = 0_u32;
    while let Some(record) = runs.next().await {
        played += 1;
        let left = began.elapsed() / played * u32::try_from(total)?.saturating_sub(played);
        println!(
            "[{played}/{total}, {} s left] {:?} {} ({} s)",
            left.as_secs(),
            record.verdict,
            record.plan,
            record.seconds
        );
        if record.verdict == Verdict::Failed {
            report(&record, &campaign.bench.folder);
        }
        if matches!(choice, Choice::Rest) {
            writeln!(file, "{}", serde_json::to_string(&record)?)?;
        }
        records.push(record);
    }
    println!("{}", table(&records));
    Ok(records.iter().all(|one| one.verdict != Verdict::Failed))
}

fn report(record: &Record, folder: &Path) {
    for line in &record.wrong {
        println!("    {line}");
    }
    let label = file_name(&record.plan);
    println!("    again: make faults PLANS='{}'", record.plan);
    println!(
        "    trace: {}",
        folder.join(format!("{label}.trace")).display()
    );
}

fn read(results: &Path) -> Vec<Record> {
    let text = fs::read_to_string(results).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

/// One plan of each fault in turn until there are enough, the stories in turn. Statuses of policies and strategies
/// are written at most once a second, so how many there are is chance: a trigger among them may never come.
fn sample(all: &[Plan], count: usize) -> Vec<Plan> {
    let mut chosen: Vec<Plan> = Vec::new();
    for turn in 0.. {
        for (number, fault) in Fault::ALL.into_iter().enumerate() {
            let by_chance = |plan: &Plan| {
                plan.write.contains("policies/status") || plan.write.contains("strategies/status")
            };
            if chosen.len() == count {
                return chosen;
            }
            let of_fault: Vec<&Plan> = all
                .iter()
                .filter(|plan| plan.fault == fault && !by_chance(plan))
                .collect();
            let story = STORIES[(number + turn) % STORIES.len()];
            let mut of_story: Vec<&Plan> = of_fault
                .iter()
                .filter(|plan| plan.story == story)
                .copied()
                .collect();
            if of_story.is_empty() {
                of_story = of_fault;
            }
            // A stride that shares no factor with the number of sources, so that all of them come up.
            let Some(plan) = of_story.get((number * 7 + turn * 3) % of_story.len().max(1)) else {
                continue;
            };
            chosen.push((*plan).clone());
        }
        if turn > all.len() {
            break;
        }
    }
    chosen
}

/// All plans, far apart from one to the next: a campaign that is cut short has seen a bit of everything.
fn spread(all: &[Plan]) -> impl Iterator<Item = &Plan> {
    const STRIDE: usize = 89;
    (0..STRIDE).flat_map(move |first| all.iter().skip(first).step_by(STRIDE))
}

fn table(records: &[Record]) -> String {
    let mut rows: BTreeMap<Fault, [usize; 3]> = BTreeMap::new();
    for record in records {
        let Ok(plan) = record.plan.parse::<Plan>() else {
            continue;
        };
        rows.entry(plan.fault).or_default()[record.verdict as usize] += 1;
    }
    let mut text = format!(
        "{:<20}{:>8}{:>8}{:>8}{:>8}\n",
        "fault", "plans", "passed", "missed", "failed"
    );
    let mut sum = [0; 3];
    for (fault, row) in &rows {
        text.push_str(&line(&format!("{fault:?}"), row));
        for (sum, one) in sum.iter_mut().zip(row) {
            *sum += one;
        }
    }
    text + &line("all", &sum)
}

fn line(name: &str, [passed, missed, failed]: &[usize; 3]) -> String {
    let plans = passed + missed + failed;
    format!("{name:<20}{plans:>8}{passed:>8}{missed:>8}{failed:>8}\n")
}

/// A colon would part two files in `KUBECONFIG`.
fn file_name(plan: &str) -> String {
    plan.replace(['/', ':', ','], "-")
}

fn folder() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/faults");
    fs::create_dir_all(&folder)?;
    Ok(fs::canonicalize(folder)?)
}

/// A lab of fake nodes that stands beside every other one: this program starts itself anew with its place in the
/// environment, because a process cannot safely change its own.
fn own_lab() -> Result<Lab> {
    const STATE: &str = "/tmp/kubemend-faults";
    if std::env::var_os("KUBEMEND_LAB_STATE").is_none_or(|state| state != STATE) {
        let mut again = Command::new(std::env::current_exe()?);
        again
            .args(std::env::args_os().skip(1))
            .env("KUBEMEND_LAB_STATE", STATE);
        return Err(again.env("KUBEMEND_LAB_FAKE_PORT", "16447").exec().into());
    }
    Lab::up(&Options {
        nodes: 2,
        fake: true,
    })
}
