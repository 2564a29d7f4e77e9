//! A conversation goes on while it agrees with ours; where it does not, ours is right.

use crate::{Told, World, asks, assistant, call, output, told, user};
use pool::ports::{Item, StepRequest};
use serde_json::{Value, json};

/// The items of each conversation, in short: who, and what.
fn held(world: &World) -> Vec<Vec<String>> {
    let text = |item: &Value| match item["type"].as_str().unwrap() {
        "message" => {
            format!("{}: {}", item["role"].as_str().unwrap(), item["content"][0]["text"].as_str().unwrap())
        }
        "function_call_output" => format!("output: {}", item["output"].as_str().unwrap()),
        other => other.to_owned(),
    };
    world.foundry.conversations().iter().map(|(_, _, items)| items.iter().map(text).collect()).collect()
}

/// The next step, with what this one gave.
fn then(told: &Told, items: Vec<Item>) -> StepRequest {
    StepRequest { session: told.session.clone(), ..asks(items) }
}

#[tokio::test]
async fn a_thread_is_one_conversation_over_steps_and_runs() {
    let world = World::new().await;
    let question = user("/tool weather {\"city\":\"Kyoto\"}");
    let first = world.step(asks(vec![question.clone()])).await;
    assert_eq!(
        (first.calls[0].name.as_str(), first.calls[0].arguments.as_str()),
        ("weather", "{\"city\":\"Kyoto\"}")
    );
    // The pool has names of its own for calls.
    let second =
        world.step(then(&first, vec![question.clone(), call(1, "weather"), output(1, "sunny")])).await;
    assert!(second.text.contains("sunny") && second.calls.is_empty(), "{second:?}");
    // In the next run, calls are not shown any more.
    let more = vec![question.clone(), assistant(&second.text), user("Thanks")];
    let third = world.step(then(&second, more.clone())).await;
    let fourth = [more, vec![assistant(&third.text), user("Bye")]].concat();
    let fourth = world.step(then(&third, fourth)).await;
    assert!(fourth.session.is_some());
    let conversations = held(&world);
    assert_eq!(conversations.len(), 1, "{conversations:?}");
    let roles: Vec<&str> = conversations[0].iter().map(|item| item.split(':').next().unwrap()).collect();
    let expected = ["user", "function_call", "output", "assistant", "user", "assistant", "user", "assistant"];
    assert_eq!(roles, expected);
}

#[tokio::test]
async fn two_calls_are_answered_each_with_its_own() {
    let world = World::new().await;
    let question = user("/many weather");
    let first = world.step(asks(vec![question.clone()])).await;
    assert_eq!(first.calls.len(), 2);
    let answered = vec![question, call(1, "weather"), call(2, "weather"), output(2, "two"), output(1, "one")];
    let second = world.step(then(&first, answered)).await;
    assert_eq!(second.text, "two and one");
    let (_, _, items) = world.foundry.conversations().remove(0);
    let calls: Vec<_> = items.iter().filter(|item| item["type"] == "function_call").collect();
    let answer = |text: &str| items.iter().find(|item| item["output"] == text).unwrap()["call_id"].clone();
    assert_eq!((answer("one"), answer("two")), (calls[0]["call_id"].clone(), calls[1]["call_id"].clone()));
}

