//! Judgements of what came of B's requests with ids that are not B's.

use super::{
    super::Fault,
    attack::{Attack, Shot, Whose},
    bench::Bench,
    check::Findings,
};
use axum::http::Method;

async fn judge(
    bench: &Bench,
    found: &mut Findings,
    in_body: bool,
    of: fn(&Method) -> bool,
) -> Result<(), Fault> {
    let (attack, victim) = (bench.attack().await?, bench.victim().await?);
    for shot in attack.shots.iter().filter(|shot| shot.in_body == in_body && of(&shot.method)) {
        if !matches!(shot.whose, Whose::Foreign | Whose::Gone) {
            continue;
        }
        let Shot { function, slots, whose, expected, answer, .. } = shot;
        let what = || format!("{function} with a {} {slots}", whose.name());
        found.expect(expected.contains(&answer.status), || {
            format!("{}: {}, not {}", what(), answer.status, numbers(expected))
        });
        found.expect(!answer.text().contains(&victim.canary), || format!("{}: A's data", what()));
    }
    for (_, _, why) in attack.gaps.iter().filter(|(method, body, _)| *body == in_body && of(method)) {
        found.gap(why);
    }
    Ok(())
}

fn numbers(expected: &[u16]) -> String {
    expected.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

pub(super) async fn read(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    judge(bench, found, false, |method| *method == Method::GET).await
}

pub(super) async fn write(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    judge(bench, found, false, |method| !matches!(*method, Method::GET | Method::DELETE)).await
}

pub(super) async fn delete(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    judge(bench, found, false, |method| *method == Method::DELETE).await
}

pub(super) async fn body(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    judge(bench, found, true, |_| true).await
}

/// After all that, A's things are what they were, to the byte.
pub(super) async fn unchanged(bench: &Bench, found: &mut Findings) -> Result<(), Fault> {
    let Attack { before, after, .. } = bench.attack().await?;
    for ((name, status, was), (_, then, is)) in before.iter().zip(after) {
        if *status != 200 {
            let before =
                if *status == 0 { "is missing".to_owned() } else { format!("was answered {status}") };
            found.gap(format!("{name}: A's own {before}, so it cannot be compared"));
            continue;
        }
        found.expect(status == then && was == is, || {
            format!("{name}: what A reads is not what it was ({then})")
        });
    }
    Ok(())
}
