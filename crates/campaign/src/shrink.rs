//! Makes a failing history as short as it can be.

use crate::history::History;
use crate::play::play;

/// The history with every event left out that the failure does not need.
pub fn shrink(mut history: History, rule: &str) -> History {
    let fails = |history: &History| {
        play(history)
            .violation
            .is_some_and(|found| found.rule == rule)
    };
    let mut at = history.events.len();
    while at > 0 {
        at -= 1;
        let mut less = history.clone();
        less.events.remove(at);
        if fails(&less) {
            history = less;
            at = at.min(history.events.len());
        }
    }
    if history.processes > 1 {
        let less = History {
            processes: 1,
            ..history.clone()
        };
        if fails(&less) {
            history = less;
        }
    }
    history
}
