//! The lab's network: one bridge, one network namespace per node, routes to the nodes' pods.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::command::tool;

/// The host's address on the bridge: the nodes and pods reach the API server there.
pub(crate) const HOST: &str = "10.89.0.1";
/// The port of the API server that real nodes use.
pub(crate) const API_PORT: u16 = 16443;
/// The addresses of all pods.
pub(crate) const PODS: &str = "10.244.0.0/16";
/// What the names of network namespaces, cgroups and pod networks start with.
pub(crate) const PREFIX: &str = "kubemend-node";

const BRIDGE: &str = "kubemend0";

/// A node's place in the network, from its number (1 to 9).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place(pub(crate) u8);

impl Place {
    pub(crate) fn address(self) -> String {
        format!("10.89.0.{}", 10 + self.0)
    }

    pub(crate) fn pods(self) -> String {
        format!("10.244.{}.0/24", self.0)
    }

    pub(crate) fn namespace(self) -> String {
        format!("{PREFIX}{}", self.0)
    }

    /// The file by which a process enters the node's network.
    pub(crate) fn namespace_file(self) -> PathBuf {
        PathBuf::from("/var/run/netns").join(self.namespace())
    }

    fn link(self) -> String {
        format!("kubemend-n{}", self.0)
    }

    /// Gives the node a network namespace with a link to the bridge.
    pub(crate) fn create(self) -> Result<()> {
        let (namespace, link, address) = (self.namespace(), self.link(), self.address());
        tool(&format!("ip netns add {namespace}"))?;
        tool(&format!(
            "ip link add {link} type veth peer name eth0 netns {namespace}"
        ))?;
        tool(&format!("ip link set {link} master {BRIDGE} up"))?;
        tool(&format!("ip -n {namespace} addr add {address}/24 dev eth0"))?;
        tool(&format!("ip -n {namespace} link set eth0 up"))?;
        tool(&format!("ip -n {namespace} link set lo up"))?;
        tool(&format!("ip -n {namespace} route add default via {HOST}"))?;
        self.route_pods()
    }

    /// Takes the node's link to the bridge down: a partition.
    pub(crate) fn cut(self) -> Result<()> {
        tool(&format!("ip link set {} down", self.link())).map(drop)
    }

    /// Takes the link up again.
    pub(crate) fn join(self) -> Result<()> {
        tool(&format!("ip link set {} up", self.link()))?;
        self.route_pods()
    }

    fn route_pods(self) -> Result<()> {
        tool(&format!(
            "ip route replace {} via {}",
            self.pods(),
            self.address()
        ))
        .map(drop)
    }
}

/// Drops every packet that comes into the pod with that address, in its own network namespace: its process runs on,
/// and nobody gets an answer. A new pod has a new namespace.
pub(crate) fn silence_pod(nodes: &Path, address: &str) -> Result<()> {
    let namespace = pod_namespace(nodes, address)?;
    tool(&format!(
        "nsenter --net={} iptables -w -I INPUT -i eth0 -j DROP",
        namespace.display()
    ))
    .map(drop)
}

/// The CNI names the network namespaces of pods `cni-<uuid>`, and containerd keeps them below its node's folder.
fn pod_namespace(nodes: &Path, address: &str) -> Result<PathBuf> {
    const KEPT: &str = "containerd/io.containerd.grpc.v1.cri/netns";
    let wanted = format!(" {address}/");
    for node in fs::read_dir(nodes)?.flatten() {
        for namespace in fs::read_dir(node.path().join(KEPT))
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = namespace.path();
            let net = format!("nsenter --net={}", path.display());
            // One that is just going away has no link to show.
            let shown = tool(&format!("{net} ip -o -4 addr show dev eth0"));
            if shown.is_ok_and(|shown| shown.contains(&wanted)) {
                return Ok(path);
            }
        }
    }
    bail!("no pod of this lab has the address {address}")
}

/// The state folder of the lab that has the bridge, hence the nodes of this machine.
pub(crate) fn owner() -> Option<PathBuf> {
    let alias = fs::read_to_string(format!("/sys/class/net/{BRIDGE}/ifalias")).ok()?;
    let alias = alias.trim();
    (!alias.is_empty()).then(|| PathBuf::from(alias))
}

/// An error if another lab has this machine's nodes.
pub(crate) fn check_owner(state: &Path) -> Result<()> {
    match owner() {
        Some(other) if other != state => {
            let other = other.display();
            bail!(
                "the lab in {other} has this machine's nodes; end it with KUBEMEND_LAB_STATE={other}"
            )
        }
        _ => Ok(()),
    }
}

/// Makes the bridge and lets the nodes reach the API server, which listens on loopback only.
pub(crate) fn create(state: &Path) -> Result<()> {
    tool(&format!("ip link add {BRIDGE} type bridge"))?;
    tool(&format!("ip link set {BRIDGE} alias {}", state.display()))?;
    tool(&format!("ip addr add {HOST}/24 dev {BRIDGE}"))?;
    tool(&format!("ip link set {BRIDGE} up"))?;
    set("net/ipv4/ip_forward")?;
    set(&format!("net/ipv4/conf/{BRIDGE}/route_localnet"))?;
    for rule in rules() {
        tool(&format!("iptables -w -t {}", rule.replacen(' ', " -I ", 1)))?;
    }
    Ok(())
}

/// Removes what [`create`] and [`Place::create`] made, as far as it is there.
pub(crate) fn remove() -> Result<()> {
    for rule in rules() {
        let rule = rule.replacen(' ', " -D ", 1);
        while tool(&format!("iptables -w -t {rule}")).is_ok() {}
    }
    for line in tool("ip netns list")?
        .lines()
        .filter(|line| line.starts_with(PREFIX))
    {
        let name = line.split_whitespace().next().unwrap_or_default();
        tool(&format!("ip netns delete {name}"))?;
    }
    for link in fs::read_dir("/sys/class/net")?.flatten() {
        let name = link.file_name().to_string_lossy().into_owned();
        // The nodes' links go with their namespaces, but only after a while.
        if name == BRIDGE || name.starts_with("kubemend-n") {
            let _ = tool(&format!("ip link delete {name}"));
        }
    }
    Ok(())
}

/// Table, chain and match of each rule, without the verb.
fn rules() -> [String; 2] {
    let to_api = format!("-i {BRIDGE} -d {HOST} -p tcp --dport {API_PORT}");
    [
        format!("nat PREROUTING {to_api} -j DNAT --to-destination 127.0.0.1:{API_PORT}"),
        // A container engine on the host may have set the policy to DROP.
        format!("filter FORWARD -i {BRIDGE} -o {BRIDGE} -j ACCEPT"),
    ]
}

fn set(switch: &str) -> Result<()> {
    let file = PathBuf::from("/proc/sys").join(switch);
    fs::write(&file, "1").with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_the_kernel_and_do_not_collide() {
        for number in 1..=9 {
            let place = Place(number);
            assert!(
                place.link().len() <= 15,
                "a link's name has at most 15 bytes"
            );
            assert_ne!(place.address(), HOST);
            assert!(place.namespace().starts_with(PREFIX));
        }
    }
}
