//! The validation plan of the architecture (§9), as far as it can be seen from outside.

use super::{
    super::Fault,
    attack::{request, targets},
    bench::Bench,
    check::Findings,
    sets::slots,
    wire::Ask,
};
use crate::{
    functions::{FUNCTIONS, Gives, Trigger},
    route,
};
use axum::http::Method;

/// Test 1: each tenant is given what is its own.
pub(super) async fn own_data(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    for (who, set) in [(&bench.a, bench.victim().await?), (&bench.b, bench.own().await?)] {
        for target in targets().iter().filter(|target| target.http.method == Method::GET) {
            if slots(target.http.route).is_empty() || matches!(target.http.gives, Gives::Events) {
                continue;
            }
            match request(target, set, |slot| set.id(slot), &|_| None) {
                Ok(ask) => {
                    let answer = bench.ask(who, ask).await?;
                    found.expect(answer.status == 200, || {
                        format!("{} of {}'s own: {}, not 200", target.name, who.name, answer.status)
                    });
                }
                Err(why) => found.gap(format!("{}: {why}", target.name)),
            }
        }
    }
    Ok(())
}

/// Test 2: a path that names another tenant is a 401.
pub(super) async fn tenant_path(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let table = FUNCTIONS.iter().filter_map(|function| match &function.trigger {
        Trigger::Http(http) if http.method == Method::GET => Some(http.route.to_owned()),
        _ => None,
    });
    let told = bench.wire.send(Ask::get("openapi.json")).await?.json();
    let told = told["paths"].as_object().into_iter().flatten();
    let told = told.filter(|(_, operations)| operations.get("get").is_some());
    let prefix = format!("/{}/", route::PREFIX);
    let told = told.map(|(path, _)| path.strip_prefix(&prefix).unwrap_or(path).to_owned());
    for path in table.chain(told) {
        let Some(slot) =
            ["{tenant}", "{tenant_id}", "{tenantId}"].into_iter().find(|slot| path.contains(slot))
        else {
            continue;
        };
        let named = path.replace(slot, &bench.tenant_a);
        if named.contains('{') {
            found.gap(format!("{path} needs more than a tenant"));
            continue;
        }
        let answer = bench.ask(&bench.b, Ask::get(named)).await?;
        found.expect(answer.status == 401, || {
            format!("GET {path} naming A, as B: {}, not 401", answer.status)
        });
    }
    if !table_has_tenant_route() {
        found.gap("no route of the deployment names a tenant in its path");
    }
    Ok(())
}

fn table_has_tenant_route() -> bool {
    FUNCTIONS.iter().any(|function| match &function.trigger {
        Trigger::Http(http) => http.route.contains("{tenant"),
        _ => false,
    })
}

/// Test 3: a record's id that was made for another tenant is a 403, both ways.
pub(super) async fn foreign_record(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    for (who, set) in [(&bench.a, bench.own().await?), (&bench.b, bench.victim().await?)] {
        let path = format!("cosmos/{}/{}", set.collection, set.id("id")?);
        let answer = bench.ask(who, Ask::get(path)).await?;
        found.expect(answer.status == 403 && !set.is_in(&answer.text()), || {
            format!("records_get of another tenant's record as {}: {}, not 403", who.name, answer.status)
        });
    }
    Ok(())
}

/// Test 4: a blob of another tenant's is refused. `link.scope` asks the storage itself.
pub(super) async fn foreign_blob(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let victim = bench.victim().await?;
    let file = victim.id("file_id")?;
    let own = bench.ask(&bench.a, Ask::get(format!("files/{file}/content"))).await?;
    found.expect(own.ok() && own.text().contains(&victim.canary), || {
        format!("files_content of A's own: {}, or other bytes than were sent", own.status)
    });
    let foreign = bench.ask(&bench.b, Ask::get(format!("files/{file}/content"))).await?;
    found.expect(matches!(foreign.status, 403 | 404) && !victim.is_in(&foreign.text()), || {
        format!("files_content of A's file as B: {}, not refused", foreign.status)
    });
    Ok(())
}

/// Test 5.
pub(super) async fn telemetry(_: &Bench, found: &mut Findings) -> Result<(), Fault> {
    found.gap("telemetry is not visible from outside: count the records of a request's id whose tenant is not its caller's");
    Ok(())
}
