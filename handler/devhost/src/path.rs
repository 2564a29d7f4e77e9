//! What the front server does to a request path before anything is matched: percent-escapes are undone once,
//! dot segments are removed, and the result is escaped again for the worker. An escaped slash stays escaped
//! throughout.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// All but unreserved characters, sub-delimiters, colon and at sign.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@');

/// The canonical form of a path: begins with a slash, no `.` or `..` segments however they were escaped.
pub(crate) fn normalise(path: &str) -> String {
    let mut kept: Vec<String> = Vec::new();
    let parts: Vec<&str> = path.strip_prefix('/').unwrap_or(path).split('/').collect();
    for (at, part) in parts.iter().enumerate() {
        let last = at + 1 == parts.len();
        let text = percent_decode_str(part).decode_utf8_lossy();
        if text == ".." {
            kept.pop();
        }
        if text != "." && text != ".." {
            kept.push(escape(part));
        } else if last {
            kept.push(String::new());
        }
    }
    format!("/{}", kept.join("/"))
}

/// One segment; invalid UTF-8 is left as it came, as the server does.
fn escape(part: &str) -> String {
    let pieces = part.split_inclusive("%2F").flat_map(|piece| piece.split_inclusive("%2f"));
    pieces
        .map(|piece| {
            let bare = piece.strip_suffix("%2F").or_else(|| piece.strip_suffix("%2f")).unwrap_or(piece);
            let slash = &piece[bare.len()..];
            match percent_decode_str(bare).decode_utf8() {
                Ok(text) => format!("{}{slash}", utf8_percent_encode(&text, ESCAPED)),
                Err(_) => piece.to_owned(),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_go_and_escapes_settle() {
        for (path, expected) in [
            ("/api/a", "/api/a"),
            ("/api/a/", "/api/a/"),
            ("/api/./a", "/api/a"),
            ("/api/x/../a", "/api/a"),
            ("/api/x/%2e%2E/a", "/api/a"),
            ("/api/x/.%2e", "/api/"),
            ("/../../etc", "/etc"),
            ("/api/%41%20b", "/api/A%20b"),
            ("/api/a%2Fb", "/api/a%2Fb"),
            ("/api/100%25", "/api/100%25"),
            ("/api/a+b@c", "/api/a+b@c"),
            ("/api/%ff", "/api/%ff"),
            ("/a//b", "/a//b"),
            ("", "/"),
        ] {
            assert_eq!(normalise(path), expected, "{path}");
        }
    }
}
