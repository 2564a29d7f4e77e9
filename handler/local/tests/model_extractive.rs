//! The offline model: what it searches, what it quotes, and what it will not be talked into.
#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use futures::StreamExt as _;
use local::model::Extractive;
use pool::ports::{Item, Model as _, ModelEvent, Role, StepRequest, ToolCall, ToolSpec, Usage};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;

const NOTHING: &str = "I found nothing about that in your documents.";

fn tool(name: &str) -> ToolSpec {
    ToolSpec { name: name.into(), description: "A tool.".into(), parameters: json!({"type": "object"}) }
}

fn user(text: &str) -> Item {
    Item::Message { role: Role::User, text: text.into() }
}

fn searching(items: Vec<Item>) -> StepRequest {
    let tools = vec![tool("file_search"), tool("weather")];
    StepRequest {
        model: String::new(),
        instructions: "Be brief.".into(),
        items,
        tools,
        ..StepRequest::default()
    }
}

async fn events(request: StepRequest) -> Vec<ModelEvent> {
    let tenant = pool::testing::tenant("contoso");
    let stream = Extractive::default().step(&tenant, request).await.expect("a stream");
    stream.map(|event| event.expect("an event")).collect().await
}

fn text(events: &[ModelEvent]) -> String {
    events
        .iter()
        .filter_map(|event| if let ModelEvent::Text(text) = event { Some(text.as_str()) } else { None })
        .collect()
}

fn calls(events: &[ModelEvent]) -> Vec<ToolCall> {
    events
        .iter()
        .filter_map(|event| if let ModelEvent::Call(call) = event { Some(call.clone()) } else { None })
        .collect()
}

/// Asks, hands over what the search found, and takes the answer.
async fn ask(question: &str, output: impl ToString) -> String {
    let mut items = vec![user(question)];
    let [call] = calls(&events(searching(items.clone())).await).try_into().expect("one call");
    assert_eq!(call.name, "file_search");
    let arguments: Value = serde_json::from_str(&call.arguments).expect("arguments");
    assert_eq!(arguments, json!({ "query": question }));
    items.push(Item::Call(call.clone()));
    items.push(Item::Output { call_id: call.id, output: output.to_string() });
    let events = events(searching(items)).await;
    assert_eq!(calls(&events), [], "one search is enough");
    assert!(matches!(events.last(), Some(ModelEvent::Done { truncated: false, .. })));
    text(&events)
}

fn results(passages: &[(u64, &str, &str)]) -> Value {
    let results: Vec<Value> = passages
        .iter()
        .map(|(reference, title, text)| json!({"ref": reference, "file_id": "file_1", "title": title, "place": "page 2", "text": text}))
        .collect();
    json!({ "results": results })
}

#[tokio::test]
async fn an_english_question_gets_the_sentences_that_answer_it() {
    let found = results(&[
        (1, "menu.pdf", "The canteen serves soup on Mondays. Bread is free."),
        (
            2,
            "travel.pdf",
            "Travel is booked by the office. Hotels are reimbursed up to 120.50 EUR per night.\nTrains are first class.",
        ),
        (3, "hotels.pdf", "Breakfast in a hotel is reimbursed per night."),
    ]);
    let answer = ask("How much is reimbursed for a hotel per night?", found).await;
    assert_eq!(
        answer,
        "From your documents:\n\
        \n- “Hotels are reimbursed up to 120.50 EUR per night.” [2]\
        \n- “Breakfast in a hotel is reimbursed per night.” [3]"
    );
}

#[tokio::test]
async fn a_japanese_question_gets_a_japanese_answer() {
    let found = results(&[
        (4, "社食.pdf", "社員食堂は月曜日にスープを出します。いくつでもどうぞ。"),
        (
            5,
            "旅費規程.pdf",
            "出張は事前に申請してください。国内出張の日当は3,000円です。宿泊費は別に支給します。",
        ),
    ]);
    let answer = ask("国内出張の日当はいくらですか？", found.clone()).await;
    assert_eq!(answer, "お使いの文書によると：\n\n- 「国内出張の日当は3,000円です。」[5]");
    let nothing = ask("りんごはいくつですか？", found).await;
    assert_eq!(nothing, "お使いの文書には、それに関する記載が見つかりませんでした。");
}

#[tokio::test]
async fn at_most_three_passages_are_quoted_and_none_twice() {
    let same = "The guest password is hunter2.";
    let found = results(&[
        (1, "a", same),
        (2, "b", same),
        (3, "c", "The guest password changes weekly."),
        (4, "d", "Ask for the guest password."),
        (5, "e", "No guest password is secret."),
    ]);
    let answer = ask("What is the guest password?", found).await;
    assert_eq!(answer.matches('“').count(), 3, "{answer}");
    assert_eq!(answer.matches(same).count(), 1, "{answer}");
}

#[tokio::test]
async fn the_best_comes_first_and_the_weak_not_at_all() {
    let found = results(&[
        (1, "a", "Parking is near the river."),
        (2, "b", "The parking garage cost is shared by the teams."),
        (3, "c", "The parking garage cost is 5 EUR."),
    ]);
    let answer = ask("How much does the parking garage cost?", found).await;
    assert_eq!(
        answer,
        "From your documents:\n\
        \n- “The parking garage cost is 5 EUR.” [3]\
        \n- “The parking garage cost is shared by the teams.” [2]",
        "who asks how much is told a number first"
    );
}

