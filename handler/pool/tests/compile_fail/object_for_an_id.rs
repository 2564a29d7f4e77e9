//! E0308

use pool::{Scope, Versioned, agents::Agent};

pub async fn mix(ours: &Scope, agent: &Versioned<Agent>) {
    drop(ours.agents().get(agent).await);
    drop(ours.agents().get(&agent.value).await);
}

fn main() {}
