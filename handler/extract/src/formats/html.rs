//! Web pages, from the token stream: no tree is built, so depth and broken nesting cost nothing, and every
//! token knows its line.

use std::cell::RefCell;

use html5ever::tokenizer::states::{Rawtext, Rcdata, ScriptData};
use html5ever::tokenizer::{BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer};

use crate::blocks::{Blocks, one_line};
use crate::{Document, Kind, Limits, Place, Rejected};

/// A block a paragraph, list item, table row or heading.
pub(super) fn read(text: &str, limits: &Limits) -> Result<Document, Rejected> {
    let page = Page {
        blocks: Some(Blocks::new(limits)),
        failure: None,
        text: String::new(),
        lines: None,
        heading: None,
        title: String::new(),
        skip: Vec::new(),
        heading_level: false,
        in_title: false,
    };
    let tokenizer = Tokenizer::new(Sink(RefCell::new(page)), Default::default());
    let input = BufferQueue::default();
    input.push_back(text.into());
    // It would pause for a sink that runs scripts; this one does not, so all is read at once.
    let _ = tokenizer.feed(&input);
    tokenizer.end();
    let mut page = tokenizer.sink.0.into_inner();
    page.flush();
    if let Some(failure) = page.failure {
        return Err(failure);
    }
    let title = Some(page.title).filter(|title| !title.trim().is_empty()).or(page.heading);
    let blocks = page.blocks.take().unwrap_or_else(|| Blocks::new(limits));
    blocks.finish(Kind::Html, title, "The page holds no text.")
}

struct Sink(RefCell<Page>);

struct Page {
    blocks: Option<Blocks>,
    failure: Option<Rejected>,
    text: String,
    lines: Option<(u32, u32)>,
    heading: Option<String>,
    title: String,
    /// Open elements whose content no reader of the page sees, innermost last.
    skip: Vec<String>,
    heading_level: bool,
    in_title: bool,
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<()> {
        let mut page = self.0.borrow_mut();
        match token {
            Token::TagToken(tag) => return page.tag(&tag),
            Token::CharacterTokens(text) => page.characters(&text, line),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

impl Page {
    fn tag(&mut self, tag: &Tag) -> TokenSinkResult<()> {
        let name = tag.name.as_ref();
        let start = tag.kind == TagKind::StartTag;
        if matches!(name, "script" | "style" | "template" | "noscript" | "svg" | "iframe" | "object") {
            if start && !tag.self_closing && self.skip.len() < 64 {
                self.skip.push(name.to_owned());
            } else if !start && let Some(at) = self.skip.iter().rposition(|open| open == name) {
                self.skip.truncate(at);
            }
        }
        match name {
            "title" if self.skip.is_empty() => self.in_title = start,
            "td" | "th" if start && !self.text.trim().is_empty() => self.text.push_str(" | "),
            "br" => self.text.push('\n'),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.flush();
                self.heading_level = start;
            }
            _ if is_block(name) => self.flush(),
            _ => {}
        }
        if name == "li" && start {
            self.text.push_str("- ");
        }
        // Without these, markup inside would be read as markup.
        match name {
            _ if !start => TokenSinkResult::Continue,
            "script" => TokenSinkResult::RawData(ScriptData),
            "style" | "xmp" | "iframe" | "noembed" | "noframes" => TokenSinkResult::RawData(Rawtext),
            "title" | "textarea" => TokenSinkResult::RawData(Rcdata),
            _ => TokenSinkResult::Continue,
        }
    }

    fn characters(&mut self, text: &str, line: u64) {
        if !self.skip.is_empty() {
            return;
        }
        if self.in_title {
            self.title.push_str(text);
            return;
        }
        if !text.trim().is_empty() {
            // The tokenizer counts a token's own line breaks before handing it over.
            let line = u32::try_from(line).unwrap_or(u32::MAX);
            let lead = text.len() - text.trim_start().len();
            let breaks = text.get(lead..).unwrap_or_default().matches('\n').count();
            let from = line.saturating_sub(u32::try_from(breaks).unwrap_or(0)).max(1);
            let (first, _) = *self.lines.get_or_insert((from, line));
            let trailing = text.get(text.trim_end().len()..).unwrap_or_default().matches('\n').count();
            let to = line.saturating_sub(u32::try_from(trailing).unwrap_or(0)).max(first);
            self.lines = Some((first, to));
        }
        // White space in HTML is one space, however long.
        for character in text.chars() {
            if !character.is_whitespace() {
                self.text.push(character);
            } else if !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
                self.text.push(' ');
            }
        }
    }

    fn flush(&mut self) {
        let text = std::mem::take(&mut self.text);
        let heading = std::mem::take(&mut self.heading_level);
        let Some((from, to)) = self.lines.take() else { return };
        if heading {
            self.heading = Some(one_line(&text, 120));
        }
        let place = Place::Lines { from, to, heading: self.heading.clone() };
        if self.failure.is_none()
            && let Some(Err(failure)) = self.blocks.as_mut().map(|blocks| blocks.push(&text, place))
        {
            self.failure = Some(failure);
        }
    }
}

/// Elements that start a new line.
fn is_block(name: &str) -> bool {
    matches!(
        name,
        "p" | "div"
            | "section"
            | "article"
            | "main"
            | "header"
            | "footer"
            | "nav"
            | "aside"
            | "body"
            | "ul"
            | "ol"
            | "li"
            | "dl"
            | "dt"
            | "dd"
            | "table"
            | "tr"
            | "caption"
            | "blockquote"
            | "pre"
            | "figure"
            | "figcaption"
            | "hr"
            | "form"
            | "fieldset"
            | "address"
            | "details"
            | "summary"
            | "head"
            | "html"
    )
}
