//! `handler`: the custom handler itself, and what developers do with it.

use clap::Parser;
use handler::{
    cli::{self, Cli},
    config::Config,
    extraction, log, serve,
    telemetry::Telemetry,
};
use local::OsEntropy;
use pool::ports::SystemClock;
use std::{io::Write, process::ExitCode, sync::Arc};

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    // Before any thread exists: the child forbids itself to make one.
    if arguments.next().is_some_and(|first| first == extraction::SUBCOMMAND) {
        return extract::child::main(&extract::Limits::default());
    }
    if Config::started_by_host() && std::env::args_os().len() == 1 {
        return custom_handler();
    }
    let cli = Cli::parse();
    match runtime().and_then(|runtime| runtime.block_on(cli::run(cli))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => complain(&format!("handler: {}", cli::explain(&*fault))),
    }
}

fn custom_handler() -> ExitCode {
    let config = match Config::from_environment() {
        Ok(config) => config,
        Err(faults) => {
            return complain(&format!("handler: the settings are not good\n  {}", faults.join("\n  ")));
        }
    };
    let started = telemetry(&config).and_then(|flush| runtime()?.block_on(serve::serve(config, flush)));
    match started {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => complain(&format!("handler: error: {}", cli::explain(&*fault))),
    }
}

/// Starts the log and telemetry; what sends the last of it, if there is any.
fn telemetry(config: &Config) -> Result<Option<serve::Flush>, cli::Fault> {
    let telemetry = Telemetry::new(config, Arc::new(SystemClock), &OsEntropy)?;
    let flush = telemetry.as_ref().map(|telemetry| Box::new(telemetry.flusher()) as serve::Flush);
    log::start(&config.log, telemetry)?;
    Ok(flush)
}

fn runtime() -> Result<tokio::runtime::Runtime, Box<dyn std::error::Error + Send + Sync>> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

fn complain(what: &str) -> ExitCode {
    let _nobody_listens = writeln!(std::io::stderr(), "{what}");
    ExitCode::FAILURE
}
