//! What a refusal gives away: whether the thing is there.

use super::{
    super::Fault,
    attack::{Shot, Whose},
    bench::Bench,
    check::Findings,
    wire::{Answer, Ask},
};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

/// Headers whose values are each answer's own.
const VARY: [&str; 12] = [
    "date",
    "x-request-id",
    "request-id",
    "x-ms-request-id",
    "x-azure-ref",
    "request-context",
    "traceparent",
    "x-cache",
    "set-cookie",
    "ratelimit",
    "ratelimit-remaining",
    "ratelimit-reset",
];

/// An answer without what is different each time.
fn stripped(answer: &Answer) -> (u16, BTreeMap<&str, &str>, Value) {
    let mut body = match serde_json::from_slice(&answer.body) {
        Ok(body) => body,
        Err(_) => Value::String(answer.text()),
    };
    if let Some(body) = body.as_object_mut() {
        body.remove("instance");
    }
    let fixed = |name: &str, value| if VARY.contains(&name) { "" } else { value };
    let headers =
        answer.headers.iter().map(|(name, value)| (name.as_str(), fixed(name, value.as_str()))).collect();
    (answer.status, headers, body)
}

/// Foreign, never made, deleted: all alike.
pub(super) async fn existence(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let attack = bench.attack().await?;
    for shot in attack.shots.iter().filter(|shot| shot.whose == Whose::Foreign) {
        let twin = |other: &&Shot| {
            other.whose != Whose::Foreign && other.function == shot.function && other.slots == shot.slots
        };
        let (status, headers, body) = stripped(&shot.answer);
        for other in attack.shots.iter().filter(twin) {
            let (others_status, others_headers, others_body) = stripped(&other.answer);
            let what = |differs: &str| {
                let (function, slots, other) = (shot.function, &shot.slots, other.whose.name());
                format!("{function}, {slots}: {differs} of foreign and of {other} differ")
            };
            found.expect(status == others_status, || {
                what(&format!("the statuses {status} and {others_status}"))
            });
            found.expect(body == others_body, || what("the bodies"));
            let names = |headers: &BTreeMap<&str, &str>| {
                headers.keys().map(|name| name.to_string()).collect::<Vec<_>>()
            };
            found.expect(names(&headers) == names(&others_headers), || what("the names of the headers"));
            // The length says what the body says, which was compared without the request's own id.
            let same = headers.iter().all(|(name, value)| {
                *name == "content-length" || others_headers.get(name).is_none_or(|other| other == value)
            });
            found.expect(same, || what("the values of the headers"));
        }
    }
    for (_, _, why) in &attack.gaps {
        found.gap(why);
    }
    Ok(())
}

/// The time that a refusal takes.
pub(super) async fn timing(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let (victim, gone) = (bench.victim().await?, bench.gone().await?);
    let never = victim.never();
    let collection = &victim.collection;
    for (name, slot, path, absent) in [
        ("agents_get", "agent_id", "agents".to_owned(), &never),
        ("threads_get", "thread_id", "threads".to_owned(), &never),
        ("files_get", "file_id", "files".to_owned(), &never),
        ("records_get", "id", format!("cosmos/{collection}"), gone),
    ] {
        let Ok(there) = victim.id(slot) else {
            found.gap(format!("{name}: no {slot} to ask for"));
            continue;
        };
        let pair = [format!("{path}/{there}"), format!("{path}/{}", absent.id(slot)?)];
        let mut samples = bench.samples;
        loop {
            let [is, is_not] = medians(bench, &pair, samples).await?;
            let apart = is.abs_diff(is_not);
            let alike = apart < Duration::from_millis(2) || apart.as_secs_f64() < 0.2 * is_not.as_secs_f64();
            // A hiccup of the network is gone the second time; a difference of the work is not.
            if !alike && samples == bench.samples {
                samples *= 2;
                continue;
            }
            let ms = |time: Duration| time.as_secs_f64() * 1000.0;
            let numbers = format!(
                "{name}: medians of {samples}: {:.2} ms there, {:.2} ms not there",
                ms(is),
                ms(is_not)
            );
            found.expect(alike, || numbers.clone());
            found.note(numbers);
            break;
        }
    }
    Ok(())
}

/// Taken in turns, so that what disturbs one disturbs the other.
async fn medians(bench: &Bench, pair: &[String; 2], samples: usize) -> Result<[Duration; 2], Fault> {
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..samples + 2 {
        // Neither is always the first.
        for at in [round % 2, (round + 1) % 2] {
            let took = bench.ask(&bench.b, Ask::get(&pair[at]).once()).await?.took;
            if round >= 2 {
                times[at].push(took);
            }
        }
    }
    Ok(times.map(|mut times| {
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    }))
}
