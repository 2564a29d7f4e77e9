//! Queries in the order that the port wants, with an index over single paths alone.
//!
//! The port orders by a member and, where it is equal, by id; members of different types follow each other (none,
//! booleans, numbers, text). To Cosmos DB that would be an order over two paths, which needs an index of its own for
//! each member that anyone might sort by. So a query by a member is asked in stretches: one type after the other, and
//! where a page ends among equal members, those once more, by id.

use super::{
    document::Document,
    render::{Sql, compare, member},
};
use crate::cosmos::port;
use azure_data_cosmos::{FeedScope, Query as CosmosQuery, clients::ContainerClient};
use futures::TryStreamExt;
use pool::{
    TenantId,
    filter::{FieldPath, Scalar},
    ports::{PortError, PortResult, Position, QUERY_BYTES, Query, Row},
};

/// The stretches of an ascending order by a member.
#[derive(Clone, Copy, PartialEq)]
enum Stretch {
    Without,
    False,
    True,
    Numbers,
    Text,
}

const STRETCHES: [Stretch; 5] =
    [Stretch::Without, Stretch::False, Stretch::True, Stretch::Numbers, Stretch::Text];

struct Asking<'a> {
    container: &'a ContainerClient,
    tenant: &'a TenantId,
    query: &'a Query,
    conditions: Sql,
    found: Vec<Row>,
    /// The length of the bodies that were found.
    bytes: usize,
}

/// The rows that `query` asks for.
pub(super) async fn run(
    container: &ContainerClient,
    tenant: &TenantId,
    query: &Query,
    now: i64,
) -> PortResult<Vec<Row>> {
    let conditions = Sql::asked(tenant, query, now);
    let mut asking = Asking { container, tenant, query, conditions, found: Vec::new(), bytes: 0 };
    match &query.sort.field {
        None => {
            let mut sql = asking.conditions.clone();
            if let Some(after) = &query.after {
                asking.beyond_id(&mut sql, &after.id);
            }
            asking.by_id(&sql).await?;
        }
        Some(field) => asking.by_member(field).await?,
    }
    Ok(asking.found)
}

/// At most `limit` documents of the tenant that have expired.
pub(super) async fn expired(
    container: &ContainerClient,
    tenant: &TenantId,
    now: i64,
    limit: usize,
) -> PortResult<Vec<Document>> {
    let sql = Sql::expired(tenant, now).first(limit, "c.expiresAt", false).map_err(port)?;
    documents(container, tenant, sql).await
}

/// A query in one partition; there is no other way to ask.
async fn documents(
    container: &ContainerClient,
    tenant: &TenantId,
    sql: CosmosQuery,
) -> PortResult<Vec<Document>> {
    let scope = FeedScope::partition(tenant.to_string());
    container.query_items(sql, scope, None).await.map_err(port)?.try_collect().await.map_err(port)
}

