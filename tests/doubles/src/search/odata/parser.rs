use super::{
    Expr, Literal, Op,
    lexer::{Token, words},
};
use std::{iter::Peekable, vec::IntoIter};

/// Deeper filters are refused, as the service refuses them.
const DEEPEST: usize = 100;

/// Reads a filter. `or` binds less than `and`, `and` less than comparisons, and these less than `not`.
///
/// # Errors
/// What is wrong with it.
pub fn parse(filter: &str) -> Result<Expr, String> {
    let mut parser = Parser { tokens: words(filter)?.into_iter().peekable(), depth: 0 };
    let expression = parser.or()?;
    match parser.tokens.next() {
        None => Ok(expression),
        Some(token) => Err(format!("{token:?} is too much")),
    }
}

struct Parser {
    tokens: Peekable<IntoIter<Token>>,
    depth: usize,
}

enum Operand {
    Field(String),
    Constant(Literal),
}

impl Parser {
    fn or(&mut self) -> Result<Expr, String> {
        self.list("or", Self::and, Expr::Or)
    }

    fn and(&mut self) -> Result<Expr, String> {
        self.list("and", Self::comparison, Expr::And)
    }

    fn list(
        &mut self,
        between: &str,
        part: fn(&mut Self) -> Result<Expr, String>,
        make: fn(Vec<Expr>) -> Expr,
    ) -> Result<Expr, String> {
        let first = part(self)?;
        let mut parts = vec![first];
        while self.word(between) {
            parts.push(part(self)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { make(parts) })
    }

    fn comparison(&mut self) -> Result<Expr, String> {
        if self.word("not") {
            // It takes what follows it at once: `not a eq 1` is `(not a) eq 1`, which makes no sense.
            let inner = self.boolean()?;
            return match self.operator() {
                None => Ok(Expr::Not(Box::new(inner))),
                Some(_) => Err("`not` binds more than comparisons do".to_owned()),
            };
        }
        if self.tokens.peek() == Some(&Token::Open) || self.function() {
            return self.boolean();
        }
        let left = self.operand()?;
        let Some(op) = self.operator() else {
            return match left {
                Operand::Field(name) => Ok(Expr::Field(name)),
                Operand::Constant(Literal::Bool(value)) => Ok(Expr::Constant(value)),
                Operand::Constant(_) => Err("a constant is no condition".to_owned()),
            };
        };
        match (left, self.operand()?) {
            (Operand::Field(name), Operand::Constant(value)) => Ok(Expr::Compare(name, op, value)),
            (Operand::Constant(value), Operand::Field(name)) => Ok(Expr::Compare(name, turned(op), value)),
            _ => Err("a field is compared with a constant".to_owned()),
        }
    }

    /// What `not` can stand before.
    fn boolean(&mut self) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("the filter is too deep".to_owned());
        }
        let expression = if self.function() {
            self.tokens.next();
            self.search_in()?
        } else if self.tokens.next_if_eq(&Token::Open).is_some() {
            let inner = self.or()?;
            self.expect(&Token::Close)?;
            inner
        } else if self.word("not") {
            Expr::Not(Box::new(self.boolean()?))
        } else {
            match self.operand()? {
                Operand::Field(name) => Expr::Field(name),
                Operand::Constant(Literal::Bool(value)) => Expr::Constant(value),
                Operand::Constant(_) => return Err("a constant is no condition".to_owned()),
            }
        };
        self.depth -= 1;
        Ok(expression)
    }

    fn function(&mut self) -> bool {
        self.tokens.peek() == Some(&Token::Word("search.in".to_owned()))
    }

    /// `(field, 'a,b')`, or with the delimiters that split the values: comma and space, if they are not said.
    fn search_in(&mut self) -> Result<Expr, String> {
        self.expect(&Token::Open)?;
        let Operand::Field(name) = self.operand()? else { return Err("a field is looked at".to_owned()) };
        self.expect(&Token::Comma)?;
        let values = self.text()?;
        let delimiters =
            if self.tokens.next_if_eq(&Token::Comma).is_some() { self.text()? } else { ", ".into() };
        self.expect(&Token::Close)?;
        let values = values.split(|c| delimiters.contains(c)).filter(|value| !value.is_empty());
        Ok(Expr::In(name, values.map(str::to_owned).collect()))
    }

    fn operand(&mut self) -> Result<Operand, String> {
        Ok(match self.tokens.next() {
            Some(Token::Text(text)) => Operand::Constant(Literal::Text(text)),
            Some(Token::Number(number)) => Operand::Constant(Literal::Number(number)),
            Some(Token::Word(word)) => match word.as_str() {
                "true" | "false" => Operand::Constant(Literal::Bool(word == "true")),
                "null" => Operand::Constant(Literal::Null),
                "and" | "or" | "not" | "eq" | "ne" | "lt" | "le" | "gt" | "ge" => {
                    return Err(format!("`{word}` is not expected"));
                }
                _ if word.contains('.') => return Err(format!("there is no function `{word}`")),
                _ => Operand::Field(word),
            },
            other => return Err(format!("{other:?} is no field and no constant")),
        })
    }

    fn text(&mut self) -> Result<String, String> {
        match self.tokens.next() {
            Some(Token::Text(text)) => Ok(text),
            other => Err(format!("{other:?} is no text")),
        }
    }

    fn operator(&mut self) -> Option<Op> {
        let Some(Token::Word(word)) = self.tokens.peek() else { return None };
        let op = match word.as_str() {
            "eq" => Op::Eq,
            "ne" => Op::Ne,
            "lt" => Op::Lt,
            "le" => Op::Le,
            "gt" => Op::Gt,
            "ge" => Op::Ge,
            _ => return None,
        };
        self.tokens.next();
        Some(op)
    }

    fn word(&mut self, word: &str) -> bool {
        self.tokens.next_if(|token| matches!(token, Token::Word(found) if found == word)).is_some()
    }

    fn expect(&mut self, token: &Token) -> Result<(), String> {
        self.tokens.next_if_eq(token).map(drop).ok_or_else(|| format!("{token:?} is missing"))
    }
}

fn turned(op: Op) -> Op {
    match op {
        Op::Lt => Op::Gt,
        Op::Gt => Op::Lt,
        Op::Le => Op::Ge,
        Op::Ge => Op::Le,
        same => same,
    }
}
