//! Filters as trees of typed values. Adapters render them; no filter text is ever taken or passed on.

use crate::Error;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::fmt;

const MAX_NODES: usize = 64;
const MAX_DEPTH: usize = 8;
const MAX_STRING: usize = 1024;

/// The name of a member of a document's body: one to four names of `[A-Za-z_][A-Za-z0-9_]*`, 64 bytes at most, joined
/// by dots.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct FieldPath(String);

impl FieldPath {
    /// Takes a name that obeys the grammar.
    pub fn parse(text: &str) -> Option<Self> {
        let segment = |s: &str| {
            s.len() <= 64
                && s.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                && s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        (text.split('.').count() <= 4 && text.split('.').all(segment)).then(|| Self(text.to_owned()))
    }

    /// The names, outermost first.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('.')
    }

    /// The names, joined by dots.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for FieldPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| {
            de::Error::custom("a field is one to four names of letters, digits and _, joined by dots")
        })
    }
}

/// A value that fields are compared with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a value is true, false, a number or text")]
pub enum Scalar {
    /// `true` or `false`.
    Bool(bool),
    /// A finite number.
    Number(f64),
    /// Text, compared byte by byte.
    Text(String),
}

/// How a field is compared. A missing field, or one of another type, passes no comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Comparison {
    /// Equal.
    Eq,
    /// Present, of the same type, and not equal.
    Ne,
    /// Less.
    Lt,
    /// Less or equal.
    Le,
    /// Greater.
    Gt,
    /// Greater or equal.
    Ge,
}

/// A condition on a document's fields.
///
/// As JSON: `{"field": "year", "op": "ge", "value": 2024}`, `{"field": "team", "in": ["a", "b"]}`, `{"and": […]}`,
/// `{"or": […]}`, `{"not": …}`. At most 64 nodes, eight deep.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, try_from = "Shape")]
pub enum Filter {
    /// Every part passes; no parts: passes.
    And {
        /// The parts.
        and: Vec<Filter>,
    },
    /// Some part passes; no parts: fails.
    Or {
        /// The parts.
        or: Vec<Filter>,
    },
    /// The part fails.
    Not {
        /// The part.
        not: Box<Filter>,
    },
    /// The field has one of these values.
    In {
        /// The field.
        field: FieldPath,
        /// The values.
        r#in: Vec<Scalar>,
    },
    /// The field compares so.
    Compare {
        /// The field.
        field: FieldPath,
        /// How.
        op: Comparison,
        /// With what.
        value: Scalar,
    },
}

/// A filter as it is written: the members of all its kinds, so that what is wrong in one is told by name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    and: Option<Vec<Filter>>,
    or: Option<Vec<Filter>>,
    not: Option<Box<Filter>>,
    field: Option<FieldPath>,
    r#in: Option<Vec<Scalar>>,
    op: Option<Comparison>,
    value: Option<Scalar>,
}

impl TryFrom<Shape> for Filter {
    type Error = &'static str;

