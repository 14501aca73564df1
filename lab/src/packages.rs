//! The Debian packages that a real node needs.

use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::command::{PATH, run};

const PACKAGES: [&str; 8] = [
    "containerd",
    "runc",
    "containernetworking-plugins",
    "busybox-static",
    "iptables",
    "iproute2",
    "conntrack",
    "util-linux",
];

/// Installs what is missing. Only Debian and its kin are known; elsewhere the error names the way out.
pub(crate) fn ensure() -> Result<()> {
    let missing = missing()?;
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing {}", missing.join(" "));
    apt_get(&["update"])?;
    // A package of ours must not drive out one of the user's, as Debian's containerd would drive out Docker's.
    let mut arguments = vec!["install", "--yes", "--no-install-recommends", "--no-remove"];
    arguments.extend(&missing);
    apt_get(&arguments).with_context(|| {
        let list = missing.join(" ");
        format!("cannot install {list}; install them by hand, or use fake nodes (--fake)")
    })?;
    Ok(())
}

fn missing() -> Result<Vec<&'static str>> {
    let mut query = Command::new("dpkg-query");
    query
        .args(["-W", "-f", "${Package} ${db:Status-Status}\n"])
        .args(PACKAGES);
    let Ok(output) = query.output() else {
        bail!(
            "no dpkg-query: real nodes are known to work on Debian only; use fake nodes (--fake)"
        );
    };
    Ok(not_installed(&String::from_utf8_lossy(&output.stdout)))
}

fn not_installed(query: &str) -> Vec<&'static str> {
    let installed = |package: &str| {
        query
            .lines()
            .any(|line| line == format!("{package} installed"))
    };
    PACKAGES
        .into_iter()
        .filter(|package| !installed(package))
        .collect()
}

fn apt_get(arguments: &[&str]) -> Result<String> {
    let mut command = Command::new("apt-get");
    run(command
        .args(arguments)
        .env("PATH", PATH)
        .env("DEBIAN_FRONTEND", "noninteractive"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_package_counts_as_missing() {
        let all = PACKAGES
            .map(|name| {
                format!(
                    "{name} installed
"
                )
            })
            .concat();
        assert!(not_installed(&all).is_empty());
        let removed = all.replace("runc installed", "runc config-files");
        assert_eq!(not_installed(&removed), ["runc"]);
    }
}
