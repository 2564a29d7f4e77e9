//! The strict parser accepts nothing that a plain one refuses, and reads it alike.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pool::strict_json;
use serde_json::Value;

fuzz_target!(|input: &[u8]| {
    if let Ok(strict) = strict_json::parse(input, 8) {
        assert_eq!(serde_json::from_slice::<Value>(input).expect("JSON"), strict);
    }
});
