use crate::{
    db::Db,
    error::sqlite,
    render::{self, Sql},
    snippet::snippet,
    tenants::Tenants,
    tokens, vector,
};
use async_trait::async_trait;
use pool::{
    TenantId,
    ports::{Entry, EntryKey, Hit, Index, PortError, PortResult, SearchMode, SearchQuery},
};
use rusqlite::{Connection, OptionalExtension, params, params_from_iter};
use std::{collections::HashMap, sync::Arc};
use tokio::task::spawn_blocking;

/// A word in the title counts as much as so many in the text.
const TITLE: f64 = 3.0;
/// Reciprocal rank fusion: an entry at rank r (from 1) of a list gets weight / (60 + r). Words are the primary signal: with
/// equal weights, weak vectors push good passages out (recall at 10 fell from 0.90 to 0.86).
const FUSION: f64 = 60.0;
const WORDS_WEIGHT: f64 = 1.0;
const VECTOR_WEIGHT: f64 = 0.4;
/// Each list is read so many times deeper than the answer is long before the two are fused.
const DEPTH: usize = 4;

/// [`Index`] in the tenants' databases: FTS5 for words, an exact scan for vectors. Scores are of one tenant's entries alone.
pub struct LocalIndex {
    tenants: Arc<Tenants>,
}

impl LocalIndex {
    pub(crate) fn new(tenants: Arc<Tenants>) -> Self {
        Self { tenants }
    }
}

#[async_trait]
impl Index for LocalIndex {
    async fn upsert(&self, tenant: &TenantId, entries: Vec<Entry>) -> PortResult<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let db = self.tenants.get(tenant.as_str()).await?;
        let prepare = || entries.into_iter().map(Prepared::new).collect::<PortResult<Vec<_>>>();
        let prepared = spawn_blocking(prepare).await.map_err(PortError::unavailable)??;
        let tenant = tenant.to_string();
        db.write(move |connection| {
            prepared.iter().try_for_each(|entry| write(connection, &tenant, entry)).map_err(sqlite)
        })
        .await
    }

    async fn delete(&self, tenant: &TenantId, keys: &[EntryKey]) -> PortResult<()> {
        if keys.is_empty() {
            return Ok(());
        }
        let db = self.tenants.get(tenant.as_str()).await?;
        let keys = keys.to_vec();
        db.write(move |connection| keys.iter().try_for_each(|key| delete(connection, key)).map_err(sqlite))
            .await
    }

    async fn search(&self, tenant: &TenantId, query: &SearchQuery) -> PortResult<Vec<Hit>> {
        if query.mode != SearchMode::Text && query.vector.is_none() {
            return Err(PortError::refused("a search by vector needs a vector"));
        }
        let db = self.tenants.get(tenant.as_str()).await?;
        let query = query.clone();
        spawn_blocking(move || search(&db, &query)).await.map_err(PortError::unavailable)?
    }
}

/// An entry with all that can be made of it before the writer's turn.
struct Prepared {
    entry: Entry,
    fields: String,
    title: String,
    content: String,
    vector: Option<Vec<u8>>,
}

impl Prepared {
    fn new(entry: Entry) -> PortResult<Self> {
        let no_number = || PortError::refused("a vector has a component that is no number");
        let vector =
            entry.vector.as_ref().map(|vector| vector::encode(vector).ok_or_else(no_number)).transpose()?;
        Ok(Self {
            fields: serde_json::to_string(&entry.fields).map_err(PortError::refused)?,
            title: tokens::terms(&entry.title),
            content: tokens::terms(&entry.content),
            vector,
            entry,
        })
    }
}

fn write(connection: &Connection, tenant: &str, new: &Prepared) -> rusqlite::Result<()> {
    let (key, entry) = (&new.entry.key, &new.entry);
    let sql = "INSERT INTO entries (tenant, source, chunk, owner, fields) VALUES (?1, ?2, ?3, ?4, ?5)
        ON CONFLICT (source, chunk) DO UPDATE SET owner = excluded.owner, fields = excluded.fields RETURNING id";
    let values = params![tenant, key.source, key.chunk, entry.owner, new.fields];
    let id: i64 = connection.prepare_cached(sql)?.query_row(values, |row| row.get(0))?;
    let sql = "INSERT OR REPLACE INTO passages (id, title, content, place) VALUES (?1, ?2, ?3, ?4)";
    connection.prepare_cached(sql)?.execute(params![id, entry.title, entry.content, entry.place])?;
    let sql = "INSERT OR REPLACE INTO words (rowid, title, content) VALUES (?1, ?2, ?3)";
    connection.prepare_cached(sql)?.execute(params![id, new.title, new.content])?;
    match &new.vector {
        Some(vector) => {
            let sql = "INSERT OR REPLACE INTO vectors (id, vector) VALUES (?1, ?2)";
            connection.prepare_cached(sql)?.execute(params![id, vector])?;
        }
        None => {
            connection.prepare_cached("DELETE FROM vectors WHERE id = ?1")?.execute([id])?;
        }
    }
    Ok(())
}

fn delete(connection: &Connection, key: &EntryKey) -> rusqlite::Result<()> {
    let sql = "DELETE FROM entries WHERE source = ?1 AND chunk = ?2 RETURNING id";
    let mut statement = connection.prepare_cached(sql)?;
    let id: Option<i64> = statement.query_row(params![key.source, key.chunk], |row| row.get(0)).optional()?;
    if let Some(id) = id {
        // Passages and vectors go with their entry by the schema; a virtual table has no foreign keys.
        connection.prepare_cached("DELETE FROM words WHERE rowid = ?1")?.execute([id])?;
    }
    Ok(())
}

