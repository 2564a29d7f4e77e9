//! Presentations.

use undoc::pptx::PptxParser;
use undoc::{Block, Paragraph};

use crate::blocks::Blocks;
use crate::formats::docx::{paragraph_text, table_rows};
use crate::formats::{damaged, number, too_many};
use crate::{Document, Kind, Limits, Place, Rejected};

/// A block a slide, its speaker notes after its text.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Document, Rejected> {
    let bad = |_| damaged("presentation");
    let document = PptxParser::from_bytes(bytes.to_vec()).map_err(bad)?.parse().map_err(bad)?;
    if document.sections.len() > limits.parts {
        return Err(too_many("slides", limits));
    }
    let mut blocks = Blocks::new(limits);
    let mut title = document.metadata.title.filter(|title| !is_placeholder(title));
    for section in &document.sections {
        let mut lines = Vec::new();
        for block in &section.content {
            match block {
                Block::Paragraph(paragraph) => lines.push(paragraph_text(paragraph)),
                Block::Table(table) => lines.extend(table_rows(table)),
                Block::Note { content, .. } => lines.extend(content.iter().map(paragraph_text)),
                Block::PageBreak | Block::SectionBreak | Block::Image { .. } => {}
            }
        }
        lines.extend(section.notes.iter().flatten().map(|note: &Paragraph| paragraph_text(note)));
        lines.retain(|line| !line.trim().is_empty());
        if title.is_none() {
            title = lines.first().cloned();
        }
        let slide = number(section.index + 1);
        blocks.push(&lines.join("\n"), Place::Slides { from: slide, to: slide })?;
    }
    blocks.finish(Kind::Pptx, title, "The presentation holds no text; if it holds scans, run OCR first.")
}

/// What PowerPoint and its imitators write into the title of a file nobody named.
fn is_placeholder(title: &str) -> bool {
    matches!(title.trim(), "" | "PowerPoint Presentation" | "Presentation" | "PowerPoint プレゼンテーション")
}
