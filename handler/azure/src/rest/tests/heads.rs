//! Until when the head of an answer is waited for; and what a call says of the request that it is for.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_the_heads_deadline_is_told_and_not_begun() {
    let service = service(vec![after(429, "retry-after", 20)]);
    let (begun, one) = (Instant::now(), tenant("one"));
    let call = |seconds| {
        let call = service.call(&one, Method::POST).by(begun + Duration::from_secs(600));
        call.head_by(begun + Duration::from_secs(seconds))
    };
    let error = service.rest.open(call(10)).await.map(drop).unwrap_err();
    let told = matches!(error, PortError::Exhausted { retry_after } if retry_after.as_secs() == 20);
    assert!(told, "{error:?}");
    assert_eq!((service.attempts(), begun.elapsed()), (1, Duration::ZERO));
    service.rest.open(call(30)).await.map(drop).unwrap_err();
    assert_eq!(service.attempts(), 3, "one that fits is");
}

#[tokio::test(start_paused = true)]
async fn the_heads_deadline_is_not_the_bodys() {
    let service = service(vec![Say::Slowly(vec!["a", "b"], Duration::from_secs(20)), Say::Nothing]);
    let (begun, one) = (Instant::now(), tenant("one"));
    let call = || {
        let call = service.call(&one, Method::POST).by(begun + Duration::from_secs(600));
        call.head_by(begun + Duration::from_secs(10))
    };
    let opened = service.rest.open(call()).await.unwrap().unwrap();
    let pieces: Vec<_> = opened.body.try_collect().await.unwrap();
    assert_eq!(pieces, ["a", "b"]);
    let begun = Instant::now();
    let call = call().head_by(begun + Duration::from_secs(10));
    assert!(matches!(service.rest.open(call).await.map(drop), Err(PortError::Unavailable(_))));
    assert!(begun.elapsed() < Duration::from_secs(11), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_call_says_which_request_it_is_for() {
    telemetry::tell_traceparent(|| Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".into()));
    let service = service(vec![say(200)]);
    service.send(Method::GET).await.unwrap();
    let seen = service.seen.lock().unwrap();
    let parent = seen[0].1.headers()["traceparent"].to_str().unwrap();
    assert_eq!(Some(parent.to_owned()), telemetry::traceparent());
    for kept in ["tracestate", "baggage"] {
        assert!(!seen[0].1.headers().contains_key(kept), "{kept}");
    }
}