fn search(db: &Db, query: &SearchQuery) -> PortResult<Vec<Hit>> {
    let terms = if query.mode == SearchMode::Vector { Vec::new() } else { tokens::query_terms(&query.text) };
    let deep = query.top.saturating_mul(DEPTH).max(50);
    db.read(|connection| {
        // One transaction, so that the two lists and the texts are of one moment.
        let moment = connection.unchecked_transaction()?;
        let ranked = match (query.mode, &query.vector) {
            (SearchMode::Vector, Some(vector)) => by_vector(&moment, query, vector, query.top)?,
            (SearchMode::Hybrid, Some(vector)) => {
                let words = by_words(&moment, query, &terms, deep)?;
                fuse(&words, &by_vector(&moment, query, vector, deep)?)
            }
            _ => by_words(&moment, query, &terms, query.top)?,
        };
        ranked.into_iter().take(query.top).map(|(id, score)| hit(&moment, id, score, &terms)).collect()
    })
}

fn by_words(
    connection: &Connection,
    query: &SearchQuery,
    terms: &[String],
    most: usize,
) -> rusqlite::Result<Vec<(i64, f64)>> {
    if terms.is_empty() {
        return Ok(Vec::new());
    }
    // A quoted term is a term, whatever it spells.
    let any = terms.iter().map(|term| format!("\"{term}\"")).collect::<Vec<_>>().join(" OR ");
    let mut sql = Sql::new("SELECT words.rowid, -bm25(words, ");
    sql.bind(TITLE).push(", 1.0) AS score FROM words");
    if narrowed(query) {
        sql.push(" CROSS JOIN entries e ON e.id = words.rowid");
    }
    sql.push(" WHERE words MATCH ").bind(any);
    render::entries(&mut sql, &query.visibility, query.filter.as_ref());
    sql.push(" ORDER BY score DESC, words.rowid LIMIT ").bind(i64::try_from(most).unwrap_or(i64::MAX));
    let mut statement = connection.prepare_cached(&sql.text)?;
    statement.query_map(params_from_iter(sql.values), |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn by_vector(
    connection: &Connection,
    query: &SearchQuery,
    with: &[f32],
    most: usize,
) -> rusqlite::Result<Vec<(i64, f64)>> {
    let Some(with) = vector::encode(with).map(|bytes| vector::decode(&bytes)) else { return Ok(Vec::new()) };
    let mut sql = Sql::new("SELECT v.id, v.vector FROM vectors v");
    if narrowed(query) {
        sql.push(" JOIN entries e ON e.id = v.id");
    }
    sql.push(" WHERE 1");
    render::entries(&mut sql, &query.visibility, query.filter.as_ref());
    let mut statement = connection.prepare_cached(&sql.text)?;
    let mut rows = statement.query(params_from_iter(sql.values))?;
    let mut best: Vec<(i64, f64)> = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some(score) = row.get_ref(1)?.as_blob().ok().and_then(|stored| vector::dot(stored, &with)) {
            best.push((row.get(0)?, f64::from(score)));
        }
    }
    sort(&mut best);
    best.truncate(most);
    Ok(best)
}

/// Whether entries must be looked at before they are ranked.
fn narrowed(query: &SearchQuery) -> bool {
    query.filter.is_some() || query.visibility != pool::ports::Visibility::Tenant
}

fn fuse(words: &[(i64, f64)], vectors: &[(i64, f64)]) -> Vec<(i64, f64)> {
    let mut fused: HashMap<i64, f64> = HashMap::new();
    for (list, weight) in [(words, WORDS_WEIGHT), (vectors, VECTOR_WEIGHT)] {
        for (rank, (id, _)) in (1_u32..).zip(list) {
            *fused.entry(*id).or_default() += weight / (FUSION + f64::from(rank));
        }
    }
    let mut fused: Vec<_> = fused.into_iter().collect();
    sort(&mut fused);
    fused
}

/// Best first; of equals, the one written first, so that an answer repeats itself.
fn sort(scored: &mut [(i64, f64)]) {
    scored.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
}

fn hit(connection: &Connection, id: i64, score: f64, terms: &[String]) -> rusqlite::Result<Hit> {
    let sql = "SELECT e.tenant, e.source, e.chunk, e.owner, e.fields, p.title, p.content, p.place
        FROM entries e JOIN passages p ON p.id = e.id WHERE e.id = ?1";
    connection.prepare_cached(sql)?.query_row([id], |row| {
        let fields: String = row.get(4)?;
        let bad = |error| {
            rusqlite::Error::FromSqlConversionFailure(4, rusqlite::types::Type::Text, Box::new(error))
        };
        let content: String = row.get(6)?;
        let snippet = snippet(&content, terms).to_owned();
        let entry = Entry {
            key: EntryKey { source: row.get(1)?, chunk: row.get(2)? },
            owner: row.get(3)?,
            title: row.get(5)?,
            content,
            place: row.get(7)?,
            fields: serde_json::from_str(&fields).map_err(bad)?,
            vector: None,
        };
        Ok(Hit { tenant: row.get(0)?, entry, score, snippet })
    })
}
