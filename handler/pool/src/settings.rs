use std::collections::BTreeMap;

/// The type of a declared search field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// Text.
    Text,
    /// A number.
    Number,
    /// True or false.
    Bool,
}

/// What an operator decides for all tenants.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The collections of `cosmos/{collection}`.
    pub collections: Vec<String>,
    /// The fields that search documents may carry, and filters may name.
    pub search_fields: BTreeMap<String, FieldType>,
    /// The models that agents may name; empty: any.
    pub models: Vec<String>,
    /// The labels of the MCP servers that agents may be given. Where they are, the model's adapter knows.
    pub mcp_servers: Vec<String>,
    /// The greatest size of an uploaded file, in bytes.
    pub max_file: u64,
}

impl Default for Settings {
    fn default() -> Self {
        let text = ["category", "source", "language", "url"].map(|name| (name.to_owned(), FieldType::Text));
        let number = [("year".to_owned(), FieldType::Number)];
        Self {
            collections: ["threads", "events", "items"].map(str::to_owned).to_vec(),
            search_fields: text.into_iter().chain(number).collect(),
            models: Vec::new(),
            mcp_servers: Vec::new(),
            max_file: 100 * 1024 * 1024,
        }
    }
}
