//! `handler verify`: is what the design says of isolation true of a deployment? Asked from outside, with what any
//! client has: two tenants' tokens.

mod answers;
mod attack;
mod bench;
mod check;
mod checks;
mod example;
mod forge;
mod ids;
mod links;
mod lists;
mod oracle;
mod people;
mod plan;
mod replay;
mod report;
mod sets;
mod spoof;
mod surface;
mod tokens;
mod wire;

use super::{Fault, issuer::DevIssuer};
use bench::Bench;
use check::{Check, Outcome, Verdict};
use checks::CHECKS;
use clap::Args;
use pool::ports::{Clock, SystemClock};
use report::{Format, Report};
use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
    time::Duration,
};
use wire::{Who, Wire};

const HOUR: Duration = Duration::from_secs(3600);
/// There is a finding.
const FOUND: i32 = 1;
/// It could not be run.
const COULD_NOT: i32 = 2;

/// What is checked, and as whom.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The deployment: what comes before `/api`.
    #[arg(default_value = "http://127.0.0.1:7071")]
    url: String,
    /// A token of an admin of tenant A, whose data are sought; `@file` reads a file. A local `dev` needs none.
    #[arg(long, requires = "token_b")]
    token_a: Option<String>,
    /// A token of an admin of tenant B, who seeks them.
    #[arg(long, requires = "token_a")]
    token_b: Option<String>,
    /// A token of another user of tenant A, who is no admin.
    #[arg(long, requires = "token_a")]
    token_a_user: Option<String>,
    /// The folder of the local `dev`.
    #[arg(long, default_value = ".pooled")]
    state: PathBuf,
    /// How it is told.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Write it to a file; the table is printed as well.
    #[arg(long)]
    output: Option<PathBuf>,
    /// Only these checks. May be given many times, and end with `*`.
    #[arg(long, value_name = "CHECK", num_args = 1..)]
    only: Vec<String>,
    /// For a pipeline: a check that could not be run is a finding as well, unless it is one of these, which may end with
    /// `*`.
    #[arg(long, value_name = "CHECK", num_args = 0..)]
    may_not_run: Option<Vec<String>>,
    /// A header for every request, such as a gateway's key: `name: value`; `@file` reads a file. May be given many times.
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// How often each time is taken.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(10..=10_000))]
    samples: u16,
}

impl Verify {
    pub(super) async fn run(self) -> Result<(), Fault> {
        let code = match self.report().await {
            Ok(report) if report.count(Outcome::Failed) > 0 => FOUND,
            Ok(report) if report.count(Outcome::Passed) == 0 => COULD_NOT,
            Ok(report) => match self.missed(&report) {
                missed if missed.is_empty() => return Ok(()),
                missed => {
                    let told = missed.join(", ");
                    let _nobody_listens =
                        writeln!(std::io::stderr(), "handler: could not be run, and must be: {told}");
                    FOUND
                }
            },
            Err(fault) => {
                let _nobody_listens = writeln!(std::io::stderr(), "handler: {}", super::explain(&*fault));
                COULD_NOT
            }
        };
        std::process::exit(code)
    }

    async fn report(&self) -> Result<Report, Fault> {
        let checks = self.chosen()?;
        let url = self.url.trim_end_matches('/');
        let root = url.strip_suffix("/api").unwrap_or(url);
        let headers = self.headers.iter().map(|header| parsed(header)).collect::<Result<_, _>>()?;
        let (pair, user) = self.callers(root)?;
        let wire = Wire::new(root, headers)?;
        // From here on there may be something to remove: no signal ends the process.
        let broken_off = tokio::spawn(tokio::signal::ctrl_c());
        let bench = Bench::set_up(wire, pair, user, self.samples.into()).await?;
        let all = async {
            let mut verdicts = Vec::new();
            for (at, check) in checks.iter().copied().enumerate() {
                progress(&format!("{}/{} {}", at + 1, checks.len(), check.id));
                verdicts.push(Verdict::of(check, &bench).await);
            }
            verdicts
        };
        tokio::pin!(all);
        let verdicts = tokio::select! {
            verdicts = &mut all => Some(verdicts),
            _ = broken_off => {
                bench.wire.stop(true);
                all.await;
                bench.wire.stop(false);
                None
            }
        };
        progress("removing what was made");
        let requests = bench.wire.seen(<[_]>::len);
        let left = bench.clean_up().await;
        progress("");
        let verdicts = verdicts.ok_or("it was broken off")?;
        let tenants = [bench.tenant_a.clone(), bench.tenant_b.clone()];
        let at = SystemClock.now().to_string();
        let report = Report { target: root.to_owned(), tenants, verdicts, requests, left, at };
        report::tell(&report, self.format, self.output.as_deref())?;
        Ok(report)
    }

