use pool::{
    FieldType,
    ports::{PortError, PortResult},
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use url::Url;

/// Where the index is, and what is in it.
#[derive(Clone, Debug)]
pub struct IndexSettings {
    /// `https://service.search.windows.net`.
    pub endpoint: Url,
    /// The shared index's name. A tenant with a `search_index_prefix` has `<prefix>-<index>`.
    pub index: String,
    /// The length of vectors, 2 to 4,096. An index has one length for ever.
    pub dimensions: usize,
    /// The fields that entries may carry and filters may name, with their types: `pool::Settings::search_fields`.
    pub fields: Vec<(String, FieldType)>,
}

/// The columns of an index.
pub(super) struct Schema {
    dimensions: usize,
    columns: BTreeSet<String>,
    names: BTreeSet<String>,
}

/// The column of a field for values of a type. The type is in the name, so that a field can be declared anew with
/// another type; the service never changes a column's.
pub(super) fn column(field: &str, kind: FieldType) -> String {
    let letter = match kind {
        FieldType::Text => 't',
        FieldType::Number => 'n',
        FieldType::Bool => 'b',
    };
    format!("{letter}_{field}")
}

/// Whether the service takes it for an index's name: 2 to 128 of `[a-z0-9_-]`, no two of `_-` together or at an end.
pub fn is_index_name(name: &str) -> bool {
    let word =
        |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    (2..=128).contains(&name.len()) && name.split(['-', '_']).all(word)
}

impl Schema {
    pub(super) fn new(settings: &IndexSettings) -> PortResult<Self> {
        if !is_index_name(&settings.index) {
            return Err(PortError::refused("SEARCH_INDEX is no name that an index can have"));
        }
        if !(2..=4_096).contains(&settings.dimensions) {
            return Err(PortError::refused("EMBEDDING_DIMENSIONS must be 2 to 4,096"));
        }
        let word = |name: &str| {
            (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        if !settings.fields.iter().all(|(name, _)| word(name)) {
            return Err(PortError::refused("SEARCH_FIELDS must have names of letters, digits and _"));
        }
        Ok(Self {
            dimensions: settings.dimensions,
            columns: settings.fields.iter().map(|(name, kind)| column(name, *kind)).collect(),
            names: settings.fields.iter().map(|(name, _)| name.clone()).collect(),
        })
    }

    /// Whether a field is declared, with whatever type.
    pub(super) fn declares(&self, field: &str) -> bool {
        self.names.contains(field)
    }

    /// The column of a field for values of a type; `None` if it is not declared with that type.
    pub(super) fn column(&self, field: &str, kind: FieldType) -> Option<String> {
        Some(column(field, kind)).filter(|column| self.columns.contains(column))
    }

    pub(super) fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// A vector that can be compared with those of the index: of their length, and not of length zero.
    pub(super) fn comparable<'a>(&self, vector: &'a [f32]) -> Option<&'a [f32]> {
        (vector.len() == self.dimensions && vector.iter().any(|x| *x != 0.0)).then_some(vector)
    }

    /// The definition of a new index.
    pub(super) fn definition(&self, name: &str) -> Value {
        json!({
            "name": name,
            "fields": self.fields(),
            "vectorSearch": {
                "algorithms": [{"name": "hnsw", "kind": "hnsw", "hnswParameters": {"metric": "cosine"}}],
                "profiles": [{"name": "vectors", "algorithm": "hnsw"}],
            },
        })
    }

    /// Adds to the definition of an index what it lacks; whether it lacked anything.
    ///
    /// # Errors
    /// `Refused`, if it has what can neither be used nor changed.
    pub(super) fn complete(&self, found: &mut Value) -> PortResult<bool> {
        let Some(columns) = found["fields"].as_array_mut() else {
            return Err(PortError::unavailable("the definition of the index has no fields"));
        };
        let mut missing = Vec::new();
        for wanted in self.fields() {
            match columns.iter().find(|column| column["name"] == wanted["name"]) {
                None => missing.push(wanted),
                Some(found) => {
                    let same = |what| found[what] == wanted[what];
                    if !same("type")
                        || !same("dimensions")
                        || (wanted["filterable"] == true && !same("filterable"))
                    {
                        return Err(PortError::refused(
                            "the index has a column of another kind; make a new index",
                        ));
                    }
                }
            }
        }
        let lacked = !missing.is_empty();
        columns.extend(missing);
        Ok(lacked)
    }

    fn fields(&self) -> Vec<Value> {
        let plain = |name: &str, kind: &str, filterable: bool| {
            json!({
                "name": name, "type": kind, "key": name == "key", "filterable": filterable, "retrievable": true,
                "searchable": false, "sortable": false, "facetable": false,
            })
        };
        let text = |name: &str| {
            let mut field = plain(name, "Edm.String", false);
            field["searchable"] = true.into();
            field["analyzer"] = "standard.lucene".into();
            field
        };
        let vector = json!({
            "name": "vector", "type": "Collection(Edm.Single)", "searchable": true, "retrievable": false,
            "stored": false, "dimensions": self.dimensions, "vectorSearchProfile": "vectors",
        });
        let mut fields = vec![
            plain("key", "Edm.String", false),
            plain("tenantId", "Edm.String", true),
            plain("owner", "Edm.String", true),
            plain("source", "Edm.String", false),
            plain("chunk", "Edm.Int64", false),
            text("title"),
            text("content"),
            plain("place", "Edm.String", false),
            plain("fields", "Edm.String", false),
            vector,
        ];
        fields.extend(self.columns.iter().map(|column| {
            let kind = match column.as_bytes() {
                [b't', ..] => "Edm.String",
                [b'n', ..] => "Edm.Double",
                _ => "Edm.Boolean",
            };
            plain(column, kind, true)
        }));
        fields
    }
}
