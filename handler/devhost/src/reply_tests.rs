use super::*;

fn outputs(binary: bool) -> Vec<QueueOutput> {
    vec![QueueOutput { name: "outq".into(), queue: "out".into(), binary }]
}

fn strict(body: &str, binary: bool) -> Result<Reply, Bad> {
    read(StatusCode::OK, Some("application/json; charset=utf-8"), body.as_bytes(), &outputs(binary), true)
}

fn sent(body: &str, binary: bool) -> Vec<String> {
    let reply = strict(body, binary).unwrap();
    reply.messages.into_iter().map(|(_, body)| String::from_utf8_lossy(&body).into_owned()).collect()
}

#[test]
fn what_fails() {
    let json = Some("application/json");
    for (status, media, body, word) in [
        (500, json, "{}", "500"),
        (404, json, "{}", "404"),
        (302, json, "{}", "302"),
        (200, Some("text/plain"), "{}", "MediaTypeFormatter"),
        (200, None, "{}", "MediaTypeFormatter"),
        (200, json, "[]", "object"),
        (200, json, "\"x\"", "object"),
        (200, json, "{", "JSON"),
        (200, json, r#"{"Outputs":[1]}"#, "Outputs"),
        (200, json, r#"{"Logs":"x"}"#, "Logs"),
    ] {
        let status = StatusCode::from_u16(status).unwrap();
        match read(status, media, body.as_bytes(), &[], true) {
            Err(Bad::Failed(reason)) => assert!(reason.contains(word), "{body}: {reason}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn nothing_hangs_the_strict_host_and_pleases_the_other() {
    for (status, body) in [(200, ""), (204, ""), (200, "null")] {
        let status = StatusCode::from_u16(status).unwrap();
        let media = Some("application/json");
        assert_eq!(read(status, media, body.as_bytes(), &[], true).unwrap_err(), Bad::Hang, "{body}");
        assert!(read(status, media, body.as_bytes(), &[], false).is_ok(), "{body}");
    }
}

#[test]
fn members_are_found_in_any_case_and_logs_are_lines() {
    let reply = strict(r#"{"logs":["a",1],"outputs":{"outq":"x y"},"More":1}"#, false).unwrap();
    assert_eq!(reply.logs, ["a", "1"]);
    assert_eq!(reply.messages, [("out".to_owned(), b"x y".to_vec())]);
}

#[test]
fn a_string_output_is_guessed_to_be_base64_unless_binary() {
    assert_ne!(sent(r#"{"Outputs":{"outq":"test"}}"#, false), ["test"]);
    assert_eq!(strict(r#"{"Outputs":{"outq":"test"}}"#, false).unwrap().traps[0].0, Trap::Base64Guess);
    assert_eq!(sent(r#"{"Outputs":{"outq":"test"}}"#, true), ["test"]);
    assert_eq!(sent(r#"{"Outputs":{"outq":"aGVsbG8="}}"#, false), ["hello"]);
    let lax =
        read(StatusCode::OK, Some("text/json"), br#"{"Outputs":{"outq":"test"}}"#, &outputs(false), false);
    assert_eq!(lax.unwrap().messages[0].1, b"test");
}

#[test]
fn json_outputs_are_split_and_printed_again() {
    assert_eq!(sent(r#"{"Outputs":{"outq":[1,"two",{"c":3}]}}"#, false), ["1", "two", "{\n  \"c\": 3\n}"]);
    assert_eq!(sent(r#"{"Outputs":{"outq":"[1,2]"}}"#, false), ["1", "2"]);
    assert_eq!(sent(r#"{"Outputs":{"outq":"{\"a\":1}"}}"#, false), ["{\n  \"a\": 1\n}"]);
    assert_eq!(sent(r#"{"Outputs":{"outq":"2026-11-22T08:00:00Z"}}"#, false), ["11/22/2026 08:00:00"]);
    assert_eq!(sent(r#"{"ReturnValue":{"outq":"a b"}}"#, false), ["a b"]);
    assert!(sent(r#"{"Outputs":{"other":"a b","outq":null}}"#, false).is_empty());
}
