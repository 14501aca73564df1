//! The command line and the environment, parsed once; a bad value is an error that names it.

// The comments are what --help prints: plain text, without backticks.
#![allow(clippy::doc_markdown)]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use kubemend_engine::Settings;

/// Heals Kubernetes workloads by declared policy.
#[derive(Parser, Debug)]
#[command(name = "kubemend", version)]
pub struct Cli {
    /// Which cluster.
    #[command(flatten)]
    pub access: Access,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How to reach the cluster.
#[derive(Args, Debug, Clone, Default)]
pub struct Access {
    /// The kubeconfig file; without it KUBECONFIG, then the pod's ServiceAccount, then ~/.kube/config
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The context of the kubeconfig; without it the current one
    #[arg(long, global = true, value_name = "NAME")]
    pub context: Option<String>,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Run the operator
    Run(Run),
    /// Print the CustomResourceDefinitions
    Crds,
    /// Validate manifests without a cluster
    Check {
        /// Files or folders; - reads standard input
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Print the worst case of every rule too, and fail where recoverWithin cannot be met
        #[arg(long)]
        timeline: bool,
    },
    /// Say whether a target is healed, and if not, why not
    Why(Why),
    /// Say what the records tell about each rule: acted, recovered, healed alone, blocked by what
    Report(Report),
    /// Approve the attempt that a record waits with
    Approve(Answer),
    /// Deny it: the step is skipped, or the chain ends, as the step says
    Deny(Answer),
    /// Print the patch that a record proposes to whoever keeps the workload's template, for example in Git
    Patch(Patch),
    /// Stop all healing in the cluster until `resume`
    Pause {
        /// Who or what asked for it, shown wherever something is held by it, for example INC-4711
        #[arg(long, value_parser = reason)]
        reason: String,
    },
    /// End a pause
    Resume,
    /// Print the version
    Version,
}

/// Options of the operator.
#[derive(Args, Debug, Clone)]
pub struct Run {
    /// What the operator is, here and in `why`.
    #[command(flatten)]
    pub operator: Operator,
    /// Where /healthz, /readyz and /metrics are served
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
    pub admin_address: SocketAddr,
    /// What this process is called in the Lease; its process id and start time are added
    #[arg(long, env = "POD_NAME")]
    pub identity: Option<String>,
    /// Seconds until another process may take over from one that went silent
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = lease_duration)]
    pub lease_duration: Duration,
    /// error, warn, info, debug or trace, or a filter such as info,kubemend_engine=debug
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub log_level: String,
}

/// Options of `report`.
#[derive(Args, Debug, Clone)]
pub struct Report {
    /// Whose records; without it the kubeconfig's namespace
    #[arg(short, long, value_name = "NAME", conflicts_with = "all_namespaces")]
    pub namespace: Option<String>,
    /// Those of every namespace
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// How far back, for example 7d or 12h; records are kept for a policy's history.ttl
    #[arg(long, value_name = "TIME", default_value = "7d", value_parser = days)]
    pub since: kubemend_api::Duration,
}

/// `7d`, or what policies write.
fn days(text: &str) -> Result<kubemend_api::Duration, String> {
    let days = text
        .strip_suffix('d')
        .and_then(|one| one.parse::<i64>().ok());
    match days.filter(|days| (1..=3650).contains(days)) {
        Some(days) => Ok(kubemend_api::Duration::from_secs(days * 86_400)),
        None => text
            .parse()
            .map_err(|error| format!("{error}, or whole days, for example 7d")),
    }
}

/// Options of `patch`.
#[derive(Args, Debug, Clone)]
pub struct Patch {
    /// The record, for example hev/checkout-4f7d1c-3
    #[arg(value_name = "hev/NAME")]
    pub record: String,
    /// Its namespace; without it the kubeconfig's
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
}

/// Options of `why`.
#[derive(Args, Debug, Clone)]
pub struct Why {
    /// What is asked for, for example deployment/checkout or hev/checkout-4f7d1c-3
    #[arg(value_name = "KIND/NAME")]
    pub target: String,
    /// Its namespace; without it the kubeconfig's
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// What the operator is.
    #[command(flatten)]
    pub operator: Operator,
}

/// Options of `approve` and `deny`.
#[derive(Args, Debug, Clone)]
pub struct Answer {
    /// The record that waits, for example hev/checkout-4f7d1c-3
    #[arg(value_name = "hev/NAME")]
    pub record: String,
    /// Its namespace; without it the kubeconfig's
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
}

