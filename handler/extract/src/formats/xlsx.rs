//! Excel, cell by cell: a dense range would cost memory for every empty cell up to the last one.

use std::io::Cursor;

use calamine::{Data, DataRef, Reader, SheetType, SheetVisible, Xlsx};

use crate::blocks::{Blocks, one_line};
use crate::formats::csv::{names, row_text};
use crate::formats::{damaged, number, too_many};
use crate::{Document, Kind, Limits, Place, Rejected};

/// A block a row, sheet after sheet. Hidden sheets are left out: nobody who opens the file sees them.
pub(super) fn read(bytes: &[u8], limits: &Limits) -> Result<Document, Rejected> {
    let bad = || damaged("workbook");
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|_| bad())?;
    let sheets: Vec<String> = book
        .sheets_metadata()
        .iter()
        .filter(|sheet| sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible)
        .map(|sheet| sheet.name.clone())
        .collect();
    if sheets.len() > limits.parts {
        return Err(too_many("sheets", limits));
    }
    let mut blocks = Blocks::new(limits);
    for sheet in &sheets {
        let mut rows = Rows { shown: one_line(sheet, 120), row: 0, cells: Vec::new(), header: Vec::new() };
        let mut cells = book.worksheet_cells_reader(sheet).map_err(|_| bad())?;
        while let Some(cell) = cells.next_cell().map_err(|_| bad())? {
            let (row, column) = cell.get_position();
            if row != rows.row {
                rows.flush(&mut blocks)?;
                rows.row = row;
            }
            rows.set(column, shown(cell.get_value()));
        }
        rows.flush(&mut blocks)?;
    }
    blocks.finish(Kind::Xlsx, None, "The workbook holds no text.")
}

/// The row being read.
struct Rows {
    /// The sheet's name, cut: Excel allows 31 characters, a hostile file more, and every row repeats it.
    shown: String,
    row: u32,
    cells: Vec<String>,
    header: Vec<String>,
}

impl Rows {
    fn set(&mut self, column: u32, text: String) {
        // Excel ends at column XFD.
        let column = column.min(16_383) as usize;
        if self.cells.len() <= column {
            self.cells.resize(column + 1, String::new());
        }
        if let Some(cell) = self.cells.get_mut(column) {
            *cell = text;
        }
    }

    fn flush(&mut self, blocks: &mut Blocks) -> Result<(), Rejected> {
        let cells = std::mem::take(&mut self.cells);
        let text = row_text(&self.header, cells.iter().map(String::as_str));
        let row = number(self.row as usize + 1);
        blocks.push(&text, Place::Rows { from: row, to: row, sheet: Some(self.shown.clone()) })?;
        if self.header.is_empty() {
            self.header = names(cells.iter().map(String::as_str));
        }
        Ok(())
    }
}

/// A cell as its reader sees it, dates in ISO order.
fn shown(value: &DataRef<'_>) -> String {
    match value {
        DataRef::DateTime(moment) if moment.is_datetime() => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            match (hour, minute, second) {
                (0, 0, 0) => format!("{year:04}-{month:02}-{day:02}"),
                _ => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"),
            }
        }
        DataRef::SharedString(text) => text.trim().to_owned(),
        DataRef::Error(_) => String::new(),
        other => Data::from(other.clone()).to_string().trim().to_owned(),
    }
}
