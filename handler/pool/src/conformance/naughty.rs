//! Strings that break things, as values and as ids.
#![expect(clippy::unwrap_used, reason = "a conformance suite fails by panicking")]

use super::{memory::SeededEntropy, records::new_row};
use crate::{
    TenantId,
    filter::{FieldPath, Filter, Scalar},
    ports::{Kind, Query, Records, Sort, Write},
};
use serde_json::json;

/// Text that injection, normalisation, truncation or a careless parser would change.
pub const NAUGHTY: [&str; 40] = [
    "",
    " ",
    "\t\r\n",
    "null",
    "undefined",
    "NaN",
    "true",
    "0",
    "-0",
    "1e309",
    "0x0",
    "１２３",
    "\\",
    "\\\\",
    "\"",
    "'",
    "`",
    "' OR 1=1 --",
    "'; DROP TABLE records; --",
    "\" OR \"\"=\"",
    "$where",
    "{\"$gt\": \"\"}",
    "../../etc/passwd",
    "..\\..\\windows",
    "%00",
    "%2e%2e%2f",
    "<script>alert(1)</script>",
    "${jndi:ldap://x/a}",
    "{{7*7}}",
    "$(rm -rf /)",
    "a\u{301} \u{e1}",
    "ﬁ Å Å",
    "\u{202e}desrever",
    "\u{feff}bom",
    "\u{200b}",
    "👩‍👩‍👧‍👦 🇯🇵 🏳️‍🌈",
    "田中さんにあげて下さい",
    "ثم نفس سقطت",
    "\u{10ffff}\u{e000}\u{fffd}",
    "NOT a AND b OR NEAR(c d, 2) ^e* \"f\" title:g -h +i",
];

/// A thousand ids and values, written and read back byte for byte, each found by its value alone.
pub(super) async fn documents(store: &dyn Records, tenant: &TenantId) {
    let chance = SeededEntropy::new(3);
    let cases: Vec<(String, String)> = (0..1_000).map(|i| (id(&chance, i), value(&chance, i))).collect();
    let row = |(id, value): &(String, String)| {
        let mut row = new_row(Kind::Record, id, json!({"v": value, "deep": {"v": [value]}}));
        row.parent = if value.len() < 200 { value.clone() } else { String::new() };
        row.owner = row.parent.clone();
        row
    };
    for batch in cases.chunks(100) {
        store.commit(tenant, batch.iter().map(|case| Write::Create(row(case))).collect()).await.unwrap();
    }
    for case in &cases {
        let found = store.get(tenant, Kind::Record, &case.0).await.unwrap();
        assert_eq!(found.map(|found| found.row), Some(row(case)), "byte for byte");
    }
    for case in cases.iter().step_by(9) {
        let same = cases.iter().filter(|other| other.1 == case.1).count();
        let by_value = Query {
            kind: Kind::Record,
            parent: None,
            owner: None,
            filter: Some(Filter::eq(FieldPath::parse("v").unwrap(), Scalar::Text(case.1.clone()))),
            sort: Sort { field: None, descending: false },
            after: None,
            limit: 1_000,
        };
        let found = store.query(tenant, &by_value).await.unwrap();
        assert_eq!(found.len(), same, "by value: {:?}", case.1);
        assert!(found.iter().any(|found| found.row == row(case)));
        let parent = row(case).parent;
        let by_parent =
            Query { filter: None, owner: Some(parent.clone()), parent: Some(parent.clone()), ..by_value };
        let same = cases.iter().filter(|other| row(other).parent == parent).count();
        assert_eq!(store.query(tenant, &by_parent).await.unwrap().len(), same, "by parent: {parent:?}");
    }
}

fn id(chance: &SeededEntropy, i: usize) -> String {
    const LETTERS: &[u8] = b"ABCXYZabcxyz0189_.:-";
    let len = match i {
        0 => 1,
        1 => 255,
        _ => 4 + chance.below(60) as usize,
    };
    let tail = format!("{i}");
    let free = len.saturating_sub(tail.len());
    let head: String =
        (0..free).map(|_| LETTERS[chance.below(LETTERS.len() as u64) as usize] as char).collect();
    // A colon before the number keeps ids different however long the random part is.
    if head.is_empty() { tail } else { format!("{}:{tail}", &head[..head.len() - 1]) }
}

fn value(chance: &SeededEntropy, i: usize) -> String {
    if let Some(known) = NAUGHTY.get(i) {
        return (*known).to_owned();
    }
    let len = chance.below(40);
    let any = || char::from_u32(chance.below(0x11_0000) as u32).filter(|c| *c != '\0').unwrap_or('\'');
    let some = |_| match chance.below(4) {
        0 => any(),
        1 => char::from(1 + chance.below(126) as u8),
        2 => char::from_u32(0x3040 + chance.below(0x180) as u32).unwrap_or('あ'),
        _ => NAUGHTY[chance.below(40) as usize].chars().next().unwrap_or('%'),
    };
    (0..len).map(some).collect()
}
