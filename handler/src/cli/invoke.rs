//! `handler invoke`.

use super::{Fault, show};
use clap::Args;
use serde_json::json;

/// Set a function of a running `dev` off by hand: a timer, a queue (the event is the message), a blob (the event is
/// `container/path`).
#[derive(Debug, Args)]
pub(super) struct Invoke {
    /// The function.
    function: String,
    /// What it is given; `@file` reads a file.
    #[arg(long, default_value = "")]
    event: String,
    /// Where `dev` is.
    #[arg(long, default_value = "http://127.0.0.1:7071")]
    url: String,
}

impl Invoke {
    pub(super) async fn run(self) -> Result<(), Fault> {
        let known = crate::functions::find(&self.function).map(|function| &function.trigger);
        match known {
            None => {
                let names: Vec<_> =
                    crate::functions::FUNCTIONS.iter().map(|function| function.name).collect();
                return Err(format!("there is no function `{}`: {}", self.function, names.join(", ")).into());
            }
            Some(crate::functions::Trigger::Http(http)) => {
                return Err(format!(
                    "`{}` is called over HTTP: {} {}/api/{}",
                    self.function, http.method, self.url, http.route
                )
                .into());
            }
            Some(_) => {}
        }
        let event = match self.event.strip_prefix('@') {
            Some(path) => std::fs::read_to_string(path).map_err(|fault| format!("{path}: {fault}"))?,
            None => self.event,
        };
        let url = format!("{}/admin/functions/{}", self.url, self.function);
        let sent = reqwest::Client::new().post(url).json(&json!({"input": event})).send().await;
        let answer =
            sent.map_err(|_| format!("nothing answers at {}: is `handler dev` running?", self.url))?;
        if !answer.status().is_success() {
            return Err(format!("the host answers {}", answer.status()).into());
        }
        show::line(&format!("{}: set off; `dev` tells what became of it", self.function));
        Ok(())
    }
}