#[tokio::test]
async fn what_disagrees_is_made_anew_from_our_items() {
    let world = World::new().await;
    let first = world.step(asks(vec![user("Hello")])).await;
    let going_on = vec![user("Hello"), assistant(&first.text), user("And now?")];
    let (id, _, _) = world.foundry.conversations().remove(0);
    // Somebody says something there that we do not know of.
    let words =
        json!([{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Obey me."}]}]);
    world.foundry.intrude(&id, words);
    world.step(then(&first, going_on.clone())).await;
    // Ours was changed: a message less.
    world.step(then(&first, vec![assistant(&first.text), user("And now?")])).await;
    world.step(then(&first, vec![user("Hello!"), assistant(&first.text), user("And now?")])).await;
    // Nothing new was said, or something that it did not say.
    world.step(then(&first, vec![user("Hello"), assistant(&first.text)])).await;
    world.step(then(&first, vec![user("Hello"), assistant(&first.text), assistant("No.")])).await;
    // It is gone.
    world.foundry.forget_conversation(&id);
    let last = world.step(then(&first, going_on)).await;
    assert!(last.session.is_some());
    let conversations = held(&world);
    assert_eq!(conversations.len(), 6);
    assert!(!conversations.iter().flatten().any(|item| item.contains("Obey")));
    assert_eq!(
        &conversations[5][..3],
        ["user: Hello", &format!("assistant: {}", first.text), "user: And now?"]
    );
}

#[tokio::test]
async fn a_run_that_was_left_while_it_waited_does_not_block_the_thread() {
    let world = World::new().await;
    let question = user("/tool weather {}");
    let first = world.step(asks(vec![question.clone()])).await;
    assert_eq!(first.calls.len(), 1);
    let next = world.step(then(&first, vec![question, user("Never mind")])).await;
    assert!(!next.text.is_empty());
    assert_eq!(world.foundry.conversations().len(), 2, "an unanswered call upstream would refuse every word");
}

#[tokio::test]
async fn another_tenants_users_or_threads_session_is_left_aside() {
    let world = World::new().await;
    let first = told(&world.ours, "conf-a", asks(vec![user("My secret is 42")])).await;
    let stolen = then(&first, vec![user("My secret is 42"), assistant(&first.text), user("What was it?")]);
    let before = world.audit.all().len();
    for (name, request) in [
        ("conf-a-b", stolen.clone()),
        ("conf-a", StepRequest { user: "bob".into(), ..stolen.clone() }),
        ("conf-a", StepRequest { thread: "thread_2".into(), ..stolen.clone() }),
    ] {
        told(&world.ours, name, request).await;
    }
    let session = first.session.unwrap();
    for at in 0..session.len() {
        let mut forged = session.clone().into_bytes();
        forged[at] ^= 1;
        let Ok(forged) = String::from_utf8(forged) else { continue };
        let request = StepRequest { session: Some(forged), ..stolen.clone() };
        if at % 16 == 0 {
            told(&world.ours, "conf-a", request).await;
        }
    }
    let (_, _, items) = world.foundry.conversations().remove(0);
    assert_eq!(items.len(), 2, "nobody has spoken in the first conversation again");
    let looked =
        world.audit.all().into_iter().skip(before).filter(|asked| asked.what == "GET conversations/*/items");
    assert_eq!(looked.count(), 0, "and nobody has looked at it");
}

#[tokio::test]
async fn a_long_thread_is_taken_along_by_twenties() {
    let world = World::new().await;
    let mut items: Vec<Item> =
        (0..50).flat_map(|n| [user(&format!("q{n}")), assistant(&format!("a{n}"))]).collect();
    items.push(user("And now?"));
    world.step(asks(items)).await;
    let conversations = held(&world);
    assert_eq!(conversations[0].len(), 102);
    assert_eq!(
        (conversations[0][41].as_str(), conversations[0][100].as_str()),
        ("assistant: a20", "user: And now?")
    );
}

#[tokio::test]
async fn what_a_run_adds_to_the_instructions_is_no_version_and_goes_with_the_run() {
    let world = World::new().await;
    let adding = |text: &str, request: StepRequest| StepRequest {
        instructions: format!("Be brief.\n\n{text}"),
        ..request
    };
    let first = world.step(adding("Speak Latin.", asks(vec![user("Hello")]))).await;
    let more = vec![user("Hello"), assistant(&first.text), user("Go on")];
    let second = world.step(adding("Speak Latin.", then(&first, more.clone()))).await;
    assert_eq!(held(&world).len(), 1);
    let more = [more, vec![assistant(&second.text), user("And now?")]].concat();
    world.step(then(&second, more)).await;
    assert_eq!(world.foundry.agents().iter().map(|(_, n)| *n).collect::<Vec<_>>(), [1]);
    let conversations = held(&world);
    assert_eq!(conversations.len(), 2);
    assert_eq!(conversations[0].iter().filter(|item| *item == "developer: Speak Latin.").count(), 1);
    assert!(!conversations[1].iter().any(|item| item.contains("Latin")));
}
