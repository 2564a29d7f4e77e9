//! Fonts with a predefined Japanese encoding, which PDF readers are expected to know by heart and ours does
//! not: their codes are given a table.

use std::fmt::Write;

use encoding_rs::SHIFT_JIS;
use pdf_extract::{Dictionary, Document as Pdf, Object, Stream};

/// Gives each such font a code-to-Unicode table, unless it brings its own.
///
/// `Uni…-UCS2-H` and `…-UTF16-H` codes are UTF-16 already (characters beyond the basic plane are lost);
/// `90ms-RKSJ-H` and its kin are Shift_JIS.
pub(super) fn make_readable(pdf: &mut Pdf) {
    let fonts: Vec<_> =
        pdf.objects.iter().filter_map(|(id, object)| Some((*id, family(object.as_dict().ok()?)?))).collect();
    let mut tables = [None, None];
    for (id, family) in fonts {
        let slot = match family {
            Family::Utf16 => 0,
            Family::ShiftJis => 1,
        };
        let known = tables.get(slot).copied().flatten();
        let (encoding, unicode) = known.unwrap_or_else(|| match family {
            Family::Utf16 => {
                (None, add(pdf, "1 beginbfrange\n<0000> <ffff> <0000>\nendbfrange\n".to_owned()))
            }
            Family::ShiftJis => (Some(add(pdf, SJIS_CODES.to_owned())), add(pdf, shift_jis())),
        });
        if let Some(table) = tables.get_mut(slot) {
            *table = Some((encoding, unicode));
        }
        if let Ok(font) = pdf.get_object_mut(id).and_then(Object::as_dict_mut) {
            font.set(
                "Encoding",
                encoding.map_or_else(|| Object::Name(b"Identity-H".to_vec()), Object::Reference),
            );
            font.set("ToUnicode", Object::Reference(unicode));
        }
    }
}

#[derive(Clone, Copy)]
enum Family {
    Utf16,
    ShiftJis,
}

/// The family of a composite font without a table of its own.
fn family(font: &Dictionary) -> Option<Family> {
    if font.get(b"Subtype").ok()?.as_name().ok()? != b"Type0" || font.has(b"ToUnicode") {
        return None;
    }
    let name = std::str::from_utf8(font.get(b"Encoding").ok()?.as_name().ok()?).ok()?;
    if name.starts_with("Uni") && (name.contains("-UCS2-") || name.contains("-UTF16-")) {
        Some(Family::Utf16)
    } else {
        name.contains("-RKSJ-").then_some(Family::ShiftJis)
    }
}

/// Which codes are one byte long and which two, each code standing for itself. The parser takes half of what
/// is written for a code's length, hence the leading zeros; a test notices should that ever change.
const SJIS_CODES: &str = "4 begincodespacerange\n<0000> <0080>\n<00a0> <00df>\n<00008140> <00009ffc>\n\
    <0000e040> <0000fcfc>\nendcodespacerange\n1 begincidrange\n<0000> <ffff> 0\nendcidrange\n";

/// Shift_JIS codes to Unicode.
fn shift_jis() -> String {
    let mut entries = String::new();
    let mut count = 0_u32;
    let mut entry = |code: &[u8]| {
        let Some(text) = SHIFT_JIS.decode_without_bom_handling_and_without_replacement(code) else { return };
        count += 1;
        let code: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
        let units: String = text.encode_utf16().map(|unit| format!("{unit:04x}")).collect();
        let _ = writeln!(entries, "<{code}> <{units}>");
    };
    (0x20..=0x7e).chain(0xa1..=0xdf).for_each(|byte| entry(&[byte]));
    for lead in (0x81..=0x9f).chain(0xe0..=0xfc) {
        (0x40..=0xfc).for_each(|trail| entry(&[lead, trail]));
    }
    format!("{count} beginbfchar\n{entries}endbfchar\n")
}

fn add(pdf: &mut Pdf, table: String) -> (u32, u16) {
    pdf.add_object(Stream::new(Dictionary::new(), table.into_bytes()))
}
