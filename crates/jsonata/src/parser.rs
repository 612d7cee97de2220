//! From tokens to the syntax tree: operator precedence parsing
//!
//! Binding powers, what may stand where, and the codes of errors are those of JSONata 2.0.6.

use std::sync::Arc;

use crate::Error;
use crate::ast::{Kind, Node, Operator, SortTerm};
use crate::lexer::{Lexer, Token, TokenKind};

/// How deep a syntax tree may be. Parsing, compiling and dropping go one level of the stack for each.
const HEIGHT_MAX: u32 = 400;

/// How deep brackets may stand inside each other: each level takes several levels of the stack.
const NESTING_MAX: u32 = 200;

/// Tokens of an expression: names, literals, operators, brackets. A token may take 150 bytes while it is compiled, many
/// times its text.
const TOKENS_MAX: u32 = 32_000;

/// Reads an expression.
///
/// # Errors
/// Where the text is no expression: a code `S…` with a position.
pub(crate) fn parse(text: &str) -> Result<Node, Error> {
    let mut lexer = Lexer::new(text);
    let token = lexer.next(false)?;
    let mut parser = Parser { lexer, token, tokens: 1, nesting: 0 };
    let node = parser.expression(0)?;
    if parser.token.kind != TokenKind::End {
        return Err(parser.unexpected("S0201"));
    }
    Ok(node)
}

/// Whether a slash behind a token divides (true) or begins a regular expression.
type AfterOperand = bool;

struct Parser<'t> {
    lexer: Lexer<'t>,
    /// The token that comes next.
    token: Token,
    /// How many tokens have been read.
    tokens: u32,
    nesting: u32,
}

/// How strongly an operator between operands binds; 0 for what can't stand there.
fn binding_power(token: &Token) -> u8 {
    let TokenKind::Operator(operator) = token.kind else { return 0 };
    match operator {
        "[" | "(" | "@" | "#" => 80,
        "." => 75,
        "{" => 70,
        "*" | "/" | "%" => 60,
        "+" | "-" | "&" => 50,
        "=" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "~>" | "^" => 40,
        "and" => 30,
        "or" => 25,
        "?" => 20,
        ":=" => 10,
        _ => 0,
    }
}

fn binary(operator: &str) -> Option<Operator> {
    Some(match operator {
        "+" => Operator::Add,
        "-" => Operator::Subtract,
        "*" => Operator::Multiply,
        "/" => Operator::Divide,
        "%" => Operator::Remainder,
        "=" => Operator::Equal,
        "!=" => Operator::NotEqual,
        "<" => Operator::Less,
        "<=" => Operator::LessEqual,
        ">" => Operator::Greater,
        ">=" => Operator::GreaterEqual,
        "&" => Operator::Concatenate,
        "and" => Operator::And,
        "or" => Operator::Or,
        "in" => Operator::In,
        _ => return None,
    })
}

