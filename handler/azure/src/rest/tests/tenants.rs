//! What one tenant's calls may cost another.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_tenants_slow_calls_are_its_own_trouble() {
    let service = service(vec![Say::Slowly(vec!["{}"], Duration::from_secs(5))]);
    let (service, one, begun) = (&service, tenant("one"), Instant::now());
    let most = bulkhead::UNDER_WAY + bulkhead::WAITING;
    let calls = (0..most + 50).map(|_| service.rest.send(service.call(&one, Method::GET)));
    let other = async {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(service.attempts(), bulkhead::UNDER_WAY);
        let two = tenant("two");
        service.rest.send(service.call(&two, Method::GET)).await.unwrap();
        assert!(begun.elapsed() < Duration::from_millis(6_010), "it does not wait for another tenant");
    };
    let (results, ()) = tokio::join!(futures::future::join_all(calls), other);
    let refused = results.iter().filter(|r| matches!(r, Err(PortError::Exhausted { .. }))).count();
    assert_eq!(refused, 50);
    assert_eq!(results.iter().filter(|r| r.is_ok()).count(), most);
    service.send(Method::GET).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_tenants_failing_calls_eat_its_own_retries() {
    let service = service(vec![say(500)]);
    for _ in 0..100 {
        service.send(Method::GET).await.unwrap_err();
    }
    let (before, two) = (service.attempts(), tenant("two"));
    service.rest.send(service.call(&two, Method::GET)).await.unwrap_err();
    assert_eq!(service.attempts() - before, 5, "another tenant has all its retries");
    let before = service.attempts();
    service.send(Method::GET).await.unwrap_err();
    assert!(service.attempts() - before < 5, "its own are spent");
}
