//! The judgement: the end of a run and the acts on the way equal those of runs without a fault.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::plan::{Fault, is_act};
use crate::trace::Entry;

/// What a run left behind and what it did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// Plain facts by name, such as `web.replicas`.
    pub facts: BTreeMap<String, String>,
    /// The attempts of each record that had an effect, such as `restart Recovered`; a trailing `?`
    /// where the record says that nobody knows whether a request of it was applied.
    pub chains: BTreeMap<String, Vec<String>>,
    /// How often each kind of act was applied, and how many records were created.
    pub acts: BTreeMap<String, usize>,
    /// Requests whose result is recorded as Unknown.
    pub unknown: usize,
    /// Acts that hit the same object with the same body again.
    pub doubled: Vec<String>,
}

/// What is expected, and what differs even between runs without a fault.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Reference {
    /// The first run's ending.
    pub ending: Ending,
    /// Names of facts, chains and acts that no two runs need to share.
    pub masked: BTreeSet<String>,
}

impl Ending {
    /// Counts the acts of a trace.
    pub fn count(&mut self, writes: &[Entry]) {
        let mut seen = BTreeSet::new();
        for one in writes.iter().filter(|one| one.applied()) {
            if !is_act(&one.what) && one.what != "create healingevents" {
                continue;
            }
            *self.acts.entry(one.what.clone()).or_default() += 1;
            let same = (one.what.clone(), one.object.clone(), one.body.clone());
            let once = one.what == "create pods/eviction" || one.what == "delete pods";
            if once && !seen.insert(same) {
                self.doubled.push(format!("{} {}", one.what, one.object));
            }
        }
    }
}

impl Reference {
    /// From several runs without a fault; what differs between them is masked.
    pub fn of(runs: &[Ending]) -> Self {
        let ending = runs.first().cloned().unwrap_or_default();
        let mut masked = BTreeSet::new();
        for other in runs {
            masked.extend(differing(&ending.facts, &other.facts));
            masked.extend(differing(&ending.chains, &other.chains));
            masked.extend(differing(&ending.acts, &other.acts));
        }
        Self { ending, masked }
    }

    /// What is wrong with a run; nothing if it is as good as one without a fault.
    pub fn judge(&self, fault: Option<Fault>, run: &Ending) -> Vec<String> {
        let mut wrong: Vec<String> = run
            .doubled
            .iter()
            .map(|one| format!("done twice: {one}"))
            .collect();
        if fault.is_some_and(Fault::changes_course) {
            wrong.extend(self.judge_safety(run));
            return wrong;
        }
        let expected = &self.ending;
        for name in self.unmasked(differing(&expected.facts, &run.facts)) {
            wrong.push(differs(
                &name,
                expected.facts.get(&name),
                run.facts.get(&name),
            ));
        }
        for name in self.unmasked(differing(&expected.chains, &run.chains)) {
            let (want, have) = (expected.chains.get(&name), run.chains.get(&name));
            if !want.zip(have).is_some_and(|(want, have)| agree(want, have)) {
                wrong.push(differs(&name, want, have));
            }
        }
        for name in self.unmasked(differing(&expected.acts, &run.acts)) {
            let (want, have) = (expected.acts.get(&name), run.acts.get(&name));
            let difference = want
                .copied()
                .unwrap_or(0)
                .abs_diff(have.copied().unwrap_or(0));
            if difference > run.unknown {
                wrong.push(differs(&name, want, have));
            }
        }
        wrong
    }

    /// Where another course is legitimate, still nothing is done more often than without the fault,
    /// save one act by the attempt that takes the failed one's place.
    fn judge_safety(&self, run: &Ending) -> Vec<String> {
        let counts = self.ending.acts.iter().filter_map(|(name, want)| {
            let have = run.acts.get(name).copied().unwrap_or(0);
            (have > want + 1).then(|| differs(name, Some(want), Some(&have)))
        });
        let open = run.facts.iter().filter(|(name, value)| {
            name.split('.').next_back() == Some("ended") && *value != "true"
        });
        counts
            .chain(open.map(|(name, _)| format!("{name} is not true")))
            .collect()
    }

    fn unmasked(&self, names: BTreeSet<String>) -> Vec<String> {
        names
            .into_iter()
            .filter(|name| !self.masked.contains(name))
            .collect()
    }
}

