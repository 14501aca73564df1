//! What is asked for: `KIND/NAME`, with kubectl's names of the kinds.

use std::str::FromStr;

use anyhow::{Context as _, Error, Result, bail};
use kubemend_api::targets::WorkloadKind;

/// A target, or the record of one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Target(WorkloadKind, String),
    /// What this pod is a part of.
    Pod(String),
    /// The pods of an owner of a kind that is not watched, as the column TARGET of a record spells it.
    Owner(String),
    Record(String),
}

impl FromStr for Ask {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (kind, name) = text
            .split_once('/')
            .filter(|(_, name)| !name.is_empty() && !name.contains('/'))
            .with_context(|| {
                format!("'{text}' is not KIND/NAME, for example deployment/checkout")
            })?;
        let kind = kind.to_ascii_lowercase();
        let (kind, group) = kind.split_once('.').unwrap_or((&kind, ""));
        if !["", "apps", "batch", "kubemend.io"].contains(&group) {
            return Ok(Self::Owner(text.to_owned()));
        }
        Ok(match kind {
            "deployment" | "deployments" | "deploy" => {
                Self::Target(WorkloadKind::Deployment, name.into())
            }
            "statefulset" | "statefulsets" | "sts" => {
                Self::Target(WorkloadKind::StatefulSet, name.into())
            }
            "daemonset" | "daemonsets" | "ds" => Self::Target(WorkloadKind::DaemonSet, name.into()),
            "pod" | "pods" | "po" => Self::Pod(name.into()),
            "healingevent" | "healingevents" | "hev" => Self::Record(name.into()),
            "job" | "jobs" | "cronjob" | "cronjobs" | "node" | "nodes" => bail!(
                "'{kind}' is never healed; ask for a deployment, statefulset, daemonset, pod or healingevent"
            ),
            _ => Self::Owner(text.to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_named_as_kubectl_does() {
        let target = Ask::Target(WorkloadKind::Deployment, "a".into());
        for text in ["deploy/a", "Deployment/a", "deployments.apps/a"] {
            assert_eq!(text.parse::<Ask>().unwrap(), target);
        }
        assert_eq!("hev/a-1".parse::<Ask>().unwrap(), Ask::Record("a-1".into()));
        assert_eq!("po/a-1".parse::<Ask>().unwrap(), Ask::Pod("a-1".into()));
        for text in ["CloneSet.apps.kruise.io/a", "StatefulSet.apps.kruise.io/a"] {
            assert_eq!(text.parse::<Ask>().unwrap(), Ask::Owner(text.into()));
        }
        assert!(
            "checkout"
                .parse::<Ask>()
                .unwrap_err()
                .to_string()
                .contains("KIND/NAME")
        );
        assert!(
            "job/a"
                .parse::<Ask>()
                .unwrap_err()
                .to_string()
                .contains("never healed")
        );
    }
}
