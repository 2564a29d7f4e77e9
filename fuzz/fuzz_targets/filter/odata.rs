//! AI Search's: the law of the adapter's own tests, which an independent parser and evaluator holds.
#![expect(dead_code, reason = "the sources of the adapter, of which a part is wanted")]

#[path = "../../../handler/azure/src/index"]
mod index {
    pub mod document;
    pub mod filter;
    pub mod schema;
    mod words;
    pub mod batch {
        pub struct Action {
            pub key: String,
            pub json: Box<serde_json::value::RawValue>,
        }
    }
    pub mod tests {
        pub mod law;
    }
}

pub use index::tests::law;

pub fn check(case: &law::Case) {
    let mut case = case.clone();
    case.fields.retain(|field, value| law::fits(field, value));
    case.holds();
}
