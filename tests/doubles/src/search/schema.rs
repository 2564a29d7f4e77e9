//! Definitions of indexes.

use super::{Refused, bad};
use serde_json::Value;
use std::collections::BTreeMap;

/// The types that fields can have here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Double,
    Integer,
    Bool,
    Vector(usize),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) kind: Kind,
    pub(super) key: bool,
    pub(super) filterable: bool,
    pub(super) searchable: bool,
    pub(super) retrievable: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Schema {
    pub(super) key: String,
    pub(super) fields: BTreeMap<String, Field>,
}

impl Schema {
    pub(super) fn read(name: &str, definition: &Value) -> Result<Self, Refused> {
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
        let ends = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let doubled = ["--", "__", "-_", "_-"].iter().any(|pair| name.contains(pair));
        if !(2..=128).contains(&name.len())
            || !name.chars().all(fine)
            || !name.starts_with(ends)
            || !name.ends_with(ends)
            || doubled
        {
            return Err(bad("the index's name is not allowed"));
        }
        if definition["name"] != name {
            return Err(bad("the name in the body is another than in the address"));
        }
        let profiles = definition["vectorSearch"]["profiles"].as_array().cloned().unwrap_or_default();
        let mut schema = Self::default();
        for field in definition["fields"].as_array().ok_or_else(|| bad("an index has fields"))? {
            let name = field["name"].as_str().ok_or_else(|| bad("a field has a name"))?;
            let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !name.starts_with(|c: char| c.is_ascii_alphabetic())
                || !letters
                || name.len() > 128
                || name.starts_with("azureSearch")
            {
                return Err(bad(format!("`{name}` is no name for a field")));
            }
            let kind = match field["type"].as_str().unwrap_or_default() {
                "Edm.String" => Kind::Text,
                "Edm.Double" => Kind::Double,
                "Edm.Int32" | "Edm.Int64" => Kind::Integer,
                "Edm.Boolean" => Kind::Bool,
                "Collection(Edm.Single)" => {
                    let dimensions = field["dimensions"].as_u64().unwrap_or_default();
                    let profile = &field["vectorSearchProfile"];
                    if !(2..=4_096).contains(&dimensions) || !profiles.iter().any(|p| &p["name"] == profile) {
                        return Err(bad(format!("`{name}` needs dimensions and a vector profile")));
                    }
                    Kind::Vector(dimensions as usize)
                }
                other => return Err(bad(format!("`{name}` has the type `{other}`"))),
            };
            let is = |what: &str, default: bool| field[what].as_bool().unwrap_or(default);
            let vector = matches!(kind, Kind::Vector(_));
            let found = Field {
                kind,
                key: is("key", false),
                filterable: is("filterable", !vector),
                searchable: is("searchable", matches!(kind, Kind::Text | Kind::Vector(_))),
                retrievable: is("retrievable", true),
            };
            if (found.searchable && !matches!(kind, Kind::Text | Kind::Vector(_)))
                || (vector && (!found.searchable || found.filterable || is("sortable", false)))
            {
                return Err(bad(format!("`{name}` cannot have these attributes")));
            }
            if found.key {
                if kind != Kind::Text || !schema.key.is_empty() {
                    return Err(bad("an index has one key, of text"));
                }
                schema.key = name.to_owned();
            }
            if schema.fields.insert(name.to_owned(), found).is_some() {
                return Err(bad(format!("`{name}` is there twice")));
            }
        }
        if schema.key.is_empty() { Err(bad("an index has one key, of text")) } else { Ok(schema) }
    }

    /// Fields can be added to an index, and neither changed nor removed.
    pub(super) fn may_replace(&self, old: &Self) -> Result<(), Refused> {
        let kept = old.fields.iter().all(|(name, field)| self.fields.get(name) == Some(field));
        if kept { Ok(()) } else { Err(bad("existing fields cannot be changed or removed")) }
    }

    pub(super) fn get(&self, name: &str) -> Result<&Field, Refused> {
        self.fields.get(name).ok_or_else(|| bad(format!("there is no field `{name}`")))
    }
}
