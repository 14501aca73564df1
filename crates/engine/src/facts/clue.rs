//! What a pod in trouble might share with others: where it runs, what its failing container is made of, and what
//! it waits for.

use super::Text;
use super::container::{Blocked, Container, Role};
use super::slim::{SlimContainerStatus, SlimPod};

/// A record holds no longer name.
const LONGEST: usize = 253;

/// What may be behind a pod's trouble, as far as the pod tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clue {
    /// The node it runs on.
    pub node: Option<Text>,
    /// It uses the node's own network, as what makes the network of others does.
    pub host_network: bool,
    /// The image of the container that fails: its digest, or its name while it cannot be had.
    pub image: Option<Text>,
    /// The object that a container waits for: `ConfigMap/settings`
    pub object: Option<Text>,
}

impl Clue {
    /// Reads it off a pod with these containers.
    pub(super) fn read(pod: &SlimPod, containers: &[Container]) -> Self {
        let failing = failing(containers).map(|one| &*one.name);
        let statuses = &pod.status;
        let mut all = statuses
            .init_container_statuses
            .iter()
            .chain(&statuses.container_statuses);
        let status = failing.and_then(|name| all.find(|one| one.name == name));
        Self {
            node: text(&pod.spec.node_name),
            host_network: pod.spec.host_network,
            image: status.and_then(|one| image(pod, one)),
            object: status.and_then(missing),
        }
    }
}

/// The container that is in trouble: one that cannot be made, else the one that ended last, else one that is not ready.
fn failing(containers: &[Container]) -> Option<&Container> {
    let blocked = containers.iter().find(|one| one.blocked().is_some());
    let ended = containers.iter().filter(|one| one.abnormal().is_some());
    let ended = ended.max_by_key(|one| one.abnormal().and_then(|end| end.finished));
    let unready = |one: &&Container| one.role != Role::Init && !one.checks.ready();
    blocked
        .or(ended)
        .or_else(|| containers.iter().find(unready))
}

fn image(pod: &SlimPod, status: &SlimContainerStatus) -> Option<Text> {
    let spec = &pod.spec;
    let mut all = spec.init_containers.iter().chain(&spec.containers);
    let mut named = || {
        all.find(|one| one.name == status.name)
            .map(|one| &one.image)
    };
    text(&status.image_id).or_else(|| text(named()?))
}

/// The kubelet names what is missing in its message only.
fn missing(status: &SlimContainerStatus) -> Option<Text> {
    let waiting = status.state.waiting.as_ref();
    let waiting = waiting.filter(|one| Blocked::of(&one.reason) == Some(Blocked::Config))?;
    object(&waiting.message)
}

/// `secret "login" not found`, or `couldn't find key user in Secret shop/login`.
fn object(message: &str) -> Option<Text> {
    let kinds = [("configmap", "ConfigMap"), ("secret", "Secret")];
    kinds.iter().find_map(|(word, kind)| {
        let whole = || {
            let (_, rest) = message.split_once(&format!("{word} \""))?;
            let (name, rest) = rest.split_once('"')?;
            rest.starts_with(" not found").then_some(name)
        };
        let key = || {
            let (_, rest) = message.split_once(&format!(" in {kind} "))?;
            let (_, name) = rest.split_once('/')?;
            name.split_whitespace().next()
        };
        text(&format!("{kind}/{}", whole().or_else(key)?))
    })
}

fn text(text: &str) -> Option<Text> {
    let fits = !text.is_empty() && text.len() <= LONGEST;
    fits.then(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_the_kubelet_names_what_is_missing() {
        let of = |message| object(message).map(|one| one.to_string());
        let named = |name: &str| Some(name.to_owned());
        assert_eq!(
            of(r#"configmap "settings" not found"#),
            named("ConfigMap/settings")
        );
        assert_eq!(of(r#"secret "login" not found"#), named("Secret/login"));
        assert_eq!(
            of("couldn't find key user in Secret shop/login"),
            named("Secret/login")
        );
        assert_eq!(
            of("couldn't find key a in ConfigMap shop/settings"),
            named("ConfigMap/settings")
        );
        assert_eq!(
            of("container has runAsNonRoot and image will run as root"),
            None
        );
    }
}
