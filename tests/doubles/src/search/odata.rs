//! Filters: Azure AI Search's subset of OData, parsed and evaluated.
//! <https://learn.microsoft.com/azure/search/search-query-odata-syntax-reference>, without collections and geography.

mod lexer;
mod parser;

pub use parser::parse;

use super::{
    Document, Refused, bad,
    schema::{Kind, Schema},
};
use serde_json::Value;
use std::cmp::Ordering;

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "OData's own names")]
pub enum Op {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

/// A constant.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "OData's own names")]
pub enum Literal {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
}

/// A filter.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// All of them.
    And(Vec<Expr>),
    /// One of them.
    Or(Vec<Expr>),
    /// Not that.
    Not(Box<Expr>),
    /// `true` or `false`.
    Constant(bool),
    /// A field of type boolean.
    Field(String),
    /// A field and a constant.
    Compare(String, Op, Literal),
    /// `search.in`: a field is one of these.
    In(String, Vec<String>),
}

impl Expr {
    /// Refuses fields that are not there or not filterable, and comparisons that make no sense.
    pub(super) fn check(&self, schema: &Schema) -> Result<(), Refused> {
        let kind = |name: &str| {
            let field = schema.get(name)?;
            if field.filterable { Ok(field.kind) } else { Err(bad(format!("`{name}` is not filterable"))) }
        };
        match self {
            Self::And(parts) | Self::Or(parts) => parts.iter().try_for_each(|part| part.check(schema)),
            Self::Not(part) => part.check(schema),
            Self::Constant(_) => Ok(()),
            Self::Field(name) if kind(name)? == Kind::Bool => Ok(()),
            Self::In(name, _) if kind(name)? == Kind::Text => Ok(()),
            Self::Field(name) | Self::In(name, _) => Err(bad(format!("`{name}` has another type"))),
            Self::Compare(name, op, literal) => {
                let equality = matches!(op, Op::Eq | Op::Ne);
                let fits = match (kind(name)?, literal) {
                    (_, Literal::Null) | (Kind::Bool, Literal::Bool(_)) => equality,
                    (Kind::Text, Literal::Text(_)) | (Kind::Double, Literal::Number(_)) => true,
                    (Kind::Integer, Literal::Number(number)) => number.is_finite(),
                    _ => false,
                };
                if fits { Ok(()) } else { Err(bad(format!("`{name}` cannot be compared so"))) }
            }
        }
    }

    /// Whether a document passes.
    pub fn passes(&self, document: &Document) -> bool {
        let value = |name: &str| document.get(name).unwrap_or(&Value::Null);
        match self {
            Self::And(parts) => parts.iter().all(|part| part.passes(document)),
            Self::Or(parts) => parts.iter().any(|part| part.passes(document)),
            Self::Not(part) => !part.passes(document),
            Self::Constant(constant) => *constant,
            Self::Field(name) => value(name) == &Value::Bool(true),
            Self::In(name, values) => {
                value(name).as_str().is_some_and(|v| values.iter().any(|other| other == v))
            }
            Self::Compare(name, op, literal) => compare(value(name), *op, literal),
        }
    }
}

/// Null equals itself, and is neither less nor greater than anything; NaN does not even equal itself.
fn compare(value: &Value, op: Op, literal: &Literal) -> bool {
    let order = match (value, literal) {
        (Value::Null, Literal::Null) => Some(Ordering::Equal),
        (Value::Bool(a), Literal::Bool(b)) => Some(a.cmp(b)),
        (Value::String(a), Literal::Text(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (Value::Number(a), Literal::Number(b)) => a.as_f64().and_then(|a| a.partial_cmp(b)),
        _ => None,
    };
    match op {
        Op::Eq => order == Some(Ordering::Equal),
        Op::Ne => order != Some(Ordering::Equal),
        Op::Lt => order == Some(Ordering::Less),
        Op::Gt => order == Some(Ordering::Greater),
        Op::Le => order.is_some_and(Ordering::is_le),
        Op::Ge => order.is_some_and(Ordering::is_ge),
    }
}
