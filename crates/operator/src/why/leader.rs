//! Whether anybody acts, read off the Lease.

use k8s_openapi::api::coordination::v1::Lease;
use kubemend_engine::Moment;

use crate::lease::STATE;

/// Two machines' clocks and one renewal under way: less is no proof that nobody leads.
const LENIENCE: i64 = 10_000;

/// Who acts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Leader {
    /// Somebody, who sees everything.
    Acts,
    /// Somebody, who does not; the state it wrote.
    Blind(String),
    /// Nobody, and why we think so.
    Nobody(String),
    /// The Lease may not be read.
    Unknown(String),
}

impl Leader {
    pub(super) fn of(found: kube::Result<Option<Lease>>, now: Moment) -> Self {
        let lease = match found {
            Ok(Some(lease)) => lease,
            Ok(None) => {
                return Self::Nobody(
                    "there is no Lease: no operator has ever run, or it runs elsewhere".into(),
                );
            }
            Err(kube::Error::Api(status)) => {
                return Self::Unknown(format!(
                    "  cannot tell whether an operator leads: {}",
                    status.message
                ));
            }
            Err(error) => {
                return Self::Unknown(format!("  cannot tell whether an operator leads: {error}"));
            }
        };
        let spec = lease.spec.unwrap_or_default();
        let Some(holder) = spec.holder_identity.filter(|holder| !holder.is_empty()) else {
            return Self::Nobody("the last operator gave the Lease back, and none took it".into());
        };
        let renewed = spec.renew_time.map_or(0, |time| time.0.as_millisecond());
        let silent = now.since(Moment::from_millis(renewed));
        if silent > i64::from(spec.lease_duration_seconds.unwrap_or(15)) * 1_000 + LENIENCE {
            return Self::Nobody(format!(
                "{holder} holds the Lease but is silent for {} s",
                silent / 1_000
            ));
        }
        let annotations = lease.metadata.annotations.unwrap_or_default();
        match annotations.get(STATE).map(String::as_str) {
            None | Some("Ready") => Self::Acts,
            Some(state) => Self::Blind(format!(
                "{holder} leads, but does not see everything: {state}"
            )),
        }
    }

    /// What is wrong, in one line.
    pub(super) fn trouble(&self) -> Option<String> {
        match self {
            Self::Acts | Self::Unknown(_) => None,
            Self::Blind(why) => Some(format!("operator blind: {why}")),
            Self::Nobody(why) => Some(format!("no leader: {why}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    fn leader(spec: &Value, state: &str) -> Leader {
        let lease = json!({"metadata": {"annotations": {STATE: state}}, "spec": spec});
        let now = Moment::parse("2026-01-01T00:01:00Z").unwrap();
        Leader::of(Ok(Some(from_value(lease).unwrap())), now)
    }

    #[test]
    fn the_lease_tells_nobody_blind_and_acting_apart() {
        let held = json!({"holderIdentity": "a", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:58.000000Z"});
        assert_eq!(leader(&held, "Ready"), Leader::Acts);
        assert!(
            matches!(leader(&held, "Blind: pods"), Leader::Blind(why) if why.contains("Blind: pods"))
        );
        let silent = json!({"holderIdentity": "a", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:20.000000Z"});
        assert!(
            matches!(leader(&silent, "Ready"), Leader::Nobody(why) if why.contains("silent for 40 s"))
        );
        assert!(matches!(
            leader(&json!({"holderIdentity": ""}), "Ready"),
            Leader::Nobody(_)
        ));
        assert!(matches!(
            Leader::of(Ok(None), Moment::default()),
            Leader::Nobody(_)
        ));
    }
}
