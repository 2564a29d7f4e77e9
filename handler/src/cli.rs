//! The command line: everything that a developer does without Azure.

pub mod azure_host;
mod chat;
mod client;
mod dev;
mod doctor;
mod health;
mod invoke;
mod issuer;
mod show;
mod stage;
mod tenant;
mod token;
mod verify;

use clap::{Parser, Subcommand};

/// What goes wrong at the command line.
pub type Fault = Box<dyn std::error::Error + Send + Sync>;

/// The custom handler of pooled-agents, and its tools.
///
/// Started by an Azure Functions host (which sets FUNCTIONS_CUSTOMHANDLER_PORT) and without arguments, it serves.
/// Started by you, it needs a command: `handler dev` runs the whole service on this machine, without any cloud.
#[derive(Debug, Parser)]
#[command(name = "handler", version, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the whole service on this machine: host, handler, storage, model.
    Dev(dev::Dev),
    /// Print a development token for a tenant, known or not.
    Token(token::Token),
    /// Talk to an agent of a running `dev`, as a tenant's user.
    Chat(chat::Chat),
    /// Set a function of a running `dev` off by hand.
    Invoke(invoke::Invoke),
    /// Check a deployment's isolation from outside, as two of its tenants.
    ///
    /// It makes a few things in each tenant, and removes them at the end; it touches nothing else. The exit code is 0 if
    /// every check that was run passed, 1 if there is a finding, 2 if it could not be run.
    Verify(verify::Verify),
    /// Ask a running service whether it is well: exit code 0, or 1.
    Health(health::Health),
    /// Look at settings, a package, or roles, and tell what is wrong and how to mend it: exit code 0, or 1.
    ///
    /// Of each setting it tells where its value is from, and whether what it names answers. Nothing is changed.
    Doctor(doctor::Doctor),
    /// See to the tenants of the directory.
    #[command(subcommand)]
    Tenant(tenant::Tenant),
    /// Lay out the application as Azure Functions wants it.
    Stage(stage::Stage),
    /// Print the API's description, OpenAPI 3.1.
    Openapi,
    /// Write functions/*/function.json from the table.
    #[command(hide = true)]
    Functions {
        /// The folder.
        #[arg(default_value = "functions")]
        folder: std::path::PathBuf,
    },
}

/// Does what was asked.
///
/// # Errors
/// What kept it from being done.
pub async fn run(cli: Cli) -> Result<(), Fault> {
    match cli.command {
        Command::Dev(dev) => dev.run().await,
        Command::Token(token) => token.run(),
        Command::Chat(chat) => chat.run().await,
        Command::Invoke(invoke) => invoke.run().await,
        Command::Verify(verify) => verify.run().await,
        Command::Health(health) => health.run().await,
        Command::Doctor(doctor) => doctor.run().await,
        Command::Tenant(tenant) => tenant.run().await,
        Command::Stage(stage) => stage.run(),
        Command::Openapi => {
            show::line(&format!("{:#}", crate::openapi::document()));
            Ok(())
        }
        Command::Functions { folder } => Ok(crate::manifest::write(&folder)?),
    }
}

/// A fault and its causes.
pub fn explain(fault: &(dyn std::error::Error + 'static)) -> String {
    crate::problem::chain(fault)
}
