//! Delimited rows: every row names its columns, so that it can be understood alone.

use crate::blocks::Blocks;
use crate::formats::{damaged, number};
use crate::{Document, Kind, Limits, Place, Rejected};

/// A block a row. The delimiter is the commonest of comma, semicolon and tab in the first line.
pub(super) fn read(text: &str, limits: &Limits) -> Result<Document, Rejected> {
    let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let count = |delimiter: char| first.matches(delimiter).count();
    let delimiter =
        [',', ';', '\t'].into_iter().rev().max_by_key(|delimiter| count(*delimiter)).unwrap_or(',');
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(u8::try_from(delimiter).unwrap_or(b','))
        .from_reader(text.as_bytes());
    let mut blocks = Blocks::new(limits);
    let mut header: Vec<String> = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let record = record.map_err(|_| damaged("CSV"))?;
        let cells: Vec<&str> = record.iter().map(str::trim).collect();
        let row = number(index + 1);
        blocks.push(
            &row_text(&header, cells.iter().copied()),
            Place::Rows { from: row, to: row, sheet: None },
        )?;
        if header.is_empty() {
            header = names(cells.iter().copied());
        }
    }
    blocks.finish(Kind::Csv, None, "The file holds no text.")
}

/// Column names, if the row can be a header: more than one cell, and none a number.
pub(super) fn names<'a>(cells: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let filled = cells.clone().filter(|cell| !cell.is_empty());
    if filled.clone().count() < 2 || filled.clone().any(|cell| cell.parse::<f64>().is_ok()) {
        return Vec::new();
    }
    cells.map(|cell| cell.chars().take(80).collect()).collect()
}

/// `Name: Kyoto | Price: 120`; cells without a column name stand alone, empty cells are left out.
pub(super) fn row_text<'a>(header: &[String], cells: impl Iterator<Item = &'a str>) -> String {
    let mut out = String::new();
    for (column, cell) in cells.enumerate().filter(|(_, cell)| !cell.is_empty()) {
        if !out.is_empty() {
            out.push_str(" | ");
        }
        if let Some(name) = header.get(column).filter(|name| !name.is_empty()) {
            out.push_str(name);
            out.push_str(": ");
        }
        out.push_str(cell);
    }
    out
}
