//! An attempt that waits for a person: the API server lets only those answer who may, and only in their own name.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::rc::Rc;

use anyhow::{Context as _, Result, ensure};
use kube::api::{Api, Patch, PatchParams};
use kube::{Client, ResourceExt as _};
use kubemend_api::{HealingEvent, annotations};
use kubemend_tests::namespace::{Namespace, uids};
use kubemend_tests::operator;
use kubemend_tests::policy::{Policy, RESTART_ONCE};
use kubemend_tests::record;
use kubemend_tests::stage::Scene;
use kubemend_tests::workload::{App, crashes_until_replaced};
use serde_json::json;

use crate::forgery::refused;

/// Somebody with edit rights cannot let it go ahead, by the command or by hand; an approver can, and it is done once.
pub(crate) async fn is_real_rbac(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let tenant = user(&namespace, "tenant", &["edit"]).await?;
    let approver = user(&namespace, "approver", &["edit", "kubemend-approver"]).await?;
    let step = RESTART_ONCE.replacen('{', "{requireApproval: {expires: 5m, onExpiry: Stop}, ", 1);
    namespace
        .apply(&Policy::with_steps(&[&step]).yaml())
        .await?;
    let app = App::running(&crashes_until_replaced(20));
    namespace.apply(&app.yaml()).await?;
    let pods = namespace.pods_when("web", 1).await?;

    let record = namespace.record_in("AwaitingApproval", 90).await?;

    let asked = record::status(&record).approval.context("no question")?;
    ensure!((asked.step.as_str(), asked.attempt) == ("restart", 1));
    ensure!(record::attempts(&record).is_empty());
    ensure!(!can_approve(&namespace, &tenant).await?);
    ensure!(can_approve(&namespace, &approver).await?);
    let tried = approve(&namespace, &tenant, &record).await?;
    let told = String::from_utf8_lossy(&tried.stderr).into_owned();
    ensure!(
        !tried.status.success() && told.contains("kubemend-approver"),
        "{told}"
    );
    nobody_forges(&namespace, &tenant, &approver, &record).await?;
    namespace.restarted("web", 3, 60).await?;
    ensure!(
        uids(&namespace.pods("web").await?) == uids(&pods),
        "it acted without approval"
    );

    let done = approve(&namespace, &approver, &record).await?;

    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    ensure!(done.status.success(), "{told}");
    let record = namespace.record_in("Recovered", 90).await?;
    ensure!(record::chain(&record) == "restart Recovered");
    ensure!(record::applied(&record).len() == 1);
    ensure!(record::attempts(&record)[0].approved_by.as_deref() == Some(&*approver));
    ensure!(record::status(&record).approval.is_none());
    let late = approve(&namespace, &approver, &record).await?;
    ensure!(
        !late.status.success(),
        "nothing waits any more, and it was approved"
    );
    Ok(())
}

/// By hand: without the right, in another's name, for another attempt, without an attempt.
async fn nobody_forges(
    namespace: &Namespace,
    tenant: &str,
    approver: &str,
    record: &HealingEvent,
) -> Result<()> {
    let name = record.name_any();
    let by = |user: &str| format!("approve restart/1 {user}");
    let forged = [
        (tenant, by(tenant)),
        (tenant, by(approver)),
        (approver, by(tenant)),
        (approver, format!("approve restart/2 {approver}")),
        (approver, format!("approve rollback/1 {approver}")),
        (approver, "yes".to_owned()),
    ];
    for (who, answer) in forged {
        let records = records_as(namespace, who).await?;
        let answers =
            Patch::Merge(json!({"metadata": {"annotations": {annotations::APPROVAL: answer}}}));
        let tried = records
            .patch(&name, &PatchParams::default(), &answers)
            .await;
        refused(&format!("{who} writes {answer:?}"), tried)?;
    }
    // Other annotations are everybody's who may patch.
    let records = records_as(namespace, tenant).await?;
    let note = Patch::Merge(json!({"metadata": {"annotations": {"shop/note": "seen"}}}));
    records.patch(&name, &PatchParams::default(), &note).await?;
    Ok(())
}

async fn records_as(namespace: &Namespace, user: &str) -> Result<Api<HealingEvent>> {
    let client: Client = namespace.cluster.client_as(user).await?;
    Ok(Api::namespaced(client, &namespace.name))
}

/// `kubectl auth can-i approve healingevents`, as that user.
async fn can_approve(namespace: &Namespace, user: &str) -> Result<bool> {
    let asked = [
        "auth",
        "can-i",
        "approve",
        "healingevents.kubemend.io",
        "-n",
        &namespace.name,
        "--as",
        user,
    ];
    match namespace.cluster.kubectl(&asked).await {
        Ok(answer) => Ok(answer.trim() == "yes"),
        // It ends with 1 to say no.
        Err(error) if format!("{error:#}").contains("can-i") => Ok(false),
        Err(error) => Err(error),
    }
}

/// `kubemend approve` as that user types it.
async fn approve(namespace: &Namespace, user: &str, record: &HealingEvent) -> Result<Output> {
    let kubeconfig: PathBuf = std::env::temp_dir().join(format!("kubemend-{user}"));
    namespace.cluster.kubeconfig_as(user, &kubeconfig)?;
    let mut command = Command::new(operator::binary()?);
    command
        .args(["approve", &format!("hev/{}", record.name_any())])
        .args(["-n", &namespace.name, "--kubeconfig"])
        .arg(&kubeconfig);
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    std::fs::remove_file(kubeconfig)?;
    Ok(output)
}

/// A user of that namespace alone, with these roles.
async fn user(namespace: &Namespace, what: &str, roles: &[&str]) -> Result<String> {
    let user = format!("{what}-of-{}", namespace.name);
    for role in roles {
        let binding = format!(
            r"
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: {what}-{role}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: {role}}}
subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {user}}}]
"
        );
        namespace.apply(&binding).await?;
    }
    Ok(user)
}
