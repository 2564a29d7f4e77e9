//! The checks, in the order in which they are run: those that ask for what would destroy things come last.

use super::{
    answers,
    check::{Check, Severity},
    ids, links, lists, oracle, people, plan, replay, spoof, surface, tokens,
};

macro_rules! check {
    ($id:literal $severity:ident $run:path, $title:literal, $gain:literal, $look:literal) => {
        Check {
            id: $id,
            title: $title,
            severity: Severity::$severity,
            gain: $gain,
            look: $look,
            run: |bench, found| Box::pin($run(bench, found)),
        }
    };
}

/// Every check.
#[rustfmt::skip]
pub(super) static CHECKS: &[Check] = &[
    check!("plan.1-own-data" High plan::own_data, "A tenant is given its own data: 200", "nothing: but if the service refuses everything, no refusal proves anything", "handler/pool/src/scope.rs"),
    check!("plan.2-tenant-path" Critical plan::tenant_path, "A path that names another tenant: 401", "another tenant's data, by writing its name", "handler/src/app.rs"),
    check!("plan.3-foreign-record" Critical plan::foreign_record, "A record's id of another tenant: 403", "another tenant's records", "handler/pool/src/records.rs"),
    check!("plan.4-foreign-blob" Critical plan::foreign_blob, "A blob of another tenant: refused", "another tenant's files", "handler/pool/src/files.rs"),
    check!("plan.5-telemetry" Medium plan::telemetry, "Telemetry does not mix tenants", "what other tenants do, from the operator's logs", "handler/src/shell.rs"),

    check!("token.none" Critical tokens::none, "No token: 401, at every function", "everything, without being anyone", "handler/src/app.rs"),
    check!("token.garbage" Critical tokens::garbage, "What is no token: 401", "everything, without being anyone", "handler/pool/src/token.rs"),
    check!("token.alg-none" Critical tokens::unsigned, "A token without a signature: 401", "any tenant, by writing its name into a token", "handler/pool/src/token.rs"),
    check!("token.signature" Critical tokens::badly_signed, "A changed signature: 401", "any tenant, by writing its name into a token", "handler/pool/src/token.rs"),
    check!("token.claims" Critical tokens::badly_claimed, "Changed claims, such as the tenant's: 401", "any tenant, by writing its name into a token", "handler/pool/src/token.rs"),
    check!("token.placement" Medium tokens::placement, "A token counts in the one `Authorization` header alone", "tokens from logs and referrers; two layers that read different tokens", "handler/pool/src/token.rs"),
    check!("token.challenge" Low tokens::challenge, "A 401 says `WWW-Authenticate: Bearer`", "nothing: but clients cannot tell a bad token from a fault", "handler/src/problem.rs"),

    check!("tenant.header" Critical spoof::header, "`x-tenant-id`, however written, never moves a caller", "another tenant, by a header", "handler/pool/src/doors.rs"),
    check!("tenant.query" Critical spoof::query, "A tenant in the query never moves a caller", "another tenant, by a query", "handler/src/call.rs"),
    check!("tenant.cookie" Critical spoof::cookie, "A tenant in a cookie never moves a caller", "another tenant, by a cookie", "handler/src/app.rs"),
    check!("tenant.body" Critical spoof::body, "A tenant in a JSON body never moves a caller", "things written into another tenant", "handler/src/call.rs"),
    check!("tenant.form" Critical spoof::form, "A tenant in a form never moves a caller", "files written into another tenant", "handler/src/http/files/upload.rs"),

    check!("lists.foreign" Critical lists::foreign, "Lists have nothing of another tenant", "what another tenant has", "handler/pool/src/page.rs"),
    check!("search.foreign" Critical lists::search_foreign, "Searches and filters find nothing of another tenant", "the content of another tenant's documents", "handler/pool/src/search.rs"),
    check!("owner.lists" High lists::others, "Lists of threads and files have nothing of another user", "what a colleague has", "handler/pool/src/page.rs"),
    check!("owner.search" High lists::search_others, "Searches find no passage of another user's file", "the content of a colleague's files", "handler/pool/src/search.rs"),
    check!("role.agents" High people::role, "Only admins make, change and remove agents", "what every agent of the tenant is told", "handler/pool/src/access.rs"),

    check!("cursor.foreign" Medium replay::cursors, "A cursor is good for its tenant and its query alone", "positions in another tenant's lists", "handler/pool/src/page.rs"),
    check!("idempotency.foreign" Critical replay::idempotency, "A key brings back its own user's answer alone", "another's answers, by their keys", "handler/pool/src/idempotency.rs"),
    check!("link.scope" High links::scope, "An upload link writes one blob, for ten minutes", "other blobs, or this one for good", "handler/pool/src/files.rs"),
    check!("trigger.closed" Critical surface::triggers, "Triggers cannot be set off from outside", "jobs in any tenant's name", "handler/src/app.rs"),
    check!("admin.closed" Critical surface::admin, "The host's own door is shut", "every function, as the host", "host.json"),
    check!("method.override" Medium surface::overridden, "A verb cannot be said to be another one", "writes where a front end lets only reads through", "handler/src/route.rs"),
    check!("openapi.declared" Medium surface::openapi, "The API lists no function that this release does not have", "a function that nobody reviewed", "handler/src/functions.rs"),

    check!("oracle.timing" Low oracle::timing, "A refusal takes as long whether or not the thing is there", "whether another tenant has a thing", "handler/pool/src/store.rs"),
    check!("ids.read" Critical ids::read, "Foreign ids read nothing, in any slot of any function", "another tenant's data", "handler/pool/src/store.rs"),
    check!("ids.write" Critical ids::write, "Foreign ids change nothing, in any slot of any function", "changes in another tenant", "handler/pool/src/store.rs"),
    check!("ids.delete" Critical ids::delete, "Foreign ids remove nothing, in any slot of any function", "removal of another tenant's data", "handler/pool/src/store.rs"),
    check!("ids.body" Critical ids::body, "Foreign ids in bodies are refused", "another tenant's agent or file in one's own run", "handler/pool/src/runs.rs"),
    check!("ids.unchanged" Critical ids::unchanged, "After all that, the victim's things are byte-identical", "silent changes in another tenant", "handler/pool/src/store.rs"),
    check!("oracle.existence" Medium oracle::existence, "Foreign, deleted and never made are answered alike", "whether another tenant has a thing", "handler/pool/src/error.rs"),
    check!("owner.ids" High people::owner, "Another user's threads, runs and files are not there", "a colleague's threads and files", "handler/pool/src/scope.rs"),

    check!("headers.security" Low answers::headers, "Every answer carries the headers that bind browsers", "a browser that guesses, frames or keeps what it got", "handler/src/shell.rs"),
    check!("headers.banner" Low answers::banner, "No answer says what the service is made of", "which known holes to try", "handler/src/shell.rs"),
    check!("headers.cors" Medium answers::cors, "No stranger's page may call", "a user's rights, from a page that the user opened", "handler/src/shell.rs"),
    check!("errors.text" Medium answers::errors, "Errors are problems of the closed list, and say nothing of the inside", "paths, hosts and queries of the inside", "handler/src/problem.rs"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeSet, path::Path};

    #[test]
    fn checks_have_ids_of_their_own_and_say_where_to_look() {
        let ids: BTreeSet<_> = CHECKS.iter().map(|check| check.id).collect();
        assert_eq!(ids.len(), CHECKS.len());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for check in CHECKS {
            assert!(root.join(check.look).is_file(), "{}: {}", check.id, check.look);
            assert!(!check.title.is_empty() && !check.gain.is_empty(), "{}", check.id);
        }
    }

    #[test]
    fn every_slot_of_every_route_has_an_example() {
        for target in super::super::attack::targets() {
            for slot in super::super::sets::slots(target.http.route) {
                assert!(super::super::sets::SLOTS.contains(&slot), "{}: {slot}", target.name);
            }
        }
    }
}