/// What the operator was told when it was started.
#[derive(Args, Debug, Clone)]
pub struct Operator {
    /// The namespace of the Lease; nothing in it is ever healed
    #[arg(id = "operator-namespace", long = "operator-namespace", value_name = "NAME", env = "POD_NAMESPACE", default_value = crate::lease::NAMESPACE)]
    pub namespace: String,
    /// The Lease that the acting process holds
    #[arg(long, value_name = "NAME", default_value = crate::lease::NAME)]
    pub lease_name: String,
    /// Restarts that make a crash loop, where a policy does not say
    #[arg(long, env = "POD_FAILURE_THRESHOLD", hide_env_values = true, value_name = "RESTARTS", default_value = "3", value_parser = failure_threshold)]
    pub pod_failure_threshold: u32,
    /// Seconds that a recovery may take, where a strategy does not say (verify.timeout)
    #[arg(long, env = "POD_RESTART_TIMEOUT", hide_env_values = true, value_name = "SECONDS", default_value = "300", value_parser = restart_timeout)]
    pub pod_restart_timeout: Duration,
}

impl Operator {
    /// What the engine has to know of it.
    pub fn settings(&self) -> Settings {
        let timeout = self.pod_restart_timeout.as_millis();
        Settings {
            crash_loop_restarts: self.pod_failure_threshold,
            verify_timeout: i64::try_from(timeout).unwrap_or(i64::MAX),
            own_namespace: self.namespace.as_str().into(),
        }
    }
}

/// Variables of the system that Kubemend replaces which have no effect yet: whoever sets one is told.
pub const UNSUPPORTED: [&str; 6] = [
    "NODE_FAILURE_THRESHOLD",
    "NODE_UNREACHABLE_TIMEOUT",
    "SLACK_NOTIFICATIONS_ENABLED",
    "SLACK_WEBHOOK_URL",
    "PROMETHEUS_ENABLED",
    "PROMETHEUS_URL",
];

// The bounds are those of the CRDs' fields that the values stand in for.

fn failure_threshold(text: &str) -> Result<u32, String> {
    number("POD_FAILURE_THRESHOLD", text, 1, 1000)
        .map(|number| u32::try_from(number).unwrap_or(u32::MAX))
}

fn restart_timeout(text: &str) -> Result<Duration, String> {
    number("POD_RESTART_TIMEOUT", text, 5, 86_400).map(Duration::from_secs)
}

fn lease_duration(text: &str) -> Result<Duration, String> {
    number("--lease-duration", text, 3, 600).map(Duration::from_secs)
}

fn number(name: &str, text: &str, least: u64, most: u64) -> Result<u64, String> {
    match text.trim().parse::<u64>() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        Ok(number) => Err(format!(
            "{name}: {number} is not between {least} and {most}"
        )),
        Err(_) => Err(format!(
            "{name}: '{text}' is not a number between {least} and {most}"
        )),
    }
}

fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("write who or what asked for it, for example INC-4711".into()),
        text if text.chars().count() > 200 => Err("longer than 200 characters".into()),
        text => Ok(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(words: &[&str]) -> String {
        Cli::try_parse_from(words).unwrap_err().to_string()
    }

    #[test]
    fn a_bad_value_is_named() {
        let text = error(&["kubemend", "run", "--pod-failure-threshold", "abc"]);
        assert!(
            text.contains("POD_FAILURE_THRESHOLD: 'abc' is not a number"),
            "{text}"
        );
        let text = error(&["kubemend", "run", "--pod-restart-timeout", "0"]);
        assert!(
            text.contains("POD_RESTART_TIMEOUT: 0 is not between 5 and 86400"),
            "{text}"
        );
        let text = error(&["kubemend", "pause", "--reason", " "]);
        assert!(text.contains("INC-4711"), "{text}");
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        let cli = Cli::try_parse_from(["kubemend", "run"]).unwrap();
        let Command::Run(run) = cli.command else {
            panic!("not run")
        };
        assert_eq!(run.operator.pod_failure_threshold, 3);
        assert_eq!(run.operator.pod_restart_timeout, Duration::from_mins(5));
        assert_eq!(run.lease_duration, Duration::from_secs(15));
        assert_eq!(run.admin_address.to_string(), "127.0.0.1:8080");
    }
}
