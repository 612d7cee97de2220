//! Reads a call from its text.

use std::sync::Arc;

use stepwell_json::Value;
use stepwell_jsonpath::Path;

use super::{Argument, Call, Function, NAMES, NESTING_MAX, PARTS_MAX};
use crate::suggest::nearest;

/// What is wrong with the text of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CallProblem {
    /// For people.
    pub(crate) message: String,
    /// What was perhaps meant.
    pub(crate) suggestion: Option<String>,
}

impl CallProblem {
    fn new(message: impl Into<String>) -> Box<CallProblem> {
        Box::new(CallProblem { message: message.into(), suggestion: None })
    }
}

/// Reads a whole text as one call.
pub(crate) fn parse(text: &str) -> Result<Call, Box<CallProblem>> {
    let mut parser = Parser { text, at: 0, parts: 0 };
    let call = parser.call(1)?;
    if parser.at != text.len() {
        return Err(CallProblem::new("there is text after the call"));
    }
    Ok(call)
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    /// Arguments and placeholders so far.
    parts: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn count_part(&mut self) -> Result<(), Box<CallProblem>> {
        self.parts += 1;
        if self.parts > PARTS_MAX {
            let message = format!("there are more than {PARTS_MAX} arguments and placeholders");
            return Err(CallProblem::new(message));
        }
        Ok(())
    }

    fn skip_spaces(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn call(&mut self, depth: u32) -> Result<Call, Box<CallProblem>> {
        if depth > NESTING_MAX {
            return Err(CallProblem::new(format!("more than {NESTING_MAX} calls are nested")));
        }
        let start = self.at;
        let rest = self.rest();
        let name_length = rest
            .find(|character: char| !(character.is_ascii_alphanumeric() || matches!(character, '.' | '_')))
            .unwrap_or(rest.len());
        let name = &rest[..name_length];
        if name.is_empty() {
            return Err(CallProblem::new("a function name is missing"));
        }
        let Some(function) = Function::of_name(name) else {
            return Err(Box::new(CallProblem {
                message: format!("there is no function '{name}'"),
                suggestion: nearest(name, NAMES.iter().copied()).map(str::to_owned),
            }));
        };
        self.at += name_length;
        if self.peek() != Some('(') {
            return Err(CallProblem::new("'(' is missing after the function name"));
        }
        self.at += 1;
        let arguments = self.arguments(function, depth)?;
        let (least, most) = function.arity();
        if arguments.len() < least || arguments.len() > most {
            return Err(CallProblem::new(format!("{name} does not take {} arguments", arguments.len())));
        }
        Ok(Call { function, arguments, text: Arc::from(&self.text[start..self.at]) })
    }

    /// The arguments and the closing parenthesis.
    fn arguments(&mut self, function: Function, depth: u32) -> Result<Vec<Argument>, Box<CallProblem>> {
        let mut arguments = Vec::new();
        self.skip_spaces();
        if self.peek() == Some(')') {
            self.at += 1;
            return Ok(arguments);
        }
        loop {
            self.skip_spaces();
            self.count_part()?;
            let argument = self.argument(function, arguments.len(), depth)?;
            arguments.push(argument);
            self.skip_spaces();
            match self.peek() {
                Some(',') => self.at += 1,
                Some(')') => {
                    self.at += 1;
                    return Ok(arguments);
                }
                _ => return Err(CallProblem::new("',' or ')' is missing after an argument")),
            }
        }
    }

    fn argument(
        &mut self,
        function: Function,
        position: usize,
        depth: u32,
    ) -> Result<Argument, Box<CallProblem>> {
        match self.peek() {
            Some('\'') => {
                let (plain, pieces) = self.string()?;
                if function == Function::Format && position == 0 {
                    return Ok(Argument::Format(pieces));
                }
                if function.takes_number(position) {
                    return Err(CallProblem::new("a string stands where a number must"));
                }
                Ok(Argument::Literal(Value::from(plain)))
            }
            Some('$') => self.path(),
            Some(character) if character.is_ascii_digit() || character == '-' => {
                let word = self.word();
                match stepwell_json::parse(word) {
                    Ok(number @ Value::Number(_)) => Ok(Argument::Literal(number)),
                    _ => Err(CallProblem::new(format!("'{word}' is not a number"))),
                }
            }
            Some(_) => {
                let rest = self.rest();
                let word = &rest[..rest.find([',', ')', '(']).unwrap_or(rest.len())];
                let literal = match word.trim_end() {
                    "true" => Value::Bool(true),
                    "false" => Value::Bool(false),
                    "null" => Value::Null,
                    _ => return Ok(Argument::Call(self.call(depth + 1)?)),
                };
                self.at += word.trim_end().len();
                if function.takes_number(position) {
                    return Err(CallProblem::new("a number is missing"));
                }
                if function == Function::JsonMerge && position == 2 && literal == Value::Bool(true) {
                    return Err(CallProblem::new(
                        "deep merge is not supported: the third argument must be false",
                    ));
                }
                Ok(Argument::Literal(literal))
            }
            None => Err(CallProblem::new("the call does not end")),
        }
    }

    /// Everything up to the next comma, parenthesis or space.
    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c: char| c.is_whitespace() || matches!(c, ',' | ')')).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    /// A string in single quotes: its text without escapes, and the same split at `{}`.
    fn string(&mut self) -> Result<(String, Vec<String>), Box<CallProblem>> {
        let mut characters = self.rest().char_indices().skip(1).peekable();
        let mut plain = String::new();
        let mut pieces = Vec::new();
        let mut piece = String::new();
        while let Some((offset, character)) = characters.next() {
            let literal = match character {
                '\'' => {
                    self.at += offset + 1;
                    pieces.push(piece);
                    return Ok((plain, pieces));
                }
                '\\' => match characters.next() {
                    Some((_, escaped @ ('\'' | '{' | '}' | '\\'))) => escaped,
                    _ => return Err(CallProblem::new("a backslash escapes only ', {, } and \\")),
                },
                '{' if characters.peek().is_some_and(|(_, next)| *next == '}') => {
                    characters.next();
                    self.count_part()?;
                    plain.push_str("{}");
                    pieces.push(std::mem::take(&mut piece));
                    continue;
                }
                other => other,
            };
            plain.push(literal);
            piece.push(literal);
        }
        Err(CallProblem::new("a string does not end"))
    }

    /// A path: up to the comma or parenthesis that is not inside brackets or quotes.
    fn path(&mut self) -> Result<Argument, Box<CallProblem>> {
        let rest = self.rest();
        let mut nesting = 0_usize;
        let mut quote = None;
        let mut escaped = false;
        let mut end = rest.len();
        for (offset, character) in rest.char_indices() {
            if let Some(open) = quote {
                match character {
                    _ if escaped => escaped = false,
                    '\\' => escaped = true,
                    _ if character == open => quote = None,
                    _ => {}
                }
                continue;
            }
            match character {
                '\'' | '"' if nesting > 0 => quote = Some(character),
                '[' | '(' => nesting += 1,
                ')' | ',' if nesting == 0 => {
                    end = offset;
                    break;
                }
                ']' | ')' => nesting = nesting.saturating_sub(1),
                _ => {}
            }
        }
        let text = rest[..end].trim_end();
        self.at += text.len();
        match Path::parse(text) {
            Ok(path) => Ok(Argument::Path(path)),
            Err(problem) => Err(CallProblem::new(format!("'{text}' is not a path: {problem}"))),
        }
    }
}
