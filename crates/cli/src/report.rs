//! Findings, the validator's and others, for people and programs: file, line and column, the line itself, what was
//! perhaps meant.

use std::fmt::Write;
use std::ops::Range;
use std::path::Path;

use serde_json::{Value, json};
use stepwell_asl::{Analysis, Severity};
use stepwell_json::spanned::LineIndex;
use stepwell_json::without_source;

use crate::definition::{DefinitionFile, LoadError};
use crate::output::{self, BOLD, FAINT, RED, YELLOW, styled};

/// Characters of a source line that are shown; a longer line is cut around the place.
const LINE_WIDTH: usize = 100;

/// One finding, with its place in the text as the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    severity: Severity,
    code: Code,
    message: String,
    location: Option<String>,
    /// Bytes of the text.
    span: Option<Range<usize>>,
    suggestion: Option<String>,
    help: Option<String>,
}

/// The code of a finding, and where people see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    /// `message`
    None,
    /// `T1006: message`
    Before(&'static str),
    /// `message [MISSING_END_STATE]`
    Behind(&'static str),
}

impl Finding {
    /// An error.
    pub(crate) fn error(code: Code, message: impl Into<String>) -> Finding {
        Finding {
            severity: Severity::Error,
            code,
            message: message.into(),
            location: None,
            span: None,
            suggestion: None,
            help: None,
        }
    }

    /// Where it is, in bytes of the text.
    pub(crate) fn at(self, span: Option<Range<usize>>) -> Finding {
        Finding { span, ..self }
    }

    /// What was perhaps meant.
    pub(crate) fn suggest(self, suggestion: Option<String>) -> Finding {
        Finding { suggestion, ..self }
    }

    /// What can be done about it.
    pub(crate) fn help(self, help: Option<String>) -> Finding {
        Finding { help, ..self }
    }
}

/// The findings of a definition.
pub(crate) fn findings(file: &DefinitionFile, analysis: &Analysis) -> Vec<Finding> {
    findings_at(analysis, |_, span| Some(file.span_in_source(span)))
}

/// The findings of a definition that stands elsewhere: `place` is given where a finding is, as a path in the definition
/// and as bytes of it, and answers the bytes of the text that people see.
pub(crate) fn findings_at(
    analysis: &Analysis,
    place: impl Fn(Option<&str>, Range<usize>) -> Option<Range<usize>>,
) -> Vec<Finding> {
    analysis
        .diagnostics
        .iter()
        .map(|diagnostic| Finding {
            severity: diagnostic.severity,
            code: Code::Behind(diagnostic.code.as_str()),
            message: diagnostic.message.clone(),
            location: diagnostic.location.clone(),
            span: diagnostic.span.clone().and_then(|span| place(diagnostic.location.as_deref(), span)),
            suggestion: diagnostic.suggestion.clone(),
            help: None,
        })
        .collect()
}

/// The finding of a file that can't be loaded, and the text of the file as far as it is known.
pub(crate) fn load_finding(error: LoadError) -> (Finding, String) {
    let (code, source, message, span) = match error {
        LoadError::Unreadable { message } => ("UNREADABLE_FILE", String::new(), message, None),
        LoadError::Yaml { source, error } => ("INVALID_YAML", source, error.message, Some(error.span)),
    };
    (Finding::error(Code::Behind(code), message).at(span), source)
}

/// The findings as text, with colours. A text that is in no file has no `path`.
pub(crate) fn text(path: Option<&Path>, source: &str, findings: &[Finding]) -> String {
    let lines = LineIndex::new(source);
    let mut text = String::new();
    for finding in findings {
        let (word, style) = match finding.severity {
            Severity::Error => ("error", RED),
            Severity::Warning => ("warning", YELLOW),
        };
        if let Some(path) = path {
            let mut place = path.display().to_string();
            if let Some(span) = &finding.span {
                let (line, column) = lines.line_and_column(span.start);
                // Writing to a string can't fail.
                let _ = write!(place, ":{line}:{column}");
            }
            let _ = write!(text, "{}: ", styled(BOLD, place));
        }
        let _ = write!(text, "{}: ", styled(style, word));
        let message = plain(&without_source(&finding.message, source));
        let _ = match finding.code {
            Code::None => write!(text, "{message}"),
            Code::Before(code) => write!(text, "{code}: {message}"),
            Code::Behind(code) => write!(text, "{message} [{code}]"),
        };
        // Where there is no JSON there is no path in it, but Jackson's location, with the text that is shown below.
        if let Some(location) = finding.location.as_deref().filter(|location| location.starts_with('/')) {
            let _ = write!(text, " {}", styled(FAINT, format_args!("at {}", plain(location))));
        }
        text.push('\n');
        if let Some(span) = &finding.span {
            text.push_str(&excerpt(source, &lines, span, style));
        }
        if let Some(suggestion) = &finding.suggestion {
            let _ = writeln!(text, "{} did you mean {}?", styled(FAINT, "       ="), plain(suggestion));
        }
        if let Some(help) = &finding.help {
            let _ = writeln!(text, "{} {}", styled(FAINT, "       ="), plain(help));
        }
    }
    text
}

/// The line of the place, with the number before it and a marker under it.
pub(crate) fn excerpt(
    source: &str,
    lines: &LineIndex<'_>,
    span: &Range<usize>,
    style: anstyle::Style,
) -> String {
    let start = floor_boundary(source, span.start);
    // Only a window is looked at: a definition can be one line of a million characters with a thousand findings.
    let is_end = |character: &char| matches!(character, '\n' | '\r');
    let mut before: Vec<char> = source[..start]
        .chars()
        .rev()
        .take_while(|character| !is_end(character))
        .take(LINE_WIDTH / 2)
        .collect();
    before.reverse();
    let end = floor_boundary(source, span.end.max(start));
    let after: Vec<char> = source[start..]
        .chars()
        .take_while(|character| !is_end(character))
        .take(LINE_WIDTH - before.len())
        .collect();
    let marked = source[start..end].chars().take(after.len());
    let marked = marked.map(|character| columns(printable(character))).sum::<usize>().max(1);
    let shown: String = before.iter().chain(&after).copied().map(printable).collect();
    if shown.trim().is_empty() {
        return String::new();
    }
    let (line, _) = lines.line_and_column(start);
    format!(
        "{} {shown}\n{} {}{}\n",
        styled(FAINT, format_args!("{line:>6} |")),
        styled(FAINT, "       |"),
        " ".repeat(before.iter().map(|character| columns(printable(*character))).sum()),
        styled(style, "^".repeat(marked))
    )
}

/// The offset itself, or that of the character it lies in.
fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// A terminal must not obey what stands in a file.
fn printable(character: char) -> char {
    match character {
        '\t' | '\n' | '\r' => ' ',
        character if character.is_control() => '\u{fffd}',
        character => character,
    }
}

/// How many cells of a terminal a character takes, nearly: none for what combines with the character before it, two
/// for East Asian characters and pictures.
fn columns(character: char) -> usize {
    match u32::from(character) {
        0x300..=0x36f | 0x200b..=0x200d | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff01..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// A text that a terminal shows as it stands.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(printable).collect()
}

/// The findings as JSON: the members of ValidateStateMachineDefinition, and the place in the file.
pub(crate) fn json(path: Option<&Path>, source: &str, findings: &[Finding]) -> Value {
    let lines = LineIndex::new(source);
    let diagnostics: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let mut value = json!({"severity": finding.severity.as_str()});
            if let Code::Before(code) | Code::Behind(code) = finding.code {
                value["code"] = code.into();
            }
            value["message"] = finding.message.as_str().into();
            if let Some(location) = &finding.location {
                value["location"] = location.as_str().into();
            }
            if let Some(span) = &finding.span {
                let (line, column) = lines.line_and_column(span.start);
                let (end_line, end_column) = lines.line_and_column(span.end);
                value["line"] = line.into();
                value["column"] = column.into();
                value["endLine"] = end_line.into();
                value["endColumn"] = end_column.into();
            }
            if let Some(suggestion) = &finding.suggestion {
                value["suggestion"] = suggestion.as_str().into();
            }
            if let Some(help) = &finding.help {
                value["help"] = help.as_str().into();
            }
            value
        })
        .collect();
    let result = if has_error(findings) { "FAIL" } else { "OK" };
    match path {
        Some(path) => {
            json!({"file": path.display().to_string(), "result": result, "diagnostics": diagnostics})
        }
        None => json!({"result": result, "diagnostics": diagnostics}),
    }
}