impl Asking<'_> {
    fn missing(&self) -> usize {
        if self.bytes >= QUERY_BYTES { 0 } else { self.query.limit.saturating_sub(self.found.len()) }
    }

    fn keep(&mut self, rows: &mut Vec<Row>) {
        self.bytes += rows.iter().map(|row| row.row.body.len()).sum::<usize>();
        self.found.append(rows);
    }

    fn beyond_id(&self, sql: &mut Sql, id: &str) {
        let item = super::item_id(self.query.kind, id);
        sql.push(if self.query.sort.descending { " AND c.id < " } else { " AND c.id > " }).bind(item.into());
    }

    /// The first rows, as far as the bytes of one answer go, and whether they are all there are.
    async fn ask(&self, sql: &Sql, order_by: &str) -> PortResult<(Vec<Row>, bool)> {
        let wanted = self.missing();
        let sql = sql.first(wanted, order_by, self.query.sort.descending).map_err(port)?;
        let scope = FeedScope::partition(self.tenant.to_string());
        let mut answer = self.container.query_items::<Document>(sql, scope, None).await.map_err(port)?;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while bytes < QUERY_BYTES
            && let Some(document) = answer.try_next().await.map_err(port)?
        {
            let row = document.into_row()?;
            bytes += row.row.body.len();
            rows.push(row);
        }
        let whole = bytes < QUERY_BYTES && rows.len() < wanted;
        Ok((rows, whole))
    }

    async fn by_id(&mut self, sql: &Sql) -> PortResult<()> {
        let (mut rows, _) = self.ask(sql, "c.id").await?;
        self.keep(&mut rows);
        Ok(())
    }

    async fn by_member(&mut self, field: &FieldPath) -> PortResult<()> {
        let mut stretches = STRETCHES;
        if self.query.sort.descending {
            stretches.reverse();
        }
        let after = self.query.after.as_ref();
        let first = after.map_or(stretches[0], |after| Stretch::of(after.value.as_ref()));
        let mut after = after;
        for stretch in stretches.into_iter().skip_while(|stretch| *stretch != first) {
            if self.missing() == 0 {
                break;
            }
            self.stretch(field, stretch, after.take()).await?;
        }
        Ok(())
    }

    async fn stretch(
        &mut self,
        field: &FieldPath,
        stretch: Stretch,
        after: Option<&Position>,
    ) -> PortResult<()> {
        let mut sql = self.conditions.clone();
        let is = match stretch {
            Stretch::Numbers => "IS_NUMBER",
            Stretch::Text => "IS_STRING",
            Stretch::Without | Stretch::False | Stretch::True => {
                sql.push(" AND ");
                match stretch {
                    Stretch::False => compare(&mut sql, field, " = ", &Scalar::Bool(false)),
                    Stretch::True => compare(&mut sql, field, " = ", &Scalar::Bool(true)),
                    _ => without(&mut sql, &member(field)),
                }
                if let Some(after) = after {
                    self.beyond_id(&mut sql, &after.id);
                }
                return self.by_id(&sql).await;
            }
        };
        let mut reached = after.and_then(|after| Some((after.value.clone()?, after.id.clone())));
        loop {
            if let Some((value, id)) = &reached {
                self.equal(field, value, id).await?;
            }
            if self.missing() == 0 {
                return Ok(());
            }
            let mut sql = self.conditions.clone();
            sql.push(" AND ");
            match &reached {
                None => drop(sql.push(is).push("(").push(&member(field)).push(")")),
                Some((value, _)) => {
                    compare(&mut sql, field, if self.query.sort.descending { " < " } else { " > " }, value);
                }
            }
            let (rows, whole) = self.ask(&sql, &member(field)).await?;
            reached = self.take(rows, whole)?;
            if reached.is_none() {
                return Ok(());
            }
        }
    }

    /// Those whose member equals `value`, beyond `id`.
    async fn equal(&mut self, field: &FieldPath, value: &Scalar, id: &str) -> PortResult<()> {
        let mut sql = self.conditions.clone();
        sql.push(" AND ");
        compare(&mut sql, field, " = ", value);
        if !id.is_empty() {
            self.beyond_id(&mut sql, id);
        }
        self.by_id(&sql).await
    }

    /// Takes rows that are ordered by the member, and orders those that are equal by id. Unless the rows are all there
    /// are, there may be more with the last one's member: those are left, and where to go on from is answered.
    fn take(&mut self, rows: Vec<Row>, whole: bool) -> PortResult<Option<(Scalar, String)>> {
        let sort = &self.query.sort;
        let mut placed: Vec<_> =
            rows.into_iter().map(|row| (row.position(sort), row)).collect::<Vec<(Position, Row)>>();
        let last = placed.last().and_then(|(place, _)| place.value.clone());
        if !whole {
            placed.retain(|(place, _)| place.value != last);
        }
        let mut group = Vec::new();
        let mut placed = placed.into_iter().peekable();
        while let Some((place, row)) = placed.next() {
            group.push(row);
            if placed.peek().is_none_or(|(next, _)| next.value != place.value) {
                group.sort_by(|a, b| a.row.id.cmp(&b.row.id));
                if sort.descending {
                    group.reverse();
                }
                self.keep(&mut group);
            }
        }
        if whole {
            return Ok(None);
        }
        let last = last.ok_or_else(|| PortError::refused("rows that lack the member they are ordered by"))?;
        Ok(Some((last, String::new())))
    }
}

impl Stretch {
    fn of(value: Option<&Scalar>) -> Self {
        match value {
            None => Self::Without,
            Some(Scalar::Bool(false)) => Self::False,
            Some(Scalar::Bool(true)) => Self::True,
            Some(Scalar::Number(_)) => Self::Numbers,
            Some(Scalar::Text(_)) => Self::Text,
        }
    }
}

fn without(sql: &mut Sql, member: &str) {
    sql.push("NOT (IS_BOOL(").push(member).push(") OR IS_NUMBER(").push(member).push(") OR IS_STRING(");
    sql.push(member).push("))");
}
