use super::*;
use azure_core::http::{AsyncRawResponse, Method, headers::Headers};
use std::sync::Mutex;

/// A service that throttles with this `Retry-After`, and what it saw.
#[derive(Debug, Default)]
struct Throttles(u64, Mutex<Vec<Option<String>>>);

#[async_trait]
impl Policy for Throttles {
    async fn send(&self, _: &Context, request: &mut Request, _: &[Arc<dyn Policy>]) -> PolicyResult {
        let parent = request.headers().get_optional_string(&HeaderName::from_static("traceparent"));
        self.1.lock().unwrap().push(parent);
        let mut headers = Headers::new();
        headers.insert("retry-after", self.0.to_string());
        Ok(AsyncRawResponse::from_bytes(StatusCode::TooManyRequests, headers, ""))
    }
}

async fn asked(wait: u64) -> (Vec<Option<String>>, Duration) {
    let service = Arc::new(Throttles(wait, Mutex::default()));
    let mut request = Request::new("https://service.example/".parse().unwrap(), Method::Get);
    let begun = Instant::now();
    let next: [Arc<dyn Policy>; 1] = [service.clone()];
    let answer = Patience::default().send(&Context::new(), &mut request, &next).await.unwrap();
    assert_eq!(answer.status(), StatusCode::TooManyRequests);
    (service.1.lock().unwrap().clone(), begun.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_honoured_and_none_is_begun_that_reaches_beyond_the_deadline() {
    let (tries, took) = asked(3).await;
    assert_eq!(tries.len(), 4);
    assert!((9_000..9_000 + 200 + 400 + 800 + 3).contains(&took.as_millis()), "{took:?}");
    let (tries, took) = asked(86_400).await;
    assert_eq!((tries.len(), took), (1, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_try_says_which_request_it_is_for() {
    telemetry::tell_traceparent(|| Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()));
    let (tries, _) = asked(1).await;
    assert!(telemetry::traceparent().is_some());
    assert!(tries.iter().all(|parent| *parent == telemetry::traceparent()), "{tries:?}");
}
