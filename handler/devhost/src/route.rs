//! Route templates, matched as the host matches them: literals without regard to case, one trailing slash
//! ignored, no specificity. Paths come in normalised ([`crate::path`]).

use std::fmt;

use percent_encoding::percent_decode_str;

use crate::function::Fault;

const NOT_HERE: &str = "a kind of segment or constraint that this host does not know";

/// A parsed template, prefix included.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    text: String,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone)]
enum Segment {
    Literal(String),
    Parameter { name: String, optional: bool, constraints: Vec<Constraint> },
    CatchAll { name: String },
}

#[derive(Debug, Clone)]
enum Constraint {
    Int,
    Long,
    Guid,
    Alpha,
    Bool,
    MinLength(usize),
    MaxLength(usize),
    Length(usize, usize),
    Required,
}

impl Template {
    /// Reads a template; the error says which part the host refuses or this one does not know.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let text = text.trim_matches('/').to_owned();
        let parts: Vec<&str> = text.split('/').filter(|_| !text.is_empty()).collect();
        let last = parts.len().saturating_sub(1);
        let mut segments = Vec::new();
        for (at, part) in parts.into_iter().enumerate() {
            let segment = Segment::parse(part).map_err(|reason| {
                let text = format!("route segment {part:?}: {reason}");
                if reason == NOT_HERE { Fault::Unsupported(text) } else { Fault::Broken(text) }
            })?;
            let must_be_last =
                matches!(segment, Segment::CatchAll { .. } | Segment::Parameter { optional: true, .. });
            if must_be_last && at != last {
                return Err(Fault::Broken(format!("route segment {part:?} may only come last")));
            }
            let again = segment.name().is_some_and(|name| {
                segments.iter().filter_map(Segment::name).any(|other| other.eq_ignore_ascii_case(name))
            });
            if again {
                return Err(Fault::Broken(format!("route parameter {part:?} appears twice")));
            }
            segments.push(segment);
        }
        Ok(Self { text, segments })
    }

    /// Whether the path, percent-encoded and beginning with a slash, fits.
    pub(crate) fn matches(&self, path: &str) -> bool {
        let path = path.strip_prefix('/').unwrap_or(path);
        let path = path.strip_suffix('/').unwrap_or(path);
        let mut rest = path.split('/').filter(|_| !path.is_empty());
        for segment in &self.segments {
            let fits = match (segment, rest.next()) {
                (Segment::CatchAll { .. }, _) => return true,
                (Segment::Literal(literal), Some(part)) => decode(part).eq_ignore_ascii_case(literal),
                (Segment::Parameter { constraints, .. }, Some(part)) => {
                    let value = decode(part);
                    !value.is_empty() && constraints.iter().all(|constraint| constraint.allows(&value))
                }
                (Segment::Parameter { optional, .. }, None) => *optional,
                (Segment::Literal(_), None) => false,
            };
            if !fits {
                return false;
            }
        }
        rest.next().is_none()
    }

    /// The form in which two functions' templates are compared at start.
    pub(crate) fn key(&self) -> String {
        self.text.to_ascii_lowercase()
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Segment {
    fn parse(part: &str) -> Result<Self, &'static str> {
        let Some(inner) = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
            return match part {
                "" => Err("empty"),
                _ if part.contains(['{', '}']) => Err(NOT_HERE),
                _ => Ok(Self::Literal(part.to_owned())),
            };
        };
        if inner.contains(['{', '}']) {
            return Err(NOT_HERE);
        }
        if let Some(name) = inner.strip_prefix("**").or_else(|| inner.strip_prefix('*')) {
            let name = identifier(name)?;
            return Ok(Self::CatchAll { name });
        }
        // A default makes a parameter optional, and its value is never seen by a proxied worker.
        let (inner, default) = inner.split_once('=').map_or((inner, false), |(inner, _)| (inner, true));
        let (inner, optional) = inner.strip_suffix('?').map_or((inner, default), |inner| (inner, true));
        let mut parts = inner.split(':');
        let name = identifier(parts.next().unwrap_or_default())?;
        let constraints = parts.map(Constraint::parse).collect::<Result<_, _>>()?;
        Ok(Self::Parameter { name, optional, constraints })
    }

    fn name(&self) -> Option<&str> {
        match self {
            Self::Literal(_) => None,
            Self::Parameter { name, .. } | Self::CatchAll { name } => Some(name),
        }
    }
}

