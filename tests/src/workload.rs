//! Workloads that fail as named, and those that do not.

use std::time::{SystemTime, UNIX_EPOCH};

/// Stays up.
pub const HEALTHY: &str = "touch /tmp/ok; exec sleep 100000";

/// Stays up too, and is another template.
pub const MENDED: &str = "touch /tmp/ok; exec sleep 200000";

/// Ends after a second, every time, in every pod.
pub const CRASHES: &str = "sleep 1; echo 'no database' > /dev/termination-log; exit 3";

/// Ends after three seconds, every time: long enough for the kubelet to call each new pod ready, so
/// that the rollout completes although no pod of it ever works.
pub const BAD_RELEASE: &str = "sleep 3; echo 'no database' > /dev/termination-log; exit 3";

/// Lives for a while and ends, every time, in every pod.
pub const DIES_EVERY_40_S: &str = "sleep 40; exit 3";

/// Ends after a second on `node1`, and stays up elsewhere.
pub const CRASHES_ON_NODE1: &str = "[ $NODE = node1 ] || exec sleep 100000; sleep 1; echo 'no database' > /dev/termination-log; exit 3";

/// Ends after a second, every time, in each pod that is born within the next `seconds`: containers
/// that are restarted crash on, and a pod that replaces one of them stays up.
pub fn crashes_until_replaced(seconds: u64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let good_from = now.as_secs() + seconds;
    format!(
        "[ -f /state/born ] || date +%s > /state/born; [ $(cat /state/born) -lt {good_from} ] || {{ {HEALTHY}; }}; {CRASHES}"
    )
}

/// A Deployment named `web` of busybox containers, or a `StatefulSet`.
pub struct App {
    kind: &'static str,
    replicas: u32,
    script: String,
    annotations: String,
    placement: String,
    probe: String,
}

impl App {
    /// One replica of a shell script, on a node whose kubelet waits 10 s at most between restarts.
    pub fn running(script: &str) -> Self {
        Self {
            kind: "Deployment",
            replicas: 1,
            script: script.to_owned(),
            annotations: String::new(),
            placement: node_with_cap("10s"),
            probe: String::new(),
        }
    }

    /// As a workload of that kind.
    #[must_use]
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// So many replicas.
    #[must_use]
    pub fn replicas(mut self, replicas: u32) -> Self {
        self.replicas = replicas;
        self
    }

    /// On a node whose kubelet waits that long at most between restarts.
    #[must_use]
    pub fn on_node_with_cap(mut self, cap: &str) -> Self {
        self.placement = node_with_cap(cap);
        self
    }

    /// One pod on each node.
    #[must_use]
    pub fn spread(mut self) -> Self {
        self.placement = SPREAD.into();
        self
    }

    /// With an annotation on the Deployment.
    #[must_use]
    pub fn annotated(mut self, key: &str, value: &str) -> Self {
        self.annotations = format!("{key}: {value:?}");
        self
    }

    /// Ready only where the script says so by a file.
    #[must_use]
    pub fn ready_when_ok(mut self) -> Self {
        self.probe = "readinessProbe: {exec: {command: [cat, /tmp/ok]}, periodSeconds: 1}".into();
        self
    }

    /// The manifest.
    pub fn yaml(&self) -> String {
        let Self {
            kind,
            replicas,
            script,
            annotations,
            placement,
            probe,
        } = self;
        let own = if *kind == "StatefulSet" {
            "podManagementPolicy: Parallel"
        } else {
            ""
        };
        format!(
            r"
apiVersion: apps/v1
kind: {kind}
metadata:
  name: web
  labels: {{app: web}}
  annotations: {{{annotations}}}
spec:
  replicas: {replicas}
  {own}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      {placement}
      terminationGracePeriodSeconds: 1
      volumes: [{{name: state, emptyDir: {{}}}}]
      containers:
      - name: app
        image: lab.local/busybox:1
        imagePullPolicy: IfNotPresent
        command: [sh, -c, {script:?}]
        env: [{{name: NODE, valueFrom: {{fieldRef: {{fieldPath: spec.nodeName}}}}}}]
        volumeMounts: [{{name: state, mountPath: /state}}]
        {probe}
"
        )
    }
}

/// Pods of `web` on as many nodes as there are.
const SPREAD: &str = "topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, \
     whenUnsatisfiable: DoNotSchedule, labelSelector: {matchLabels: {app: web}}}]";

fn node_with_cap(cap: &str) -> String {
    format!("nodeSelector: {{kubemend.io/backoff-cap: {cap}}}")
}

/// An autoscaler that owns the replicas of `web`; without a metrics server it never scales.
pub const AUTOSCALER: &str = r"
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 4
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
";

/// A budget that spares every pod of `web`, those that fail included.
pub const DISRUPTION_BUDGET: &str = r"
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: web}}
  unhealthyPodEvictionPolicy: IfHealthyBudget
";
