//! `handler health`.

use super::Fault;
use clap::Args;
use std::time::Duration;

/// Ask a running service whether it is well; the exit code says.
#[derive(Debug, Args)]
pub(super) struct Health {
    /// What is asked.
    #[arg(long, default_value = "http://127.0.0.1:7071/api/health")]
    url: String,
    /// How many seconds the answer may take.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=60))]
    timeout: u64,
}

impl Health {
    /// # Errors
    /// When nothing answers in time, or the answer is not 200.
    pub(super) async fn run(self) -> Result<(), Fault> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(self.timeout))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        let answer = client.get(&self.url).send().await?;
        match answer.status() {
            reqwest::StatusCode::OK => Ok(()),
            status => Err(format!("{} answers {status}", self.url).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::{Router, http::StatusCode, routing::get};

    async fn ask(path: &str) -> Result<(), Fault> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/{path}", listener.local_addr()?);
        let slow = || async {
            tokio::time::sleep(Duration::from_secs(30)).await;
        };
        let app = Router::new()
            .route("/well", get(|| async {}))
            .route("/ill", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
            .route("/elsewhere", get(|| async { axum::response::Redirect::to("/well") }))
            .route("/slow", get(slow));
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        let asked = Health { url, timeout: 1 }.run().await;
        server.abort();
        asked
    }

    #[tokio::test]
    async fn only_a_200_in_time_is_well() {
        ask("well").await.unwrap();
        for path in ["ill", "elsewhere", "absent", "slow"] {
            assert!(ask(path).await.is_err(), "{path}");
        }
        let nobody = Health { url: "http://127.0.0.1:1/".into(), timeout: 1 };
        assert!(nobody.run().await.is_err());
    }
}
