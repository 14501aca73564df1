//! Runs one input and catches what it breaks, in whatever task of this thread that happens.

use std::cell::RefCell;
use std::panic::{self, AssertUnwindSafe};

use crate::targets::Target;

thread_local! {
    /// The first panic of the present run. A task's panic ends in its `JoinError`, and an effect's
    /// is even survived on purpose: each is a finding all the same.
    static FIRST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Takes note of panics instead of printing them; once per process.
pub fn listen() {
    panic::set_hook(Box::new(|info| {
        FIRST.with_borrow_mut(|first| {
            first.get_or_insert_with(|| info.to_string());
        });
    }));
}

/// The failure that this input causes, if any.
pub fn failure(target: &Target, input: &[u8]) -> Option<String> {
    FIRST.with_borrow_mut(Option::take);
    let ended = panic::catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    let first = FIRST.with_borrow_mut(Option::take);
    first.or_else(|| ended.is_err().then(|| "it panicked".to_owned()))
}
