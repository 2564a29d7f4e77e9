//! Lists, a page at a time.

use crate::{
    Error, Scope, Versioned,
    filter::Scalar,
    ports::{Position, Query},
    store::Document,
};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// The longest value that a page may end at, in bytes: the cursor carries it.
const MAX_SORT: usize = 512;

/// The part of a list that is asked for.
#[derive(Clone, Debug)]
pub struct PageRequest {
    /// At most this many, 1 to 100; fewer where they are large.
    pub limit: usize,
    /// Newest first.
    pub descending: bool,
    /// Where the page before ended, as it was given.
    pub cursor: Option<String>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { limit: 20, descending: true, cursor: None }
    }
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The things.
    pub items: Vec<T>,
    /// The cursor of the next part, while there is more. Opaque; good for the same tenant, user and query alone.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// The same page of other things.
    pub fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next }
    }
}

#[derive(Serialize, Deserialize)]
struct Cursor {
    query: String,
    position: Position,
}

/// How two values compare, where that is beyond doubt: of one type, and no further than a float is exact.
fn order(a: &Option<Scalar>, b: &Option<Scalar>) -> Ordering {
    match (a, b) {
        (Some(Scalar::Bool(a)), Some(Scalar::Bool(b))) => a.cmp(b),
        (Some(Scalar::Number(a)), Some(Scalar::Number(b))) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
        (Some(Scalar::Text(a)), Some(Scalar::Text(b))) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

impl Scope {
    pub(crate) async fn page<T: Document>(
        &self,
        query: Query,
        request: &PageRequest,
        value_at: impl Fn(&T) -> Option<Scalar>,
    ) -> Result<Page<Versioned<T>>, Error> {
        let mut query = Query { limit: request.limit.clamp(1, 100) + 1, ..query };
        query.sort.descending = request.descending;
        let fingerprint = self.fingerprint(&query);
        if let Some(cursor) = &request.cursor {
            let opened =
                self.sealer().open::<Cursor>("cursor", cursor).filter(|cursor| cursor.query == fingerprint);
            let opened = opened.ok_or_else(|| Error::invalid("cursor", "is not a cursor of this list"))?;
            query.after = Some(opened.position);
        }
        let (mut items, more) = self.store().some::<T>(&query).await?;
        let begin = query.after.iter().map(|at| at.value.clone());
        let values = begin.chain(items.iter().map(|item| value_at(&item.value)));
        let wrong = if query.sort.descending { Ordering::Less } else { Ordering::Greater };
        self.store().honest(values.collect::<Vec<_>>().is_sorted_by(|a, b| order(a, b) != wrong))?;
        // The last one stands for those after it. It is never the only one: at least two are asked for, and no row is as
        // long as what a store may cut an answer at.
        if more {
            items.pop();
        }
        let next = match items.last() {
            Some(last) if more => {
                if matches!(value_at(&last.value), Some(Scalar::Text(text)) if text.len() > MAX_SORT) {
                    let rule =
                        format!("pages end at a value of at most {MAX_SORT} bytes: sort by another member");
                    return Err(Error::invalid("sort", rule));
                }
                let position = Position { id: last.value.id().to_owned(), value: value_at(&last.value) };
                let sealed = self.sealer().seal("cursor", &Cursor { query: fingerprint, position });
                Some(sealed.map_err(|fault| Error::Internal(Box::new(fault)))?)
            }
            _ => None,
        };
        Ok(Page { items, next })
    }

    /// What a cursor is bound to: the tenant and every part of the query but the page.
    fn fingerprint(&self, query: &Query) -> String {
        let asked = format!("{:?}", Query { after: None, limit: 0, ..query.clone() });
        let tag = self.sealer().tag("pooled-agents cursor", &[self.tenant().as_str(), &asked]);
        crate::hex(&tag[..16])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_one_type_have_an_order_and_others_have_none() {
        let text = |text: &str| Some(Scalar::Text(text.to_owned()));
        let in_order = [
            (Some(Scalar::Bool(false)), Some(Scalar::Bool(true))),
            (Some(Scalar::Number(-1.5)), Some(Scalar::Number(2.0))),
            (text("a"), text("b")),
        ];
        for (less, more) in &in_order {
            assert_eq!((order(less, more), order(more, less)), (Ordering::Less, Ordering::Greater));
            assert_eq!(order(less, less), Ordering::Equal);
        }
        assert_eq!(order(&text("a"), &Some(Scalar::Bool(true))), Ordering::Equal);
        assert_eq!(order(&None, &text("a")), Ordering::Equal);
    }
}
