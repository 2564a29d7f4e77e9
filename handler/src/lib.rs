//! The custom handler: every function of the service, behind the Azure Functions host.

pub mod app;
pub mod backend;
pub mod call;
pub mod cli;
pub mod config;
pub mod extraction;
pub mod functions;
pub mod gates;
pub mod invocation;
pub mod log;
pub mod manifest;
pub mod openapi;
pub mod problem;
pub mod route;
pub mod serve;
pub mod telemetry;

mod answer;
mod events;
mod http;
mod idempotent;
mod keys;
mod shell;
mod triggers;
