//! Records, checked: every row that comes back is held against what was asked, and a store that lies is an error and a
//! security event, never an answer.

use crate::{
    Error, SecurityEvent, TenantId,
    ports::{Etag, Kind, NewRow, PortError, Position, QUERY_BYTES, Query, Records, Row, Sort, Write},
};
use serde::{Serialize, de::DeserializeOwned};

/// The most that one commit may write, in bytes: a batch of Cosmos DB is 2 MB, with what is round the bodies.
pub(crate) const MAX_COMMIT: usize = 1_900_000;

/// A document of ours.
pub(crate) trait Document: Serialize + DeserializeOwned {
    const KIND: Kind;

    fn id(&self) -> &str;

    fn parent(&self) -> &str {
        ""
    }

    fn owner(&self) -> &str {
        ""
    }

    fn expires_at(&self) -> Option<i64> {
        None
    }
}

/// A document and its version.
#[derive(Clone, Debug, PartialEq)]
pub struct Versioned<T> {
    /// The document.
    pub value: T,
    /// Its version.
    pub etag: Etag,
}

/// One tenant's records.
pub(crate) struct Store<'a> {
    pub(crate) records: &'a dyn Records,
    pub(crate) tenant: &'a TenantId,
}

impl Store<'_> {
    pub(crate) async fn get<T: Document>(&self, id: &str) -> Result<Option<Versioned<T>>, Error> {
        if !is_row_id(id) {
            return Ok(None);
        }
        let Some(row) = self.records.get(self.tenant, T::KIND, id).await? else { return Ok(None) };
        self.honest(row.tenant == self.tenant.as_str() && row.row.kind == T::KIND && row.row.id == id)?;
        self.decode(row).map(Some)
    }

    pub(crate) async fn list<T: Document>(&self, query: &Query) -> Result<Vec<Versioned<T>>, Error> {
        Ok(self.some(query).await?.0)
    }

    /// The documents that match, and whether there may be more than the store gave.
    pub(crate) async fn some<T: Document>(&self, query: &Query) -> Result<(Vec<Versioned<T>>, bool), Error> {
        let rows = self.records.query(self.tenant, query).await?;
        self.honest(rows.len() <= query.limit && rows.iter().all(|row| self.answers(row, query)))?;
        if query.sort.field.is_none() {
            let ids =
                query.after.iter().map(|p| p.id.as_str()).chain(rows.iter().map(|row| row.row.id.as_str()));
            let in_order = |a: &&str, b: &&str| if query.sort.descending { a > b } else { a < b };
            let sorted = ids.is_sorted_by(in_order);
            self.honest(sorted)?;
        }
        let bytes: usize = rows.iter().map(|row| row.row.body.len()).sum();
        let more = rows.len() == query.limit || bytes >= QUERY_BYTES;
        let documents = rows.into_iter().map(|row| self.decode(row)).collect::<Result<_, _>>()?;
        Ok((documents, more))
    }

    pub(crate) async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Etag>, PortError> {
        let bytes = |write: &Write| match write {
            Write::Create(row) | Write::Replace(row, _) => row.body.len(),
            Write::Delete(..) => 0,
        };
        if writes.iter().map(bytes).sum::<usize>() > MAX_COMMIT {
            return Err(PortError::TooLarge { limit: MAX_COMMIT as u64 });
        }
        let asked = writes.len();
        let etags = self.records.commit(self.tenant, writes).await?;
        self.honest(etags.len() == asked).map_err(PortError::refused)?;
        Ok(etags)
    }

    /// A commit that changes what was read in the version that the client asked for: one that comes too late is stale.
    pub(crate) async fn commit_if<T: Document>(
        &self,
        id: &str,
        if_match: Option<&Etag>,
        writes: Vec<Write>,
    ) -> Result<Vec<Etag>, Error> {
        match (self.commit(writes).await, if_match) {
            // Another document of the batch may be what stood in the way.
            (Err(PortError::Conflict), Some(etag)) => match self.get::<T>(id).await? {
                Some(current) if current.etag == *etag => Err(PortError::Conflict.into()),
                _ => Err(Error::Stale),
            },
            (done, _) => Ok(done?),
        }
    }

    fn answers(&self, row: &Row, query: &Query) -> bool {
        let Row { tenant, row, .. } = row;
        tenant == self.tenant.as_str()
            && row.kind == query.kind
            && query.parent.as_ref().is_none_or(|parent| *parent == row.parent)
            && query.owner.as_ref().is_none_or(|owner| *owner == row.owner)
            && query
                .filter
                .as_ref()
                .is_none_or(|filter| serde_json::from_str(&row.body).is_ok_and(|body| filter.passes(&body)))
    }

    pub(crate) fn honest(&self, holds: bool) -> Result<(), Error> {
        if holds {
            return Ok(());
        }
        SecurityEvent::StoreLied.raise(Some(self.tenant), "records");
        Err(Error::internal("the store answered with what was not asked for"))
    }

    fn decode<T: Document>(&self, row: Row) -> Result<Versioned<T>, Error> {
        let value: T =
            serde_json::from_str(&row.row.body).map_err(|fault| Error::Internal(Box::new(fault)))?;
        self.honest(
            value.id() == row.row.id
                && value.parent() == row.row.parent
                && value.owner() == row.row.owner
                && value.expires_at() == row.row.expires_at,
        )?;
        Ok(Versioned { value, etag: row.etag })
    }
}

