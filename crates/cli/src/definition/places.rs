//! The way back from JSON text to the YAML that it was made of: to a value as a whole, and to a part of a text, character
//! by character, whatever way the text is written in YAML.

use std::ops::Range;

use saphyr_parser::ScalarStyle;

/// Where the values and keys of a JSON text stand in the YAML.
#[derive(Debug, Clone, Default)]
pub(super) struct Places {
    /// In the order of the JSON.
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    /// First byte in the JSON text.
    start: usize,
    /// Bytes of the YAML.
    whole: Range<usize>,
    /// How it is written, if it is a text.
    style: Option<ScalarStyle>,
}

/// A character of a text, and the bytes of the YAML that stand for it.
struct Aligned {
    character: char,
    source: Range<usize>,
}

impl Places {
    /// Notes a value or key. They come in the order of the JSON.
    pub(super) fn add(&mut self, start: usize, whole: Range<usize>, style: Option<ScalarStyle>) {
        self.entries.push(Entry { start, whole, style });
    }

    /// The bytes of the YAML that bytes of the JSON come from: the whole value, or a part of a text.
    pub(super) fn find(&self, span: Range<usize>, json: &str, source: &str) -> Range<usize> {
        let behind = self.entries.partition_point(|entry| entry.start <= span.start);
        let entry = behind.checked_sub(1).and_then(|position| self.entries.get(position));
        let Some(entry) = entry else { return 0..0 };
        entry.part(span, json, source).unwrap_or_else(|| entry.whole.clone())
    }
}

impl Entry {
    /// A part of a text; none when the whole is meant, or its characters are not found.
    fn part(&self, span: Range<usize>, json: &str, source: &str) -> Option<Range<usize>> {
        let style = self.style.filter(|_| span.start > self.start)?;
        let literal = json.get(self.start..)?.strip_prefix('"')?;
        let first = span.start - self.start - 1;
        let last = span.end.max(span.start) - self.start - 1;
        let (mut before, mut within) = (0, 0);
        let mut value = String::new();
        for (offset, character) in json_characters(literal) {
            value.push(character);
            before += usize::from(offset < first);
            within += usize::from(offset >= first && offset < last);
        }
        let whole_start = match style {
            ScalarStyle::Literal => block_start(source, self.whole.start, '|')?,
            ScalarStyle::Folded => block_start(source, self.whole.start, '>')?,
            _ => self.whole.start,
        };
        let characters = align(source.get(whole_start..self.whole.end)?, style)?;
        let written: String = characters.iter().map(|aligned| aligned.character).collect();
        // What is written may have line breaks behind that the value has not.
        if !written.starts_with(&value) {
            return None;
        }
        let start = characters.get(before)?.source.start;
        let end = match within.checked_sub(1) {
            Some(more) => characters.get(before + more)?.source.end,
            None => start,
        };
        // The last line of a file may lack the line break that the text has.
        let [start, end] = [start, end.max(start)].map(|at| (whole_start + at).min(source.len()));
        Some(start..end)
    }
}

/// The bytes of a JSON text that stand for bytes of the value of a string in it, whose quote is at `start`.
pub(crate) fn span_in_literal(json: &str, start: usize, span: Range<usize>) -> Range<usize> {
    let literal = json.get(start + 1..).unwrap_or_default();
    let mut value = 0;
    let mut ends = [None, None];
    for (offset, character) in json_characters(literal) {
        for (end, wanted) in ends.iter_mut().zip([span.start, span.end]) {
            if end.is_none() && value >= wanted {
                *end = Some(start + 1 + offset);
            }
        }
        value += character.len_utf8();
    }
    let length = string_length(literal);
    let [first, last] = ends.map(|end| end.unwrap_or(start + 1 + length));
    first..last.max(first)
}

/// The bytes of a JSON string behind its opening quote, up to the closing quote.
fn string_length(literal: &str) -> usize {
    let mut is_escaped = false;
    let end = literal.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    });
    end.unwrap_or(literal.len())
}

/// The characters of a JSON string behind its opening quote, with the offset of each; up to the closing quote.
fn json_characters(literal: &str) -> Vec<(usize, char)> {
    let mut characters = Vec::new();
    let mut rest = literal.char_indices();
    while let Some((offset, character)) = rest.next() {
        let character = match character {
            '"' => break,
            '\\' => match rest.next().map(|(_, escaped)| escaped) {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                // The writer escapes control characters alone so: no surrogates.
                Some('u') => hexadecimal(&mut rest, 4).unwrap_or('\u{fffd}'),
                Some(other) => other,
                None => break,
            },
            other => other,
        };
        characters.push((offset, character));
    }
    characters
}

fn hexadecimal(rest: &mut std::str::CharIndices<'_>, digits: usize) -> Option<char> {
    let code = (0..digits).try_fold(0, |code, _| Some(code * 16 + rest.next()?.1.to_digit(16)?));
    char::from_u32(code?)
}

/// The characters of a scalar with the bytes that stand for each, from the first byte of the scalar.
fn align(written: &str, style: ScalarStyle) -> Option<Vec<Aligned>> {
    match style {
        ScalarStyle::Literal => block(written, false),
        ScalarStyle::Folded => block(written, true),
        ScalarStyle::Plain => Some(flow(written, 0, None)),
        ScalarStyle::SingleQuoted => Some(flow(written.strip_prefix('\'')?, 1, Some('\''))),
        ScalarStyle::DoubleQuoted => Some(flow(written.strip_prefix('"')?, 1, Some('"'))),
    }
}

