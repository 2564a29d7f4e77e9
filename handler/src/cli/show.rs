//! What people see.

use owo_colors::OwoColorize;
use std::io::{IsTerminal, Write};

/// A line on standard output. When nobody listens, that is no fault.
pub(super) fn line(text: &str) {
    let _nobody_listens = writeln!(std::io::stdout(), "{text}");
}

/// Text without an end of line, at once.
pub(super) fn text(text: &str) {
    let mut out = std::io::stdout();
    let _nobody_listens = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A heading.
pub(super) fn bold(text: &str) -> String {
    if std::io::stdout().is_terminal() { text.bold().to_string() } else { text.to_owned() }
}

/// Something beside the point.
pub(super) fn dim(text: &str) -> String {
    if std::io::stdout().is_terminal() { text.dimmed().to_string() } else { text.to_owned() }
}