    fn try_from(shape: Shape) -> Result<Self, Self::Error> {
        let Shape { and, or, not, field, r#in, op, value } = shape;
        Ok(match (and, or, not, field, r#in, op, value) {
            (Some(and), None, None, None, None, None, None) => Self::And { and },
            (None, Some(or), None, None, None, None, None) => Self::Or { or },
            (None, None, Some(not), None, None, None, None) => Self::Not { not },
            (None, None, None, Some(field), Some(r#in), None, None) => Self::In { field, r#in },
            (None, None, None, Some(field), None, op, Some(value)) => {
                Self::Compare { field, op: op.unwrap_or(Comparison::Eq), value }
            }
            _ => {
                return Err(
                    "must have `field` and `value` (and `op`), `field` and `in`, `and`, `or` or `not`",
                );
            }
        })
    }
}

impl Filter {
    /// `field` equals `value`.
    pub fn eq(field: FieldPath, value: Scalar) -> Self {
        Self::Compare { field, op: Comparison::Eq, value }
    }

    /// Refuses a tree that is too large, with the place and the rule.
    pub fn check(&self, pointer: &str) -> Result<(), Error> {
        let mut nodes = 0;
        self.measure(1, &mut nodes).map_err(|rule| Error::invalid(pointer, rule))
    }

    fn measure(&self, depth: usize, nodes: &mut usize) -> Result<(), String> {
        let scalar = |value: &Scalar| match value {
            Scalar::Number(n) if !n.is_finite() => Err("numbers must be finite".to_owned()),
            Scalar::Text(text) if text.len() > MAX_STRING => {
                Err(format!("text in a filter is at most {MAX_STRING} bytes"))
            }
            _ => Ok(()),
        };
        *nodes += 1;
        if depth > MAX_DEPTH {
            return Err(format!("a filter is at most {MAX_DEPTH} deep"));
        }
        match self {
            Self::And { and: parts } | Self::Or { or: parts } => {
                parts.iter().try_for_each(|part| part.measure(depth + 1, nodes))?;
            }
            Self::Not { not } => not.measure(depth + 1, nodes)?,
            Self::In { r#in: values, .. } => {
                *nodes += values.len();
                values.iter().try_for_each(scalar)?;
            }
            Self::Compare { value, .. } => scalar(value)?,
        }
        if *nodes > MAX_NODES { Err(format!("a filter has at most {MAX_NODES} parts")) } else { Ok(()) }
    }

    /// Whether a document passes: the meaning that every adapter's rendering must have.
    pub fn passes(&self, body: &serde_json::Value) -> bool {
        match self {
            Self::And { and } => and.iter().all(|part| part.passes(body)),
            Self::Or { or } => or.iter().any(|part| part.passes(body)),
            Self::Not { not } => !not.passes(body),
            Self::In { field, r#in } => r#in.iter().any(|value| compare(body, field, Comparison::Eq, value)),
            Self::Compare { field, op, value } => compare(body, field, *op, value),
        }
    }
}

fn compare(body: &serde_json::Value, field: &FieldPath, op: Comparison, with: &Scalar) -> bool {
    let found = field.segments().try_fold(body, |value, name| value.get(name));
    let order = match (found, with) {
        (Some(serde_json::Value::Bool(a)), Scalar::Bool(b)) => a.partial_cmp(b),
        (Some(serde_json::Value::Number(a)), Scalar::Number(b)) => a.as_f64().and_then(|a| a.partial_cmp(b)),
        (Some(serde_json::Value::String(a)), Scalar::Text(b)) => Some(a.as_str().cmp(b.as_str())),
        _ => None,
    };
    order.is_some_and(|order| match op {
        Comparison::Eq => order.is_eq(),
        Comparison::Ne => order.is_ne(),
        Comparison::Lt => order.is_lt(),
        Comparison::Le => order.is_le(),
        Comparison::Gt => order.is_gt(),
        Comparison::Ge => order.is_ge(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn filter(value: serde_json::Value) -> Filter {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn trees_mean_what_they_say() {
        let body = json!({"year": 2024, "team": "red", "open": true, "at": {"city": "Kyoto"}});
        for (tree, passes) in [
            (json!({"field": "year", "op": "ge", "value": 2024}), true),
            (json!({"field": "year", "op": "gt", "value": 2024}), false),
            (json!({"field": "team", "value": "red"}), true),
            (json!({"field": "team", "value": 1}), false),
            (json!({"field": "team", "op": "ne", "value": 1}), false),
            (json!({"field": "absent", "op": "ne", "value": "x"}), false),
            (json!({"field": "at.city", "in": ["Kyoto", "Oslo"]}), true),
            (json!({"not": {"field": "open", "value": true}}), false),
            (json!({"and": []}), true),
            (json!({"or": []}), false),
        ] {
            assert_eq!(filter(tree.clone()).passes(&body), passes, "{tree}");
        }
    }

    #[test]
    fn text_is_no_filter() {
        for tree in [
            json!("year ge 2024"),
            json!({"field": "a b", "value": 1}),
            json!({"field": "a'", "value": 1}),
            json!({"field": "a.b.c.d.e", "value": 1}),
            json!({"field": "", "value": 1}),
            json!({"field": "year", "op": "like", "value": 1}),
            json!({"field": "year", "value": null}),
            json!({"field": "year", "value": 1, "extra": 1}),
        ] {
            assert!(serde_json::from_value::<Filter>(tree.clone()).is_err(), "{tree}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_by_name() {
        for (tree, told) in [
            (json!({"field": "year", "op": "like", "value": 1}), "unknown variant `like`"),
            (json!({"field": "year", "value": [1]}), "a value is true, false, a number or text"),
            (json!({"field": "a b", "value": 1}), "a field is one to four names"),
            (json!({"field": "year", "value": 1, "extra": 1}), "unknown field `extra`"),
            (json!({"and": [{"field": "year"}]}), "must have `field` and `value`"),
            (json!({"field": "year", "value": 1, "in": [1]}), "must have `field` and `value`"),
            (json!({}), "must have `field` and `value`"),
        ] {
            let fault = serde_json::from_value::<Filter>(tree.clone()).unwrap_err().to_string();
            assert!(fault.contains(told), "{tree}: {fault}");
        }
    }

    #[test]
    fn trees_are_bounded() {
        let good = |value: serde_json::Value| filter(value).check("/filter").is_ok();
        let leaf = json!({"field": "a", "value": 1});
        let wide = |parts: usize| json!({"or": vec![leaf.clone(); parts]});
        assert_eq!([63, 64].map(|parts| good(wide(parts))), [true, false]);
        // Each value of a list counts, wherever the list is.
        let list = |values: usize| json!({"and": [leaf, {"field": "a", "in": vec![1; values]}]});
        assert_eq!([61, 62].map(|values| good(list(values))), [true, false]);
        let not = |times: usize| (0..times).fold(leaf.clone(), |inner, _| json!({"not": inner}));
        let and = |times: usize| (0..times).fold(leaf.clone(), |inner, _| json!({"and": [inner]}));
        assert_eq!([good(not(7)), good(and(7)), good(not(8)), good(and(8))], [true, true, false, false]);
        let text = |bytes: usize| json!({"field": "a", "value": "x".repeat(bytes)});
        assert_eq!([1024, 1025].map(|bytes| good(text(bytes))), [true, false]);
        let field = || FieldPath::parse("a").unwrap();
        for number in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            assert!(Filter::eq(field(), Scalar::Number(number)).check("/filter").is_err(), "{number}");
        }
    }
}
