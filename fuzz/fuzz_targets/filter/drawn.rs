//! Filters as trees out of the fuzzer's bytes.

use crate::odata::law::Case;
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use pool::filter::{Comparison, FieldPath, Filter, Scalar};

/// The last is declared nowhere.
const FIELDS: [&str; 5] = ["year", "team", "open", "_rank", "at.city"];
const COMPARISONS: [Comparison; 6] =
    [Comparison::Eq, Comparison::Ne, Comparison::Lt, Comparison::Le, Comparison::Gt, Comparison::Ge];

#[derive(Arbitrary, Debug)]
pub struct Drawn<'a> {
    tree: Tree<'a>,
    owner: Option<&'a str>,
    user: Option<&'a str>,
    fields: Vec<(u8, Value<'a>)>,
}

#[derive(Arbitrary, Debug)]
enum Tree<'a> {
    Compare(u8, u8, Value<'a>),
    In(u8, Vec<Value<'a>>),
    And(Vec<Tree<'a>>),
    Or(Vec<Tree<'a>>),
    Not(Box<Tree<'a>>),
}

#[derive(Arbitrary, Debug)]
enum Value<'a> {
    Text(&'a str),
    Small(i8),
    Number(f64),
    Bool(bool),
}

impl From<Drawn<'_>> for Case {
    fn from(drawn: Drawn<'_>) -> Self {
        let name = |name: Option<&str>| name.map(str::to_owned);
        let fields = drawn.fields.into_iter();
        Self {
            filter: drawn.tree.into(),
            fields: fields.map(|(field, value)| (field_of(field).to_string(), value.into())).collect(),
            owner: name(drawn.owner),
            user: name(drawn.user),
        }
    }
}

impl From<Tree<'_>> for Filter {
    fn from(tree: Tree<'_>) -> Self {
        let all = |parts: Vec<Tree<'_>>| parts.into_iter().map(Self::from).collect();
        match tree {
            Tree::Compare(field, op, value) => {
                let op = COMPARISONS[usize::from(op) % COMPARISONS.len()];
                Self::Compare { field: field_of(field), op, value: value.into() }
            }
            Tree::In(field, values) => {
                Self::In { field: field_of(field), r#in: values.into_iter().map(Scalar::from).collect() }
            }
            Tree::And(parts) => Self::And { and: all(parts) },
            Tree::Or(parts) => Self::Or { or: all(parts) },
            Tree::Not(part) => Self::Not { not: Box::new((*part).into()) },
        }
    }
}

impl From<Value<'_>> for Scalar {
    fn from(value: Value<'_>) -> Self {
        match value {
            Value::Text(text) => Self::Text(text.to_owned()),
            Value::Small(number) => Self::Number(number.into()),
            Value::Number(number) => Self::Number(number),
            Value::Bool(value) => Self::Bool(value),
        }
    }
}

fn field_of(number: u8) -> FieldPath {
    FieldPath::parse(FIELDS[usize::from(number) % FIELDS.len()]).expect("a field")
}
