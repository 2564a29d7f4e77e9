//! Within one tenant: roles, and what belongs to one user.

use super::{
    super::Fault,
    attack::{request, targets},
    bench::{Bench, canary},
    check::Findings,
    wire::Ask,
};
use pool::{Action, Resource};
use serde_json::json;

/// A user who is no admin changes no agent.
pub(super) async fn role(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let user = bench.user()?;
    let body = json!({"name": canary(), "instructions": "Stay as you are."});
    let made = bench.ask(&bench.a, Ask::post("agents", body)).await?;
    let agent = made.id().ok_or_else(|| format!("A's admin cannot make an agent: {}", made.status))?;
    let (path, set) = (format!("agents/{agent}"), super::sets::Set::default());
    let before = bench.ask(&bench.a, Ask::get(&path)).await?;
    let mut asked: Vec<_> = targets()
        .into_iter()
        .filter(|target| target.permission.1 == Resource::Agents && target.permission.0 != Action::Read)
        .collect();
    asked.sort_by_key(|target| target.permission.0 == Action::Delete);
    for target in asked {
        let answer = bench.ask(user, request(&target, &set, |_| Ok(agent.as_str()), &|_| None)?).await?;
        found.expect(answer.status == 403, || {
            format!("{} as a user without the role: {}, not 403", target.name, answer.status)
        });
    }
    let after = bench.ask(&bench.a, Ask::get(&path)).await?;
    found.expect(before.status == after.status && before.body == after.body, || {
        format!("the agent is not what it was ({})", after.status)
    });
    let reads = bench.ask(user, Ask::get(&path)).await?;
    if !reads.ok() && after.ok() {
        found.gap(format!("the user may not even read agents ({}), so refusals prove nothing", reads.status));
    }
    Ok(())
}

/// Threads, what is in them, and files are for the user alone who made them.
pub(super) async fn owner(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let (user, victim) = (bench.user()?, bench.victim().await?);
    for path in [format!("threads/{}", victim.id("thread_id")?), format!("files/{}", victim.id("file_id")?)] {
        let own = bench.ask(&bench.a, Ask::get(&path)).await?.status;
        if own != 200 {
            found.gap(format!("A's own is answered {own}, so a refusal proves nothing"));
        }
    }
    let personal = [Resource::Threads, Resource::Messages, Resource::Runs, Resource::Files];
    for target in targets() {
        if !personal.contains(&target.permission.1) || super::sets::slots(target.http.route).is_empty() {
            continue;
        }
        let ids = |slot: &str| victim.id(slot);
        match request(&target, victim, ids, &|slot| victim.id(slot).ok()) {
            Ok(ask) => {
                let answer = bench.ask(user, ask).await?;
                found.expect(answer.status == 404, || {
                    format!("{} of another user's: {}, not 404", target.name, answer.status)
                });
            }
            Err(why) => found.gap(format!("{}: {why}", target.name)),
        }
    }
    Ok(())
}
