//! Tokens

use std::sync::Arc;

use crate::Error;

/// A token and where it starts
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    /// Byte offset of the first character
    pub(crate) start: usize,
    /// Byte offset behind the last character
    pub(crate) end: usize,
}

/// The kinds of tokens
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TokenKind {
    /// Punctuation, and the words `and`, `or` and `in`
    Operator(&'static str),
    /// A name of a member, bare or in backquotes
    Name(Arc<str>),
    /// `$name`, without the `$`
    Variable(Arc<str>),
    /// A string in single or double quotes, its escapes resolved
    String(Arc<str>),
    /// A number
    Number(f64),
    /// `true` or `false`
    Bool(bool),
    /// `null`
    Null,
    /// `/source/flags`
    Regex {
        /// Between the slashes
        source: Arc<str>,
        /// `i`
        ignore_case: bool,
        /// `m`
        multiline: bool,
    },
    /// Behind the last token
    End,
}

impl Token {
    /// The token as error texts name it.
    pub(crate) fn text(&self) -> String {
        match &self.kind {
            TokenKind::Operator(text) => (*text).to_owned(),
            TokenKind::Name(text) | TokenKind::Variable(text) | TokenKind::String(text) => text.to_string(),
            TokenKind::Number(number) => crate::text::number::number_text(*number),
            TokenKind::Bool(value) => value.to_string(),
            TokenKind::Null => "null".to_owned(),
            TokenKind::Regex { source, .. } => format!("/{source}/"),
            TokenKind::End => "(end)".to_owned(),
        }
    }

    pub(crate) fn is(&self, operator: &str) -> bool {
        matches!(self.kind, TokenKind::Operator(own) if own == operator)
    }
}

/// Operators of two characters, which are looked for first.
const DOUBLE: [&str; 7] = ["..", ":=", "!=", ">=", "<=", "**", "~>"];

/// Operators of one character. Each of them ends a name. `!` and `~` are no operators, but end a name too.
const SINGLE: [&str; 26] = [
    ".", "[", "]", "{", "}", "(", ")", ",", "@", "#", ";", ":", "?", "+", "-", "*", "/", "%", "|", "=", "<",
    ">", "^", "&", "!", "~",
];

fn single(character: char) -> Option<&'static str> {
    SINGLE.iter().copied().find(|operator| operator.starts_with(character))
}

/// White space between tokens.
fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r' | '\u{b}')
}

