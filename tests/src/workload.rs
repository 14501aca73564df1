//! Workloads that fail as named, and those that do not.

use std::time::{SystemTime, UNIX_EPOCH};

/// Stays up.
pub const HEALTHY: &str = "touch /tmp/ok; exec sleep 100000";

/// Answers every request over HTTP at port 8080.
pub const SERVES: &str =
    "mkdir /tmp/www; echo ok > /tmp/www/index.html; exec httpd -f -p 8080 -h /tmp/www";

/// Stays up too, and is another template.
pub const MENDED: &str = "touch /tmp/ok; exec sleep 200000";

/// Ends after a second, every time, in every pod.
pub const CRASHES: &str = "sleep 1; echo 'no database' > /dev/termination-log; exit 3";

/// Ends after three seconds, every time: long enough for the kubelet to call each new pod ready, so
/// that the rollout completes although no pod of it ever works.
pub const BAD_RELEASE: &str = "sleep 3; echo 'no database' > /dev/termination-log; exit 3";

/// Takes memory until the kernel kills it, after two seconds.
pub const EATS_MEMORY: &str = "sleep 2; exec tail /dev/zero";

/// Holds 36 MB for good, two seconds after its start; with less, the kernel kills it.
pub const HOLDS_36_MB: &str = "sleep 2; exec awk 'BEGIN { one = sprintf(\"%1000000s\", \"\"); \
     for (i = 0; i < 36; i++) all[i] = one i; system(\"sleep 100000\") }'";

/// Shares 40 MB of sessions with its peers, which are told by files that each of them touches in /state; the first
/// that came keeps 20 MB of old ones besides. Who has not touched his file for half a minute is no peer any more.
pub const SHARES_SESSIONS: &str = "mkdir /state/old 2>/dev/null && echo $HOSTNAME > /state/old/owner; \
     touch /state/$HOSTNAME; sleep 5; \
     [ $(cat /state/old/owner) = $HOSTNAME ] && old=20 || old=0; \
     exec awk -v old=$old 'BEGIN { one = sprintf(\"%1000000s\", \"\"); \
     peers = \"touch /state/$HOSTNAME; now=$(date +%s); n=0; for one in /state/web-*; do \
     [ $((now - $(stat -c %Y $one))) -lt 30 ] && n=$((n + 1)); done; echo $n\"; \
     for (;;) { peers | getline n; close(peers); want = old + 40 / n; \
     while (held < want) { all[held] = one held; held++ } \
     while (held > want + 1) { held--; delete all[held] } system(\"sleep 1\") } }'";

/// Runs, and is never ready where readiness is a file.
pub const NEVER_READY: &str = "rm -f /tmp/ok; exec sleep 100000";

/// Lives for a while and ends, every time, in every pod.
pub const DIES_EVERY_40_S: &str = "sleep 40; exit 3";

/// Ends after a second on `node1`, and stays up elsewhere.
pub const CRASHES_ON_NODE1: &str = "[ $NODE = node1 ] || exec sleep 100000; sleep 1; echo 'no database' > /dev/termination-log; exit 3";

/// Ends after a second, every time, in each pod that is born within the next `seconds`: containers
/// that are restarted crash on, and a pod that replaces one of them stays up.
pub fn crashes_until_replaced(seconds: u64) -> String {
    until_replaced(seconds, CRASHES)
}

/// Fails in each pod that is born within the next `seconds`, and in no other.
pub fn good_from(seconds: u64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let good_from = now.as_secs() + seconds;
    format!("[ -f /state/born ] || date +%s > /state/born; [ $(cat /state/born) -ge {good_from} ]")
}

/// Behaves so in each pod that is born within the next `seconds`; a pod that replaces one stays up.
pub fn until_replaced(seconds: u64, behaviour: &str) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let good_from = now.as_secs() + seconds;
    format!(
        "[ -f /state/born ] || date +%s > /state/born; [ $(cat /state/born) -lt {good_from} ] || {{ {HEALTHY}; }}; {behaviour}"
    )
}

