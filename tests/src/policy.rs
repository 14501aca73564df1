//! Policies and chains as the proofs use them: quick to act, quick to judge.

/// Stable after 15 s, a relapse within 2 minutes.
macro_rules! verify {
    () => {
        "verify: {timeout: 60s, stableFor: 15s, relapseWindow: 2m}"
    };
}

/// Replaces the failing pods, once.
pub const RESTART_ONCE: &str =
    concat!("{name: restart, action: {restartPod: {}}, ", verify!(), "}");

/// Replaces the failing pods, twice at most.
pub const RESTART: &str = concat!(
    "{name: restart, action: {restartPod: {}}, attempts: {max: 2, backoff: {initial: 5s, factor: 1, max: 5s}}, ",
    verify!(),
    "}"
);

/// Adds a replica and takes it back later.
pub const SCALE: &str = concat!(
    "{name: scale, action: {scale: {by: 1, max: 10}}, undo: {after: 1h}, ",
    verify!(),
    "}"
);

/// Puts the last release back that proved itself for 20 s.
pub const ROLLBACK: &str = concat!(
    "{name: rollback, onlyIf: {releasedWithin: 24h}, action: {rollback: {to: LastHealthy, provenFor: 20s}}, ",
    verify!(),
    "}"
);

/// A policy named `web` for the workload `web`, in Enforce, with one rule for crash loops.
pub struct Policy {
    kind: &'static str,
    mode: &'static str,
    restarts: u32,
    chain: String,
    budget: &'static str,
    history: &'static str,
}

impl Policy {
    /// One that answers with these steps.
    pub fn with_steps(steps: &[&str]) -> Self {
        Self::with_chain(format!("steps: [{}]", steps.join(", ")))
    }

    /// One that answers with the chain of that strategy.
    pub fn with_strategy(kind: &str, name: &str) -> Self {
        Self::with_chain(format!("strategyRef: {{kind: {kind}, name: {name}}}"))
    }

    fn with_chain(chain: String) -> Self {
        Self {
            kind: "Deployment",
            mode: "Enforce",
            restarts: 2,
            chain,
            budget: "{}",
            history: "{}",
        }
    }

    /// For a workload of that kind instead of a Deployment.
    #[must_use]
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// In that mode instead of Enforce.
    #[must_use]
    pub fn mode(mut self, mode: &'static str) -> Self {
        self.mode = mode;
        self
    }

    /// A crash loop from so many restarts on, instead of 2.
    #[must_use]
    pub fn restarts(mut self, restarts: u32) -> Self {
        self.restarts = restarts;
        self
    }

    /// Within that budget.
    #[must_use]
    pub fn budget(mut self, budget: &'static str) -> Self {
        self.budget = budget;
        self
    }

    /// Keeping that much of the past.
    #[must_use]
    pub fn history(mut self, history: &'static str) -> Self {
        self.history = history;
        self
    }

    /// The manifest of a `HealingPolicy`.
    pub fn yaml(&self) -> String {
        self.of_kind("HealingPolicy", "web", "")
    }

    /// The manifest of a `ClusterHealingPolicy` for that namespace, which has its name.
    pub fn yaml_for_cluster(&self, namespace: &str) -> String {
        let namespaces = format!("namespaces: {{names: [{namespace}]}}");
        self.of_kind("ClusterHealingPolicy", namespace, &namespaces)
    }

    fn of_kind(&self, policy: &str, name: &str, namespaces: &str) -> String {
        let Self {
            kind,
            mode,
            restarts,
            chain,
            budget,
            history,
        } = self;
        format!(
            r"
apiVersion: kubemend.io/v1alpha1
kind: {policy}
metadata: {{name: {name}}}
spec:
  mode: {mode}
  {namespaces}
  targets: {{names: [{{kind: {kind}, name: web}}]}}
  rules:
  - name: crash-loop
    when: {{crashLoop: {{restarts: {restarts}}}}}
    {chain}
    recoverWithin: 30s
  budget: {budget}
  history: {history}
"
        )
    }
}

/// A strategy of the namespace with these steps.
pub fn strategy(name: &str, steps: &[&str]) -> String {
    format!(
        r"
apiVersion: kubemend.io/v1alpha1
kind: RecoveryStrategy
metadata: {{name: {name}}}
spec:
  steps: [{}]
",
        steps.join(", ")
    )
}