impl Constraint {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (name, arguments) = match text.split_once('(') {
            Some((name, rest)) => (name, rest.strip_suffix(')').ok_or("unbalanced parenthesis")?),
            None => (text, ""),
        };
        let numbers: Vec<usize> = arguments.split(',').filter_map(|n| n.trim().parse().ok()).collect();
        Ok(match (name.to_ascii_lowercase().as_str(), &numbers[..]) {
            ("int", []) => Self::Int,
            ("long", []) => Self::Long,
            ("guid", []) => Self::Guid,
            ("alpha", []) => Self::Alpha,
            ("bool", []) => Self::Bool,
            ("required", []) => Self::Required,
            ("minlength", [n]) => Self::MinLength(*n),
            ("maxlength", [n]) => Self::MaxLength(*n),
            ("length", [n]) => Self::Length(*n, *n),
            ("length", [low, high]) => Self::Length(*low, *high),
            _ => return Err(NOT_HERE),
        })
    }

    fn allows(&self, value: &str) -> bool {
        let length = value.chars().count();
        match self {
            Self::Int => value.parse::<i32>().is_ok(),
            Self::Long => value.parse::<i64>().is_ok(),
            Self::Guid => uuid::Uuid::try_parse(value).is_ok(),
            Self::Alpha => value.bytes().all(|b| b.is_ascii_alphabetic()),
            Self::Bool => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
            Self::Required => !value.is_empty(),
            Self::MinLength(low) => length >= *low,
            Self::MaxLength(high) => length <= *high,
            Self::Length(low, high) => (*low..=*high).contains(&length),
        }
    }
}

fn identifier(name: &str) -> Result<String, &'static str> {
    let valid = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if valid { Ok(name.to_owned()) } else { Err("not a parameter name") }
}

fn decode(segment: &str) -> std::borrow::Cow<'_, str> {
    percent_decode_str(segment).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        for (template, path, fits) in [
            ("api/items/recent", "/api/items/recent", true),
            ("api/items/recent", "/API/Items/RECENT/", true),
            ("api/items/recent", "/api/items/recent//", false),
            ("api/items/recent", "/api/items", false),
            ("api/items/{id}", "/api/items/", false),
            ("api/items/{id}", "/api/items/a%20b", true),
            ("api/items/{id}", "/api/items/a/b", false),
            ("api/items/{id}", "/api/items//", false),
            ("api/items/{id?}", "/api/items", true),
            ("api/items/{id?}", "/api/items/", true),
            ("api/items/{id=7}", "/api/items", true),
            ("api/items/{id:int}", "/api/items/42", true),
            ("api/items/{id:int}", "/api/items/4x", false),
            ("api/items/{id:int?}", "/api/items", true),
            ("api/{g:guid}", "/api/0b7e1a9e-7c0e-4d8e-9d55-0f3f2a1b6c7d", true),
            ("api/{g:guid}", "/api/0b7e", false),
            ("api/{a:alpha:minlength(2)}", "/api/ab", true),
            ("api/{a:alpha:minlength(2)}", "/api/a", false),
            ("api/{a:alpha:minlength(2)}", "/api/a1", false),
            ("{*rest}", "/", true),
            ("api/{*rest}", "/api/a/b//c", true),
            ("api/{*rest}", "/api", true),
            ("api/{**rest}", "/other", false),
            ("", "/", true),
            ("caf%C3%A9", "/café", false),
            ("café", "/caf%C3%A9", true),
        ] {
            let parsed = Template::parse(template).unwrap();
            assert_eq!(parsed.matches(path), fits, "{template} on {path}");
        }
    }

    #[test]
    fn faulty_templates_are_refused_and_unknown_ones_told_apart() {
        for template in ["a//b", "{*rest}/x", "{id?}/x", "{a}/{A}", "{}", "{x y}"] {
            assert!(matches!(Template::parse(template), Err(Fault::Broken(_))), "{template}");
        }
        for template in ["{id", "v{x}", "{x:regex(a)}", "{x}{y}"] {
            assert!(matches!(Template::parse(template), Err(Fault::Unsupported(_))), "{template}");
        }
    }
}
