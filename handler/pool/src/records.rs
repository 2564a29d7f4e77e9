//! The tenant's own JSON documents, in collections that the operator names.

use crate::{
    Error, Metadata, Page, PageRequest, Scope, SecurityEvent, Versioned,
    filter::{FieldPath, Filter, Scalar},
    ports::{Etag, Kind, Query, Sort, Write},
    rules::Rules,
    store::{self, Document},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The largest document, in bytes of JSON.
pub const MAX_RECORD: usize = 1024 * 1024;
/// The length of the tag that says for which tenant an id was minted, in hexadecimal digits.
const TAG: usize = 10;
/// Members that are the service's.
const OURS: [&str; 8] =
    ["id", "object", "created_at", "updated_at", "tenantId", "ttl", "partitionKey", "collection"];

/// A document of the tenant's own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its name within the tenant.
    pub id: String,
    /// The collection it is in.
    pub collection: String,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub updated_at: i64,
    /// Its members, as the client sent them.
    pub body: Map<String, Value>,
}

impl Document for Record {
    const KIND: Kind = Kind::Record;

    fn id(&self) -> &str {
        &self.id
    }

    fn parent(&self) -> &str {
        &self.collection
    }
}

/// What to list.
#[derive(Clone, Debug, Default)]
pub struct RecordQuery {
    /// Members that must have a value.
    pub equal: Vec<(FieldPath, Scalar)>,
    /// The member to sort by; by time if none.
    pub sort: Option<FieldPath>,
}

/// A tenant's own documents.
pub struct TenantRecords<'a>(pub(crate) &'a Scope);

