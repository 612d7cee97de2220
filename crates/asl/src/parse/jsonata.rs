//! Expressions of JSONata states: their frame, `{%` and `%}`, and their outline: brackets that match, and
//! operands and operators that take turns. That finds slips of the pen; it is no parser.

use stepwell_json::spanned::{Node, NodeKind};

use super::{Place, Reader};
use crate::diagnostic::Code;

/// Whether a value is one expression.
pub(super) fn is_expression(node: &Node) -> bool {
    node.as_str().is_some_and(|text| text.starts_with("{%") || text.ends_with("%}"))
}

impl<'a> Reader<'a> {
    /// Checks the expressions in a value.
    pub(super) fn check_jsonata(&mut self, node: &'a Node, place: Place) {
        match &node.kind {
            NodeKind::String(text) => {
                if let Some(problem) = problem(text) {
                    self.error(Code::InvalidJsonataExpression, problem, Some(place), node.span);
                }
            }
            NodeKind::Array(items) => {
                for (position, item) in items.iter().enumerate() {
                    let at = self.index(place, position);
                    self.check_jsonata(item, at);
                }
            }
            NodeKind::Object(members) => {
                for member in members {
                    let at = self.key(place, &member.key);
                    self.check_jsonata(&member.value, at);
                }
            }
            _ => {}
        }
    }
}

fn problem(text: &str) -> Option<String> {
    match (text.strip_prefix("{%"), text.strip_suffix("%}")) {
        (None, None) => None,
        (Some(inner), Some(_)) if text.len() >= 4 => inner.strip_suffix("%}").and_then(outline_problem),
        (Some(_), _) => Some("A JSONata expression must end with '%}'".to_owned()),
        (None, Some(_)) => Some("A JSONata expression must start with '{%'".to_owned()),
    }
}

/// Operators that stand between two operands; the longer ones first.
const INFIX: [&str; 25] = [
    "!=", "<=", ">=", "~>", ":=", "??", "?:", "..", "**", ".", "+", "-", "*", "/", "%", "&", "=", "<", ">",
    "?", ":", ",", ";", "@", "#",
];

/// An open bracket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    /// `(` in the place of an operand.
    Block,
    /// `(` behind an operand.
    Call,
    /// `(` behind `function`.
    Parameters,
    /// `(` behind `^`.
    Sort,
    /// `[`
    Square,
    /// `{`
    Curly,
    /// `|` in the place of an operand, with how many of its two other marks are still to come.
    Transform(u8),
}

impl Open {
    fn closing(self) -> char {
        match self {
            Open::Block | Open::Call | Open::Parameters | Open::Sort => ')',
            Open::Square => ']',
            Open::Curly => '}',
            Open::Transform(_) => '|',
        }
    }
}

/// What is wrong with the outline of an expression, in JSONata's words.
fn outline_problem(text: &str) -> Option<String> {
    let mut outline =
        Outline { rest: text, open: Vec::new(), wants_operand: true, may_close: false, function: false };
    loop {
        match outline.skip_blanks() {
            Err(problem) => return Some(problem),
            Ok(()) if outline.rest.is_empty() => break,
            Ok(()) => {}
        }
        if let Err(problem) = outline.token() {
            return Some(problem);
        }
    }
    if let Some(open) = outline.open.last() {
        return Some(format!("Expected \"{}\" before end of expression", open.closing()));
    }
    outline.wants_operand.then(|| "Unexpected end of expression".to_owned())
}

struct Outline<'a> {
    rest: &'a str,
    open: Vec<Open>,
    wants_operand: bool,
    /// Whether a bracket may close although an operand could come: just behind its opening, or a semicolon.
    may_close: bool,
    /// Whether the last token was `function`.
    function: bool,
}

impl<'a> Outline<'a> {
    fn skip_blanks(&mut self) -> Result<(), String> {
        loop {
            self.rest = self.rest.trim_start();
            let Some(comment) = self.rest.strip_prefix("/*") else { return Ok(()) };
            let end = comment.find("*/").ok_or("Comment has no closing tag")?;
            self.rest = &comment[end + 2..];
        }
    }

    fn advance(&mut self, length: usize) -> &'a str {
        let (token, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        token
    }

    fn token(&mut self) -> Result<(), String> {
        let Some(first) = self.rest.chars().next() else { return Ok(()) };
        if matches!(first, ')' | ']' | '}') {
            return self.close(first);
        }
        if self.wants_operand { self.operand(first) } else { self.infix(first) }
    }

