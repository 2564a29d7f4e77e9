//! As much of XML 1.0 as a report uses.

/// The names of all elements, if they are nested as they must be and every reference is known.
pub fn well_formed(text: &str) -> Result<Vec<String>, String> {
    let mut rest =
        text.trim().strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>").ok_or("no declaration")?;
    let (mut open, mut seen) = (Vec::new(), Vec::new());
    while let Some((before, after)) = rest.split_once('<') {
        escaped(before)?;
        let (tag, after) = after.split_once('>').ok_or("a tag that does not end")?;
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            let last: Option<String> = open.pop();
            if last.as_deref() != Some(name) {
                return Err(format!("</{name}> ends {last:?}"));
            }
            continue;
        }
        let inner = tag.trim_end_matches('/');
        let (name, mut attributes) = inner.split_once(' ').unwrap_or((inner, ""));
        seen.push(name.to_owned());
        if !tag.ends_with('/') {
            open.push(name.to_owned());
        }
        while !attributes.is_empty() {
            let (_, value) = attributes.split_once("=\"").ok_or(format!("an attribute of <{name}>"))?;
            let (value, after) = value.split_once('"').ok_or(format!("a value in <{name}>"))?;
            escaped(value)?;
            attributes = after.trim_start();
        }
    }
    if open.is_empty() && rest.trim().is_empty() { Ok(seen) } else { Err(format!("{open:?} is open")) }
}

fn escaped(text: &str) -> Result<(), String> {
    let known = ["amp;", "lt;", "gt;", "quot;", "#10;"];
    let mut parts = text.split('&').skip(1);
    let good = parts.all(|part| known.iter().any(|known| part.starts_with(known)));
    if good { Ok(()) } else { Err(format!("a bare & in {text:?}")) }
}

#[test]
fn what_is_not_well_formed_is_seen() {
    let text = |inner: &str| format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{inner}");
    assert_eq!(well_formed(&text("<a b=\"&lt;\"><c/></a>")).unwrap(), ["a", "c"]);
    for bad in ["<a>", "<a></b>", "<a>&</a>", "<a b=c/>", "<a/>x"] {
        assert!(well_formed(&text(bad)).is_err(), "{bad}");
    }
}
