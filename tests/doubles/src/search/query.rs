//! Searches.

use super::{
    Document, Expr, Literal, Op, Refused, bad, parse,
    schema::{Kind, Schema},
    simple::Simple,
    text::Corpus,
};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const MEMBERS: [&str; 12] = [
    "search",
    "searchFields",
    "searchMode",
    "queryType",
    "filter",
    "top",
    "skip",
    "select",
    "count",
    "vectorQueries",
    "vectorFilterMode",
    "scoringStatistics",
];

/// A search.
pub(super) struct Query {
    filter: Option<Expr>,
    words: Option<Simple>,
    fields: Vec<String>,
    vectors: Vec<ByVector>,
    /// Whether documents are filtered before the nearest are taken, or the nearest after.
    before: bool,
    top: usize,
    skip: usize,
    select: Vec<String>,
}

struct ByVector {
    vector: Vec<f64>,
    field: String,
    k: usize,
    weight: f64,
}

type Ranked<'a> = Vec<(&'a str, f64)>;

impl Query {
    pub(super) fn read(schema: &Schema, body: &Value) -> Result<Self, Refused> {
        let members = body.as_object().ok_or_else(|| bad("a search is an object"))?;
        if let Some(name) = members.keys().find(|name| !MEMBERS.contains(&name.as_str())) {
            return Err(bad(format!("`{name}` is not a parameter of a search")));
        }
        let text = |name: &str| members.get(name).and_then(Value::as_str);
        let number = |name: &str, default: u64, most: u64| match members.get(name) {
            None => Ok(default as usize),
            Some(value) => value
                .as_u64()
                .filter(|value| *value <= most)
                .map(|value| value as usize)
                .ok_or_else(|| bad(format!("`{name}` is not a number up to {most}"))),
        };
        let one_of = |name: &str, values: &[&str]| match text(name) {
            Some(value) if !values.contains(&value) => Err(bad(format!("`{name}` cannot be `{value}`"))),
            _ => Ok(()),
        };
        one_of("queryType", &["simple"])?;
        one_of("searchMode", &["any"])?;
        one_of("vectorFilterMode", &["preFilter", "postFilter"])?;
        let filter = text("filter").map(parse).transpose().map_err(bad)?;
        filter.iter().try_for_each(|filter| filter.check(schema))?;
        let words = text("search").filter(|search| !search.is_empty());
        if words.is_some_and(|words| words.split_whitespace().count() > 1_024) {
            return Err(bad("the query has too many clauses"));
        }
        Ok(Self {
            filter,
            words: words.map(Simple::parse),
            fields: names(schema, text("searchFields"), |field| {
                field.searchable && field.kind == Kind::Text
            })?,
            vectors: by_vector(schema, members)?,
            before: text("vectorFilterMode") != Some("postFilter"),
            top: number("top", 50, 1_000)?,
            skip: number("skip", 0, 100_000)?,
            select: names(schema, text("select"), |field| field.retrievable)?,
        })
    }

    /// Whose documents are asked for, as far as the filter says so beside all else.
    pub(super) fn tenant(&self) -> Option<String> {
        let of = |expression: &Expr| match expression {
            Expr::Compare(name, Op::Eq, Literal::Text(tenant)) if name == "tenantId" => Some(tenant.clone()),
            _ => None,
        };
        match self.filter.as_ref()? {
            Expr::And(parts) => parts.iter().find_map(of),
            other => of(other),
        }
    }

