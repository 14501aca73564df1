//! The table that is printed and kept in docs/performance.md.

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

struct Row {
    what: String,
    measured: String,
    baseline: String,
    ratio: Option<f64>,
    goal: Option<(String, bool)>,
}

impl Report {
    /// A figure without a goal, beside its baseline; `ratio` where the two compare.
    pub(crate) fn figure(
        &mut self,
        what: &str,
        measured: &str,
        baseline: &str,
        ratio: Option<f64>,
    ) {
        self.add(what, measured, baseline, ratio, None);
    }

    /// A figure with a goal.
    pub(crate) fn goal(
        &mut self,
        what: &str,
        measured: &str,
        baseline: &str,
        ratio: Option<f64>,
        (goal, met): (&str, bool),
    ) {
        self.add(
            what,
            measured,
            baseline,
            ratio,
            Some((goal.to_owned(), met)),
        );
    }

    fn add(
        &mut self,
        what: &str,
        measured: &str,
        baseline: &str,
        ratio: Option<f64>,
        goal: Option<(String, bool)>,
    ) {
        let row = Row {
            what: what.to_owned(),
            measured: measured.to_owned(),
            baseline: baseline.to_owned(),
            ratio,
            goal,
        };
        println!("{}", row.line());
        self.rows.push(row);
    }

    /// Prints all rows once more as one table, and how many goals are met.
    pub(crate) fn summary(&self) {
        println!("\n| what | measured | baseline | ratio | goal | met |");
        println!("|---|---|---|---|---|---|");
        for row in &self.rows {
            println!("{}", row.line());
        }
        let goals = || self.rows.iter().filter_map(|row| row.goal.as_ref());
        let met = goals().filter(|(_, met)| *met).count();
        println!("\n{met} of {} goals met", goals().count());
    }
}

impl Row {
    fn line(&self) -> String {
        let ratio = self.ratio.map(ratio).unwrap_or_default();
        let (goal, met) = match &self.goal {
            Some((goal, true)) => (goal.as_str(), "yes"),
            Some((goal, false)) => (goal.as_str(), "**no**"),
            None => ("", ""),
        };
        let Self {
            what,
            measured,
            baseline,
            ..
        } = self;
        format!("| {what} | {measured} | {baseline} | {ratio} | {goal} | {met} |")
    }
}

fn ratio(ratio: f64) -> String {
    if ratio < 0.1 {
        format!("{ratio:.3}")
    } else {
        format!("{ratio:.2}")
    }
}

/// The value below which so many per cent of the samples lie.
pub(crate) fn percentile(samples: &[f64], percent: usize) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples() {
        let samples: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert!((percentile(&samples, 50) - 51.0).abs() < f64::EPSILON);
        assert!((percentile(&samples, 99) - 100.0).abs() < f64::EPSILON);
        assert!(percentile(&[], 50).is_nan());
    }
}
