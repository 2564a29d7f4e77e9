//! What comes out of a file.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The nine kinds of file that can be read. Serialised in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Plain text.
    Txt,
    /// Markdown.
    Md,
    /// A web page.
    Html,
    /// Comma-, semicolon- or tab-separated rows.
    Csv,
    /// JSON.
    Json,
    /// PDF with a text layer.
    Pdf,
    /// Word (Office Open XML).
    Docx,
    /// Excel (Office Open XML).
    Xlsx,
    /// PowerPoint (Office Open XML).
    Pptx,
}

impl Kind {
    /// Whether the file is text that is decoded as a whole, not a container.
    pub(crate) fn is_text(self) -> bool {
        matches!(self, Self::Txt | Self::Md | Self::Html | Self::Csv | Self::Json)
    }

    /// The format's everyday name, for reasons people read.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Txt => "plain text",
            Self::Md => "Markdown",
            Self::Html => "HTML",
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::Pdf => "PDF",
            Self::Docx => "Word (.docx)",
            Self::Xlsx => "Excel (.xlsx)",
            Self::Pptx => "PowerPoint (.pptx)",
        }
    }
}

/// Where in its file a text stands, in the terms a reader of the file knows. All numbers start at 1 and both
/// ends are included. Serialised as `{"unit":"pages","from":2,"to":2}`; [`fmt::Display`] gives "page 2".
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "unit", rename_all = "snake_case")]
pub enum Place {
    /// Pages of a PDF, counted from the first sheet whatever is printed on it.
    Pages {
        /// First page.
        from: u32,
        /// Last page.
        to: u32,
    },
    /// Lines of a text, Markdown, HTML or JSON file.
    Lines {
        /// First line.
        from: u32,
        /// Last line.
        to: u32,
        /// The heading the text stands under, where the format has headings.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heading: Option<String>,
    },
    /// Rows of a sheet or of a CSV file.
    Rows {
        /// First row, the header row being 1.
        from: u32,
        /// Last row.
        to: u32,
        /// The sheet's name; absent for CSV.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sheet: Option<String>,
    },
    /// Slides of a presentation.
    Slides {
        /// First slide.
        from: u32,
        /// Last slide.
        to: u32,
    },
    /// Paragraphs of a Word document. Empty ones are not counted; a table row counts as one.
    Paragraphs {
        /// First paragraph.
        from: u32,
        /// Last paragraph.
        to: u32,
        /// The heading the text stands under.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heading: Option<String>,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut span = |one: &str, from: u32, to: u32| {
            if from == to { write!(f, "{one} {from}") } else { write!(f, "{one}s {from}–{to}") }
        };
        match self {
            Self::Pages { from, to } => span("page", *from, *to),
            Self::Slides { from, to } => span("slide", *from, *to),
            Self::Lines { from, to, heading } => {
                span("line", *from, *to)?;
                heading.iter().try_for_each(|h| write!(f, " ({h})"))
            }
            Self::Paragraphs { from, to, heading } => {
                span("paragraph", *from, *to)?;
                heading.iter().try_for_each(|h| write!(f, " ({h})"))
            }
            Self::Rows { from, to, sheet } => {
                span("row", *from, *to)?;
                sheet.iter().try_for_each(|s| write!(f, " of sheet {s}"))
            }
        }
    }
}

/// One run of text with one place: a page, a paragraph, a row, a slide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Block {
    /// The text, never empty.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

/// A file as text, in reading order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// What the file is.
    pub kind: Kind,
    /// The title the file gives itself: a metadata field, or its first heading.
    pub title: Option<String>,
    /// The text. At least one block.
    pub blocks: Vec<Block>,
}

/// A piece of a document, small enough to embed and to quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Number within the document, from 0 and without gaps.
    pub n: u32,
    /// The text: at most 1,200 characters, of which Chinese, Japanese and Korean ones count twice. Neighbours
    /// may share about 100.
    pub text: String,
    /// Where the text stands, from its first to its last character.
    pub place: Place,
}

/// How far the child managed to confine itself. A machine may lack either; the parent's own limits (wall
/// clock, answer length) hold regardless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confined {
    /// Every resource limit was set.
    pub limits: bool,
    /// The system-call filter is in force.
    pub filter: bool,
}

/// What the parent gets for a readable file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extracted {
    /// What the file is.
    pub kind: Kind,
    /// The title the file gives itself.
    pub title: Option<String>,
    /// Its pieces, in reading order. At least one.
    pub chunks: Vec<Chunk>,
    /// How well the reader was confined, as it reports itself: worth a log line when not complete.
    pub confined: Confined,
}