    fn close(&mut self, bracket: char) -> Result<(), String> {
        self.advance(1);
        if self.wants_operand && !self.may_close {
            return Err(format!("The symbol \"{bracket}\" cannot be used as a unary operator"));
        }
        let open = self.open.pop().ok_or_else(|| format!("Syntax error: \"{bracket}\""))?;
        if open.closing() != bracket {
            return Err(format!("Expected \"{}\", got \"{bracket}\"", open.closing()));
        }
        self.operand_done();
        if open == Open::Parameters && self.rest.trim_start().starts_with('<') {
            self.skip_signature();
        }
        Ok(())
    }

    /// The types behind a function's parameters: `<s-:n>`.
    fn skip_signature(&mut self) {
        let mut nesting = 0_usize;
        for (position, character) in self.rest.char_indices() {
            match character {
                '<' => nesting += 1,
                '>' if nesting == 1 => {
                    self.rest = &self.rest[position + 1..];
                    return;
                }
                '>' => nesting = nesting.saturating_sub(1),
                _ => {}
            }
        }
    }

    fn operand_done(&mut self) {
        self.wants_operand = false;
        self.may_close = false;
        self.function = false;
    }

    fn opens(&mut self, open: Open) {
        self.advance(1);
        self.open.push(open);
        self.wants_operand = true;
        self.may_close = true;
        self.function = false;
    }

    fn operand(&mut self, first: char) -> Result<(), String> {
        match first {
            '(' => self.opens(Open::Block),
            '[' => self.opens(Open::Square),
            '{' => self.opens(Open::Curly),
            '|' => {
                self.opens(Open::Transform(2));
                self.may_close = false;
            }
            '"' | '\'' => {
                let length = quoted_length(self.rest, first)
                    .ok_or("String literal must be terminated by a matching quote")?;
                self.advance(length);
                self.operand_done();
            }
            '`' => {
                let length = self.rest[1..]
                    .find('`')
                    .ok_or("Quoted property name must be terminated with a backquote (`)")?;
                self.advance(length + 2);
                self.operand_done();
            }
            '/' => {
                let length = regex_length(self.rest).ok_or("No terminating / in regular expression")?;
                self.advance(length);
                self.operand_done();
            }
            '-' => {
                self.advance(1);
                self.may_close = false;
            }
            '*' | '%' => {
                self.advance(if self.rest.starts_with("**") { 2 } else { 1 });
                self.operand_done();
            }
            // The direction of a sort key.
            '<' | '>' if self.open.last() == Some(&Open::Sort) => {
                self.advance(1);
                self.may_close = false;
            }
            '?' if self.open.last() == Some(&Open::Call) => {
                self.advance(1);
                self.operand_done();
            }
            _ if first.is_ascii_digit() => {
                self.advance(number_length(self.rest));
                self.operand_done();
            }
            _ if is_name(first) => {
                let word = self.advance(name_length(self.rest));
                self.operand_done();
                self.function = matches!(word, "function" | "λ");
            }
            _ => return Err(format!("The symbol \"{first}\" cannot be used as a unary operator")),
        }
        Ok(())
    }

    fn infix(&mut self, first: char) -> Result<(), String> {
        match first {
            '(' => self.opens(if self.function { Open::Parameters } else { Open::Call }),
            '[' => self.opens(Open::Square),
            '{' => self.opens(Open::Curly),
            '|' => return self.transform_mark(),
            '^' => {
                self.advance(1);
                self.skip_blanks()?;
                if !self.rest.starts_with('(') {
                    return Err("Expected \"(\"".to_owned());
                }
                self.opens(Open::Sort);
                self.may_close = false;
            }
            _ => {
                let operator = match INFIX.iter().find(|operator| self.rest.starts_with(**operator)) {
                    Some(operator) => *operator,
                    None => {
                        let word = &self.rest[..name_length(self.rest).max(first.len_utf8())];
                        match word {
                            "and" | "or" | "in" => word,
                            _ => return Err(format!("Syntax error: \"{word}\"")),
                        }
                    }
                };
                self.advance(operator.len());
                self.function = false;
                self.wants_operand = true;
                self.may_close = operator == ";";
            }
        }
        Ok(())
    }

    /// `|` behind an operand: between the parts of a transformation, or behind the last.
    fn transform_mark(&mut self) -> Result<(), String> {
        self.advance(1);
        match self.open.last_mut() {
            Some(Open::Transform(left)) if *left > 1 => {
                *left -= 1;
                self.wants_operand = true;
            }
            Some(Open::Transform(_)) => {
                self.open.pop();
                self.operand_done();
            }
            _ => return Err("Syntax error: \"|\"".to_owned()),
        }
        Ok(())
    }
}