    fn chosen(&self) -> Result<Vec<&'static Check>, Fault> {
        let mut named = self.only.iter().chain(self.may_not_run.iter().flatten());
        if let Some(wish) = named.find(|wish| !CHECKS.iter().any(|check| fits(wish, check))) {
            let ids: Vec<_> = CHECKS.iter().map(|check| check.id).collect();
            return Err(format!("there is no check `{wish}`: {}", ids.join(", ")).into());
        }
        let wanted = |check: &&Check| self.only.is_empty() || self.only.iter().any(|wish| fits(wish, check));
        Ok(CHECKS.iter().filter(wanted).collect())
    }

    /// Checks that were not run, where all but some must be.
    fn missed(&self, report: &Report) -> Vec<&'static str> {
        let Some(let_be) = &self.may_not_run else { return Vec::new() };
        let not_run = report.verdicts.iter().filter(|verdict| verdict.outcome == Outcome::NotRun);
        let missed = not_run.filter(|verdict| !let_be.iter().any(|wish| fits(wish, verdict.check)));
        missed.map(|verdict| verdict.check.id).collect()
    }

    /// Both tenants' admins, and another user of the first.
    fn callers(&self, root: &str) -> Result<([Who; 2], Option<Who>), Fault> {
        let who = |name, token: String| Who { name, token };
        if let (Some(a), Some(b)) = (&self.token_a, &self.token_b) {
            let user = self.token_a_user.as_deref().map(read).transpose()?;
            return Ok(([who("A", read(a)?), who("B", read(b)?)], user.map(|token| who("A's user", token))));
        }
        let host = url::Url::parse(root)?.host_str().unwrap_or_default().to_owned();
        if !matches!(host.as_str(), "127.0.0.1" | "localhost" | "[::1]") {
            return Err("give an admin's token of each of two tenants: --token-a, --token-b".into());
        }
        if !self.state.join("keys.json").is_file() {
            let state = self.state.display();
            return Err(format!("{state} is not the folder of a `dev`: give its --state, or tokens").into());
        }
        let issuer = DevIssuer::open(&self.state)?;
        let token = |tenant, user, role: &str| issuer.token(tenant, user, &[role.to_owned()], HOUR);
        let a = who("A", token("contoso", "alice", "admin")?);
        let b = who("B", token("fabrikam", "bob", "admin")?);
        Ok(([a, b], Some(who("A's user", token("contoso", "carol", "user")?))))
    }
}

/// Whether a wish names a check: by its id, or by the beginning of it and `*`.
fn fits(wish: &str, check: &Check) -> bool {
    match wish.strip_suffix('*') {
        Some(start) => check.id.starts_with(start),
        None => check.id == wish,
    }
}

/// A value, or what is in the file that it names: what stands on a command line is seen by everyone on the machine.
fn read(value: &str) -> Result<String, Fault> {
    match value.strip_prefix('@') {
        Some(path) => {
            Ok(std::fs::read_to_string(path).map_err(|fault| format!("{path}: {fault}"))?.trim().to_owned())
        }
        None => Ok(value.to_owned()),
    }
}

fn parsed(header: &str) -> Result<(String, String), Fault> {
    let header = read(header)?;
    let (name, value) = header.split_once(':').ok_or("a header is `name: value`")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// What is being done, on one line that is written over.
fn progress(what: &str) {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        let _nobody_listens = write!(out, "\r\x1b[2K{what}").and_then(|()| out.flush());
    }
}
