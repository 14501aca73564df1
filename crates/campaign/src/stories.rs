//! The stories with every write hit in every way: they must all end as they do undisturbed.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use kubemend_campaign::story::{self, Hit, Story, Told};

/// True if every story ended as it should.
pub(crate) fn run() -> bool {
    let stories = story::all();
    let mut well = true;
    for story in &stories {
        let began = Instant::now();
        let clean = story.tell(None);
        if let Some(violation) = &clean.violation {
            println!("{}: undisturbed, {violation}", story.name);
            well = false;
            continue;
        }
        let failed = hit_everything(story, &clean);
        let runs = clean.writes * Hit::ALL.len() as u64;
        let seconds = began.elapsed().as_secs();
        println!(
            "{}: {} writes, {runs} runs, {} failed, {seconds} s",
            story.name,
            clean.writes,
            failed.len()
        );
        for line in clean.end.records.values().take(2) {
            println!("  {line}");
        }
        for text in failed.iter().take(3) {
            println!("{text}");
        }
        well &= failed.is_empty();
    }
    well
}

/// What went differently, and where.
fn hit_everything(story: &Story, clean: &Told) -> Vec<String> {
    let failed = Mutex::new(Vec::new());
    let writes = usize::try_from(clean.writes).unwrap_or(0);
    crate::on_every_core("runs", writes * Hit::ALL.len(), |job| {
        let hit = Hit::ALL[job % Hit::ALL.len()];
        let nth = (job / Hit::ALL.len()) as u64 + 1;
        let told = story.tell(Some((hit, nth)));
        if let Some(text) = difference(clean, &told) {
            let text = format!("{}, {hit:?} at write {nth}: {text}", story.name);
            failed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(text);
        }
    });
    failed.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn difference(clean: &Told, told: &Told) -> Option<String> {
    let trace = told.trace.join("\n  ");
    match &told.violation {
        Some(violation) => Some(format!("{violation}\n  {trace}")),
        None if told.end != clean.end => Some(format!(
            "it ends as\n{:#?}\nnot as\n{:#?}\n  {trace}",
            told.end, clean.end
        )),
        None => None,
    }
}
