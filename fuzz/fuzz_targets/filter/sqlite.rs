//! SQLite's, where each tenant has a database: it is run, and finds what the filter means.

#[path = "../../../handler/local/src/render.rs"]
mod render;
#[path = "../../../handler/local/src/schema.rs"]
#[expect(dead_code, reason = "the adapter's source, of which a part is wanted")]
mod schema;

use crate::odata::law::Case;
use fuzz::NOW;
use pool::{filter::FieldPath, ports::Visibility};
use render::Sql;
use rusqlite::{Connection, params, params_from_iter};
use serde_json::json;

thread_local! {
    static DATABASE: Connection = {
        let connection = Connection::open_in_memory().expect("a database");
        schema::TENANT.0.iter().try_for_each(|step| connection.execute_batch(step)).expect("a schema");
        connection
    };
}

pub fn check(case: &Case, descending: bool) {
    let other = crate::neutral(case, &|_| FieldPath::parse("other").expect("a field"));
    let records = |case: &Case| render::query(&crate::query(case, descending), NOW);
    let entries = |case: &Case| {
        let mut sql = Sql::new("SELECT e.source FROM entries e WHERE 1");
        let user = case.user.clone().map_or(Visibility::Tenant, Visibility::User);
        render::entries(&mut sql, &user, Some(&case.filter));
        sql
    };
    for (sql, neutral) in [(records(case), records(&other)), (entries(case), entries(&other))] {
        assert!(!crate::outermost(&sql.text).contains(" OR "), "{}", sql.text);
        assert_eq!(sql.text, neutral.text, "what a client said is in the text");
    }
    DATABASE.with(|database| {
        let bodies = [case.fields.clone(), case.fitting()].map(|fields| json!(fields));
        let owner = case.owner.as_deref();
        for (id, body) in bodies.iter().enumerate() {
            let sql = "INSERT OR REPLACE INTO records (tenant, kind, id, parent, owner, etag, body)
                VALUES ('a', 'record', ?1, ?2, ?2, '', ?3)";
            let body = body.to_string();
            database.execute(sql, params![id.to_string(), owner.unwrap_or_default(), body]).expect("a row");
            let sql = "INSERT OR REPLACE INTO entries (tenant, source, chunk, owner, fields)
                VALUES ('a', ?1, 0, ?2, ?3)";
            database.execute(sql, params![id.to_string(), owner, body]).expect("a row");
        }
        let meant = |seen: bool| {
            let passes = bodies.iter().enumerate().filter(|(_, body)| seen && case.filter.passes(body));
            passes.map(|(id, _)| id.to_string()).collect::<Vec<_>>()
        };
        let user = case.user.as_deref();
        let owned = user.is_none_or(|user| user == owner.unwrap_or_default());
        assert_eq!(found(database, records(case), "id"), meant(owned), "{case:?}");
        let seen = user.is_none() || owner.is_none() || user == owner;
        assert_eq!(found(database, entries(case), "source"), meant(seen), "{case:?}");
    });
}

fn found(database: &Connection, sql: Sql, column: &str) -> Vec<String> {
    let mut statement = database.prepare(&sql.text).expect("SQL");
    let rows = statement.query_map(params_from_iter(sql.values), |row| row.get(column)).expect("rows");
    let mut found: Vec<String> = rows.collect::<Result<_, _>>().expect("a row");
    found.sort();
    found
}
