//! The fields of an event that are asked for by name.

use std::fmt::{Debug, Write};
use tracing::{
    Event,
    field::{Field, Visit},
};

/// The few fields of an event that telemetry knows. Others are not read.
#[derive(Default)]
pub(super) struct Fields {
    texts: Vec<(&'static str, String)>,
    numbers: Vec<(&'static str, u64)>,
}

const TEXTS: [&str; 6] = ["message", "tenant", "code", "host", "method", "outcome"];

impl Fields {
    pub(super) fn of(event: &Event<'_>) -> Self {
        let mut fields = Self::default();
        event.record(&mut fields);
        fields
    }

    /// A text, or nothing.
    pub(super) fn text(&self, name: &str) -> &str {
        self.texts.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| text)
    }

    /// A number, or 0.
    pub(super) fn number(&self, name: &str) -> u64 {
        self.numbers.iter().find(|(known, _)| *known == name).map_or(0, |(_, number)| *number)
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if TEXTS.contains(&field.name()) {
            let mut text = String::new();
            let _never_fails = write!(text, "{value:?}");
            self.texts.push((field.name(), text));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if TEXTS.contains(&field.name()) {
            self.texts.push((field.name(), value.to_owned()));
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.numbers.push((field.name(), value));
    }

    fn record_i64(&mut self, _: &Field, _: i64) {}

    fn record_bool(&mut self, _: &Field, _: bool) {}
}
