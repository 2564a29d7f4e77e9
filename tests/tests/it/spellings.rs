//! Thousands of ways to spell the path of a trigger: the local host lets none of them through.

use crate::triggers::{TRIGGERS, raw, status};
use std::{collections::BTreeSet, sync::Arc};
use tests::{
    Dev, Options, alone,
    proof::{self, Dice},
};

const BEFORE: [&str; 39] = [
    "/",
    "//",
    "///",
    "/./",
    "/.//",
    "/../",
    "/x/../",
    "/x/y/../../",
    "/api/",
    "/API/",
    "/api//",
    "/api/./",
    "/api/../",
    "/api/../../",
    "/Api/../",
    "/api/x/../../",
    "/api/health/../../",
    "/api/health/../",
    "/api/threads/..%2f..%2f",
    "/api/%2e%2e/",
    "/api/%2E%2E/",
    "/api/.%2e/",
    "/api/..%2f",
    "/api/..%5c",
    "/api/..;/",
    "/api/%252e%252e/",
    "/%2e/",
    "/%2f",
    "/%2F/",
    "/%5c",
    "/\\",
    "/\\\\",
    "/;/",
    "/;x=y/",
    "/%20/",
    "/%00/",
    "/runtime/webhooks/",
    "/admin/host/../../",
    "/.well-known/../",
];
const AFTER: [&str; 22] = [
    "", "/", "//", "/.", "/..", "/x/..", "/x", ".", "..", ";", ";x=y", "?", "?x=y", "?code=x", "#", "#x",
    "%00", "%20", "%2f", "%3f", "%0d%0a", "\\",
];

/// A name, spelt in ways that a careless reader takes for it.
fn spelt(name: &str, dice: &mut Dice) -> String {
    let percent = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let at = dice.below(name.len());
    let (before, here, after) = (&name[..at], &name[at..=at], &name[at + 1..]);
    match dice.below(12) {
        0 => name.to_uppercase(),
        1 => format!("{before}{}{after}", here.to_uppercase()),
        2 => format!("{before}{}{after}", percent(here)),
        3 => format!("{before}{}{after}", percent(here).to_uppercase()),
        4 => percent(name),
        5 => percent(&percent(name)),
        6 => format!("{before}%c1%{:02x}{after}", here.as_bytes()[0] | 0x80),
        7 => format!("{before}%ef%bd%{:02x}{after}", here.as_bytes()[0].wrapping_add(0x20)),
        8 => format!("{before}%c2%ad{here}{after}"),
        9 => format!("{before}%u00{:02x}{after}", here.as_bytes()[0]),
        10 => name.replace('_', "%5f"),
        _ => name.to_owned(),
    }
}

#[test]
fn no_spelling_of_a_triggers_path_reaches_it() {
    alone(async {
        let state = tempfile::tempdir().unwrap();
        let dev = Arc::new(Dev::start(Options::on(state.path())).await);
        let address = dev.base().trim_start_matches("http://").trim_end_matches("/api").to_owned();
        let (seed, count) = (proof::seed(), proof::count(6_000));
        let mut dice = Dice::new(seed);
        let mut paths = BTreeSet::new();
        while paths.len() < count {
            let name = TRIGGERS[dice.below(TRIGGERS.len())];
            let name = spelt(name, &mut dice);
            let path = format!("{}{name}{}", dice.pick(&BEFORE), dice.pick(&AFTER));
            let whole = dice.below(20) == 0;
            paths.insert(if whole { format!("http://{address}{path}") } else { path });
        }
        let mut refused = 0;
        for path in &paths {
            let answer = raw(&address, path, "").await;
            // 404: no such path. 400: no such request. 401: a function of the API, and nobody to call it.
            assert!(["404", "400", "401"].contains(&status(&answer)), "{path}: {answer}");
            let lower = answer.to_lowercase();
            assert!(!answer.contains("Outputs") && !lower.contains("\r\nlocation:"), "{path}: {answer}");
            refused += 1;
        }
        // The two timers go off by themselves; no other trigger has been heard of.
        let quiet = ["ingest_blob", "ingest_event", "ingest_document", "runs_step"];
        let heard = dev.log().lines().into_iter().filter(|line| {
            quiet.iter().any(|name| {
                line.contains(&format!("\"function\":\"{name}\""))
                    || line.contains(&format!("{name} succeeded"))
                    || line.contains(&format!("{name} failed"))
            })
        });
        assert_eq!(heard.collect::<Vec<_>>(), Vec::<String>::new());
        println!(
            "forged triggers: {refused} spellings of {} paths, 0 reached one (seed {seed})",
            TRIGGERS.len()
        );
    });
}
