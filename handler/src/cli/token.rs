//! `handler token`.

use super::{Fault, issuer::DevIssuer, show};
use clap::Args;
use std::{path::PathBuf, time::Duration};

/// Print a development token for a tenant, known or not, so that refusals can be tried.
#[derive(Debug, Args)]
pub(super) struct Token {
    /// The tenant that the token names.
    tenant: String,
    /// The user that it is for.
    #[arg(long, default_value = "alice")]
    user: String,
    /// A role it carries: `user`, `admin`. May be given many times.
    #[arg(long = "role", default_values_t = [String::from("user")])]
    roles: Vec<String>,
    /// How long it is good: `30s`, `15m`, `8h`. More than 24 hours is refused by the service.
    #[arg(long, default_value = "8h", value_parser = duration)]
    expires: Duration,
    /// The folder of the `dev` that is to believe it.
    #[arg(long, default_value = ".pooled")]
    state: PathBuf,
}

impl Token {
    pub(super) fn run(self) -> Result<(), Fault> {
        let issuer = DevIssuer::open(&self.state)?;
        show::line(&issuer.token(&self.tenant, &self.user, &self.roles, self.expires)?);
        Ok(())
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let span: jiff::SignedDuration = text.parse().map_err(|_| "must be a duration: 30s, 15m, 8h")?;
    Duration::try_from(span).map_err(|_| "must not be negative".to_owned())
}
