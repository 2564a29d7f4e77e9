//! Word documents.

use undoc::docx::DocxParser;
use undoc::model::{ListType, RevisionType};
use undoc::{Block, Paragraph, Table};

use crate::blocks::{Blocks, one_line};
use crate::formats::{damaged, number};
use crate::{Document, Kind, Limits, Place, Rejected};

/// A block a paragraph or table row, under its nearest heading. Deleted text of tracked changes, headers and
/// footers are left out.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Document, Rejected> {
    let bad = |_| damaged("Word document");
    let document = DocxParser::from_bytes(bytes.to_vec()).map_err(bad)?.parse().map_err(bad)?;
    let mut reading = Reading { blocks: Blocks::new(limits), count: 0, heading: None, title: None };
    for block in document.sections.iter().flat_map(|section| &section.content) {
        match block {
            Block::Paragraph(paragraph) => reading.paragraph(paragraph)?,
            Block::Table(table) => {
                table_rows(table).iter().try_for_each(|row| reading.add(row))?;
            }
            Block::Note { label, content } => {
                let text: Vec<String> = content.iter().map(paragraph_text).collect();
                reading.add(&format!("[{label}] {}", text.join("\n")))?;
            }
            Block::PageBreak | Block::SectionBreak | Block::Image { .. } => {}
        }
    }
    let title = document.metadata.title.filter(|title| !title.trim().is_empty()).or(reading.title);
    reading.blocks.finish(Kind::Docx, title, "The document holds no text; if it holds scans, run OCR first.")
}

struct Reading {
    blocks: Blocks,
    count: usize,
    heading: Option<String>,
    title: Option<String>,
}

impl Reading {
    fn paragraph(&mut self, paragraph: &Paragraph) -> Result<(), Rejected> {
        let text = paragraph_text(paragraph);
        let titled = paragraph.style_id.as_deref() == Some("Title");
        if (titled || paragraph.heading.is_heading()) && !text.trim().is_empty() {
            let words = one_line(&text, 120);
            self.title.get_or_insert_with(|| words.clone());
            self.heading = Some(words);
        }
        self.add(&text)
    }

    fn add(&mut self, text: &str) -> Result<(), Rejected> {
        if text.trim().is_empty() {
            return Ok(());
        }
        self.count += 1;
        let at = number(self.count);
        self.blocks.push(text, Place::Paragraphs { from: at, to: at, heading: self.heading.clone() })
    }
}

/// The visible words of a paragraph, with its list mark.
pub(super) fn paragraph_text(paragraph: &Paragraph) -> String {
    let mut text = String::new();
    if let Some(item) = &paragraph.list_info {
        match (item.list_type, item.number) {
            (ListType::Numbered, Some(n)) => text.push_str(&format!("{n}. ")),
            (ListType::None, _) => {}
            _ => text.push_str("- "),
        }
    }
    let mark = text.len();
    for run in paragraph.runs.iter().filter(|run| run.revision != RevisionType::Deleted) {
        text.push_str(&run.text);
        if let Some(label) = &run.note {
            text.push_str(&format!("[{label}]"));
        }
        if run.line_break {
            text.push('\n');
        }
    }
    // A mark without words is no text.
    if text.get(mark..).is_none_or(|words| words.trim().is_empty()) { String::new() } else { text }
}

/// One line a table row; tables inside cells follow the row that holds them.
pub(super) fn table_rows(table: &Table) -> Vec<String> {
    let mut rows = Vec::new();
    for row in &table.rows {
        let cells: Vec<String> = row
            .cells
            .iter()
            .map(|cell| cell.content.iter().map(paragraph_text).collect::<Vec<_>>().join(" "))
            .filter(|cell| !cell.trim().is_empty())
            .collect();
        rows.push(cells.join(" | "));
        for nested in row.cells.iter().flat_map(|cell| &cell.nested_tables) {
            rows.extend(table_rows(nested));
        }
    }
    rows
}
