//! What the checks work with: the callers, the way to the deployment, and a small set of things of each tenant, made
//! when first wanted.

use super::{
    super::Fault,
    attack::Attack,
    sets::{self, Set},
    wire::{Answer, Ask, Made, Who, Wire},
};
use axum::http::Method;
use futures::StreamExt;
use local::OsEntropy;
use pool::ports::Entropy;
use serde_json::json;
use std::time::Duration;
use tokio::sync::OnceCell;

/// How often, and how long after each other, what is at work is asked to go.
const TRIES: usize = 50;
const PAUSE: Duration = Duration::from_millis(200);

/// The bench.
pub(super) struct Bench {
    pub(super) wire: Wire,
    /// An admin of tenant A: whose data are sought.
    pub(super) a: Who,
    /// An admin of tenant B: who seeks.
    pub(super) b: Who,
    /// Another user of tenant A, no admin.
    pub(super) user: Option<Who>,
    /// How often a time is taken.
    pub(super) samples: usize,
    pub(super) tenant_a: String,
    pub(super) tenant_b: String,
    collection: OnceCell<String>,
    victim: OnceCell<Set>,
    own: OnceCell<Set>,
    spare: OnceCell<Set>,
    gone: OnceCell<Set>,
    own_gone: OnceCell<Set>,
    attack: OnceCell<Attack>,
}

impl Bench {
    /// Gets to know the deployment and both tenants.
    pub(super) async fn set_up(
        wire: Wire,
        [a, b]: [Who; 2],
        user: Option<Who>,
        samples: usize,
    ) -> Result<Self, Fault> {
        let mut bench = Self {
            wire,
            a,
            b,
            user,
            samples,
            tenant_a: String::new(),
            tenant_b: String::new(),
            collection: OnceCell::new(),
            victim: OnceCell::new(),
            own: OnceCell::new(),
            spare: OnceCell::new(),
            gone: OnceCell::new(),
            own_gone: OnceCell::new(),
            attack: OnceCell::new(),
        };
        match bench.tenants().await {
            Ok([a, b]) => {
                (bench.tenant_a, bench.tenant_b) = (a, b);
                Ok(bench)
            }
            Err(fault) => {
                bench.clean_up().await;
                Err(fault)
            }
        }
    }

    /// Whose the tokens are, as the deployment says.
    async fn tenants(&self) -> Result<[String; 2], Fault> {
        let mut names = [String::new(), String::new()];
        for (who, name) in [&self.a, &self.b].into_iter().zip(&mut names) {
            let answer = self.wire.send(Ask::post("threads", json!({})).by(who)).await;
            let answer =
                answer.map_err(|fault| format!("nothing answers at {}: {fault}", self.wire.root()))?;
            if !answer.ok() {
                return Err(format!(
                    "{}'s token is answered {}: it must be an admin's",
                    who.name, answer.status
                )
                .into());
            }
            let said = answer.json();
            let said = said["metadata"]["tenantId"].as_str();
            *name =
                said.ok_or("this is no deployment of pooled-agents: a thread names no tenant")?.to_owned();
        }
        if names[0] == names[1] {
            return Err("both tokens are of the same tenant: give one of each of two".into());
        }
        Ok(names)
    }

    /// A's things: whole, and found by searches as soon as the deployment has them.
    pub(super) async fn victim(&self) -> Result<&Set, Fault> {
        self.victim.get_or_try_init(|| sets::make(self, &self.a, true)).await
    }

    /// B's own things.
    pub(super) async fn own(&self) -> Result<&Set, Fault> {
        self.own.get_or_try_init(|| sets::make(self, &self.b, true)).await
    }

    /// B's things that may be changed and removed.
    pub(super) async fn spare(&self) -> Result<&Set, Fault> {
        self.spare.get_or_try_init(|| sets::make(self, &self.b, true)).await
    }

    /// Things that A had, and has removed.
    pub(super) async fn gone(&self) -> Result<&Set, Fault> {
        self.gone.get_or_try_init(|| sets::removed(self, &self.a)).await
    }

    /// Things that B had, and has removed.
    pub(super) async fn own_gone(&self) -> Result<&Set, Fault> {
        self.own_gone.get_or_try_init(|| sets::removed(self, &self.b)).await
    }

    /// What became of B's requests with ids that are not B's.
    pub(super) async fn attack(&self) -> Result<&Attack, Fault> {
        self.attack.get_or_try_init(|| Attack::run(self)).await
    }

    /// A collection of records that the deployment has.
    pub(super) async fn collection(&self) -> Result<&str, Fault> {
        let find = || async {
            for name in ["items", "threads", "events"] {
                if self.wire.send(Ask::get(format!("cosmos/{name}?limit=1")).by(&self.b)).await?.ok() {
                    return Ok::<_, Fault>(name.to_owned());
                }
            }
            Err("the deployment has none of the collections items, threads, events".into())
        };
        Ok(self.collection.get_or_try_init(find).await?)
    }

    /// Sends a request as someone.
    pub(super) async fn ask(&self, who: &Who, ask: Ask) -> Result<Answer, Fault> {
        self.wire.send(ask.by(who)).await
    }

    /// The user beside A's admin, if it is fit for it.
    pub(super) fn user(&self) -> Result<&Who, Fault> {
        let user = self.user.as_ref().ok_or("needs a second user of tenant A: --token-a-user")?;
        let claims = super::forge::claims(&user.token).unwrap_or_default();
        if claims["roles"].as_array().is_some_and(|roles| roles.iter().any(|role| role == "admin")) {
            return Err("--token-a-user is an admin's: it must not be".into());
        }
        let subject = super::forge::claims(&self.a.token).unwrap_or_default()["sub"].clone();
        if !subject.is_null() && claims["sub"] == subject {
            return Err("--token-a-user is the same user's as --token-a".into());
        }
        Ok(user)
    }

    /// Removes all that was made, whoever made it. Tells what would not go.
    pub(super) async fn clean_up(&self) -> Vec<String> {
        let made = self.wire.made();
        futures::stream::iter(made.into_iter().rev())
            .map(|made| self.remove(made))
            .buffered(4)
            .filter_map(|left| async { left })
            .collect()
            .await
    }

    async fn remove(&self, made: Made) -> Option<String> {
        for _ in 0..TRIES {
            let (mut busy, mut absent) = (false, true);
            // In a deployment that is broken, it may be another's than the one who asked for it: all are asked.
            for (at, who) in made.who.iter().chain([&self.a, &self.b]).chain(&self.user).enumerate() {
                let answer = self.wire.send(Ask::new(Method::DELETE, &made.path).by(who)).await;
                match answer.map(|answer| answer.status) {
                    Ok(200..300) => return None,
                    Ok(status) => {
                        busy |= status == 409;
                        // Others may be told that it is not theirs; its maker, never.
                        let forbidden = status == 403 && (at > 0 || made.who.is_none());
                        absent &= forbidden || matches!(status, 401 | 404);
                    }
                    Err(_) => absent = false,
                }
            }
            if absent {
                return None;
            }
            if !busy {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        Some(made.path)
    }
}

/// Random text: what nobody else's data can contain by chance.
pub(super) fn canary() -> String {
    format!("verify{}", hex(16))
}

/// So many random bytes, in hexadecimal digits.
pub(super) fn hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    OsEntropy.fill(&mut random);
    pool::hex(&random)
}
