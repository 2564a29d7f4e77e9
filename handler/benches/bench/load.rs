//! Requests, many at once over connections that are kept.

use super::{cpu, server::Server};
use crate::Fault;
use serde_json::Value;
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

/// What a load cost.
pub struct Load {
    /// CPU of the server, in microseconds a request.
    pub cpu_us: f64,
    /// Requests a second, with the client on the same machine.
    pub rate: f64,
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:7.1} µs CPU a request, {:6.0} a second", self.cpu_us, self.rate)
    }
}

/// GETs of one path, with each of the tokens in turn.
pub async fn gets(server: &Server, path: &str, tokens: &[String], count: usize) -> Result<Load, Fault> {
    if tokens.len() == 1 {
        drive(server, 16, 2_000, &|http, _| http.get(server.url(path)).bearer_auth(&tokens[0])).await?;
    }
    drive(server, 16, count, &|http, n| http.get(server.url(path)).bearer_auth(&tokens[n % tokens.len()]))
        .await
}

/// POSTs of one body.
pub async fn posts(server: &Server, path: &str, body: &Value, count: usize) -> Result<Load, Fault> {
    let token = server.token("alice")?;
    drive(server, 64, count, &|http, _| http.post(server.url(path)).bearer_auth(&token).json(body)).await
}

type Make<'a> = &'a dyn Fn(&reqwest::Client, usize) -> reqwest::RequestBuilder;

async fn drive(server: &Server, at_once: usize, count: usize, make: Make<'_>) -> Result<Load, Fault> {
    let http = reqwest::Client::new();
    let next = Arc::new(AtomicUsize::new(0));
    let (cpu, began) = (cpu::micros(server.pid())?, Instant::now());
    let worker = || async {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            if n >= count {
                return Ok::<_, Fault>(());
            }
            let answer = make(&http, n).send().await?;
            if !answer.status().is_success() {
                return Err(format!("{}", answer.status()).into());
            }
            answer.bytes().await?;
        }
    };
    futures::future::try_join_all((0..at_once).map(|_| worker())).await?;
    let rate = count as f64 / began.elapsed().as_secs_f64();
    Ok(Load { cpu_us: (cpu::micros(server.pid())? - cpu) / count as f64, rate })
}
