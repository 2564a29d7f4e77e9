//! `handler`: the custom handler itself, and what developers do with it.

use clap::Parser;
use handler::{
    cli::{self, Cli},
    config::Config,
    extraction, log, serve,
};
use std::{io::Write, process::ExitCode};

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
    let started = log::start(&config.log).and_then(|()| runtime()?.block_on(serve::serve(config)));
    match started {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => complain(&format!("handler: error: {}", cli::explain(&*fault))),
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Box<dyn std::error::Error + Send + Sync>> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

fn complain(what: &str) -> ExitCode {
    let _nobody_listens = writeln!(std::io::stderr(), "{what}");
    ExitCode::FAILURE
}