impl TenantRecords<'_> {
    /// Makes a document.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown collection, [`Error::Invalid`], or the store's failure.
    pub async fn create(
        &self,
        collection: &str,
        body: Map<String, Value>,
    ) -> Result<Versioned<Record>, Error> {
        self.collection(collection)?;
        check(&body)?;
        let now = self.0.seconds();
        let id = self.0.new_id("rec");
        let id = format!("{id}{}", self.tag(&id));
        let record = Record { id, collection: collection.into(), created_at: now, updated_at: now, body };
        let write = store::create(&record)?;
        self.0.create_once(record, vec![write]).await
    }

    /// A collection's documents.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown collection, a cursor that is not this list's, or the store's failure.
    pub async fn list(
        &self,
        collection: &str,
        asked: RecordQuery,
        page: &PageRequest,
    ) -> Result<Page<Versioned<Record>>, Error> {
        self.collection(collection)?;
        let inner = |path: &FieldPath| FieldPath::parse(&format!("body.{path}"));
        let too_deep = |name| Error::invalid(name, "names a member that is nested too deep");
        let mut conditions = Vec::new();
        for (field, value) in &asked.equal {
            conditions.push(Filter::eq(inner(field).ok_or_else(|| too_deep("where"))?, value.clone()));
        }
        let filter = (!conditions.is_empty()).then_some(Filter::And { and: conditions });
        filter.iter().try_for_each(|filter| filter.check("where"))?;
        let sort = match &asked.sort {
            Some(field) => Some(inner(field).ok_or_else(|| too_deep("sort"))?),
            None => None,
        };
        let query = Query {
            kind: Kind::Record,
            parent: Some(collection.to_owned()),
            owner: None,
            filter,
            sort: Sort { field: sort, descending: page.descending },
            after: None,
            limit: 0,
        };
        let value_at = |record: &Record| {
            let mut names = asked.sort.as_ref()?.segments();
            let first = record.body.get(names.next()?)?;
            scalar(names.try_fold(first, |value, name| value.get(name))?)
        };
        self.0.page::<Record>(query, page, value_at).await
    }

    /// One document.
    ///
    /// # Errors
    /// [`Error::Forbidden`] when the id was minted for another tenant, whether or not the document exists;
    /// [`Error::NotFound`], or the store's failure.
    pub async fn get(&self, collection: &str, id: &str) -> Result<Versioned<Record>, Error> {
        self.collection(collection)?;
        self.minted_for_us(id)?;
        let record = self.0.store().get::<Record>(id).await?;
        record.filter(|record| record.value.collection == collection).ok_or(Error::NotFound)
    }

    /// Replaces a document.
    ///
    /// # Errors
    /// As [`get`](Self::get); [`Error::Stale`], [`Error::Invalid`].
    pub async fn replace(
        &self,
        collection: &str,
        id: &str,
        body: Map<String, Value>,
        if_match: Option<&Etag>,
    ) -> Result<Versioned<Record>, Error> {
        let Versioned { value: old, etag } = self.0.matching(self.get(collection, id).await?, if_match)?;
        check(&body)?;
        let record = Record { body, updated_at: self.0.seconds(), ..old };
        let etags =
            self.0.store().commit_if::<Record>(id, if_match, vec![store::replace(&record, &etag)?]).await?;
        Ok(Versioned { value: record, etag: etags.into_iter().next().unwrap_or(etag) })
    }

    /// Removes a document.
    ///
    /// # Errors
    /// As [`get`](Self::get); [`Error::Stale`].
    pub async fn delete(&self, collection: &str, id: &str, if_match: Option<&Etag>) -> Result<(), Error> {
        let Versioned { value, etag } = self.0.matching(self.get(collection, id).await?, if_match)?;
        let delete = vec![Write::Delete(Kind::Record, value.id, Some(etag))];
        self.0.store().commit_if::<Record>(id, if_match, delete).await?;
        Ok(())
    }

    fn collection(&self, name: &str) -> Result<(), Error> {
        let known = self.0.settings().collections.iter().any(|known| known == name);
        if known { Ok(()) } else { Err(Error::NotFound) }
    }

    /// Decided from the id alone, before any store is touched, so that it says nothing of what exists.
    fn minted_for_us(&self, id: &str) -> Result<(), Error> {
        let digits = id.strip_prefix("rec_").filter(|digits| {
            digits.len() == 32 + TAG && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        });
        let Some(digits) = digits else { return Err(Error::NotFound) };
        let (unique, tag) = digits.split_at(32);
        if tag == self.tag(&format!("rec_{unique}")) {
            return Ok(());
        }
        SecurityEvent::ForeignRecord.raise(Some(self.0.tenant()), "record id");
        Err(Error::Forbidden("this id was not made for the caller's tenant"))
    }

    fn tag(&self, id: &str) -> String {
        let tag = self.0.sealer().tag("pooled-agents record id", &[self.0.tenant().as_str(), id]);
        crate::hex(&tag[..TAG / 2])
    }
}

fn check(body: &Map<String, Value>) -> Result<(), Error> {
    let mut rules = Rules::default();
    for name in body.keys() {
        let ours = OURS.contains(&name.as_str()) || name.starts_with('_');
        rules.that(
            !ours,
            &format!("/{}", name.chars().take(64).collect::<String>()),
            "is reserved for the service",
        );
    }
    if let Some(metadata) = body.get("metadata") {
        match serde_json::from_value::<Metadata>(metadata.clone()) {
            Ok(metadata) => rules.metadata(&metadata),
            Err(_) => rules.that(false, "/metadata", "must be an object of strings"),
        };
    }
    let size = serde_json::to_vec(body).map_or(usize::MAX, |text| text.len());
    rules.that(size <= MAX_RECORD, "", format!("must be at most {MAX_RECORD} bytes"));
    rules.done()
}

fn scalar(value: &Value) -> Option<Scalar> {
    match value {
        Value::Bool(value) => Some(Scalar::Bool(*value)),
        Value::Number(value) => value.as_f64().map(Scalar::Number),
        Value::String(value) => Some(Scalar::Text(value.clone())),
        _ => None,
    }
}
