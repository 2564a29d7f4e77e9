use devhost::{HostEvent, Trap};

use crate::support::{App, eventually, until};

fn trap(wanted: Trap) -> impl Fn(&HostEvent) -> bool {
    move |event| matches!(event, HostEvent::TrapHit { trap, .. } if *trap == wanted)
}

fn failed(event: &HostEvent) -> bool {
    matches!(event, HostEvent::InvocationFailed { .. })
}

#[tokio::test]
async fn an_empty_answer_fails_loudly_and_restarts_the_worker() {
    let app = App::new().queue("empty", "").setting("extensions__queues__maxDequeueCount", "1");
    app.push("x").await;
    let host = app.start().await;
    let event = app.event(trap(Trap::EmptyReply)).await;
    assert!(event.to_string().contains("the real host would hang until functionTimeout"));
    until(|| app.starts() == 2 && app.queue_texts("work-poison") == ["x"]).await;
    host.stop().await;
    let mut lax = App::new().queue("empty", "");
    lax.options.strict = false;
    lax.push("x").await;
    let host = lax.start().await;
    until(|| lax.queues.peek("work").is_empty()).await;
    assert!(lax.events(failed).is_empty() && lax.starts() == 1);
    host.stop().await;
}

#[tokio::test]
async fn another_content_type_is_a_failure() {
    let app = App::new().queue("text", "").setting("extensions__queues__maxDequeueCount", "1");
    app.push("x").await;
    let host = app.start().await;
    let event = app.event(failed).await;
    assert!(event.to_string().contains("MediaTypeFormatter"), "{event}");
    until(|| app.queue_texts("work-poison") == ["x"]).await;
    host.stop().await;
}

#[tokio::test]
async fn a_redirect_is_followed_as_get_but_not_off_the_worker() {
    let app = App::new().queue("redirect", "");
    app.push("x").await;
    let host = app.start().await;
    app.event(trap(Trap::Redirect)).await;
    until(|| app.queues.peek("work").is_empty()).await;
    let second = eventually(|| app.record().into_iter().find(|entry| entry["uri"] == "/elsewhere")).await;
    assert_eq!(second["method"], "GET");
    assert!(app.events(failed).is_empty());
    host.stop().await;
    let app = App::new().queue("away", "").setting("extensions__queues__maxDequeueCount", "1");
    app.push("x").await;
    let host = app.start().await;
    let event = app.event(failed).await;
    assert!(event.to_string().contains("not the worker"), "{event}");
    host.stop().await;
}

#[tokio::test]
async fn a_string_output_that_could_be_base64_is_decoded() {
    let app = App::new().queue("guessed", "");
    app.push("x").await;
    let host = app.start().await;
    app.event(trap(Trap::Base64Guess)).await;
    until(|| app.queues.peek("out").len() == 1).await;
    assert_eq!(app.queues.peek("out")[0].body, [0xb5, 0xeb, 0x2d]);
    host.stop().await;
}
