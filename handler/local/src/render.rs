//! Typed queries as SQL: the only place where SQL is put together. Every value, and every field's path, is a parameter.

use pool::{
    filter::{Comparison, FieldPath, Filter, Scalar},
    ports::{Query, Visibility},
};
use rusqlite::types::Value;
use std::fmt::Write as _;

/// SQL under construction, with its parameters.
#[derive(Default)]
pub(crate) struct Sql {
    pub(crate) text: String,
    pub(crate) values: Vec<Value>,
}

impl Sql {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    pub(crate) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        // Writing to a string does not fail.
        let _ = write!(self.text, "?{}", self.values.len());
        self
    }

    /// Binds a value that is used in several places; answers its name.
    fn name(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }
}

/// A query of records that live at `now` (Unix seconds).
pub(crate) fn query(query: &Query, now: i64) -> Sql {
    let mut sql = Sql::new("SELECT tenant, etag, id, parent, owner, expires_at, body FROM ");
    let order = if query.sort.descending { "DESC" } else { "ASC" };
    let beyond = if query.sort.descending { "<" } else { ">" };
    match &query.sort.field {
        None => {
            sql.push("records WHERE ");
            conditions(&mut sql, query, now);
            if let Some(after) = &query.after {
                sql.push(" AND id ").push(beyond).push(" ").bind(after.id.clone());
            }
            sql.push(" ORDER BY id ").push(order);
        }
        Some(field) => {
            let path = sql.name(path(field));
            sql.push("(SELECT *, ").push(&rank_of(&path)).push(" AS sort_rank, ").push(&key_of(&path));
            sql.push(" AS sort_key FROM records WHERE ");
            conditions(&mut sql, query, now);
            sql.push(")");
            if let Some(after) = &query.after {
                let (rank, key) = match &after.value {
                    None => (0, Value::Integer(0)),
                    Some(Scalar::Bool(value)) => (1, Value::Integer((*value).into())),
                    Some(Scalar::Number(value)) => (2, Value::Real(*value)),
                    Some(Scalar::Text(value)) => (3, Value::Text(value.clone())),
                };
                sql.push(" WHERE (sort_rank, sort_key, id) ").push(beyond).push(" (").bind(rank);
                sql.push(", ").bind(key).push(", ").bind(after.id.clone()).push(")");
            }
            for column in ["sort_rank", "sort_key", "id"] {
                sql.push(if column == "sort_rank" { " ORDER BY " } else { ", " });
                sql.push(column).push(" ").push(order);
            }
        }
    }
    sql.push(" LIMIT ").bind(i64::try_from(query.limit).unwrap_or(i64::MAX));
    sql
}

fn conditions(sql: &mut Sql, query: &Query, now: i64) {
    sql.push("kind = ").bind(query.kind.as_str().to_owned());
    sql.push(" AND (expires_at IS NULL OR expires_at > ").bind(now).push(")");
    if let Some(parent) = &query.parent {
        sql.push(" AND parent = ").bind(parent.clone());
    }
    if let Some(owner) = &query.owner {
        sql.push(" AND owner = ").bind(owner.clone());
    }
    if let Some(tree) = &query.filter {
        sql.push(" AND ");
        filter(sql, "body", tree);
    }
}

/// ` AND …` for the entries of the table alias `e` that may be seen and that pass.
pub(crate) fn entries(sql: &mut Sql, visibility: &Visibility, tree: Option<&Filter>) {
    if let Visibility::User(user) = visibility {
        sql.push(" AND (e.owner IS NULL OR e.owner = ").bind(user.clone()).push(")");
    }
    if let Some(tree) = tree {
        sql.push(" AND ");
        filter(sql, "e.fields", tree);
    }
}

/// A condition on the JSON in `column` that is 1 or 0, never NULL, exactly when [`Filter::passes`] is true or false.
fn filter(sql: &mut Sql, column: &str, tree: &Filter) {
    match tree {
        Filter::And { and } => join(sql, column, and, " AND ", "1"),
        Filter::Or { or } => join(sql, column, or, " OR ", "0"),
        Filter::Not { not } => {
            sql.push("NOT ");
            filter(sql, column, not);
        }
        Filter::In { field, r#in: values } => {
            sql.push("(0");
            for value in values {
                sql.push(" OR ");
                compare(sql, column, field, Comparison::Eq, value);
            }
            sql.push(")");
        }
        Filter::Compare { field, op, value } => compare(sql, column, field, *op, value),
    }
}

fn join(sql: &mut Sql, column: &str, parts: &[Filter], with: &str, empty: &str) {
    sql.push("(").push(empty);
    for part in parts {
        sql.push(with);
        filter(sql, column, part);
    }
    sql.push(")");
}

fn compare(sql: &mut Sql, column: &str, field: &FieldPath, op: Comparison, value: &Scalar) {
    let op = match op {
        Comparison::Eq => " = ",
        Comparison::Ne => " <> ",
        Comparison::Lt => " < ",
        Comparison::Le => " <= ",
        Comparison::Gt => " > ",
        Comparison::Ge => " >= ",
    };
    let path = sql.name(path(field));
    let kind = format!("(ifnull(json_type({column}, {path}), '')");
    let found = format!("json_extract({column}, {path})");
    match value {
        // SQLite takes NaN for NULL, and nothing compares with NaN.
        Scalar::Number(value) if value.is_nan() => sql.push("(0"),
        // Numbers are compared as f64, as `passes` does, not as the integers they may be.
        Scalar::Number(value) => sql
            .push(&kind)
            .push(" IN ('integer', 'real') AND CAST(")
            .push(&found)
            .push(" AS REAL)")
            .push(op)
            .bind(*value),
        Scalar::Bool(value) => {
            sql.push(&kind).push(" IN ('true', 'false') AND ").push(&found).push(op).bind(i64::from(*value))
        }
        Scalar::Text(value) => {
            sql.push(&kind).push(" = 'text' AND ").push(&found).push(op).bind(value.clone())
        }
    };
    sql.push(")");
}

/// The JSON path of a field. Its names are letters, digits and `_`, so that quotes hold them.
fn path(field: &FieldPath) -> String {
    field.segments().fold("$".to_owned(), |path, name| path + ".\"" + name + "\"")
}

fn rank_of(path: &str) -> String {
    format!(
        "CASE json_type(body, {path}) WHEN 'text' THEN 3 WHEN 'integer' THEN 2 WHEN 'real' THEN 2 \
         WHEN 'true' THEN 1 WHEN 'false' THEN 1 ELSE 0 END"
    )
}

fn key_of(path: &str) -> String {
    format!(
        "CASE json_type(body, {path}) WHEN 'text' THEN json_extract(body, {path}) \
         WHEN 'integer' THEN CAST(json_extract(body, {path}) AS REAL) WHEN 'real' THEN json_extract(body, {path}) \
         WHEN 'true' THEN 1 ELSE 0 END"
    )
}
