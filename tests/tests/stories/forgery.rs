//! Records are the operator's memory: nobody else forges, changes or deletes one.

use std::fmt::Debug;
use std::rc::Rc;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use k8s_openapi::api::core::v1::Namespace as Object;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt as _};
use kubemend_api::{HealingEvent, HealingPolicy, annotations};
use kubemend_tests::namespace::Namespace;
use kubemend_tests::patience::{Look, await_condition};
use kubemend_tests::policy::{Policy, RESTART};
use kubemend_tests::record;
use kubemend_tests::stage::Scene;
use kubemend_tests::workload::{App, CRASHES};
use serde_json::{Value, json};

/// By a tenant with edit rights, and by the cluster's administrator.
pub(crate) async fn is_refused(scene: Rc<Scene>) -> Result<()> {
    let namespace = scene.namespace().await?;
    let tenant = tenant_with_edit_rights(&namespace).await?;
    namespace.apply(&App::running(CRASHES).yaml()).await?;
    let policies: Api<HealingPolicy> = Api::namespaced(tenant.clone(), &namespace.name);
    let own: HealingPolicy = serde_saphyr::from_str(&dry_run())?;
    policies.create(&PostParams::default(), &own).await?;
    let would_act = |record: &HealingEvent| record::reason(record) == "WouldAct";
    let record = namespace
        .record_when("there is a record", 60, would_act)
        .await?;

    for who in [tenant.clone(), scene.cluster.client()] {
        everything_is_refused(&Api::namespaced(who, &namespace.name), &record).await?;
    }

    let records: Api<HealingEvent> = Api::namespaced(tenant, &namespace.name);
    let after = records.get(&record.name_any()).await?;
    ensure!(after.uid() == record.uid() && after.spec == record.spec && after.labels().is_empty());
    let retry = json!({"metadata": {"annotations": {annotations::RETRY: "1"}}});
    records
        .patch(
            &record.name_any(),
            &PatchParams::default(),
            &Patch::Merge(retry),
        )
        .await?;
    goes_with_its_namespace(&namespace).await
}

async fn everything_is_refused(records: &Api<HealingEvent>, record: &HealingEvent) -> Result<()> {
    let name = record.name_any();
    let mut forged = HealingEvent::new("web-000000-9", record.spec.clone());
    forged.status.clone_from(&record.status);
    refused(
        "create",
        records.create(&PostParams::default(), &forged).await,
    )?;

    let how = PatchParams::default();
    let merge = |change: Value| Patch::Merge(change);
    let label = merge(json!({"metadata": {"labels": {"forged": "true"}}}));
    refused("patch labels", records.patch(&name, &how, &label).await)?;
    let outcome = merge(json!({"status": {"phase": "Recovered", "attempts": []}}));
    refused(
        "patch status",
        records.patch_status(&name, &how, &outcome).await,
    )?;
    let owners = json!([{"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "x"}]);
    let adopted = merge(json!({"metadata": {"ownerReferences": owners}}));
    refused("patch owners", records.patch(&name, &how, &adopted).await)?;

    refused(
        "delete",
        records.delete(&name, &DeleteParams::default()).await,
    )?;
    let all = (DeleteParams::default(), ListParams::default());
    refused(
        "delete all",
        records.delete_collection(&all.0, &all.1).await,
    )
}

pub(crate) fn refused<T: Debug>(what: &str, answer: kube::Result<T>) -> Result<()> {
    match answer {
        Err(kube::Error::Api(status)) if status.code == 403 => Ok(()),
        other => bail!("{what}: wanted a refusal, got {other:?}"),
    }
}

/// Deleting the namespace takes its records along: the refusals above never block it.
async fn goes_with_its_namespace(namespace: &Namespace) -> Result<()> {
    namespace.delete().await?;
    let namespaces: Api<Object> = Api::all(namespace.cluster.client());
    let look = async || {
        Ok(match namespaces.get_opt(&namespace.name).await? {
            None => Look::Found(()),
            Some(left) => Look::NotYet(format!("{:?}", left.status)),
        })
    };
    await_condition("the namespace is gone", Duration::from_mins(1), look).await
}

async fn tenant_with_edit_rights(namespace: &Namespace) -> Result<Client> {
    let user = format!("tenant-of-{}", namespace.name);
    let binding = format!(
        r"
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: tenant}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}}
subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: User, name: {user}}}]
"
    );
    namespace.apply(&binding).await?;
    namespace.cluster.client_as(&user).await
}

/// A dry run: its record stands still while it is attacked.
fn dry_run() -> String {
    Policy::with_steps(&[RESTART])
        .mode("DryRun")
        .restarts(1)
        .yaml()
}