fn is_name(character: char) -> bool {
    character == '$' || character == '_' || character.is_alphanumeric() || !character.is_ascii()
}

/// Bytes of a name or variable.
fn name_length(text: &str) -> usize {
    text.find(|character: char| !is_name(character)).unwrap_or(text.len())
}

/// Bytes of a number; a point belongs to it only with a digit behind it.
fn number_length(text: &str) -> usize {
    let digits = |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let mut length = digits(text);
    if let Some(fraction) = text[length..].strip_prefix('.') {
        let count = digits(fraction);
        if count > 0 {
            length += 1 + count;
        }
    }
    if let Some(exponent) = text[length..].strip_prefix(['e', 'E']) {
        let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let count = digits(unsigned);
        if count > 0 {
            length += 1 + exponent.len() - unsigned.len() + count;
        }
    }
    length
}

/// Bytes of a string with both quotes.
fn quoted_length(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (position, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if character == quote => return Some(position + 1),
            _ => {}
        }
    }
    None
}

/// Bytes of `/pattern/flags`. Slashes inside brackets and parentheses do not end it.
fn regex_length(text: &str) -> Option<usize> {
    let (mut escaped, mut nesting) = (false, 0_usize);
    for (position, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' | '[' | '{' => nesting += 1,
            ')' | ']' | '}' => nesting = nesting.saturating_sub(1),
            '/' if nesting == 0 => {
                let flags = &text[position + 1..];
                return Some(position + 1 + flags.len() - flags.trim_start_matches(['i', 'm']).len());
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_expressions_have_no_problem() {
        for text in [
            "1+2",
            " $states.input.a[0].b ",
            "$sum($states.input.prices.(price * quantity))",
            "( $f := function($x, $y)<nn:n>{ $x + $y }; $f(1, ?); )",
            "{\"a\": [1..3], 'b': $not(x in y) ? -1 : null}",
            "/* note */ $match(`odd name`, /[/]a{1,2}\\//i)",
            "$ ~> |Account.Order|{\"x\": 1}, ['y']|",
            "a^(>b, <c){d: $count(e)}[]",
            "*.b.**.%.c@$x#$i",
            "$x ?: 'none' ?? \"\"",
        ] {
            assert_eq!(None, outline_problem(text), "{text}");
        }
    }

    #[test]
    fn slips_of_the_pen_are_found() {
        for (text, problem) in [
            ("10 + * 2", "Syntax error: \"2\""),
            ("$sum($a", "Expected \")\" before end of expression"),
            ("$.a[?(@.b < 1)]", "The symbol \"?\" cannot be used as a unary operator"),
            ("420. ", "Unexpected end of expression"),
            ("", "Unexpected end of expression"),
            ("[1, 2)", "Expected \"]\", got \")\""),
            ("'abc", "String literal must be terminated by a matching quote"),
            ("/abc", "No terminating / in regular expression"),
            ("a b", "Syntax error: \"b\""),
            ("1)", "Syntax error: \")\""),
            ("{\"a\": }", "The symbol \"}\" cannot be used as a unary operator"),
        ] {
            assert_eq!(Some(problem.to_owned()), outline_problem(text), "{text}");
        }
    }

    #[test]
    fn frames_are_checked() {
        assert_eq!(None, problem("plain"));
        assert_eq!(None, problem("{%1%}"));
        assert_eq!(None, problem(" {% x "));
        assert!(problem("{% 1 %").is_some());
        assert!(problem("1 %}").is_some());
        assert!(problem("{%}").is_some());
    }

    /// The expressions of JSONata's own test suite, where it is at hand.
    #[test]
    #[allow(clippy::disallowed_methods)]
    fn expressions_of_the_suite_are_accepted() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../../shared/conformance/jsonata/groups");
        let Ok(entries) = std::fs::read_dir(&folder) else {
            println!("skipped: {} is not there", folder.display());
            return;
        };
        let mut refused = Vec::new();
        for entry in entries {
            let text = std::fs::read_to_string(entry.unwrap().path()).unwrap();
            // Some files hold lone surrogates, which no Rust string can.
            let Ok(cases) = serde_json::from_str::<serde_json::Value>(&text) else { continue };
            for case in cases.as_array().unwrap_or(&vec![cases.clone()]) {
                let is_syntax = case["code"].as_str().is_some_and(|code| code.starts_with('S'));
                if let (Some(expression), false) = (case["expr"].as_str(), is_syntax)
                    && let Some(problem) = outline_problem(expression)
                {
                    refused.push(format!("{problem}: {expression}"));
                }
            }
        }
        assert!(refused.is_empty(), "{}", refused.join("\n"));
    }
}
