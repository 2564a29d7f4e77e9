//! Typed queries as Cosmos SQL: the only place where it is put together. Every value is a parameter; the names of
//! members are letters, digits and `_`, and stand in quotes.

use azure_data_cosmos::Query;
use pool::{
    TenantId,
    filter::{Comparison, FieldPath, Filter, Scalar},
    ports::Query as Asked,
};
use serde_json::{Number, Value, json};
use std::fmt::Write as _;

/// SQL under construction, with its parameters.
pub(super) struct Sql {
    text: String,
    values: Vec<Value>,
}

impl Sql {
    /// The documents of `tenant` that live, of the kind, parent, owner and filter that were asked for.
    pub(super) fn asked(tenant: &TenantId, query: &Asked, now: i64) -> Self {
        let mut sql = Self::of(tenant);
        sql.push(" AND c.kind = ").bind(json!(query.kind.as_str()));
        sql.push(" AND (NOT IS_DEFINED(c.expiresAt) OR c.expiresAt > ").bind(json!(now)).push(")");
        if let Some(parent) = &query.parent {
            sql.push(" AND c.parent = ").bind(json!(parent));
        }
        if let Some(owner) = &query.owner {
            sql.push(" AND c.owner = ").bind(json!(owner));
        }
        if let Some(tree) = &query.filter {
            sql.push(" AND ");
            filter(&mut sql, tree);
        }
        sql
    }

    /// The documents of `tenant` that have expired.
    pub(super) fn expired(tenant: &TenantId, now: i64) -> Self {
        let mut sql = Self::of(tenant);
        sql.push(" AND c.expiresAt <= ").bind(json!(now));
        sql
    }

    fn of(tenant: &TenantId) -> Self {
        let mut sql = Self { text: String::new(), values: Vec::new() };
        sql.push("c.tenantId = ").bind(json!(tenant.as_str()));
        sql
    }

    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    pub(super) fn bind(&mut self, value: Value) -> &mut Self {
        self.values.push(value);
        // Writing to a string does not fail.
        let _ = write!(self.text, "@p{}", self.values.len());
        self
    }

    /// The query for the first `limit` documents that meet the conditions.
    pub(super) fn first(
        &self,
        limit: usize,
        order_by: &str,
        descending: bool,
    ) -> azure_data_cosmos::Result<Query> {
        let order = if descending { "DESC" } else { "ASC" };
        let text = format!("SELECT TOP {limit} * FROM c WHERE {} ORDER BY {order_by} {order}", self.text);
        self.values.iter().enumerate().try_fold(Query::from(text), |query, (i, value)| {
            query.with_parameter(format!("@p{}", i + 1), value)
        })
    }
}

impl Clone for Sql {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), values: self.values.clone() }
    }
}

/// A condition that is true or false, never undefined, exactly when [`Filter::passes`] is true or false.
fn filter(sql: &mut Sql, tree: &Filter) {
    match tree {
        Filter::And { and } => join(sql, and, " AND ", "true"),
        Filter::Or { or } => join(sql, or, " OR ", "false"),
        Filter::Not { not } => {
            sql.push("(NOT ");
            filter(sql, not);
            sql.push(")");
        }
        Filter::In { field, r#in: values } => {
            sql.push("(false");
            for value in values {
                sql.push(" OR ");
                compare(sql, field, " = ", value);
            }
            sql.push(")");
        }
        Filter::Compare { field, op, value } => {
            let op = match op {
                Comparison::Eq => " = ",
                Comparison::Ne => " != ",
                Comparison::Lt => " < ",
                Comparison::Le => " <= ",
                Comparison::Gt => " > ",
                Comparison::Ge => " >= ",
            };
            compare(sql, field, op, value);
        }
    }
}

fn join(sql: &mut Sql, parts: &[Filter], with: &str, empty: &str) {
    sql.push("(").push(empty);
    for part in parts {
        sql.push(with);
        filter(sql, part);
    }
    sql.push(")");
}

/// Only a member of the value's type compares with it. Booleans are compared as numbers are: false is less.
pub(super) fn compare(sql: &mut Sql, field: &FieldPath, op: &str, value: &Scalar) {
    let member = member(field);
    let (is, value) = match value {
        Scalar::Bool(value) => ("IS_BOOL", json!(value)),
        // Nothing compares with NaN or infinity, which JSON cannot spell.
        Scalar::Number(value) => match Number::from_f64(*value) {
            Some(value) => ("IS_NUMBER", Value::Number(value)),
            None => {
                sql.push("false");
                return;
            }
        },
        Scalar::Text(value) => ("IS_STRING", json!(value)),
    };
    sql.push("(")
        .push(is)
        .push("(")
        .push(&member)
        .push(") AND ")
        .push(&member)
        .push(op)
        .bind(value)
        .push(")");
}

/// A member of the body. Its names are letters, digits and `_`.
pub(super) fn member(field: &FieldPath) -> String {
    field.segments().fold("c.body".to_owned(), |path, name| path + "['" + name + "']")
}