/// Whether any finding is an error.
pub(crate) fn has_error(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

/// How many findings of each kind there are, and what follows from it.
pub(crate) fn summary(findings: &[Finding]) -> String {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let counted = |count: usize, word: &str| match count {
        1 => format!("1 {word}"),
        _ => format!("{count} {word}s"),
    };
    let warnings = findings.len() - errors;
    match (errors, warnings) {
        (0, _) => format!("valid, {}", counted(warnings, "warning")),
        (_, 0) => format!("invalid, {}", counted(errors, "error")),
        _ => format!("invalid, {}, {}", counted(errors, "error"), counted(warnings, "warning")),
    }
}

/// Prints findings to standard error, for the commands that need a definition which works.
pub(crate) fn note(path: &Path, source: &str, findings: &[Finding]) {
    if !findings.is_empty() {
        output::note(text(Some(path), source, findings).trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str, span: Range<usize>) -> String {
        let mut finding = Finding::error(Code::Behind("CODE"), "Something")
            .at(Some(span))
            .suggest(Some("\"B\"".into()))
            .help(Some("or not".into()));
        finding.location = Some("/A".into());
        anstream::adapter::strip_str(&text(Some(Path::new("f.json")), source, &[finding])).to_string()
    }

    #[test]
    fn a_finding_shows_its_line_with_a_marker() {
        let expected = "f.json:2:7: error: Something [CODE] at /A\n     2 | {\"é\": \"x\"}\n       |       ^^^\n       = did you mean \"B\"?\n       = or not\n";
        assert_eq!(shown("[\n{\"é\": \"x\"}\n]", 9..12), expected);
    }

    #[test]
    fn a_marker_stands_below_wide_characters() {
        let text = shown("日本\t語e\u{301} = 1", 7..14);
        assert!(text.contains("|      ^^^"), "{text}");
    }

    #[test]
    fn any_span_of_any_text_can_be_shown() {
        let long = format!("{}é{}", "x".repeat(500), "y".repeat(500));
        for source in ["", "\n", "é", "a\tb\u{1b}[31m", "\r\n\r\n", long.as_str()] {
            for start in 0..=source.len() + 2 {
                for end in [start, start + 1, source.len() + 5] {
                    let text = shown(source, start..end);
                    assert!(!text.contains('\u{1b}'));
                    assert!(text.lines().all(|line| line.chars().count() < 120), "{text}");
                }
            }
        }
    }
}
