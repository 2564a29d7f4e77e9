use crate::{db::Db, error::sqlite};
use async_trait::async_trait;
use pool::{
    TenantRecord,
    ports::{Directory, PortError, PortResult, unreadable},
};
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};
use std::sync::Arc;

/// [`Directory`] in `platform.db`.
pub struct LocalDirectory(Arc<Db>);

impl LocalDirectory {
    pub(crate) fn new(platform: Arc<Db>) -> Self {
        Self(platform)
    }

    /// Adds the tenants that are not there yet, and leaves the others as they are; answers how many it added.
    ///
    /// # Errors
    /// [`PortError::Conflict`] when another tenant has the container of one of them; none is added then.
    pub async fn seed(&self, records: &[TenantRecord]) -> PortResult<usize> {
        let records = records.to_vec();
        let add = move |connection: &Connection| {
            let mut added = 0;
            for record in &records {
                let there = "SELECT 1 FROM tenants WHERE id = ?1";
                if connection
                    .prepare_cached(there)
                    .and_then(|mut there| there.exists([&record.id]))
                    .map_err(sqlite)?
                {
                    continue;
                }
                write(connection, record)?;
                added += 1;
            }
            Ok(added)
        };
        self.0.write(add).await
    }

    /// The tenant's container.
    pub(crate) fn container(&self, tenant: &str) -> PortResult<Option<String>> {
        let sql = "SELECT container FROM tenants WHERE id = ?1";
        self.0.read(|connection| {
            connection.prepare_cached(sql)?.query_row([tenant], |row| row.get(0)).optional()
        })
    }

    fn find(&self, sql: &str, key: &str) -> PortResult<Option<TenantRecord>> {
        let found: Option<String> = self.0.read(|connection| {
            connection.prepare_cached(sql)?.query_row([key], |row| row.get(0)).optional()
        })?;
        found.map(|text| parse(&text)).transpose()
    }
}

#[async_trait]
impl Directory for LocalDirectory {
    async fn get(&self, id: &str) -> PortResult<Option<TenantRecord>> {
        self.find("SELECT record FROM tenants WHERE id = ?1", id)
    }

    async fn by_container(&self, container: &str) -> PortResult<Option<TenantRecord>> {
        self.find("SELECT record FROM tenants WHERE container = ?1", container)
    }

    async fn list(&self, after: Option<&str>, limit: usize) -> PortResult<Vec<TenantRecord>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = "SELECT id, record FROM tenants WHERE id > ?1 ORDER BY id LIMIT ?2";
        let mut after = after.unwrap_or_default().to_owned();
        loop {
            let rows: Vec<(String, String)> = self.0.read(|connection| {
                connection
                    .prepare_cached(sql)?
                    .query_map(params![after, limit], |row| Ok((row.get(0)?, row.get(1)?)))?
                    .collect()
            })?;
            let Some((last, _)) = rows.last() else { return Ok(Vec::new()) };
            after = last.clone();
            let readable = |(id, text): &(String, String)| {
                parse(text).ok().filter(|record| record.id == *id).or_else(|| {
                    unreadable(id);
                    None
                })
            };
            let records: Vec<_> = rows.iter().filter_map(readable).collect();
            // An empty page would be the end.
            if !records.is_empty() {
                return Ok(records);
            }
        }
    }

    async fn put(&self, record: &TenantRecord) -> PortResult<()> {
        let record = record.clone();
        self.0.write(move |connection| write(connection, &record)).await
    }
}

fn parse(text: &str) -> PortResult<TenantRecord> {
    serde_json::from_str(text).map_err(PortError::refused)
}

fn write(connection: &Connection, record: &TenantRecord) -> PortResult<()> {
    record.check().map_err(PortError::refused)?;
    let text = serde_json::to_string(record).map_err(PortError::refused)?;
    let sql = "INSERT INTO tenants (id, container, record) VALUES (?1, ?2, ?3)
        ON CONFLICT (id) DO UPDATE SET container = excluded.container, record = excluded.record";
    let done = connection
        .prepare_cached(sql)
        .and_then(|mut sql| sql.execute([&record.id, record.container(), &text]));
    match done {
        Ok(_) => Ok(()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Err(PortError::Conflict)
        }
        Err(error) => Err(sqlite(error)),
    }
}
