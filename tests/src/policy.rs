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

/// Replaces all pods by a rolling restart, once.
pub const ROLL: &str = concat!(
    "{name: roll, action: {restartWorkload: {}}, ",
    verify!(),
    "}"
);

/// Looks for a minute and a half whether it heals by itself.
pub const WAIT: &str =
    "{name: wait, action: {wait: {}}, verify: {timeout: 90s, stableFor: 5s, relapseWindow: 1m}}";

/// Gives killed containers half as much memory again, once.
pub const RESIZE: &str = concat!(
    "{name: resize, action: {resizeMemory: {}}, ",
    verify!(),
    "}"
);

/// Removes what is left behind, once.
pub const CLEAN: &str = "{name: clean, action: {deletePod: {}}, verify: {timeout: 60s, stableFor: 5s, relapseWindow: 1m}}";

/// A policy named `web` for the workload `web`, in Enforce, with one rule, for crash loops where nothing else is said.
pub struct Policy {
    kind: &'static str,
    all: bool,
    mode: &'static str,
    rule: &'static str,
    when: String,
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
            all: false,
            mode: "Enforce",
            rule: "crash-loop",
            when: "{crashLoop: {restarts: 2}}".to_owned(),
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

    /// For every workload of the namespace.
    #[must_use]
    pub fn for_all(mut self) -> Self {
        self.all = true;
        self
    }

    /// For pods without a workload that have the label of `web`.
    #[must_use]
    pub fn pods(self) -> Self {
        self.kind("Pod")
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
        self.when = format!("{{crashLoop: {{restarts: {restarts}}}}}");
        self
    }

    /// With that trigger instead of a crash loop.
    #[must_use]
    pub fn when(mut self, rule: &'static str, trigger: &str) -> Self {
        self.rule = rule;
        trigger.clone_into(&mut self.when);
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
            all,
            mode,
            rule,
            when,
            chain,
            budget,
            history,
        } = self;
        let targets = if *all {
            "all: true".to_owned()
        } else if *kind == "Pod" {
            "selector: {matchLabels: {app: web}}, kinds: [Pod]".to_owned()
        } else {
            format!("names: [{{kind: {kind}, name: web}}]")
        };
        format!(
            r"
apiVersion: kubemend.io/v1alpha1
kind: {policy}
metadata: {{name: {name}}}
spec:
  mode: {mode}
  {namespaces}
  targets: {{{targets}}}
  rules:
  - name: {rule}
    when: {when}
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