#[tokio::test]
async fn a_heading_or_a_question_is_quoted_with_what_follows() {
    let found = results(&[(1, "faq", "How many vacation days do I get? You get 25. Ask HR.")]);
    let answer = ask("How many vacation days do I get?", found).await;
    assert_eq!(answer, "From your documents:\n\n- “How many vacation days do I get? You get 25.” [1]");
}

#[tokio::test]
async fn what_is_not_about_the_question_is_nothing() {
    let about_hotels = || results(&[(1, "travel.pdf", "What is the limit for the hotels in France?")]);
    assert_eq!(ask("What is the colour of the moon?", about_hotels()).await, NOTHING, "stop words alone");
    assert_eq!(ask("What is it?", about_hotels()).await, NOTHING, "nothing but stop words");
    assert_eq!(
        ask("Who won the cycling race across France last July?", about_hotels()).await,
        NOTHING,
        "one word of six"
    );
    assert_eq!(ask("Which hotels?", json!({"results": []})).await, NOTHING);
}

#[tokio::test]
async fn a_quotation_cites_nothing_but_its_source() {
    let found = results(&[
        (1, "a", "Parking costs 5 EUR [2]."),
        (2, "b", "Bicycles are free, see [9]. Parking [1] never is."),
    ]);
    let answer = ask("What does parking cost?", found).await;
    assert_eq!(answer.matches("[1]").count(), 1, "{answer}");
    assert!(answer.contains("“Parking costs 5 EUR ［2］.” [1]"), "{answer}");
}

#[tokio::test]
async fn hostile_outputs_hold_no_results() {
    let deep = "[".repeat(200_000);
    let huge = format!("{{\"results\":[{{\"ref\":1,\"text\":\"hotel {}\"}}]}}", "x".repeat(2_000_000));
    for output in [
        "",
        "null",
        "hotel",
        "[]",
        "{}",
        "{\"results\":7}",
        "{\"results\":{\"ref\":1,\"text\":\"hotel\"}}",
        "{\"results\":[null,7,\"hotel\",[],{},{\"ref\":1},{\"text\":\"hotel\"}]}",
        "{\"results\":[{\"ref\":\"1\",\"text\":\"hotel\"},{\"ref\":-1,\"text\":\"hotel\"},{\"ref\":1,\"text\":[\"hotel\"]}]}",
        "{\"error\":\"hotel\"}",
        &deep,
        &huge,
    ] {
        assert_eq!(ask("Which hotel?", output).await, NOTHING, "{output:.60}");
    }
    let mixed = json!({"results": [7, {"ref": 3, "title": null, "text": "A hotel."}, {"ref": 3, "text": "Two hotel rooms."}]});
    let answer = ask("Which hotel?", mixed).await;
    assert!(answer.contains("“A hotel.” [3]"), "the good one among the bad is quoted: {answer}");
    assert!(!answer.contains("rooms"), "a reference stands for one passage: {answer}");
}

#[tokio::test]
async fn an_answer_to_another_call_is_not_an_answer() {
    let call =
        ToolCall { id: "call_1".into(), name: "file_search".into(), arguments: "{}".into(), server: None };
    let output = results(&[(1, "a", "A hotel.")]).to_string();
    let items =
        vec![user("Which hotel?"), Item::Call(call), Item::Output { call_id: "call_2".into(), output }];
    assert_eq!(text(&events(searching(items)).await), NOTHING);
}

#[tokio::test]
async fn a_second_question_searches_again() {
    let call =
        ToolCall { id: "call_1".into(), name: "file_search".into(), arguments: "{}".into(), server: None };
    let output = results(&[(1, "a", "A hotel costs 90.")]).to_string();
    let items = vec![
        user("Which hotel?"),
        Item::Call(call.clone()),
        Item::Output { call_id: call.id.clone(), output },
        Item::Message { role: Role::Assistant, text: "From your documents: …".into() },
        user("And which train?"),
    ];
    let [second] = calls(&events(searching(items.clone())).await).try_into().expect("one call");
    assert_ne!(second.id, call.id);
    assert!(second.arguments.contains("And which train?"));
    let [again] = calls(&events(searching(items)).await).try_into().expect("one call");
    assert_eq!(second, again, "the same conversation gets the same call");
}

#[tokio::test]
async fn a_dictated_call_is_made_and_its_output_quoted() {
    let mut items = vec![user("/tool weather {\"city\": \"Kyoto\"}")];
    let [call] = calls(&events(searching(items.clone())).await).try_into().expect("one call");
    assert_eq!((call.name.as_str(), call.arguments.as_str()), ("weather", "{\"city\": \"Kyoto\"}"));
    items.push(Item::Call(call.clone()));
    items.push(Item::Output { call_id: call.id, output: "rain [1]".into() });
    assert_eq!(text(&events(searching(items)).await), "weather answered: “rain [1]”");
}