/// Reads one token after another
pub(crate) struct Lexer<'t> {
    text: &'t str,
    position: usize,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t str) -> Lexer<'t> {
        Lexer { text, position: 0 }
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.position..).unwrap_or_default()
    }

    /// The next token. `after_operand` tells whether a slash divides or begins a regular expression.
    pub(crate) fn next(&mut self, after_operand: bool) -> Result<Token, Error> {
        self.skip_blanks()?;
        let start = self.position;
        let kind = self.kind(after_operand).map_err(|error| error.at(start))?;
        Ok(Token { kind, start, end: self.position })
    }

    fn skip_blanks(&mut self) -> Result<(), Error> {
        loop {
            let rest = self.rest();
            self.position += rest.len() - rest.trim_start_matches(is_blank).len();
            let Some(comment) = self.rest().strip_prefix("/*") else { return Ok(()) };
            let end = comment.find("*/").ok_or_else(|| Error::new("S0106").at(self.position))?;
            self.position += end + 4;
        }
    }

    fn kind(&mut self, after_operand: bool) -> Result<TokenKind, Error> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(TokenKind::End) };
        if first == '/' && !after_operand {
            return self.regex();
        }
        if let Some(operator) = DOUBLE.iter().find(|operator| rest.starts_with(**operator)) {
            self.position += operator.len();
            return Ok(TokenKind::Operator(operator));
        }
        if let Some(operator) = single(first) {
            self.position += operator.len();
            return Ok(TokenKind::Operator(operator));
        }
        match first {
            '"' | '\'' => self.string(first),
            '`' => {
                let name = &rest[1..];
                let end = name.find('`').ok_or_else(|| Error::new("S0105"))?;
                self.position += end + 2;
                Ok(TokenKind::Name(name[..end].into()))
            }
            '0'..='9' => self.number(),
            _ => Ok(self.word()),
        }
    }

    fn word(&mut self) -> TokenKind {
        let rest = self.rest();
        let end = rest
            .find(|character: char| {
                matches!(character, ' ' | '\t' | '\n' | '\r') || single(character).is_some()
            })
            .unwrap_or(rest.len());
        let word = &rest[..end];
        self.position += end;
        match word {
            "and" => TokenKind::Operator("and"),
            "or" => TokenKind::Operator("or"),
            "in" => TokenKind::Operator("in"),
            "true" => TokenKind::Bool(true),
            "false" => TokenKind::Bool(false),
            "null" => TokenKind::Null,
            _ => match word.strip_prefix('$') {
                Some(name) => TokenKind::Variable(name.into()),
                None => TokenKind::Name(word.into()),
            },
        }
    }

    fn number(&mut self) -> Result<TokenKind, Error> {
        let rest = self.rest().as_bytes();
        let digits = |from: usize| rest.iter().skip(from).take_while(|byte| byte.is_ascii_digit()).count();
        let mut end = if rest.first() == Some(&b'0') { 1 } else { digits(0) };
        if rest.get(end) == Some(&b'.') && digits(end + 1) > 0 {
            end += 1 + digits(end + 1);
        }
        if matches!(rest.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(rest.get(end + 1), Some(b'+' | b'-')));
            let count = digits(end + 1 + sign);
            if count > 0 {
                end += 1 + sign + count;
            }
        }
        let text = &self.rest()[..end];
        let number: f64 = text.parse().unwrap_or(f64::INFINITY);
        if !number.is_finite() {
            return Err(Error::new("S0102").token(text));
        }
        self.position += end;
        Ok(TokenKind::Number(number))
    }

    fn string(&mut self, quote: char) -> Result<TokenKind, Error> {
        let content = &self.rest()[1..];
        let mut made = String::new();
        let mut characters = content.char_indices();
        while let Some((at, character)) = characters.next() {
            match character {
                _ if character == quote => {
                    self.position += at + 2;
                    return Ok(TokenKind::String(made.into()));
                }
                '\\' => {
                    let Some((at, escaped)) = characters.next() else { break };
                    match escaped {
                        '"' | '\'' | '\\' | '/' => made.push(escaped),
                        'b' => made.push('\u{8}'),
                        'f' => made.push('\u{c}'),
                        'n' => made.push('\n'),
                        'r' => made.push('\r'),
                        't' => made.push('\t'),
                        'u' => {
                            let (decoded, length) = decode_unicode(&content[at + 1..])
                                .ok_or_else(|| Error::new("S0104").at(self.position + at))?;
                            made.push(decoded);
                            for _ in 0..length {
                                characters.next();
                            }
                        }
                        other => {
                            let position = self.position + at;
                            return Err(Error::new("S0103").token(&other.to_string()).at(position));
                        }
                    }
                }
                _ => made.push(character),
            }
        }
        Err(Error::new("S0101"))
    }

    /// `/source/flags`. A slash inside brackets does not end it.
    fn regex(&mut self) -> Result<TokenKind, Error> {
        let content = &self.rest()[1..];
        let (mut escaped, mut depth) = (false, 0_usize);
        for (at, character) in content.char_indices() {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth = depth.saturating_sub(1),
                '/' if depth == 0 => {
                    if at == 0 {
                        return Err(Error::new("S0301"));
                    }
                    let flags = &content[at + 1..];
                    let count = flags.len() - flags.trim_start_matches(['i', 'm']).len();
                    self.position += at + 2 + count;
                    let has = |flag: char| flags[..count].contains(flag);
                    return Ok(TokenKind::Regex {
                        source: content[..at].into(),
                        ignore_case: has('i'),
                        multiline: has('m'),
                    });
                }
                _ => {}
            }
        }
        Err(Error::new("S0302"))
    }
}

/// Four hexadecimal digits, or eight in two escapes that are a surrogate pair; with the number of characters read.
fn decode_unicode(text: &str) -> Option<(char, usize)> {
    let unit = |text: &str| -> Option<u32> {
        let digits = text.get(..4)?;
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        u32::from_str_radix(digits, 16).ok()
    };
    let first = unit(text)?;
    if let Some(character) = char::from_u32(first) {
        return Some((character, 4));
    }
    let second = text.get(4..).and_then(|rest| rest.strip_prefix("\\u")).and_then(unit);
    match second {
        Some(second @ 0xDC00..=0xDFFF) if first < 0xDC00 => {
            let code = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
            Some((char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 10))
        }
        // Half a surrogate pair is no Unicode text.
        _ => Some((char::REPLACEMENT_CHARACTER, 4)),
    }
}
