//! Blob name patterns such as `{tenant}/{name}.pdf`. A parameter takes as much as it can, slashes included,
//! as the SDK's regular expression `(?<name>.*)` does.

use std::collections::HashSet;

/// A parsed pattern.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Literal(String),
    Parameter(String),
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, tail)) = rest.split_once('{') {
            let (name, tail) = tail.split_once('}').ok_or(format!("blob path {text:?}: unbalanced brace"))?;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(format!("blob path {text:?}: {name:?} is not a parameter name"));
            }
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.to_owned()));
            }
            parts.push(Part::Parameter(name.to_owned()));
            rest = tail;
        }
        if rest.contains('}') {
            return Err(format!("blob path {text:?}: unbalanced brace"));
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.to_owned()));
        }
        Ok(Self { parts })
    }

    /// The parameters' values, in order, when the name fits.
    pub(crate) fn captures(&self, name: &str) -> Option<Vec<(String, String)>> {
        let mut attempt = Attempt { found: Vec::new(), hopeless: HashSet::new() };
        let fits = attempt.fits(&self.parts, name);
        attempt.found.reverse();
        fits.then_some(attempt.found)
    }
}

struct Attempt {
    /// Innermost first.
    found: Vec<(String, String)>,
    /// Parts and bytes left that were seen to fail: without them a long name could take forever.
    hopeless: HashSet<(usize, usize)>,
}

impl Attempt {
    fn fits(&mut self, parts: &[Part], text: &str) -> bool {
        let here = (parts.len(), text.len());
        if self.hopeless.contains(&here) {
            return false;
        }
        let fits = match parts {
            [] => text.is_empty(),
            [Part::Literal(literal), rest @ ..] => {
                text.strip_prefix(literal.as_str()).is_some_and(|text| self.fits(rest, text))
            }
            [Part::Parameter(name), rest @ ..] => {
                let mut ends = (0..=text.len()).rev().filter(|end| text.is_char_boundary(*end));
                let end = ends.find(|end| self.fits(rest, &text[*end..]));
                if let Some(end) = end {
                    self.found.push((name.clone(), text[..end].to_owned()));
                }
                end.is_some()
            }
        };
        if !fits {
            self.hopeless.insert(here);
        }
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captures(pattern: &str, name: &str) -> Option<Vec<String>> {
        let found = Pattern::parse(pattern).unwrap().captures(name)?;
        Some(found.into_iter().map(|(name, value)| format!("{name}={value}")).collect())
    }

    #[test]
    fn parameters_are_greedy() {
        assert_eq!(captures("{name}", "a/b.pdf").unwrap(), ["name=a/b.pdf"]);
        assert_eq!(captures("{tenant}/{name}", "acme/a.pdf").unwrap(), ["tenant=acme", "name=a.pdf"]);
        assert_eq!(captures("{tenant}/{name}", "acme/x/a.pdf").unwrap(), ["tenant=acme/x", "name=a.pdf"]);
        assert_eq!(captures("in/{name}.csv", "in/a.csv").unwrap(), ["name=a"]);
        assert_eq!(captures("in/{name}.csv", "in/a.pdf"), None);
        assert_eq!(captures("{tenant}/{name}", "alone"), None);
        assert_eq!(captures("{name}", "é").unwrap(), ["name=é"]);
    }

    #[test]
    fn a_long_name_that_does_not_fit_is_refused_soon() {
        assert_eq!(captures("{a}/{b}/{c}/{d}/{e}/{f}.pdf", &"/".repeat(1_000)), None);
    }

    #[test]
    fn faults_are_refused() {
        for text in ["{", "a}", "{}", "{a b}"] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }
}
