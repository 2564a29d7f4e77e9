//! B asks for what is not B's, in every slot of every function that has one. The functions are those of the table, so a
//! new one is asked as well. Several checks judge what came of it.

use super::{
    super::Fault,
    bench::Bench,
    example::Shape,
    sets::{Set, fill, slots},
    wire::{Answer, Ask, Content, Who},
};
use crate::functions::{Access, FUNCTIONS, Gives, Http, Trigger};
use axum::http::Method;
use serde_json::json;
use std::collections::BTreeMap;

/// Whose an id is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// A's, and it is there.
    Foreign,
    /// Nobody's.
    Never,
    /// A's, and it was removed.
    Gone,
    /// B's own, and it was removed.
    OwnGone,
}

impl Whose {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Foreign => "foreign",
            Self::Never => "never made",
            Self::Gone => "foreign and deleted",
            Self::OwnGone => "own and deleted",
        }
    }
}

/// A request of B's, and its answer.
pub(super) struct Shot {
    pub(super) function: &'static str,
    pub(super) method: Method,
    /// The slots that are not B's own; `body` for a member of the body.
    pub(super) slots: String,
    pub(super) whose: Whose,
    /// The status that it must have.
    pub(super) expected: &'static [u16],
    pub(super) answer: Answer,
    /// It was in the body that the id stood.
    pub(super) in_body: bool,
}

/// What came of it all.
pub(super) struct Attack {
    pub(super) shots: Vec<Shot>,
    /// Functions that could not be asked, and why.
    pub(super) gaps: Vec<(Method, bool, String)>,
    /// A's things before and after: name, status, hash of version and bytes.
    pub(super) before: Vec<(String, u16, String)>,
    pub(super) after: Vec<(String, u16, String)>,
}

/// A function that needs a caller.
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) http: &'static Http,
    pub(super) permission: pool::Permission,
}

/// Every function that needs a caller, those that remove something last.
pub(super) fn targets() -> Vec<Target> {
    let target = |function: &'static crate::functions::Function| match &function.trigger {
        Trigger::Http(http) => match http.access {
            Access::Needs(permission, _) => Some(Target { name: function.name, http, permission }),
            Access::Public(_) => None,
        },
        _ => None,
    };
    let mut targets: Vec<_> = FUNCTIONS.iter().filter_map(target).collect();
    // What is removed takes with it what is in it: threads come after runs, agents after both.
    let rank = |target: &Target| match target.http.method {
        Method::GET => 0,
        Method::DELETE => 2,
        _ => 1,
    };
    targets.sort_by_key(|target| (rank(target), std::cmp::Reverse(slots(target.http.route).len())));
    targets
}

/// A function's request with these ids, and the smallest body that it takes.
pub(super) fn request<'a>(
    target: &Target,
    set: &Set,
    mut id: impl FnMut(&str) -> Result<&'a str, Fault>,
    body_id: &dyn Fn(&str) -> Option<&'a str>,
) -> Result<Ask, Fault> {
    let path = fill(target.http.route, &set.collection, &mut id)?;
    let content = match Shape::of(target.http) {
        Some(shape) => Content::Json(shape.smallest(body_id)),
        None => Content::Empty,
    };
    Ok(Ask::new(target.http.method.clone(), path).with(content))
}

impl Attack {
    pub(super) async fn run(bench: &Bench) -> Result<Self, Fault> {
        let (victim, own, spare, gone, own_gone) =
            tokio::join!(bench.victim(), bench.own(), bench.spare(), bench.gone(), bench.own_gone());
        let (victim, own, spare, gone, own_gone) = (victim?, own?, spare?, gone?, own_gone?);
        let never = victim.never();
        let before = snapshot(bench, victim).await?;
        let mut attack = Self { shots: Vec::new(), gaps: Vec::new(), before, after: Vec::new() };
        let others = [
            (Whose::Foreign, victim),
            (Whose::Never, &never),
            (Whose::Gone, gone),
            (Whose::OwnGone, own_gone),
        ];
        let targets = targets();
        for target in &targets {
            if let Err(why) = attack.body(bench, target, own, &others).await {
                attack.gap(target, true, why);
            }
        }
        attack.batches(bench, victim, own).await?;
        for target in targets.iter().filter(|target| !slots(target.http.route).is_empty()) {
            if let Err(why) = attack.path(bench, target, own, &others).await {
                attack.gap(target, false, why);
            }
        }
        attack.after = snapshot(bench, victim).await?;
        for target in &targets {
            attack.control(bench, target, spare).await?;
        }
        Ok(attack)
    }

    fn gap(&mut self, target: &Target, in_body: bool, why: impl ToString) {
        let why = format!("{}: {}", target.name, why.to_string());
        self.gaps.push((target.http.method.clone(), in_body, why));
    }

    /// Each slot of the path, one at a time, and all together.
    async fn path(
        &mut self,
        bench: &Bench,
        target: &Target,
        own: &Set,
        others: &[(Whose, &Set)],
    ) -> Result<(), Fault> {
        let names = slots(target.http.route);
        let everything = (1..1_usize << names.len()).map(|mask| (mask, false));
        // The path and the body agree on whose they are: a request that is whole, and another's.
        let named = Shape::of(target.http).is_some_and(|shape| shape.names_things());
        let whole = named.then_some(((1 << names.len()) - 1, true));
        for (mask, body_too) in everything.chain(whole) {
            let foreign = |slot: &str| {
                names.iter().position(|name| *name == slot).is_some_and(|at| mask >> at & 1 == 1)
            };
            for (whose, set) in others {
                let record = names.contains(&"id");
                // An own record's id was minted for its asker: it is absent, and not forbidden.
                if record && *whose == Whose::OwnGone {
                    continue;
                }
                let id = |slot: &str| if foreign(slot) { set.id(slot) } else { own.id(slot) };
                let body_id = |name: &str| if body_too { set.id(name).ok() } else { own.id(name).ok() };
                let ask = request(target, own, id, &body_id)?;
                let answer = bench.ask(&bench.b, ask).await?;
                let mut changed: Vec<_> = names.iter().copied().filter(|name| foreign(name)).collect();
                if body_too {
                    changed.push("those of the body");
                }
                self.shots.push(Shot {
                    function: target.name,
                    method: target.http.method.clone(),
                    slots: changed.join(" and "),
                    whose: *whose,
                    expected: if record { &[403] } else { &[404] },
                    answer,
                    in_body: false,
                });
            }
        }
        Ok(())
    }

