//! A parser for the part of GraphQL that clients of Backend.AI send: one query with variables,
//! arguments, aliases and nested selections. Fragments and directives are refused.

use std::collections::HashMap;

use serde_json::{Map, Number, Value};

/// A field of a selection.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Field {
    /// Key of the answer: the alias, or the name.
    pub(crate) key: String,
    pub(crate) name: String,
    /// Arguments with variables filled in; a missing variable is null.
    pub(crate) arguments: HashMap<String, Value>,
    pub(crate) selection: Vec<Field>,
}

/// Why a query could not be read; the text goes into the answer's `errors`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("Syntax Error: {0}")]
pub(crate) struct SyntaxError(String);

/// Deepest nesting accepted.
const MAX_DEPTH: usize = 16;

/// Parses a query and fills its variables in.
pub(crate) fn parse(text: &str, variables: &Map<String, Value>) -> Result<Vec<Field>, SyntaxError> {
    let mut parser = Parser { tokens: tokenize(text)?, position: 0, variables: variables.clone(), depth: 0 };
    match parser.next() {
        Some(Token::Punct('{')) => {}
        Some(Token::Name(word)) if word == "query" => {
            if let Some(Token::Name(_)) = parser.peek() {
                parser.next();
            }
            if parser.take('(') {
                parser.variable_definitions()?;
            }
            parser.expect('{')?;
        }
        Some(Token::Name(word)) if word == "mutation" || word == "subscription" => {
            return Err(SyntaxError(format!("{word} is not supported")));
        }
        other => return Err(unexpected(other.as_ref())),
    }
    let selection = parser.selection()?;
    match parser.next() {
        None => Ok(selection),
        other => Err(unexpected(other.as_ref())),
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Punct(char),
    Name(String),
    Number(Number),
    Text(String),
    Spread,
}

fn unexpected(token: Option<&Token>) -> SyntaxError {
    match token {
        None => SyntaxError("Unexpected <EOF>.".into()),
        Some(Token::Punct(c)) => SyntaxError(format!("Unexpected '{c}'.")),
        Some(Token::Name(name)) => SyntaxError(format!("Unexpected Name '{name}'.")),
        Some(Token::Spread) => SyntaxError("Fragments are not supported.".into()),
        Some(other) => SyntaxError(format!("Unexpected {other:?}.")),
    }
}

fn tokenize(text: &str) -> Result<Vec<Token>, SyntaxError> {
    let mut tokens = Vec::new();
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            c if c.is_whitespace() || c == ',' || c == '\u{feff}' => {}
            '#' => while rest.next_if(|c| *c != '\n').is_some() {},
            '{' | '}' | '(' | ')' | '[' | ']' | ':' | '$' | '!' | '=' | '@' => tokens.push(Token::Punct(c)),
            '.' => {
                if rest.next() != Some('.') || rest.next() != Some('.') {
                    return Err(unexpected(Some(&Token::Punct('.'))));
                }
                tokens.push(Token::Spread);
            }
            '"' => tokens.push(Token::Text(string(&mut rest)?)),
            c if c.is_ascii_digit() || c == '-' => {
                let mut digits = String::from(c);
                while let Some(next) = rest.next_if(|c| c.is_ascii_alphanumeric() || "+-.".contains(*c)) {
                    digits.push(next);
                }
                let number = serde_json::from_str(&digits);
                tokens.push(Token::Number(
                    number.map_err(|_| SyntaxError(format!("Invalid number {digits:?}.")))?,
                ));
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                let mut name = String::from(c);
                while let Some(next) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    name.push(next);
                }
                tokens.push(Token::Name(name));
            }
            other => return Err(SyntaxError(format!("Cannot parse the unexpected character {other:?}."))),
        }
    }
    Ok(tokens)
}