    pub(super) fn run(&self, schema: &Schema, documents: &BTreeMap<String, Document>) -> Vec<Value> {
        let passing: BTreeSet<&str> = documents
            .iter()
            .filter(|(_, document)| self.filter.as_ref().is_none_or(|filter| filter.passes(document)))
            .map(|(key, _)| key.as_str())
            .collect();
        let mut lists: Vec<(Ranked<'_>, f64)> = Vec::new();
        if let Some(words) = &self.words {
            let corpus = Corpus::new(documents, &self.fields);
            let found = passing.iter().filter_map(|key| Some((*key, words.score(&corpus, key)?)));
            lists.push((best(found.collect()), 1.0));
        } else if self.vectors.is_empty() {
            lists.push((passing.iter().map(|key| (*key, 1.0)).collect(), 1.0));
        }
        for query in &self.vectors {
            let near = documents
                .iter()
                .filter(|(key, _)| !self.before || passing.contains(key.as_str()))
                .filter_map(|(key, document)| Some((key.as_str(), query.score(document)?)));
            let mut near = best(near.collect());
            near.truncate(query.k);
            near.retain(|(key, _)| passing.contains(key));
            lists.push((near, query.weight));
        }
        let ranked = if lists.len() == 1 { lists.remove(0).0 } else { fused(&lists) };
        let shown = |(key, score): (&str, f64)| {
            let mut hit = Map::from_iter([("@search.score".to_owned(), score.into())]);
            for name in &self.select {
                let value = documents[key].get(name).cloned().unwrap_or_default();
                // Fields that cannot be retrieved are not in answers.
                if schema.fields[name].retrievable {
                    hit.insert(name.clone(), value);
                }
            }
            Value::Object(hit)
        };
        ranked.into_iter().skip(self.skip).take(self.top).map(shown).collect()
    }
}

impl ByVector {
    /// The service's score of a cosine.
    fn score(&self, document: &Document) -> Option<f64> {
        let stored: Vec<f64> =
            document.get(&self.field)?.as_array()?.iter().filter_map(Value::as_f64).collect();
        let norm = |v: &[f64]| v.iter().map(|x| x * x).sum::<f64>().sqrt().max(f64::MIN_POSITIVE);
        let dot: f64 = stored.iter().zip(&self.vector).map(|(a, b)| a * b).sum();
        Some(1.0 / (2.0 - dot / norm(&stored) / norm(&self.vector)))
    }
}

fn by_vector(schema: &Schema, members: &Map<String, Value>) -> Result<Vec<ByVector>, Refused> {
    let queries = members.get("vectorQueries").and_then(Value::as_array).cloned().unwrap_or_default();
    let one = |query: &Value| {
        let field = query["fields"].as_str().unwrap_or_default();
        let vector: Option<Vec<f64>> =
            query["vector"].as_array().map(|vector| vector.iter().filter_map(Value::as_f64).collect());
        let vector = vector.ok_or_else(|| bad("a vector query has a vector"))?;
        if query["kind"] != "vector" || schema.get(field)?.kind != Kind::Vector(vector.len()) {
            return Err(bad("a vector query is of kind `vector`, and has the length of its field"));
        }
        let k = query["k"]
            .as_u64()
            .filter(|k| (1..=10_000).contains(k))
            .ok_or_else(|| bad("`k` is 1 or more"))?;
        let weight = query["weight"].as_f64().unwrap_or(1.0);
        if weight <= 0.0 {
            return Err(bad("a weight is positive"));
        }
        Ok(ByVector { vector, field: field.to_owned(), k: k as usize, weight })
    };
    queries.iter().map(one).collect()
}

/// Fields that are named, or all that would do.
fn names(
    schema: &Schema,
    named: Option<&str>,
    would_do: impl Fn(&super::schema::Field) -> bool,
) -> Result<Vec<String>, Refused> {
    let Some(named) = named else {
        return Ok(schema.fields.iter().filter(|(_, f)| would_do(f)).map(|(name, _)| name.clone()).collect());
    };
    let one = |name: &str| match schema.get(name.trim())? {
        field if would_do(field) => Ok(name.trim().to_owned()),
        _ => Err(bad(format!("`{name}` cannot be used so"))),
    };
    named.split(',').map(one).collect()
}

/// Reciprocal rank fusion.
fn fused<'a>(lists: &[(Ranked<'a>, f64)]) -> Ranked<'a> {
    let mut sums: HashMap<&str, f64> = HashMap::new();
    for (list, weight) in lists {
        for (rank, (key, _)) in list.iter().enumerate() {
            *sums.entry(key).or_default() += weight / (61.0 + rank as f64);
        }
    }
    best(sums.into_iter().collect())
}

fn best(mut ranked: Ranked<'_>) -> Ranked<'_> {
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(b.0)));
    ranked
}
