use super::{
    chat::events,
    sse::{MAX_LINE, Parser},
};
use bytes::Bytes;
use futures::{StreamExt as _, stream};
use pool::ports::{ModelEvent, PortResult};
use proptest::prelude::*;
use serde_json::json;

/// Everything that may be odd in a stream: a mark of byte order, CR, LF and CRLF, comments, other fields, data of
/// several lines, letters of several bytes, and two calls that come in turns.
fn wire() -> Vec<u8> {
    let text = |text: &str| json!({"choices": [{"index": 0, "delta": {"content": text}}]}).to_string();
    let call = |index: u8, id: Option<&str>, name: Option<&str>, arguments: &str| {
        json!({"choices": [{"index": 0, "delta": {"tool_calls": [
            {"index": index, "id": id, "function": {"name": name, "arguments": arguments}}
        ]}}]})
        .to_string()
    };
    [
        format!("\u{feff}data: {}\r\n\r\n: hello\n", text("今日の")),
        format!("event: message\rdata:{}\r\r", text("日当は")),
        format!("data: {}\r\n\r\n", text("三千円🍣\r\n")),
        "data: {\"choices\":\r\ndata: [{\"delta\":\rdata: {\"content\":\ndata\ndata: \"x\"}}]}\n\n"
            .to_owned(),
        format!("id: 7\ndata: {}\n\n", call(0, Some("a"), Some("first"), "{\"q")),
        format!("data: {}\n\n", call(1, Some("b"), Some("second"), "")),
        format!("data: {}\n\n:ping\n\n", call(0, None, None, "\":1}")),
        format!("data: {}\n\n", call(1, None, None, "{}")),
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"tool_calls\"}]}\n\n".to_owned(),
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6}}\n\ndata: [DONE]\n\n"
            .to_owned(),
    ]
    .concat()
    .into_bytes()
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

fn decode(pieces: &[&[u8]]) -> Vec<String> {
    let pieces: Vec<PortResult<Bytes>> =
        pieces.iter().map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    block_on(events(stream::iter(pieces), 0).map(|event| format!("{event:?}")).collect())
}

#[test]
fn the_odd_stream_is_read_whole() {
    let wire = wire();
    let all: Vec<ModelEvent> = block_on(
        events(stream::iter([Ok(Bytes::from(wire))]), 0).map(|event| event.expect("an event")).collect(),
    );
    let text: String = all
        .iter()
        .filter_map(|e| if let ModelEvent::Text(t) = e { Some(t.as_str()) } else { None })
        .collect();
    assert_eq!(text, "今日の日当は三千円🍣\r\nx");
    let calls: Vec<_> = all
        .iter()
        .filter_map(
            |e| if let ModelEvent::Call(c) = e { Some((&*c.id, &*c.name, &*c.arguments)) } else { None },
        )
        .collect();
    assert_eq!(calls, [("a", "first", "{\"q\":1}"), ("b", "second", "{}")]);
    assert!(
        matches!(all.last(), Some(ModelEvent::Done { usage, truncated: false }) if usage.prompt_tokens == 5)
    );
}

proptest! {
    #[test]
    fn where_the_stream_is_cut_means_nothing(mut cuts in proptest::collection::vec(0usize..4096, 0..40)) {
        let wire = wire();
        cuts.iter_mut().for_each(|cut| *cut %= wire.len());
        cuts.extend([0, wire.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &wire[pair[0]..pair[1]]).collect();
        prop_assert_eq!(decode(&pieces), decode(&[&wire]));
    }

    #[test]
    fn garbage_is_the_same_garbage_however_it_is_cut(
        bytes in proptest::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'\r'), Just(b':')], 0..200),
        at in 0usize..200,
    ) {
        let wire = [b"data: 1\n\ndata".as_slice(), &bytes].concat();
        let (head, tail) = wire.split_at(at.min(wire.len()));
        let (mut whole, mut cut) = (Parser::default(), Parser::default());
        let mut pieces = cut.push(head).expect("short lines");
        pieces.extend(cut.push(tail).expect("short lines"));
        prop_assert_eq!(whole.push(&wire).expect("short lines"), pieces);
    }
}

#[test]
fn lines_of_data_are_joined_and_one_space_is_not_data() {
    let events = Parser::default().push(b"data: a\ndata:  b\ndata:c\ndata\nidle: x\n\n\ndata: d");
    assert_eq!(events.expect("short lines"), ["a\n b\nc\n"]);
}

#[test]
fn every_single_byte_is_a_fine_piece() {
    let wire = wire();
    assert_eq!(decode(&wire.chunks(1).collect::<Vec<_>>()), decode(&[&wire]));
}

#[test]
fn a_line_and_an_event_have_a_longest() {
    let long = vec![b'x'; MAX_LINE];
    assert!(Parser::default().push(&long).is_ok());
    let mut parser = Parser::default();
    assert!(parser.push(&long).is_ok());
    assert_eq!(parser.push(b"x").expect_err("a byte too many").code(), "line_too_long");
    let half = [b"data: ".as_slice(), &long[..MAX_LINE / 2], b"\n"].concat();
    let mut parser = Parser::default();
    assert!(parser.push(&half).is_ok());
    assert_eq!(parser.push(&half).expect_err("two halves and a line feed").code(), "event_too_long");
}