/// The rest of a quoted string, after its opening quote.
fn string(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, SyntaxError> {
    let mut json = String::from('"');
    loop {
        match rest.next() {
            None | Some('\n') => return Err(SyntaxError("Unterminated string.".into())),
            Some('"') => break,
            Some('\\') => {
                json.push('\\');
                json.push(rest.next().ok_or_else(|| SyntaxError("Unterminated string.".into()))?);
            }
            Some(c) => json.push(c),
        }
    }
    json.push('"');
    // GraphQL's escapes are JSON's.
    serde_json::from_str(&json).map_err(|_| SyntaxError("Invalid character escape sequence.".into()))
}

struct Parser {
    tokens: Vec<Token>,
    position: usize,
    variables: Map<String, Value>,
    depth: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.position)
    }

    fn next(&mut self) -> Option<Token> {
        let token = self.tokens.get(self.position).cloned();
        self.position += 1;
        token
    }

    fn take(&mut self, punct: char) -> bool {
        let hit = self.peek() == Some(&Token::Punct(punct));
        if hit {
            self.position += 1;
        }
        hit
    }

    fn expect(&mut self, punct: char) -> Result<(), SyntaxError> {
        if self.take(punct) { Ok(()) } else { Err(unexpected(self.peek())) }
    }

    fn name(&mut self) -> Result<String, SyntaxError> {
        match self.next() {
            Some(Token::Name(name)) => Ok(name),
            other => Err(unexpected(other.as_ref())),
        }
    }

    /// `$limit: Int! = 20, ...)`. Types are not checked; defaults are kept.
    fn variable_definitions(&mut self) -> Result<(), SyntaxError> {
        while !self.take(')') {
            self.expect('$')?;
            let name = self.name()?;
            self.expect(':')?;
            let mut nesting = 0;
            while self.take('[') {
                nesting += 1;
            }
            self.name()?;
            self.take('!');
            for _ in 0..nesting {
                self.expect(']')?;
                self.take('!');
            }
            if self.take('=') {
                let default = self.value()?;
                self.variables.entry(name).or_insert(default);
            }
        }
        Ok(())
    }

    fn selection(&mut self) -> Result<Vec<Field>, SyntaxError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(SyntaxError("The query is too deep.".into()));
        }
        let mut fields = Vec::new();
        while !self.take('}') {
            fields.push(self.field()?);
        }
        self.depth -= 1;
        if fields.is_empty() { Err(unexpected(Some(&Token::Punct('}')))) } else { Ok(fields) }
    }

    fn field(&mut self) -> Result<Field, SyntaxError> {
        let first = self.name()?;
        let (key, name) = if self.take(':') { (first, self.name()?) } else { (first.clone(), first) };
        let mut arguments = HashMap::new();
        if self.take('(') {
            while !self.take(')') {
                let argument = self.name()?;
                self.expect(':')?;
                let value = self.value()?;
                arguments.insert(argument, value);
            }
        }
        if self.peek() == Some(&Token::Punct('@')) {
            return Err(SyntaxError("Directives are not supported.".into()));
        }
        let selection = if self.take('{') { self.selection()? } else { Vec::new() };
        Ok(Field { key, name, arguments, selection })
    }

    fn value(&mut self) -> Result<Value, SyntaxError> {
        match self.next() {
            Some(Token::Number(number)) => Ok(Value::Number(number)),
            Some(Token::Text(text)) => Ok(Value::String(text)),
            Some(Token::Name(word)) => Ok(match word.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                _ => Value::String(word),
            }),
            Some(Token::Punct('$')) => {
                let name = self.name()?;
                Ok(self.variables.get(&name).cloned().unwrap_or(Value::Null))
            }
            Some(Token::Punct('[')) => {
                let mut items = Vec::new();
                while !self.take(']') {
                    items.push(self.value()?);
                }
                Ok(Value::Array(items))
            }
            Some(Token::Punct('{')) => {
                let mut object = Map::new();
                while !self.take('}') {
                    let key = self.name()?;
                    self.expect(':')?;
                    object.insert(key, self.value()?);
                }
                Ok(Value::Object(object))
            }
            other => Err(unexpected(other.as_ref())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn variables(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn variables_defaults_and_aliases() {
        let text = r#"query List($limit: Int!, $ak: String, $order: [String!]! = ["+name"]) {
            mine: compute_session_list(limit: $limit, offset: 0, access_key: $ak, order: $order) {
                items { id name } # a comment
                total_count
            }
        }"#;
        let fields = parse(text, &variables(json!({"limit": 20}))).unwrap();
        let [list] = fields.as_slice() else { panic!("{fields:?}") };
        assert_eq!((list.key.as_str(), list.name.as_str()), ("mine", "compute_session_list"));
        assert_eq!(list.arguments["limit"], json!(20));
        assert_eq!(list.arguments["access_key"], Value::Null);
        assert_eq!(list.arguments["order"], json!(["+name"]));
        assert_eq!(list.selection[0].selection.len(), 2);
    }

    #[test]
    fn inline_literals_with_escapes() {
        let fields = parse(
            r#"{ compute_session_list(limit:10, filter:"status != \"TERMINATED\"") { total_count } }"#,
            &Map::new(),
        )
        .unwrap();
        assert_eq!(fields[0].arguments["filter"], json!("status != \"TERMINATED\""));
    }

    #[test]
    fn broken_queries_are_refused() {
        for text in [
            "",
            "{",
            "{ }",
            "query { a(b:) }",
            "{ a } }",
            "{ ...f }",
            "mutation { a }",
            "{ a(b:\"x) }",
            "{ a @skip }",
        ] {
            assert!(parse(text, &Map::new()).is_err(), "{text}");
        }
        let deep = "{a".repeat(100) + &"}".repeat(100);
        assert!(parse(&deep, &Map::new()).is_err());
    }
}
