//! The query filter and order languages of session lists (protocol.md 2.1):
//! `status != "TERMINATED" & (name ilike "%train%" | name == "a")`, and `-created_at,+name`.

use std::cmp::Ordering;

/// A condition on fields.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Compare { field: String, operator: Operator, value: String },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
    Contains,
    Like,
    ILike,
}

/// Why a filter or order could not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct FilterError(String);

impl Filter {
    /// Parses a filter.
    pub(crate) fn parse(text: &str) -> Result<Filter, FilterError> {
        let mut parser = Parser { rest: text, depth: 0 };
        let filter = parser.any()?;
        if parser.rest.trim_start().is_empty() { Ok(filter) } else { Err(parser.stuck()) }
    }

    /// Whether a row passes; `get` gives a field's text, None for an unknown field.
    pub(crate) fn accepts(&self, get: &impl Fn(&str) -> Option<String>) -> Result<bool, FilterError> {
        match self {
            Filter::All(parts) => all(parts, get),
            Filter::Any(parts) => {
                for part in parts {
                    if part.accepts(get)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Filter::Not(part) => Ok(!part.accepts(get)?),
            Filter::Compare { field, operator, value } => {
                let actual = get(field).ok_or_else(|| FilterError(format!("Unknown field: {field}")))?;
                let order = compare(&actual, value);
                Ok(match operator {
                    Operator::Equal => order == Ordering::Equal,
                    Operator::NotEqual => order != Ordering::Equal,
                    Operator::Greater => order == Ordering::Greater,
                    Operator::GreaterEqual => order != Ordering::Less,
                    Operator::Less => order == Ordering::Less,
                    Operator::LessEqual => order != Ordering::Greater,
                    Operator::Contains => actual.contains(value.as_str()),
                    Operator::Like => like(&actual, value),
                    Operator::ILike => like(&actual.to_lowercase(), &value.to_lowercase()),
                })
            }
        }
    }
}

fn all(parts: &[Filter], get: &impl Fn(&str) -> Option<String>) -> Result<bool, FilterError> {
    for part in parts {
        if !part.accepts(get)? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Numbers by value, everything else by text.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) => a.total_cmp(&b),
        _ => a.cmp(b),
    }
}

/// SQL's LIKE: `%` is any text, `_` any character.
fn like(text: &str, pattern: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // Which prefixes of the text the pattern so far matches.
    let mut reach = vec![false; text.len() + 1];
    reach[0] = true;
    for symbol in pattern.chars() {
        let mut next = vec![false; text.len() + 1];
        for (index, _) in reach.iter().enumerate().filter(|(_, reached)| **reached) {
            match symbol {
                '%' => next[index..].fill(true),
                '_' if index < text.len() => next[index + 1] = true,
                _ if text.get(index) == Some(&symbol) => next[index + 1] = true,
                _ => {}
            }
        }
        reach = next;
    }
    reach[text.len()]
}

/// An order: fields with a direction, true for descending.
pub(crate) fn parse_order(text: &str) -> Result<Vec<(String, bool)>, FilterError> {
    let field = |part: &str| {
        let (descending, name) = match part.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, part.strip_prefix('+').unwrap_or(part)),
        };
        if is_name(name) {
            Ok((name.to_owned(), descending))
        } else {
            Err(FilterError(format!("Invalid order expression: {part}")))
        }
    };
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(field).collect()
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl Parser<'_> {
    fn stuck(&self) -> FilterError {
        FilterError(format!("Query filter parsing error at {:?}", self.rest.trim_start()))
    }

    fn take(&mut self, symbol: &str) -> bool {
        let trimmed = self.rest.trim_start();
        match trimmed.strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn any(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.both()?];
        while self.take("|") {
            parts.push(self.both()?);
        }
        Ok(Filter::Any(parts))
    }

    fn both(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.one()?];
        while self.take("&") {
            parts.push(self.one()?);
        }
        Ok(Filter::All(parts))
    }

    fn one(&mut self) -> Result<Filter, FilterError> {
        self.depth += 1;
        if self.depth > 32 {
            return Err(self.stuck());
        }
        let filter = if self.take("(") {
            let inner = self.any()?;
            if !self.take(")") {
                return Err(self.stuck());
            }
            inner
        } else if self.take("!") {
            Filter::Not(Box::new(self.one()?))
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Ok(filter)
    }

    fn comparison(&mut self) -> Result<Filter, FilterError> {
        let field = self.word();
        if field.is_empty() {
            return Err(self.stuck());
        }
        let symbols = [
            ("==", Operator::Equal),
            ("!=", Operator::NotEqual),
            (">=", Operator::GreaterEqual),
            ("<=", Operator::LessEqual),
            (">", Operator::Greater),
            ("<", Operator::Less),
        ];
        let symbol = symbols.iter().find(|(symbol, _)| self.take(symbol)).map(|(_, operator)| *operator);
        let operator = match symbol {
            Some(operator) => operator,
            None => match self.word().as_str() {
                "is" => Operator::Equal,
                "isnot" => Operator::NotEqual,
                "contains" => Operator::Contains,
                "like" => Operator::Like,
                "ilike" => Operator::ILike,
                _ => return Err(self.stuck()),
            },
        };
        let value = self.value()?;
        Ok(Filter::Compare { field, operator, value })
    }

    fn word(&mut self) -> String {
        let trimmed = self.rest.trim_start();
        let end = trimmed.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(trimmed.len());
        let (word, rest) = trimmed.split_at(end);
        self.rest = rest;
        word.to_owned()
    }

    /// A quoted text, a number, or a bare word such as `null`.
    fn value(&mut self) -> Result<String, FilterError> {
        let trimmed = self.rest.trim_start();
        if trimmed.starts_with('"') {
            let mut stream = serde_json::Deserializer::from_str(trimmed).into_iter::<String>();
            let Some(Ok(text)) = stream.next() else { return Err(self.stuck()) };
            let used = stream.byte_offset();
            self.rest = trimmed.get(used..).unwrap_or_default();
            return Ok(text);
        }
        let end = trimmed
            .find(|c: char| !(c.is_ascii_alphanumeric() || "_.+-".contains(c)))
            .unwrap_or(trimmed.len());
        if end == 0 {
            return Err(self.stuck());
        }
        let (word, rest) = trimmed.split_at(end);
        self.rest = rest;
        Ok(word.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(filter: &str) -> bool {
        let get = |field: &str| match field {
            "name" => Some("Vision-Train".to_owned()),
            "status" => Some("RUNNING".to_owned()),
            "cluster_size" => Some("10".to_owned()),
            _ => None,
        };
        Filter::parse(filter).unwrap().accepts(&get).unwrap()
    }

    #[test]
    fn the_filters_clients_send() {
        assert!(passes(r#"status != "TERMINATED" & status != "CANCELLED""#));
        assert!(passes(r#"name ilike "%train%""#) && !passes(r#"name like "%train%""#));
        assert!(passes(r#"!(status == "PENDING") & (name contains "Vision" | name == "x")"#));
        assert!(passes("cluster_size > 9") && !passes("cluster_size < 9"));
        assert!(!passes(r#"status == "PENDING" | status == "ERROR" & name == "Vision-Train""#));
    }

    #[test]
    fn broken_filters_are_refused() {
        for text in ["", "status", "status ==", "status == \"x", "(a == 1", "a == 1 b", "a ~ 1"] {
            assert!(Filter::parse(text).is_err(), "{text}");
        }
        assert!(Filter::parse("nope == 1").unwrap().accepts(&|_| None).is_err());
    }

    #[test]
    fn like_patterns() {
        assert!(like("abc", "a%c") && like("abc", "%") && like("", "%") && like("abc", "_b_"));
        assert!(!like("abc", "ab") && !like("", "_"));
    }

    #[test]
    fn orders() {
        assert_eq!(
            parse_order("-created_at,+name").unwrap(),
            [("created_at".into(), true), ("name".into(), false)]
        );
        assert!(parse_order("-").is_err());
    }
}
