//! One JSON parser for every door: a duplicate member is an error, and depth is bounded.

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// Parses a JSON text (RFC 8259) whose arrays and objects nest at most `max_depth` deep.
///
/// # Errors
/// The fault and its place, without any of the text.
pub fn parse(text: &[u8], max_depth: usize) -> Result<Value, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(text);
    let parsed = Strict { left: max_depth }.deserialize(&mut deserializer).and_then(|value| {
        deserializer.end()?;
        Ok(value)
    });
    parsed.map_err(|fault| {
        let what = match fault.classify() {
            serde_json::error::Category::Data => {
                fault.to_string().split(" at line").next().unwrap_or_default().to_owned()
            }
            _ => "not valid JSON".to_owned(),
        };
        format!("{what} (line {}, column {})", fault.line(), fault.column())
    })
}

#[derive(Clone, Copy)]
struct Strict {
    left: usize,
}

impl Strict {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        self.left.checked_sub(1).map(|left| Self { left }).ok_or_else(|| E::custom("nested too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member occurs twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicates_are_refused_at_any_depth() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"x":[{"a":1,"b":2,"a":3}]}"#, r#"{"a":1,"\u0061":2}"#] {
            assert!(parse(text.as_bytes(), 8).unwrap_err().starts_with("a member occurs twice"), "{text}");
        }
        assert!(parse(br#"{"a":{"a":1}}"#, 8).is_ok());
    }

    #[test]
    fn a_text_is_the_value_that_it_says() {
        let text = r#" {"a": [true, false, null, -1, 18446744073709551615, 0.5, "b\n\u00e9", {}, []], "": {"c": ""}} "#;
        let plain: Value = serde_json::from_str(text).unwrap();
        assert_eq!(parse(text.as_bytes(), 8), Ok(plain));
    }

    #[test]
    fn depth_is_counted_in_containers() {
        assert!(parse(b"[[[1]]]", 3).is_ok());
        assert!(parse(b"[[[[1]]]]", 3).is_err());
        assert!(parse(b"1", 0).is_ok());
        assert!(parse(&b"[".repeat(100_000), 64).is_err());
    }

    #[test]
    fn faults_do_not_quote_the_text() {
        let fault = parse(b"{\"secret-canary\": tru", 8).unwrap_err();
        assert!(!fault.contains("canary"), "{fault}");
        for text in ["", "\u{feff}1", "1 2", "NaN", "1e999", "\"\\ud800\"", "{\"a\":1,}", "[1,]", "01", "'a'"]
        {
            assert!(parse(text.as_bytes(), 8).is_err(), "{text:?}");
        }
    }
}
