//! Reading filters

use super::{Filter, FilterPath, Operator, Term};
use crate::SyntaxError;
use crate::parse::Cursor;
use crate::pattern;
use crate::segment::Segment;
use stepwell_json::{Array, Number, Object, Value};

/// Operators in symbols, longer ones first.
const SYMBOLS: [(&str, Operator); 9] = [
    ("===", Operator::SameTypeEqual),
    ("!==", Operator::SameTypeNotEqual),
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("=~", Operator::Matches),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

/// Operators in letters, upper or lower case.
const WORDS: [(&str, Operator); 9] = [
    ("in", Operator::In),
    ("nin", Operator::NotIn),
    ("contains", Operator::Contains),
    ("all", Operator::All),
    ("size", Operator::Size),
    ("empty", Operator::Empty),
    ("subsetof", Operator::SubsetOf),
    ("anyof", Operator::AnyOf),
    ("noneof", Operator::NoneOf),
];

/// Reads the condition behind `[?(`, up to the closing parenthesis.
pub(crate) fn parse(cursor: &mut Cursor<'_>) -> Result<Filter, SyntaxError> {
    let filter = any(cursor)?;
    cursor.skip_spaces();
    Ok(filter)
}

fn any(cursor: &mut Cursor<'_>) -> Result<Filter, SyntaxError> {
    let first = all(cursor)?;
    let mut filters = vec![first];
    loop {
        cursor.skip_spaces();
        if !cursor.take_str("||") {
            break;
        }
        filters.push(all(cursor)?);
    }
    Ok(single(filters).unwrap_or_else(Filter::Any))
}

fn all(cursor: &mut Cursor<'_>) -> Result<Filter, SyntaxError> {
    let first = operand(cursor)?;
    let mut filters = vec![first];
    loop {
        cursor.skip_spaces();
        if !cursor.take_str("&&") {
            break;
        }
        filters.push(operand(cursor)?);
    }
    Ok(single(filters).unwrap_or_else(Filter::All))
}

fn single(mut filters: Vec<Filter>) -> Result<Filter, Vec<Filter>> {
    match filters.pop() {
        Some(filter) if filters.is_empty() => Ok(filter),
        Some(filter) => {
            filters.push(filter);
            Err(filters)
        }
        None => Err(filters),
    }
}

/// Reads a comparison, an existence check, or either in parentheses or negated.
fn operand(cursor: &mut Cursor<'_>) -> Result<Filter, SyntaxError> {
    cursor.skip_spaces();
    if cursor.peek() == Some(b'!') {
        cursor.position += 1;
        cursor.skip_spaces();
        if matches!(cursor.peek(), Some(b'@' | b'$')) {
            // As in the library the mark belongs to the path, and a comparison behind it is as without it.
            return comparison(cursor, false);
        }
        cursor.enter()?;
        let negated = operand(cursor)?;
        cursor.leave();
        return Ok(Filter::Not(Box::new(negated)));
    }
    if cursor.take(b'(') {
        cursor.enter()?;
        let inner = any(cursor)?;
        cursor.leave();
        cursor.skip_spaces();
        if !cursor.take(b')') {
            return Err(cursor.error("Expected character: )"));
        }
        return Ok(inner);
    }
    comparison(cursor, true)
}

fn comparison(cursor: &mut Cursor<'_>, expected: bool) -> Result<Filter, SyntaxError> {
    let start = cursor.position;
    let left = term(cursor)?;
    cursor.skip_spaces();
    if let Some(operator) = operator(cursor) {
        cursor.skip_spaces();
        let right = term(cursor)?;
        return Ok(Filter::Compare { left, operator, right });
    }
    match left {
        Term::Path(path) => Ok(Filter::Exists { path, expected }),
        _ => Err(SyntaxError::new("Expected a path or a comparison", start)),
    }
}

fn operator(cursor: &mut Cursor<'_>) -> Option<Operator> {
    if let Some((symbol, operator)) =
        SYMBOLS.into_iter().find(|(symbol, _)| cursor.rest().starts_with(symbol))
    {
        cursor.position += symbol.len();
        return Some(operator);
    }
    let rest = cursor.rest();
    let end = rest.find(|part: char| !part.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (word, operator) = WORDS.into_iter().find(|(word, _)| rest[..end].eq_ignore_ascii_case(word))?;
    cursor.position += word.len();
    Some(operator)
}

/// Reads a path, a pattern or a literal.
fn term(cursor: &mut Cursor<'_>) -> Result<Term, SyntaxError> {
    match cursor.peek() {
        Some(from @ (b'@' | b'$')) => {
            cursor.position += 1;
            let segments = cursor.segments(true)?;
            let count = segments.len();
            let definite = |(at, segment): (usize, &Segment)| segment.is_definite(at + 1 == count);
            let definite_count = segments.iter().enumerate().take_while(|item| definite(*item)).count();
            Ok(Term::Path(FilterPath { from_document: from == b'$', segments, definite_count }))
        }
        Some(b'/') => regular_expression(cursor).map(Term::Pattern),
        _ => literal(cursor).map(Term::Literal),
    }
}

/// Reads `/pattern/flags`.
fn regular_expression(cursor: &mut Cursor<'_>) -> Result<regex::Regex, SyntaxError> {
    let start = cursor.position;
    cursor.position += 1;
    let rest = cursor.rest();
    let mut escaped = false;
    let end = rest.bytes().position(|byte| {
        let ends = byte == b'/' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    let Some(end) = end else {
        return Err(SyntaxError::new("Pattern not closed. Expected / ", start));
    };
    let source = &rest[..end];
    let behind = &rest[end + 1..];
    let flags_end = behind.find(|part: char| !part.is_ascii_alphabetic()).unwrap_or(behind.len());
    let regex = pattern::compile(source, &behind[..flags_end])
        .map_err(|message| SyntaxError::new(format!("Unsupported regular expression: {message}"), start))?;
    cursor.position += end + 1 + flags_end;
    Ok(regex)
}

/// Reads JSON, with single quotes allowed as well.
fn literal(cursor: &mut Cursor<'_>) -> Result<Value, SyntaxError> {
    match cursor.peek() {
        Some(b'\'' | b'"') => cursor.quoted().map(Value::String),
        Some(b'[') => list(cursor),
        Some(b'{') => object(cursor),
        Some(b'-' | b'0'..=b'9') => number(cursor),
        _ => {
            let words = [("true", Value::Bool(true)), ("false", Value::Bool(false)), ("null", Value::Null)];
            for (word, value) in words {
                let ends = |rest: &str| !rest.starts_with(|part: char| part.is_alphanumeric() || part == '_');
                if cursor.rest().strip_prefix(word).is_some_and(ends) {
                    cursor.position += word.len();
                    return Ok(value);
                }
            }
            bare_word(cursor).ok_or_else(|| {
                cursor.error(
                    "Expected a path, a string, a number, a pattern, an array, an object, true, false or null",
                )
            })
        }
    }
}

/// Reads a word without quotes as the string that it is. The library's newest version refuses it, but definitions that
/// AWS publishes compare with such words (`[?(@.Name==Receipt)]`), so the version behind AWS takes them.
fn bare_word(cursor: &mut Cursor<'_>) -> Option<Value> {
    let rest = cursor.rest();
    let in_word = |part: char| part.is_alphanumeric() || part == '_' || part == '-';
    let word = &rest[..rest.find(|part| !in_word(part)).unwrap_or(rest.len())];
    if !word.starts_with(|first: char| first.is_alphabetic() || first == '_') {
        return None;
    }
    cursor.position += word.len();
    Some(Value::from(word))
}

fn number(cursor: &mut Cursor<'_>) -> Result<Value, SyntaxError> {
    let rest = cursor.rest();
    let end = rest.find(|part: char| !part.is_ascii_digit() && !"+-.eE".contains(part)).unwrap_or(rest.len());
    let text = &rest[..end];
    let parsed = Number::from_integer_text(text).or_else(|| text.parse().ok().and_then(Number::from_f64));
    let number = parsed.ok_or_else(|| cursor.error(format!("Not a number: {text}")))?;
    cursor.position += end;
    Ok(Value::Number(number))
}

fn list(cursor: &mut Cursor<'_>) -> Result<Value, SyntaxError> {
    cursor.position += 1;
    cursor.enter()?;
    let mut items = Vec::new();
    cursor.skip_spaces();
    while !cursor.take(b']') {
        if !items.is_empty() && !cursor.take(b',') {
            return Err(cursor.error("Expected ',' or ']'"));
        }
        cursor.skip_spaces();
        items.push(literal(cursor)?);
        cursor.skip_spaces();
    }
    cursor.leave();
    Ok(Value::Array(Array::new(items)))
}

fn object(cursor: &mut Cursor<'_>) -> Result<Value, SyntaxError> {
    cursor.position += 1;
    cursor.enter()?;
    let mut entries = Vec::new();
    cursor.skip_spaces();
    while !cursor.take(b'}') {
        if !entries.is_empty() && !cursor.take(b',') {
            return Err(cursor.error("Expected ',' or '}'"));
        }
        cursor.skip_spaces();
        if !matches!(cursor.peek(), Some(b'\'' | b'"')) {
            return Err(cursor.error("Expected a quoted name"));
        }
        let key = cursor.quoted()?;
        cursor.skip_spaces();
        if !cursor.take(b':') {
            return Err(cursor.error("Expected ':'"));
        }
        cursor.skip_spaces();
        entries.push((key, literal(cursor)?));
        cursor.skip_spaces();
    }
    cursor.leave();
    Ok(Value::Object(Object::from_entries(entries)))
}
