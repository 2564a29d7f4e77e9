//! `handler chat`.

use super::{Fault, client::Client, issuer::DevIssuer, show};
use clap::Args;
use futures::StreamExt;
use serde_json::{Value, json};
use std::{path::PathBuf, time::Duration};
use tokio::io::{AsyncBufReadExt, BufReader};

const AGENT: &str = "Assistant";
const DAY: Duration = Duration::from_secs(24 * 3600 - 60);

/// Talk to an agent of a running `dev`, as a tenant's user. Ends at end of input.
#[derive(Debug, Args)]
pub(super) struct Chat {
    /// The tenant.
    tenant: String,
    /// The user.
    #[arg(long, default_value = "alice")]
    user: String,
    /// The agent's id; one named `Assistant` is found or made if none is given.
    #[arg(long)]
    agent: Option<String>,
    /// Where `dev` is.
    #[arg(long, default_value = "http://127.0.0.1:7071")]
    url: String,
    /// The folder of that `dev`.
    #[arg(long, default_value = ".pooled")]
    state: PathBuf,
}

impl Chat {
    pub(super) async fn run(self) -> Result<(), Fault> {
        let issuer = DevIssuer::open(&self.state)?;
        let client = |role: &str| -> Result<Client, Fault> {
            let token = issuer.token(&self.tenant, &self.user, &[role.to_owned()], DAY)?;
            Ok(Client::new(&format!("{}/api", self.url), token))
        };
        let user = client("user")?;
        let agent = match self.agent.clone() {
            Some(agent) => agent,
            None => assistant(&user, &client("admin")?).await?,
        };
        let thread = user.post("threads", &json!({})).await?;
        let thread = thread["id"].as_str().unwrap_or_default();
        let mut lines = BufReader::new(tokio::io::stdin()).lines();
        loop {
            show::text("> ");
            let Some(line) = lines.next_line().await? else { break };
            if !line.trim().is_empty() {
                user.post(&format!("threads/{thread}/messages"), &json!({"content": line})).await?;
                turn(&user, thread, &agent).await?;
            }
        }
        show::line("");
        Ok(())
    }
}

async fn assistant(user: &Client, admin: &Client) -> Result<String, Fault> {
    let agents = user.get("agents?limit=100").await?;
    let known = agents.as_array().into_iter().flatten().find(|agent| agent["name"] == AGENT);
    let agent = match known {
        Some(agent) => agent.clone(),
        None => {
            let instructions = "Answer from the user's documents, and cite them.";
            admin.post("agents", &json!({"name": AGENT, "instructions": instructions})).await?
        }
    };
    Ok(agent["id"].as_str().unwrap_or_default().to_owned())
}

/// One run, its words as they come, and then where they are from.
async fn turn(user: &Client, thread: &str, agent: &str) -> Result<(), Fault> {
    let run = json!({"agent_id": agent, "stream": true});
    let mut events = user.events(&format!("threads/{thread}/runs"), &run).await?;
    while let Some(event) = events.next().await {
        let (name, data) = event?;
        let data: Value = serde_json::from_str(&data).unwrap_or_default();
        match name.as_str() {
            "thread.message.delta" => {
                show::text(data["delta"]["content"][0]["text"]["value"].as_str().unwrap_or_default());
            }
            "thread.message.completed" => {
                show::line("");
                let annotations =
                    data["content"][0]["text"]["annotations"].as_array().cloned().unwrap_or_default();
                let mut told = Vec::new();
                for citation in annotations {
                    let source = &citation["file_citation"];
                    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                    let from = format!(
                        "  {} {}, {}",
                        text(&citation["text"]),
                        text(&source["filename"]),
                        text(&source["position"])
                    );
                    if !told.contains(&from) {
                        show::line(&show::dim(&from));
                        told.push(from);
                    }
                }
            }
            "thread.run.failed" => {
                show::line(data["last_error"]["message"].as_str().unwrap_or("the run failed"));
            }
            "thread.run.requires_action" => {
                let calls = |what: &str| data["required_action"][what]["tool_calls"].clone();
                for (what, wanted) in
                    [("submit_tool_outputs", "outputs"), ("submit_tool_approval", "approval")]
                {
                    if let calls @ Value::Array(_) = calls(what) {
                        show::line(&format!(
                            "the agent asks for the {wanted} of {calls}: hand it in through the API"
                        ));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}
