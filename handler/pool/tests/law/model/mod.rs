//! Random work of five tenants and fifteen users, against a reference that fits on a page: every outcome, every text,
//! every list and every hit is what the reference says, and no row of a tenant ever holds another's word.

mod real;
mod reference;

use crate::support::proof;
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use real::{Real, name, word};
use reference::{ADMIN, Actor, Kind, Op, Reference, TENANTS};

const STEPS: usize = 50;
const LISTED: [Kind; 4] = [Kind::Agent, Kind::Thread, Kind::File, Kind::Record];
const MADE: [Kind; 5] = [Kind::Agent, Kind::Thread, Kind::File, Kind::Document, Kind::Record];

/// An operation whose things are any numbers: they are brought into range when it is known how many things there are.
fn op() -> impl Strategy<Value = Op> {
    let actor = || (0..TENANTS, 0..=ADMIN).prop_map(|(tenant, user)| Actor(tenant, user));
    let thing = || 0..usize::MAX;
    // The first is what a failing run is made smaller with.
    prop_oneof![
        2 => Just(Op::Work),
        8 => (actor(), prop::sample::select(&MADE[..])).prop_map(|(actor, kind)| Op::Make(actor, kind)),
        6 => (actor(), thing()).prop_map(|(actor, n)| Op::Read(actor, n)),
        4 => (actor(), thing()).prop_map(|(actor, n)| Op::Change(actor, n)),
        2 => (0..TENANTS, 0..ADMIN, thing(), thing()).prop_map(|(t, u, a, b)| Op::Attach(Actor(t, u), a, b)),
        3 => (actor(), thing()).prop_map(|(actor, n)| Op::Remove(actor, n)),
        2 => (actor(), prop::sample::select(&LISTED[..])).prop_map(|(actor, kind)| Op::List(actor, kind)),
        2 => actor().prop_map(Op::Search),
        3 => (actor(), thing(), thing()).prop_map(|(actor, a, b)| Op::Ask(actor, a, b)),
        1 => (0..TENANTS, thing()).prop_map(|(tenant, n)| Op::Event(tenant, n)),
        1 => Just(Op::Sweep),
        1 => (0..TENANTS).prop_map(Op::Suspend),
        1 => (0..TENANTS).prop_map(Op::Serve),
    ]
}

/// The operation with things that there are; none if there are no things.
fn fitted(op: Op, reference: &Reference) -> Option<Op> {
    let count = reference.things.len();
    // Half of all pairs are of the kinds that are wanted, else few would fit.
    let fit = |n: usize, kind: Kind| {
        let those: Vec<_> = (0..count).filter(|at| reference.things[*at].kind == kind).collect();
        if those.is_empty() { n % count } else { those[n % those.len()] }
    };
    Some(match op {
        Op::Read(..) | Op::Change(..) | Op::Attach(..) | Op::Remove(..) | Op::Ask(..) | Op::Event(..)
            if count == 0 =>
        {
            return None;
        }
        Op::Read(actor, n) => Op::Read(actor, n % count),
        Op::Change(actor, n) => Op::Change(actor, n % count),
        Op::Remove(actor, n) => Op::Remove(actor, n % count),
        Op::Event(tenant, n) => Op::Event(tenant, n % count),
        Op::Attach(actor, a, b) => Op::Attach(actor, fit(a, Kind::Thread), fit(b, Kind::File)),
        Op::Ask(actor, a, b) => Op::Ask(actor, fit(a, Kind::Thread), fit(b, Kind::Agent)),
        other => other,
    })
}

async fn agree(ops: Vec<Op>) -> Result<usize, TestCaseError> {
    let (mut real, mut reference, mut done) = (Real::new(), Reference::new(), 0);
    for op in ops {
        let Some(op) = fitted(op, &reference) else { continue };
        let text = match op {
            Op::Make(actor, _) | Op::Change(actor, _) | Op::Attach(actor, ..) => real.text(actor.0),
            _ => String::new(),
        };
        let (outcome, made) = real.does(op, &reference.things, &text).await;
        prop_assert_eq!(reference.after(op, &made, &text), outcome, "{:?}", op);
        done += 1;
    }
    for tenant in 0..TENANTS {
        let op = Op::Serve(tenant);
        real.does(op, &[], "").await;
        reference.after(op, "", "");
    }
    // In the end, everyone looks at everything.
    let everyone = (0..TENANTS).flat_map(|tenant| (0..=ADMIN).map(move |user| Actor(tenant, user)));
    for actor in everyone {
        let looks = (0..reference.things.len()).map(|n| Op::Read(actor, n));
        let lists = LISTED.iter().map(|kind| Op::List(actor, *kind));
        for op in looks.chain(lists).chain([Op::Search(actor)]) {
            let (outcome, _) = real.does(op, &reference.things, "").await;
            prop_assert_eq!(reference.after(op, "", ""), outcome, "in the end: {:?}", op);
            done += 1;
        }
    }
    for row in real.world.records.rows() {
        for tenant in (0..TENANTS).filter(|tenant| name(*tenant) != row.tenant) {
            prop_assert!(
                !row.row.body.contains(&word(tenant)),
                "{} holds {}'s word",
                row.tenant,
                name(tenant)
            );
        }
    }
    Ok(done)
}

#[test]
fn the_pool_agrees_with_the_reference() {
    let (seed, cases) = (proof::seed(), proof::count(500) as u32);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 5_000, ..Config::default() };
    let bytes: Vec<u8> = seed.to_le_bytes().repeat(4);
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let total = std::cell::Cell::new(0);
    let result = runner.run(&prop::collection::vec(op(), STEPS), |ops| {
        total.set(total.get() + runtime.block_on(agree(ops))?);
        Ok(())
    });
    println!("model: {cases} runs of {STEPS} operations, {} outcomes compared (seed {seed})", total.get());
    result.unwrap();
}