/// The row of a document.
pub(crate) fn row<T: Document>(value: &T) -> Result<NewRow, Error> {
    Ok(NewRow {
        kind: T::KIND,
        id: value.id().to_owned(),
        parent: value.parent().to_owned(),
        owner: value.owner().to_owned(),
        expires_at: value.expires_at(),
        body: serde_json::to_string(value).map_err(|fault| Error::Internal(Box::new(fault)))?,
    })
}

pub(crate) fn create<T: Document>(value: &T) -> Result<Write, Error> {
    row(value).map(Write::Create)
}

pub(crate) fn replace<T: Document>(value: &T, etag: &Etag) -> Result<Write, Error> {
    Ok(Write::Replace(row(value)?, Some(etag.clone())))
}

/// All of a kind, newest first.
pub(crate) fn newest(kind: Kind, limit: usize) -> Query {
    Query {
        kind,
        parent: None,
        owner: None,
        filter: None,
        sort: Sort { field: None, descending: true },
        after: None,
        limit,
    }
}

/// The part of a query that starts after a document.
pub(crate) fn after(id: &str) -> Position {
    Position { id: id.to_owned(), value: None }
}

/// Whether a store may be asked for it: nothing else was ever stored.
pub(crate) fn is_row_id(id: &str) -> bool {
    (1..=255).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.:-".contains(&b))
}

impl crate::Scope {
    /// Writes a new thing. When this request was begun before and made it then, that is the answer.
    pub(crate) async fn create_once<T: Document>(
        &self,
        value: T,
        writes: Vec<Write>,
    ) -> Result<Versioned<T>, Error> {
        match self.store().commit(writes).await {
            Ok(etags) => {
                let etag =
                    etags.into_iter().next().ok_or_else(|| Error::internal("a commit without versions"))?;
                Ok(Versioned { value, etag })
            }
            Err(PortError::Conflict) if self.repeats() => {
                self.store().get(value.id()).await?.ok_or_else(|| Error::from(PortError::Conflict))
            }
            Err(fault) => Err(fault.into()),
        }
    }

    /// Passes a document on if it is in the version that the client asked for.
    pub(crate) fn matching<T>(
        &self,
        document: Versioned<T>,
        if_match: Option<&Etag>,
    ) -> Result<Versioned<T>, Error> {
        if if_match.is_none_or(|etag| *etag == document.etag) { Ok(document) } else { Err(Error::Stale) }
    }

    /// Removes all of a kind that belong to a parent.
    pub(crate) async fn delete_children<T: Document>(&self, parent: &str) -> Result<(), Error> {
        let mut query = Query { parent: Some(parent.to_owned()), ..newest(T::KIND, 100) };
        loop {
            let children = self.store().list::<T>(&query).await?;
            let Some(last) = children.last() else { return Ok(()) };
            // On from there, so that it ends whatever the store forgets.
            query.after = Some(after(last.value.id()));
            let delete = |child: Versioned<T>| Write::Delete(T::KIND, child.value.id().to_owned(), None);
            self.store().commit(children.into_iter().map(delete).collect()).await?;
        }
    }
}
