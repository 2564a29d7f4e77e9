//! Cutting a document into pieces to embed and quote.

use std::ops::Range;

use text_splitter::{ChunkConfig, ChunkSizer, TextSplitter};

use crate::{Block, Chunk, Document, Place};

/// Columns a chunk should reach, and may not pass.
const TARGET: Range<usize> = 1_000..1_200;
/// Columns neighbours share, at most: a sentence cut off from its context keeps some.
const OVERLAP: usize = 100;
/// Blocks from different places (pages, headings) share a chunk only while it is shorter than this many
/// bytes: a cover page or a lone heading is no use alone.
const SHORT: usize = 200;
/// Bytes given to the splitter at once; its time grows faster than its input.
const PIECE: usize = 16 * 1024;

/// Counts columns of a terminal, in which a Japanese character takes two: it also says about twice as much,
/// and models count it so.
struct Columns;

impl ChunkSizer for Columns {
    fn size(&self, chunk: &str) -> usize {
        chunk.chars().map(|c| if c < '\u{1100}' { 1 } else { 2 }).sum()
    }
}

/// Cuts a document into chunks at paragraph, sentence and word boundaries, in that order of preference;
/// sentence boundaries are Unicode's, so Japanese works too.
///
/// A chunk's place covers all the blocks it has text of, so one that spans two pages says so. Sheets never
/// share a chunk.
pub fn chunk(document: &Document) -> Vec<Chunk> {
    let config = ChunkConfig::new(TARGET.start..=TARGET.end).with_sizer(Columns).with_overlap(OVERLAP);
    let Ok(config) = config else { return Vec::new() };
    let splitter = TextSplitter::new(config);
    let mut chunks = Vec::new();
    let mut group = Group::default();
    for block in &document.blocks {
        if !group.takes(block) {
            std::mem::take(&mut group).split(&splitter, &mut chunks);
        }
        group.add(block);
    }
    group.split(&splitter, &mut chunks);
    chunks
}

/// Neighbouring blocks that are cut as one text.
#[derive(Default)]
struct Group<'a> {
    text: String,
    spans: Vec<(Range<usize>, &'a Block)>,
}

impl<'a> Group<'a> {
    fn takes(&self, block: &Block) -> bool {
        let Some((_, last)) = self.spans.last() else { return true };
        match relation(&last.place, &block.place) {
            Relation::Same => true,
            Relation::Near => self.text.len() < SHORT,
            Relation::Apart => false,
        }
    }

    fn add(&mut self, block: &'a Block) {
        if !self.text.is_empty() {
            // Rows stand line under line; paragraphs are set apart, which is also where they are best cut.
            self.text.push_str(if matches!(block.place, Place::Rows { .. }) { "\n" } else { "\n\n" });
        }
        let start = self.text.len();
        self.text.push_str(&block.text);
        self.spans.push((start..self.text.len(), block));
    }

    fn split(self, splitter: &TextSplitter<Columns>, chunks: &mut Vec<Chunk>) {
        for piece in pieces(&self.text) {
            let text = self.text.get(piece.clone()).unwrap_or_default();
            for (offset, text) in splitter.chunk_indices(text) {
                let start = piece.start + offset;
                if let Some(place) = self.place(start..start + text.len()) {
                    let n = u32::try_from(chunks.len()).unwrap_or(u32::MAX);
                    chunks.push(Chunk { n, text: text.to_owned(), place });
                }
            }
        }
    }

    /// The place of a part of the text, from the blocks it overlaps. Where they stand under several headings,
    /// the one with the longest block is named.
    fn place(&self, part: Range<usize>) -> Option<Place> {
        let first = self.spans.partition_point(|(span, _)| span.end <= part.start);
        let covered = || self.spans.iter().skip(first).take_while(|(span, _)| span.start < part.end);
        let places = covered().map(|(span, block)| {
            let from = part.start.saturating_sub(span.start);
            narrowed(block, from..part.end.min(span.end) - span.start)
        });
        let mut place = places.reduce(|first, last| merged(&first, &last))?;
        let longest = covered().max_by_key(|(span, _)| span.len()).map(|(_, block)| &block.place);
        if let Place::Lines { heading, .. } | Place::Paragraphs { heading, .. } = &mut place
            && let Some(Place::Lines { heading: main, .. } | Place::Paragraphs { heading: main, .. }) =
                longest
        {
            heading.clone_from(main);
        }
        Some(place)
    }
}

/// How two neighbouring places belong together.
enum Relation {
    Same,
    Near,
    Apart,
}

fn relation(a: &Place, b: &Place) -> Relation {
    let same = match (a, b) {
        (Place::Lines { heading: a, .. }, Place::Lines { heading: b, .. })
        | (Place::Paragraphs { heading: a, .. }, Place::Paragraphs { heading: b, .. }) => a == b,
        (Place::Rows { sheet: a, .. }, Place::Rows { sheet: b, .. }) if a == b => true,
        (Place::Rows { .. }, _) => return Relation::Apart,
        (a, b) => a == b,
    };
    if same { Relation::Same } else { Relation::Near }
}

/// From the start of one place to the end of another of its kind.
fn merged(first: &Place, last: &Place) -> Place {
    let end = match last {
        Place::Pages { to, .. }
        | Place::Lines { to, .. }
        | Place::Rows { to, .. }
        | Place::Slides { to, .. }
        | Place::Paragraphs { to, .. } => *to,
    };
    let mut place = first.clone();
    match &mut place {
        Place::Pages { to, .. }
        | Place::Lines { to, .. }
        | Place::Rows { to, .. }
        | Place::Slides { to, .. }
        | Place::Paragraphs { to, .. } => *to = (*to).max(end),
    }
    place
}

/// The place of part of a block: exact lines where the block kept the file's line breaks.
fn narrowed(block: &Block, part: Range<usize>) -> Place {
    let Place::Lines { from, to, heading } = &block.place else { return block.place.clone() };
    let breaks = |text: &str| text.bytes().filter(|byte| *byte == b'\n').count();
    if breaks(&block.text) != to.saturating_sub(*from) as usize {
        return block.place.clone();
    }
    let lines = |upto: usize| breaks(block.text.get(..upto).unwrap_or_default());
    let line = |n: usize| from.saturating_add(u32::try_from(n).unwrap_or(0));
    Place::Lines { from: line(lines(part.start)), to: line(lines(part.end)), heading: heading.clone() }
}

/// Cuts a text into pieces of at most [`PIECE`] bytes, at the last paragraph end before it, or else the last
/// line, sentence or word, or else between characters.
fn pieces(text: &str) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    while text.len() - start > PIECE {
        let window = text.get(start..text.floor_char_boundary(start + PIECE)).unwrap_or_default();
        let cut = ["\n\n", "\n", "。", ". ", " "]
            .iter()
            .filter_map(|mark| window.rfind(mark).map(|at| at + mark.len()))
            .find(|at| *at > PIECE / 2)
            .unwrap_or(window.len());
        pieces.push(start..start + cut);
        start += cut;
    }
    pieces.push(start..text.len());
    pieces
}
