//! From the syntax tree back to text: `parse(print(node)) == node`

use std::fmt::Write as _;

use crate::ast::{Kind, Node};
use crate::lexer::{Lexer, TokenKind};

/// The text of a node, on one line.
pub(crate) fn print(node: &Node) -> String {
    print_kind(&node.kind)
}

/// The text of a node of this kind.
pub(crate) fn print_kind(kind: &Kind) -> String {
    let mut text = String::new();
    write_kind(kind, &mut text);
    text
}

fn write_kind(kind: &Kind, out: &mut String) {
    match kind {
        Kind::Number(number) => out.push_str(&crate::text::number::number_text(*number)),
        Kind::String(text) => out.push_str(&stepwell_json::Value::from(text).to_text()),
        Kind::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Kind::Null => out.push_str("null"),
        Kind::Regex { source, ignore_case, multiline } => {
            let _ = write!(out, "/{source}/");
            out.push_str(if *ignore_case { "i" } else { "" });
            out.push_str(if *multiline { "m" } else { "" });
        }
        Kind::Name(name) => {
            out.push_str(&if is_bare(name) { name.to_string() } else { format!("`{name}`") });
        }
        Kind::Variable(name) => {
            let _ = write!(out, "${name}");
        }
        Kind::Wildcard => out.push('*'),
        Kind::Descendants => out.push_str("**"),
        Kind::Parent => out.push('%'),
        Kind::Placeholder => out.push('?'),
        Kind::Negate(inner) => write_parts(out, "-", &[inner], "", ""),
        Kind::Array(items) => write_list(out, "[", items, ", ", "]"),
        Kind::Object(pairs) => write_pairs(out, pairs),
        Kind::Block(items) => write_list(out, "(", items, "; ", ")"),
        Kind::Path(left, right) => write_parts(out, "", &[left, right], ".", ""),
        Kind::Filter(left, right) => write_parts(out, "", &[left, right], "[", "]"),
        Kind::KeepArray(inner) => write_parts(out, "", &[inner], "", "[]"),
        Kind::Group(inner, pairs) => {
            write_kind(&inner.kind, out);
            write_pairs(out, pairs);
        }
        Kind::Sort(inner, terms) => {
            write_kind(&inner.kind, out);
            out.push_str("^(");
            for (at, term) in terms.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                out.push_str(if term.descending { ">" } else { "<" });
                write_kind(&term.expression.kind, out);
            }
            out.push(')');
        }
        Kind::Focus(inner, name) => {
            write_kind(&inner.kind, out);
            let _ = write!(out, "@${name} ");
        }
        Kind::Index(inner, name) => {
            write_kind(&inner.kind, out);
            let _ = write!(out, "#${name} ");
        }
        Kind::Binary(operator, left, right) => {
            write_parts(out, "", &[left, right], &format!(" {} ", operator.symbol()), "");
        }
        Kind::Bind(name, value) => {
            let _ = write!(out, "${name} := ");
            write_kind(&value.kind, out);
        }
        Kind::Condition(condition, then, otherwise) => {
            write_parts(out, "", &[condition, then], " ? ", "");
            if let Some(otherwise) = otherwise {
                write_parts(out, " : ", &[otherwise], "", "");
            }
        }
        Kind::Apply(left, right) => write_parts(out, "", &[left, right], " ~> ", ""),
        Kind::Call(procedure, arguments) => {
            write_kind(&procedure.kind, out);
            write_list(out, "(", arguments, ", ", ")");
        }
        Kind::Lambda { parameters, signature, body } => {
            out.push_str("function(");
            for (at, parameter) in parameters.iter().enumerate() {
                let _ = write!(out, "{}${parameter}", if at > 0 { ", " } else { "" });
            }
            out.push(')');
            out.push_str(signature.as_deref().unwrap_or_default());
            write_parts(out, "{", &[body], "", "}");
        }
        Kind::Transform { pattern, update, delete } => {
            write_parts(out, "|", &[pattern, update], "|", "");
            if let Some(delete) = delete {
                write_parts(out, ", ", &[delete], "", "");
            }
            out.push('|');
        }
    }
}

fn write_parts(out: &mut String, before: &str, parts: &[&Node], between: &str, behind: &str) {
    out.push_str(before);
    for (at, part) in parts.iter().enumerate() {
        out.push_str(if at > 0 { between } else { "" });
        write_kind(&part.kind, out);
    }
    out.push_str(behind);
}

fn write_list(out: &mut String, open: &str, items: &[Node], between: &str, close: &str) {
    let items: Vec<&Node> = items.iter().collect();
    write_parts(out, open, &items, between, close);
}

fn write_pairs(out: &mut String, pairs: &[(Node, Node)]) {
    out.push('{');
    for (at, (key, value)) in pairs.iter().enumerate() {
        write_parts(out, if at > 0 { ", " } else { "" }, &[key, value], ": ", "");
    }
    out.push('}');
}

/// Whether a name reads back as itself without backquotes.
fn is_bare(name: &str) -> bool {
    let mut lexer = Lexer::new(name);
    let is_name = matches!(lexer.next(true), Ok(token) if token.kind == TokenKind::Name(name.into()));
    is_name && matches!(lexer.next(true), Ok(token) if token.kind == TokenKind::End)
}