/// Equal, or equal without the attempts of which nobody knows whether they were applied.
fn agree(want: &[String], have: &[String]) -> bool {
    let plain: Vec<&str> = have.iter().map(|one| one.trim_end_matches('?')).collect();
    let known: Vec<&str> = have
        .iter()
        .map(String::as_str)
        .filter(|one| !one.ends_with('?'))
        .collect();
    want == plain.as_slice() || want == known.as_slice()
}

fn differing<T: PartialEq>(
    one: &BTreeMap<String, T>,
    other: &BTreeMap<String, T>,
) -> BTreeSet<String> {
    let names = one.keys().chain(other.keys());
    names
        .filter(|name| one.get(*name) != other.get(*name))
        .cloned()
        .collect()
}

fn differs<T: std::fmt::Debug>(name: &str, want: Option<&T>, have: Option<&T>) -> String {
    let show = |value: Option<&T>| value.map_or("nothing".to_owned(), |value| format!("{value:?}"));
    format!(
        "{name}: {} without the fault, {} with it",
        show(want),
        show(have)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(what: &str, object: &str, status: u16) -> Entry {
        Entry {
            seq: 1,
            at: 0,
            what: what.to_owned(),
            object: object.to_owned(),
            uid: String::new(),
            rv: String::new(),
            body: "same".to_owned(),
            status,
            fault: String::new(),
        }
    }

    fn ending(writes: &[Entry]) -> Ending {
        let mut ending = Ending::default();
        ending.facts.insert("web.replicas".into(), "1".into());
        ending
            .chains
            .insert("web#1".into(), vec!["restart Recovered".into()]);
        ending.count(writes);
        ending
    }

    fn reference() -> Reference {
        let writes = [
            entry("create healingevents", "a/", 201),
            entry("create pods/eviction", "a/web-1", 201),
        ];
        Reference::of(&[ending(&writes), ending(&writes)])
    }

    #[test]
    fn an_equal_run_passes() {
        let want = reference();
        assert_eq!(want.judge(None, &want.ending), Vec::<String>::new());
    }

    #[test]
    fn an_act_done_twice_fails_whatever_the_fault() {
        let twice = [
            entry("create healingevents", "a/", 201),
            entry("create pods/eviction", "a/web-1", 201),
            entry("create pods/eviction", "a/web-1", 201),
        ];
        for fault in Fault::ALL {
            let mut run = ending(&twice);
            run.unknown = 5;
            assert!(
                !reference().judge(Some(fault), &run).is_empty(),
                "{fault:?}"
            );
        }
    }

    #[test]
    fn one_act_more_or_less_fails_unless_it_is_recorded_as_unknown() {
        let more = [
            entry("create healingevents", "a/", 201),
            entry("create pods/eviction", "a/web-1", 201),
            entry("create pods/eviction", "a/web-2", 201),
        ];
        let mut run = ending(&more);
        assert_eq!(reference().judge(None, &run).len(), 1);
        assert_eq!(reference().judge(None, &ending(&more[..1])).len(), 1);
        run.unknown = 1;
        run.chains.insert(
            "web#1".into(),
            vec!["restart NotRecovered?".into(), "restart Recovered".into()],
        );
        assert_eq!(reference().judge(None, &run), Vec::<String>::new());
    }

    #[test]
    fn a_refused_act_does_not_count() {
        let refused = [
            entry("create healingevents", "a/", 201),
            entry("create pods/eviction", "a/web-1", 409),
            entry("create pods/eviction", "a/web-1", 201),
        ];
        assert_eq!(
            reference().judge(None, &ending(&refused)),
            Vec::<String>::new()
        );
    }

    #[test]
    fn another_end_or_chain_fails_and_a_masked_one_does_not() {
        let mut want = reference();
        let mut run = want.ending.clone();
        run.facts.insert("web.replicas".into(), "2".into());
        run.chains
            .insert("web#1".into(), vec!["scale Recovered".into()]);
        assert_eq!(want.judge(None, &run).len(), 2);
        want.masked.insert("web.replicas".into());
        assert_eq!(want.judge(None, &run).len(), 1);
        run.chains.remove("web#1");
        assert_eq!(want.judge(None, &run).len(), 1);
    }
}
