//! Where the lab keeps its things: a cache that survives, and a state folder that goes with the cluster.

use std::env;
use std::path::{Path, PathBuf, absolute};

use anyhow::{Context, Result};

/// Not the folder of `TMPDIR`: two shells must find the same cluster.
const DEFAULT_STATE: &str = "/tmp/kubemend-lab";

/// The state folder of the lab and the places inside it.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    state: PathBuf,
}

impl Paths {
    /// `KUBEMEND_LAB_STATE`, or `/tmp/kubemend-lab`.
    pub(crate) fn from_environment() -> Result<Self> {
        let state = env::var_os("KUBEMEND_LAB_STATE").unwrap_or_else(|| DEFAULT_STATE.into());
        let state = absolute(&state).with_context(|| "KUBEMEND_LAB_STATE is no path")?;
        Ok(Self { state })
    }

    #[cfg(test)]
    pub(crate) fn at(state: &Path) -> Self {
        Self {
            state: state.to_owned(),
        }
    }

    /// The state folder itself. Every process of the lab names it in its command line.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }

    /// Held while the lab is started or ended; it stands beside the state folder because it outlives it.
    pub(crate) fn lock(&self) -> PathBuf {
        self.state.with_extension("lock")
    }

    /// Written last by `up` and removed first by `down`: it exists only for a cluster that was complete.
    pub(crate) fn record(&self) -> PathBuf {
        self.state.join("lab.json")
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.state.join("kubeconfig")
    }

    pub(crate) fn kwok(&self) -> PathBuf {
        self.state.join("kwok")
    }

    /// The folder in which kwokctl keeps the control plane: `pki`, `pids` and `logs`.
    pub(crate) fn cluster(&self) -> PathBuf {
        self.kwok().join("clusters/lab")
    }

    pub(crate) fn pki(&self) -> PathBuf {
        self.cluster().join("pki")
    }

    pub(crate) fn nodes(&self) -> PathBuf {
        self.state.join("nodes")
    }
}

/// `KUBEMEND_LAB_CACHE`, or `kubemend-lab` in the user's cache folder; a clean clone finds its binaries there again.
pub(crate) fn cache() -> Result<PathBuf> {
    if let Some(cache) = env::var_os("KUBEMEND_LAB_CACHE") {
        return absolute(&cache).context("KUBEMEND_LAB_CACHE is no path");
    }
    let home = env::var_os("HOME").context("set HOME or KUBEMEND_LAB_CACHE")?;
    Ok(Path::new(&home).join(".cache/kubemend-lab"))
}