#[tokio::test]
async fn a_dictated_call_that_cannot_be_made_is_explained() {
    let no_such = text(&events(searching(vec![user("/tool shell {}")])).await);
    assert_eq!(no_such, "There is no tool called “shell”. The tools are: file_search, weather.");
    for bad in ["/tool weather {city}", "/tool weather [1]", "/tool weather {} {}"] {
        let events = events(searching(vec![user(bad)])).await;
        assert_eq!(calls(&events), [], "{bad}");
        let text = text(&events);
        assert!(
            text.contains("weather are not valid JSON") && text.contains("file_search, weather"),
            "{text}"
        );
    }
    let none = StepRequest { tools: Vec::new(), ..searching(vec![user("/tool weather {}")]) };
    assert!(text(&events(none).await).ends_with("The tools are: none."));
}

#[tokio::test]
async fn without_search_it_says_what_it_lacks() {
    let request = StepRequest { tools: vec![tool("weather")], ..searching(vec![user("Which hotel?")]) };
    let events = events(request).await;
    assert_eq!(calls(&events), []);
    assert_eq!(text(&events), "I can only answer from documents, and I have no file_search tool.");
}

#[tokio::test]
async fn it_streams_words_and_counts_them() {
    let call =
        ToolCall { id: "call_1".into(), name: "file_search".into(), arguments: "{}".into(), server: None };
    let output = results(&[(12, "a", "A cheap hotel costs 90.")]).to_string();
    let items =
        vec![user("Which hotel?"), Item::Call(call), Item::Output { call_id: "call_1".into(), output }];
    let events = events(searching(items)).await;
    let words: Vec<&str> = events
        .iter()
        .filter_map(|event| if let ModelEvent::Text(text) = event { Some(text.as_str()) } else { None })
        .collect();
    assert_eq!(
        words,
        ["From ", "your ", "documents:\n\n- “", "A ", "cheap ", "hotel ", "costs ", "90.” [12]"]
    );
    let Some(ModelEvent::Done { usage: Usage { prompt_tokens, completion_tokens }, .. }) = events.last()
    else {
        panic!("no end")
    };
    assert_eq!(*completion_tokens, 4 + 1 + 7 + 1 + 3, "lead, dash, quoted sentence, mark, citation");
    assert!(*prompt_tokens > 30, "the instructions, items and tools are read: {prompt_tokens}");
}

#[tokio::test]
async fn all_that_is_read_is_counted() {
    let count = async |request| match events(request).await.last() {
        Some(ModelEvent::Done { usage, .. }) => usage.prompt_tokens,
        other => panic!("{other:?}"),
    };
    let nothing = StepRequest { instructions: String::new(), tools: Vec::new(), ..searching(Vec::new()) };
    assert_eq!(count(nothing.clone()).await, 0);
    assert_eq!(count(StepRequest { instructions: "Be brief.".into(), ..nothing.clone() }).await, 3);
    assert_eq!(count(StepRequest { items: vec![user("Which hotel?")], ..nothing.clone() }).await, 3);
    assert!(count(StepRequest { tools: vec![tool("weather")], ..nothing }).await > 4);
}

#[tokio::test]
async fn long_questions_and_outputs_are_shortened() {
    let long = "旅".repeat(5000);
    let [call] = calls(&events(searching(vec![user(&long)])).await).try_into().expect("one call");
    let arguments: Value = serde_json::from_str(&call.arguments).expect("arguments");
    assert_eq!(arguments["query"].as_str().map(|query| query.chars().count()), Some(1000));
    let call = ToolCall { id: "c".into(), name: "weather".into(), arguments: "{}".into(), server: None };
    let output = Item::Output { call_id: "c".into(), output: long };
    let answer = text(&events(searching(vec![user("/tool weather"), Item::Call(call), output])).await);
    assert!(answer.ends_with("旅…”") && answer.chars().count() < 4100, "{}", answer.chars().count());
}

#[tokio::test(start_paused = true)]
async fn the_pace_is_kept() {
    let start = tokio::time::Instant::now();
    let model = Extractive { pace: Duration::from_millis(10) };
    let request = StepRequest { tools: Vec::new(), ..searching(vec![user("Which hotel?")]) };
    let stream = model.step(&pool::testing::tenant("contoso"), request).await.expect("a stream");
    let count = stream.count().await as u128;
    assert!(count > 10 && start.elapsed().as_millis() >= count * 10, "{count} in {:?}", start.elapsed());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_makes_it_panic(question in "\\PC{0,40}", title in "\\PC{0,20}", passage in "(\\PC|\n){0,80}", raw in any::<String>()) {
        let run = |output: String| {
            let call = ToolCall { id: "c".into(), name: "file_search".into(), arguments: raw.clone(), server: None };
            let items = vec![user(&question), Item::Call(call), Item::Output { call_id: "c".into(), output }];
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            runtime.block_on(events(searching(items)))
        };
        for output in [raw.clone(), results(&[(1, &title, &passage)]).to_string()] {
            let events = run(output);
            let ended = matches!(events.last(), Some(ModelEvent::Done { .. }));
            prop_assert!(ended);
        }
    }
}