/// A Deployment of busybox containers, named `web` where nothing else is said, or another kind of apps.
pub struct App {
    kind: &'static str,
    name: &'static str,
    replicas: u32,
    script: String,
    annotations: String,
    placement: String,
    image: &'static str,
    /// Of the volume at /state.
    volume: String,
    /// More members of the container, and of the workload's spec.
    container: Vec<String>,
    spec: Vec<String>,
}

impl App {
    /// One replica of a shell script, on a node whose kubelet waits 10 s at most between restarts.
    pub fn running(script: &str) -> Self {
        Self {
            kind: "Deployment",
            name: "web",
            replicas: 1,
            script: script.to_owned(),
            annotations: String::new(),
            placement: node_with_cap("10s"),
            image: "lab.local/busybox:1",
            volume: "emptyDir: {}".to_owned(),
            container: Vec::new(),
            spec: Vec::new(),
        }
    }

    /// As a workload of that kind.
    #[must_use]
    pub fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// Of another name, which is its `app` label too.
    #[must_use]
    pub fn named(mut self, name: &'static str) -> Self {
        self.name = name;
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
    pub fn ready_when_ok(self) -> Self {
        self.with("readinessProbe: {exec: {command: [cat, /tmp/ok]}, periodSeconds: 1}")
    }

    /// From that image instead of the lab's own.
    #[must_use]
    pub fn image(mut self, image: &'static str) -> Self {
        self.image = image;
        self
    }

    /// With that volume at /state instead of a folder without a limit.
    #[must_use]
    pub fn volume(mut self, volume: &str) -> Self {
        volume.clone_into(&mut self.volume);
        self
    }

    /// With one more member of the container, in YAML.
    #[must_use]
    pub fn with(mut self, member: &str) -> Self {
        self.container.push(member.to_owned());
        self
    }

    /// With one more member of the workload's spec, in YAML.
    #[must_use]
    pub fn spec(mut self, member: &str) -> Self {
        self.spec.push(member.to_owned());
        self
    }

    /// Wherever there is a place, or where that member of the pod's spec says.
    #[must_use]
    pub fn placed(mut self, member: &str) -> Self {
        member.clone_into(&mut self.placement);
        self
    }

    /// The manifest of one such pod without an owner.
    pub fn bare(&self) -> String {
        let workload = self.yaml();
        let (_, template) = workload.split_once("  template:\n").unwrap_or_default();
        let pod: Vec<&str> = template
            .lines()
            .map(|line| line.strip_prefix("    ").unwrap_or(line))
            .map(|line| match line {
                "metadata: {labels: {app: web}}" => "metadata: {name: web, labels: {app: web}}",
                line => line,
            })
            .collect();
        format!("apiVersion: v1\nkind: Pod\n{}\n", pod.join("\n"))
    }

    /// The manifest.
    pub fn yaml(&self) -> String {
        let Self {
            kind,
            name,
            replicas,
            script,
            annotations,
            placement,
            image,
            volume,
            container,
            spec,
        } = self;
        let container = container.join("\n        ");
        let mut spec = spec.clone();
        if *kind != "DaemonSet" {
            spec.push(format!("replicas: {replicas}"));
        }
        let ordered = spec
            .iter()
            .any(|one| one.starts_with("podManagementPolicy"));
        if *kind == "StatefulSet" && !ordered {
            spec.push("podManagementPolicy: Parallel".to_owned());
        }
        let spec = spec.join("\n  ");
        format!(
            r"
apiVersion: apps/v1
kind: {kind}
metadata:
  name: {name}
  labels: {{app: {name}}}
  annotations: {{{annotations}}}
spec:
  {spec}
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      {placement}
      terminationGracePeriodSeconds: 1
      volumes: [{{name: state, {volume}}}]
      containers:
      - name: app
        image: {image}
        imagePullPolicy: IfNotPresent
        command: [sh, -c, {script:?}]
        env: [{{name: NODE, valueFrom: {{fieldRef: {{fieldPath: spec.nodeName}}}}}}]
        volumeMounts: [{{name: state, mountPath: /state}}]
        {container}
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