    /// Each member of the body that names a thing.
    async fn body(
        &mut self,
        bench: &Bench,
        target: &Target,
        own: &Set,
        others: &[(Whose, &Set)],
    ) -> Result<(), Fault> {
        let Some(shape) = Shape::of(target.http) else { return Ok(()) };
        for member in super::sets::SLOTS.into_iter().filter(|slot| *slot != "id") {
            for (whose, set) in others {
                let body_id = |name: &str| if name == member { set.id(name).ok() } else { own.id(name).ok() };
                let Some(body) = shape.with(member, &body_id) else { continue };
                set.id(member)?;
                let path = fill(target.http.route, &own.collection, |slot| own.id(slot))?;
                let ask = Ask::new(target.http.method.clone(), path).with(Content::Json(body));
                self.shots.push(Shot {
                    function: target.name,
                    method: target.http.method.clone(),
                    slots: format!("{member} in the body"),
                    whose: *whose,
                    expected: &[400, 403, 404],
                    answer: bench.ask(&bench.b, ask).await?,
                    in_body: true,
                });
            }
        }
        Ok(())
    }

    /// Names that each tenant gives its search documents: B writes and removes under A's. What is B's is B's; A's stays.
    async fn batches(&mut self, bench: &Bench, victim: &Set, own: &Set) -> Result<(), Fault> {
        let Ok(id) = victim.id("document_id") else { return Ok(()) };
        let documents =
            json!([{"id": id, "title": own.canary, "content": format!("written by B {}", own.canary)}]);
        for (path, body) in [
            ("search/documents/delete", json!({"ids": [id]})),
            ("search/documents", documents),
            ("search/documents/delete", json!({"ids": [id]})),
        ] {
            bench.ask(&bench.b, Ask::post(path, body)).await?;
        }
        Ok(())
    }

    /// The same request for what is B's own must be granted, or its refusal proves nothing.
    async fn control(&mut self, bench: &Bench, target: &Target, spare: &Set) -> Result<(), Fault> {
        let body_id = |name: &str| spare.id(name).ok();
        if let Some(shape) = Shape::of(target.http) {
            for member in super::sets::SLOTS.into_iter().filter(|slot| *slot != "id") {
                let Some(body) = shape.with(member, &body_id) else { continue };
                let Ok(path) = fill(target.http.route, &spare.collection, |slot| spare.id(slot)) else {
                    continue;
                };
                let ask = Ask::new(target.http.method.clone(), path).with(Content::Json(body));
                let status = bench.ask(&bench.b, ask).await?.status;
                if status >= 400 && !matches!(status, 409 | 412) {
                    self.gap(target, true, format!("B's own {member} in the body is answered {status}"));
                }
            }
        }
        if slots(target.http.route).is_empty() {
            return Ok(());
        }
        let ask = match request(target, spare, |slot| spare.id(slot), &body_id) {
            Ok(ask) => ask,
            Err(why) => {
                self.gap(target, false, why);
                return Ok(());
            }
        };
        let answer = bench.ask(&bench.b, ask).await?;
        if !answer.ok() && !matches!(answer.status, 409 | 412) {
            self.gap(
                target,
                false,
                format!("B's own is answered {}, so a refusal proves nothing", answer.status),
            );
        }
        Ok(())
    }
}

/// Everything that A can read of its own things, as it is.
async fn snapshot(bench: &Bench, victim: &Set) -> Result<Vec<(String, u16, String)>, Fault> {
    let mut read = Vec::new();
    for target in targets() {
        let streams = matches!(target.http.gives, Gives::Events);
        if target.http.method != Method::GET || slots(target.http.route).is_empty() || streams {
            continue;
        }
        // What is missing has no status: it is not unchanged, it was never seen.
        let seen = match request(&target, victim, |slot| victim.id(slot), &|_| None) {
            Ok(ask) => hashed(bench, &bench.a, ask).await?,
            Err(_) => (0, String::new()),
        };
        read.push((target.name.to_owned(), seen));
    }
    let found = Ask::post("search/query", json!({"query": victim.canary, "mode": "text", "top": 50}));
    let found = bench.ask(&bench.a, found).await?;
    // Scores of a shared index may move with what others write; what is found may not.
    let hits: BTreeMap<_, _> = found
        .json()
        .as_array()
        .into_iter()
        .flatten()
        .map(|hit| (hit["id"].to_string(), [hit["title"].to_string(), hit["content"].to_string()]))
        .collect();
    read.push(("search_search".into(), (found.status, format!("{hits:?}"))));
    Ok(read.into_iter().map(|(name, (status, hash))| (name, status, hash)).collect())
}

async fn hashed(bench: &Bench, who: &Who, ask: Ask) -> Result<(u16, String), Fault> {
    let answer = bench.ask(who, ask).await?;
    let mut hash = blake3::Hasher::new();
    hash.update(answer.header("etag").unwrap_or_default().as_bytes());
    hash.update(&[0]);
    hash.update(&answer.body);
    Ok((answer.status, hash.finalize().to_hex().to_string()))
}
