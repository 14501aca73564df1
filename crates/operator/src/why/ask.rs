//! What is asked for: `KIND/NAME`, with kubectl's names of the kinds.

use std::str::FromStr;

use anyhow::{Context as _, Error, Result, bail};
use kubemend_api::targets::WorkloadKind;

/// A workload, or the record of one.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Target(WorkloadKind, String),
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
        let kind = kind.split_once('.').map_or(kind.as_str(), |(kind, _)| kind);
        Ok(match kind {
            "deployment" | "deployments" | "deploy" => {
                Self::Target(WorkloadKind::Deployment, name.into())
            }
            "statefulset" | "statefulsets" | "sts" => {
                Self::Target(WorkloadKind::StatefulSet, name.into())
            }
            "daemonset" | "daemonsets" | "ds" => Self::Target(WorkloadKind::DaemonSet, name.into()),
            "healingevent" | "healingevents" | "hev" => Self::Record(name.into()),
            other => bail!(
                "'{other}' is never healed by itself; ask for a deployment, statefulset, daemonset or healingevent"
            ),
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
