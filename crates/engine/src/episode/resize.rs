//! A memory limit as a request's `from` and `to` say it: `app limit 96Mi`.

use std::fmt;

use kubemend_api::Memory;

use super::{Attempt, Done, Episode, Request, Verb};
use crate::facts::Text;

/// The memory of one container of the request's pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resize {
    /// The container.
    pub container: Text,
    /// It stands among the init containers.
    pub sidecar: bool,
    /// Its limit.
    pub limit: Memory,
    /// Its request is the same, as in a Guaranteed pod.
    pub guaranteed: bool,
}

impl fmt::Display for Resize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.guaranteed {
            "request and limit"
        } else {
            "limit"
        };
        let role = if self.sidecar { "sidecar " } else { "" };
        write!(f, "{role}{} {what} {}", self.container, self.limit)
    }
}

impl Resize {
    /// Reads it back; `None` for what is none.
    pub fn parse(text: &str) -> Option<Self> {
        let (sidecar, text) = text
            .strip_prefix("sidecar ")
            .filter(|rest| rest.split(' ').count() > 2)
            .map_or((false, text), |rest| (true, rest));
        let (container, rest) = text.split_once(' ')?;
        let (what, limit) = rest.rsplit_once(' ')?;
        Some(Self {
            container: container.into(),
            sidecar,
            limit: Memory::quantity(limit)?,
            guaranteed: match what {
                "limit" => false,
                "request and limit" => true,
                _ => return None,
            },
        })
    }
}

impl Request {
    /// What a resize sets.
    pub fn resize(&self) -> Option<Resize> {
        let to = self.to.as_deref().filter(|_| self.verb == Verb::Resize)?;
        Resize::parse(to)
    }
}

impl Episode {
    /// The resizes of this episode that took effect or may have, each with its attempt, oldest first.
    pub fn resized(&self) -> impl Iterator<Item = (&Attempt, &Request, Resize)> {
        let acted = self
            .state
            .attempts
            .iter()
            .filter(|one| one.acted_at.is_some());
        let all = acted.flat_map(|attempt| attempt.requests.iter().map(move |one| (attempt, one)));
        all.filter(|(_, one)| one.result.is_some_and(|done| done != Done::NotApplied))
            .filter_map(|(attempt, one)| Some((attempt, one, one.resize()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_back_as_it_is_written() {
        for text in [
            "app limit 96Mi",
            "app request and limit 1Gi",
            "sidecar proxy limit 96Mi",
            "sidecar limit 96Mi",
        ] {
            assert_eq!(Resize::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "app", "app 96Mi", "app limits 96Mi", "app limit much"] {
            assert_eq!(Resize::parse(text), None, "{text}");
        }
    }
}
