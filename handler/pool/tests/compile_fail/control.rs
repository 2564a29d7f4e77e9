//! What a program outside may do with a scope: this compiles.

use pool::{Action, Doors, Error, Operation, Owned, PageRequest, Permission, Resource, Scope, TenantId};

pub async fn use_it(doors: &Doors, header: &[u8], sealed: &str) -> Result<(), Error> {
    let scope: Scope = doors.authenticate(&[header], &[]).await?;
    let tenant: &TenantId = scope.tenant();
    let name: &str = tenant.as_str();
    scope.permit(Permission(Action::Read, Resource::Agents))?;
    scope.named(name, "path")?;
    let page = scope.agents().list(&PageRequest::default()).await?;
    if let Some(agent) = page.items.first() {
        scope.agents().get(&agent.id).await?;
    }
    let (scope, job) = doors.open(sealed, Operation::Ingest).await?;
    scope.files().ingest(&job.target).await?;
    doors.claim(Owned::Container("c")).await?.files().changed("file").await?;
    Ok(())
}

fn main() {}