impl Parser<'_> {
    /// Takes the next token.
    fn advance(&mut self, after: AfterOperand) -> Result<Token, Error> {
        let next = self.lexer.next(after)?;
        self.tokens += 1;
        if self.tokens > TOKENS_MAX {
            return Err(Error::limit("The expression is too long").at(next.start));
        }
        if let TokenKind::Operator(operator @ ("!" | "~")) = next.kind {
            return Err(Error::new("S0204").token(operator).at(next.start));
        }
        Ok(std::mem::replace(&mut self.token, next))
    }

    /// Takes this operator.
    fn expect(&mut self, operator: &'static str, after: AfterOperand) -> Result<(), Error> {
        if !self.token.is(operator) {
            let code = if self.token.kind == TokenKind::End { "S0203" } else { "S0202" };
            return Err(self.unexpected(code).string_value(operator));
        }
        self.advance(after).map(drop)
    }

    fn take(&mut self, operator: &'static str) -> Result<bool, Error> {
        let there = self.token.is(operator);
        if there {
            self.advance(false)?;
        }
        Ok(there)
    }

    fn unexpected(&self, code: &'static str) -> Error {
        Error::new(code).token(&self.token.text()).at(self.token.start)
    }

    fn node(&self, kind: Kind, position: usize) -> Result<Node, Error> {
        let node = Node::new(kind, position);
        if node.height > HEIGHT_MAX { Err(too_deep(position)) } else { Ok(node) }
    }

    /// An expression whose operators all bind stronger than `power`.
    fn expression(&mut self, power: u8) -> Result<Node, Error> {
        self.nesting += 1;
        if self.nesting > NESTING_MAX {
            return Err(too_deep(self.token.start));
        }
        let mut left = self.operand()?;
        while power < binding_power(&self.token) {
            left = self.continuation(left)?;
        }
        self.nesting -= 1;
        Ok(left)
    }

    /// What begins an expression.
    fn operand(&mut self) -> Result<Node, Error> {
        let Token { kind, start, .. } = self.advance(true)?;
        let kind = match kind {
            TokenKind::Number(number) => Kind::Number(number),
            TokenKind::String(text) => Kind::String(text),
            TokenKind::Bool(value) => Kind::Bool(value),
            TokenKind::Null => Kind::Null,
            TokenKind::Name(name) => Kind::Name(name),
            TokenKind::Variable(name) => Kind::Variable(name),
            TokenKind::Regex { source, ignore_case, multiline } => {
                Kind::Regex { source, ignore_case, multiline }
            }
            TokenKind::End => return Err(Error::new("S0207").token("(end)").at(start)),
            TokenKind::Operator(operator) => match operator {
                "and" | "or" | "in" => Kind::Name(operator.into()),
                "*" => Kind::Wildcard,
                "**" => Kind::Descendants,
                "%" => Kind::Parent,
                "-" => Kind::Negate(Box::new(self.expression(70)?)),
                "(" => Kind::Block(self.block()?),
                "[" => Kind::Array(self.array()?),
                "{" => Kind::Object(self.pairs()?),
                "|" => self.transform()?,
                _ => return Err(Error::new("S0211").token(operator).at(start)),
            },
        };
        self.node(kind, start)
    }

    /// What goes on behind an expression.
    fn continuation(&mut self, left: Node) -> Result<Node, Error> {
        let token = self.advance(false)?;
        let start = token.start;
        let TokenKind::Operator(operator) = token.kind else { return Ok(left) };
        let left = Box::new(left);
        let kind = match operator {
            "." => Kind::Path(left, Box::new(self.expression(75)?)),
            "[" if self.token.is("]") => {
                self.advance(true)?;
                Kind::KeepArray(left)
            }
            "[" => {
                let predicate = self.expression(0)?;
                self.expect("]", true)?;
                Kind::Filter(left, Box::new(predicate))
            }
            "{" => Kind::Group(left, self.pairs()?),
            "(" => return self.call(left, start),
            "^" => Kind::Sort(left, self.sort_terms()?),
            "@" => Kind::Focus(left, self.variable_behind(operator)?),
            "#" => Kind::Index(left, self.variable_behind(operator)?),
            "?" => {
                let then = Box::new(self.expression(0)?);
                let otherwise = match self.take(":")? {
                    true => Some(Box::new(self.expression(0)?)),
                    false => None,
                };
                Kind::Condition(left, then, otherwise)
            }
            ":=" => {
                let Kind::Variable(name) = left.kind else { return Err(Error::new("S0212").at(start)) };
                Kind::Bind(name, Box::new(self.expression(9)?))
            }
            "~>" => Kind::Apply(left, Box::new(self.expression(40)?)),
            _ => {
                let power = binding_power(&Token { kind: TokenKind::Operator(operator), start, end: start });
                match binary(operator) {
                    Some(operator) => Kind::Binary(operator, left, Box::new(self.expression(power)?)),
                    None => return Err(Error::new("S0201").token(operator).at(start)),
                }
            }
        };
        self.node(kind, start)
    }

    fn variable_behind(&mut self, operator: &'static str) -> Result<Arc<str>, Error> {
        let start = self.token.start;
        match self.expression(80)?.kind {
            Kind::Variable(name) => Ok(name),
            _ => Err(Error::new("S0214").token(operator).at(start)),
        }
    }

    fn block(&mut self) -> Result<Vec<Node>, Error> {
        let mut expressions = Vec::new();
        while !self.token.is(")") {
            expressions.push(self.expression(0)?);
            if !self.take(";")? {
                break;
            }
        }
        self.expect(")", true)?;
        Ok(expressions)
    }

    fn array(&mut self) -> Result<Vec<Node>, Error> {
        let mut items = Vec::new();
        if !self.token.is("]") {
            loop {
                let mut item = self.expression(0)?;
                if self.token.is("..") {
                    let start = self.advance(false)?.start;
                    let end = self.expression(0)?;
                    item = self.node(Kind::Binary(Operator::Range, Box::new(item), Box::new(end)), start)?;
                }
                items.push(item);
                if !self.take(",")? {
                    break;
                }
            }
        }
        self.expect("]", true)?;
        Ok(items)
    }

    fn pairs(&mut self) -> Result<Vec<(Node, Node)>, Error> {
        let mut pairs = Vec::new();
        if !self.token.is("}") {
            loop {
                let key = self.expression(0)?;
                self.expect(":", false)?;
                pairs.push((key, self.expression(0)?));
                if !self.take(",")? {
                    break;
                }
            }
        }
        self.expect("}", true)?;
        Ok(pairs)
    }

    fn sort_terms(&mut self) -> Result<Vec<SortTerm>, Error> {
        self.expect("(", false)?;
        let mut terms = Vec::new();
        loop {
            let descending = match self.token.kind {
                TokenKind::Operator(direction @ ("<" | ">")) => {
                    self.advance(false)?;
                    direction == ">"
                }
                _ => false,
            };
            terms.push(SortTerm { descending, expression: self.expression(0)? });
            if !self.take(",")? {
                break;
            }
        }
        self.expect(")", true)?;
        Ok(terms)
    }

    fn transform(&mut self) -> Result<Kind, Error> {
        let pattern = Box::new(self.expression(0)?);
        self.expect("|", false)?;
        let update = Box::new(self.expression(0)?);
        let delete = match self.take(",")? {
            true => Some(Box::new(self.expression(0)?)),
            false => None,
        };
        self.expect("|", true)?;
        Ok(Kind::Transform { pattern, update, delete })
    }

    /// A call, or behind the name `function` a lambda.
    fn call(&mut self, procedure: Box<Node>, start: usize) -> Result<Node, Error> {
        let mut arguments = Vec::new();
        if !self.token.is(")") {
            loop {
                if self.token.is("?") {
                    let position = self.advance(true)?.start;
                    arguments.push(self.node(Kind::Placeholder, position)?);
                } else {
                    arguments.push(self.expression(0)?);
                }
                if !self.take(",")? {
                    break;
                }
            }
        }
        self.expect(")", true)?;
        let kind = match &procedure.kind {
            Kind::Name(name) if matches!(&**name, "function" | "λ") => self.lambda(arguments)?,
            _ => Kind::Call(procedure, arguments),
        };
        self.node(kind, start)
    }

    /// The rest of a lambda: signature and body.
    fn lambda(&mut self, arguments: Vec<Node>) -> Result<Kind, Error> {
        let mut parameters = Vec::with_capacity(arguments.len());
        for argument in arguments {
            match argument.kind {
                Kind::Variable(name) => parameters.push(name),
                other => {
                    let shown = match &other {
                        Kind::Name(text) | Kind::String(text) => text.to_string(),
                        Kind::Number(number) => {
                            let value = crate::text::number::number_text(*number);
                            return Err(Error::new("S0208").value(value).at(argument.position));
                        }
                        Kind::Placeholder => "?".to_owned(),
                        _ => crate::print::print_kind(&other),
                    };
                    return Err(Error::new("S0208").string_value(&shown).at(argument.position));
                }
            }
        }
        let signature = if self.token.is("<") { Some(self.signature()?) } else { None };
        self.expect("{", false)?;
        let body = Box::new(self.expression(0)?);
        self.expect("}", true)?;
        Ok(Kind::Lambda { parameters, signature, body })
    }

    /// `<s-n?:a<n>>`, put together from its tokens as JSONata does.
    fn signature(&mut self) -> Result<Arc<str>, Error> {
        let start = self.token.start;
        let mut text = String::from("<");
        let mut depth = 1_usize;
        while depth > 0 {
            self.advance(false)?;
            if self.token.is("{") || self.token.kind == TokenKind::End {
                break;
            }
            match self.token.kind {
                TokenKind::Operator("<") => depth += 1,
                TokenKind::Operator(">") => depth -= 1,
                _ => {}
            }
            text.push_str(&self.token.text());
        }
        self.expect(">", false)?;
        crate::functions::signature::Signature::parse(&text).map_err(|error| error.at(start))?;
        Ok(text.into())
    }
}

fn too_deep(position: usize) -> Error {
    Error::limit("The expression nests too deep").at(position)
}
