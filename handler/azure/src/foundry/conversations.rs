//! Conversations upstream: one that agrees with ours is gone on with, else a new one is made from our items.

use super::{
    Upstream,
    session::{Session, additional, message, wires},
};
use crate::rest::Repeat;
use pool::{
    TenantId,
    ports::{Item, PortError, PortResult, Role, StepRequest},
};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

/// The most items of one call.
const MOST: usize = 20;

/// Where a step takes place, and what it says there.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) conversation: String,
    pub(super) input: Vec<Value>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

#[derive(Deserialize)]
struct Items {
    data: Vec<Id>,
}

/// The conversation of the step's session, if it still is as it was left.
pub(super) async fn known(
    upstream: &Upstream,
    tenant: &TenantId,
    request: &StepRequest,
) -> PortResult<Option<Place>> {
    let Some(session) = Session::open(&upstream.names, tenant, request) else { return Ok(None) };
    let Some(input) = session.input(request) else { return Ok(None) };
    let path = ["conversations", session.conversation.as_str(), "items"];
    let call =
        upstream.call_for(tenant, &request.user, Method::GET, &path, &[("limit", "1"), ("order", "desc")])?;
    let Some(answer) = upstream.rest.send(call).await? else { return Ok(None) };
    let last = answer.json::<Items>()?.data.into_iter().next();
    let agrees = last.is_some_and(|last| last.id == session.last);
    Ok(agrees.then_some(Place { conversation: session.conversation, input }))
}

/// A new conversation of all that was said before the user last spoke; the rest is the step's to say.
pub(super) async fn new(upstream: &Upstream, tenant: &TenantId, request: &StepRequest) -> PortResult<Place> {
    let asked = |item: &Item| matches!(item, Item::Message { role: Role::User, .. });
    let (before, now) = request.items.split_at(request.items.iter().rposition(asked).unwrap_or_default());
    let told = Some(additional(request)).filter(|told| !told.is_empty());
    let told = told.map(|told| message("developer", told));
    let before: Vec<Value> = told.into_iter().chain(wires(before)).collect();
    let (first, others) = before.split_at(before.len().min(MOST));
    let metadata = json!({"tenantId": tenant, "threadId": request.thread});
    let call = upstream.call_for(tenant, &request.user, Method::POST, &["conversations"], &[])?;
    // An empty one that nobody remembers is no harm.
    let call = call.json(&json!({"items": first, "metadata": metadata}))?.repeat(Repeat::Safe);
    let gone = || PortError::unavailable("the project has no conversations");
    let conversation = upstream.rest.send(call).await?.ok_or_else(gone)?.json::<Id>()?.id;
    for items in others.chunks(MOST) {
        let path = ["conversations", conversation.as_str(), "items"];
        let call = upstream.call_for(tenant, &request.user, Method::POST, &path, &[])?;
        upstream.rest.send(call.json(&json!({"items": items}))?).await?.ok_or_else(gone)?;
    }
    // A thread in which nobody has spoken: a step has to say something.
    let input = if now.is_empty() { vec![message("user", "")] } else { wires(now) };
    Ok(Place { conversation, input })
}