/// Plain and quoted scalars: line breaks are folded.
fn flow(text: &str, base: usize, quote: Option<char>) -> Vec<Aligned> {
    let mut characters = Vec::new();
    let mut add = |character, source: Range<usize>| {
        characters.push(Aligned { character, source: base + source.start..base + source.end });
    };
    let mut at = 0;
    while let Some(character) = text[at..].chars().next() {
        let rest = &text[at..];
        let blank = rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len();
        let breaks = rest[..blank].matches('\n').count();
        if breaks > 0 {
            // One line break is a space; of more, one is left out.
            let folded = if breaks == 1 { vec![' '] } else { vec!['\n'; breaks - 1] };
            folded.into_iter().for_each(|character| add(character, at..at + blank));
            at += blank;
            continue;
        }
        let end = at + character.len_utf8();
        match (quote, character) {
            (Some('\''), '\'') if rest.starts_with("''") => {
                add('\'', at..end + 1);
                at = end + 1;
            }
            (Some('"'), '\\') => {
                let mut escape = rest.char_indices();
                escape.next();
                let escaped = match escape.next().map(|(_, kind)| kind) {
                    // An escaped line break joins the lines.
                    Some('\n' | '\r') => {
                        let behind = rest[1..].trim_start_matches(['\r', '\n']);
                        at += rest.len() - behind.trim_start_matches([' ', '\t']).len();
                        continue;
                    }
                    Some('n') => '\n',
                    Some('t' | '\t') => '\t',
                    Some('r') => '\r',
                    Some('0') => '\0',
                    Some('a') => '\u{7}',
                    Some('b') => '\u{8}',
                    Some('v') => '\u{b}',
                    Some('f') => '\u{c}',
                    Some('e') => '\u{1b}',
                    Some('N') => '\u{85}',
                    Some('_') => '\u{a0}',
                    Some('L') => '\u{2028}',
                    Some('P') => '\u{2029}',
                    Some('x') => hexadecimal(&mut escape, 2).unwrap_or('\u{fffd}'),
                    Some('u') => hexadecimal(&mut escape, 4).unwrap_or('\u{fffd}'),
                    Some('U') => hexadecimal(&mut escape, 8).unwrap_or('\u{fffd}'),
                    Some(other) => other,
                    None => break,
                };
                let length = rest.len() - escape.as_str().len();
                add(escaped, at..at + length);
                at += length;
            }
            (Some(quote), character) if character == quote => break,
            (_, character) => {
                add(character, at..end);
                at = end;
            }
        }
    }
    characters
}

/// Where the header of a block scalar is, such as `|2-`. The parser tells where its text begins, on a later line.
fn block_start(source: &str, text_start: usize, indicator: char) -> Option<usize> {
    let before = source.get(..text_start)?;
    let line_start = before.rfind('\n')? + 1;
    let header_end = before[..line_start].trim_end().len();
    let header_start = before[..header_end].rfind('\n').map_or(0, |at| at + 1);
    let header = &before[header_start..header_end];
    header.match_indices(indicator).map(|(at, _)| header_start + at).find(|at| {
        let rest = before[at + 1..header_end]
            .trim_start_matches(|character: char| "+-0123456789".contains(character));
        rest.is_empty() || (rest.starts_with([' ', '\t']) && rest.trim_start().starts_with('#'))
    })
}

/// Block scalars: the indentation is left out, and `>` joins lines that are indented alike.
fn block(written: &str, is_folded: bool) -> Option<Vec<Aligned>> {
    let (header, content) = written.split_once('\n')?;
    let explicit = header.chars().find_map(|character| character.to_digit(10));
    let base = header.len() + 1;
    let is_blank = |line: &str| line.trim_matches([' ', '\r']).is_empty();
    let leading = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let lines: Vec<&str> = content.split('\n').collect();
    let indented = lines.iter().filter(|line| !is_blank(line)).map(|line| leading(line));
    // A number in the header allows a first line that is indented more; the least indented line stands for it.
    let indent = if explicit.is_some() { indented.min() } else { indented.into_iter().next() }.unwrap_or(0);
    let mut characters: Vec<Aligned> = Vec::new();
    let mut start = base;
    // Line breaks since the last line with text, and whether that line was indented more.
    let mut breaks: Vec<usize> = Vec::new();
    let mut before: Option<bool> = None;
    for line in lines {
        let text = line.strip_suffix('\r').unwrap_or(line).get(indent..).unwrap_or_default();
        if !text.is_empty() {
            let is_more = text.starts_with([' ', '\t']);
            let is_joined = is_folded && before == Some(false) && !is_more;
            match (is_joined, breaks.as_slice()) {
                (true, [only]) => characters.push(Aligned { character: ' ', source: *only..*only + 1 }),
                (joined, breaks) => {
                    for at in &breaks[usize::from(joined)..] {
                        characters.push(Aligned { character: '\n', source: *at..*at + 1 });
                    }
                }
            }
            breaks.clear();
            before = Some(is_more);
            let text_start = start + indent;
            characters.extend(text.char_indices().map(|(at, character)| Aligned {
                character,
                source: text_start + at..text_start + at + character.len_utf8(),
            }));
        }
        breaks.push(start + line.len());
        start += line.len() + 1;
    }
    characters.extend(breaks.into_iter().map(|at| Aligned { character: '\n', source: at..at + 1 }));
    Some(characters)
}
