/// A word of a filter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// A name, a keyword or a function: `year`, `and`, `search.in`.
    Word(String),
    Text(String),
    Number(f64),
    Open,
    Close,
    Comma,
}

/// The words of a filter.
pub(super) fn words(filter: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = filter;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            ' ' | '\t' | '\r' | '\n' => 1,
            '(' | ')' | ',' => {
                tokens.push(match first {
                    '(' => Token::Open,
                    ')' => Token::Close,
                    _ => Token::Comma,
                });
                1
            }
            '\'' => {
                let (text, length) = text(rest)?;
                tokens.push(Token::Text(text));
                length
            }
            '0'..='9' | '-' | '+' => {
                let length = run(rest, |c| c.is_ascii_alphanumeric() || "+-.".contains(c));
                tokens.push(Token::Number(number(&rest[..length])?));
                length
            }
            'a'..='z' | 'A'..='Z' | '_' => {
                let length = run(rest, |c| c.is_ascii_alphanumeric() || "_./".contains(c));
                tokens.push(match &rest[..length] {
                    "INF" => Token::Number(f64::INFINITY),
                    "NaN" => Token::Number(f64::NAN),
                    word => Token::Word(word.to_owned()),
                });
                length
            }
            other => return Err(format!("{other:?} begins nothing")),
        };
        rest = &rest[length..];
        // Literals and names are apart from each other.
        let glued = matches!(tokens.last(), Some(Token::Text(_) | Token::Number(_) | Token::Word(_)))
            && !first.is_whitespace()
            && rest.starts_with(|c: char| c.is_alphanumeric() || c == '\'');
        if glued {
            return Err("two words without a space between".to_owned());
        }
    }
    Ok(tokens)
}

fn run(text: &str, inside: impl Fn(char) -> bool) -> usize {
    text.find(|c| !inside(c)).unwrap_or(text.len())
}

/// A literal between apostrophes, in which two stand for one; and how long it is in the filter.
fn text(rest: &str) -> Result<(String, usize), String> {
    let mut found = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if c != '\'' {
            found.push(c);
        } else if characters.next_if(|(_, next)| *next == '\'').is_some() {
            found.push('\'');
        } else {
            return Ok((found, at + 1));
        }
    }
    Err("a text does not end".to_owned())
}

fn number(text: &str) -> Result<f64, String> {
    if text == "-INF" {
        return Ok(f64::NEG_INFINITY);
    }
    let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let signed = |text: &str| digits(text.strip_prefix(['-', '+']).unwrap_or(text));
    match text.parse() {
        Ok(number) if signed(whole) && digits(fraction) && signed(exponent) => Ok(number),
        _ => Err(format!("`{text}` is no number")),
    }
}
