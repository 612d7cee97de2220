//! Findings of the validator for people and programs: file, line and column, the line itself, what was perhaps meant.

use std::fmt::Write;
use std::ops::Range;
use std::path::Path;

use serde_json::{Value, json};
use stepwell_asl::{Analysis, Severity};
use stepwell_json::spanned::LineIndex;

use crate::definition::{DefinitionFile, LoadError};
use crate::output::{self, BOLD, FAINT, RED, YELLOW, styled};

/// Characters of a source line that are shown; a longer line is cut around the place.
const LINE_WIDTH: usize = 100;

/// One finding, with its place in the file as the user wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    severity: Severity,
    code: &'static str,
    message: String,
    location: Option<String>,
    /// Bytes of the file.
    span: Option<Range<usize>>,
    suggestion: Option<String>,
}

/// The findings of a definition.
pub(crate) fn findings(file: &DefinitionFile, analysis: &Analysis) -> Vec<Finding> {
    analysis
        .diagnostics
        .iter()
        .map(|diagnostic| Finding {
            severity: diagnostic.severity,
            code: diagnostic.code.as_str(),
            message: diagnostic.message.clone(),
            location: diagnostic.location.clone(),
            span: diagnostic.span.clone().map(|span| file.span_in_source(span)),
            suggestion: diagnostic.suggestion.clone(),
        })
        .collect()
}

/// The finding of a file that can't be loaded, and the text of the file as far as it is known.
pub(crate) fn load_finding(error: LoadError) -> (Finding, String) {
    let (code, source, message, span) = match error {
        LoadError::Unreadable { message } => ("UNREADABLE_FILE", String::new(), message, None),
        LoadError::Yaml { source, error } => ("INVALID_YAML", source, error.message, Some(error.span)),
    };
    let finding =
        Finding { severity: Severity::Error, code, message, location: None, span, suggestion: None };
    (finding, source)
}

/// The findings as text, with colours.
pub(crate) fn text(path: &Path, source: &str, findings: &[Finding]) -> String {
    let lines = LineIndex::new(source);
    let mut text = String::new();
    for finding in findings {
        let (word, style) = match finding.severity {
            Severity::Error => ("error", RED),
            Severity::Warning => ("warning", YELLOW),
        };
        let place = match &finding.span {
            None => path.display().to_string(),
            Some(span) => {
                let (line, column) = lines.line_and_column(span.start);
                format!("{}:{line}:{column}", path.display())
            }
        };
        // Writing to a string can't fail.
        let _ = write!(
            text,
            "{}: {}: {} [{}]",
            styled(BOLD, place),
            styled(style, word),
            plain(&finding.message),
            finding.code
        );
        if let Some(location) = &finding.location {
            let _ = write!(text, " {}", styled(FAINT, format_args!("at {}", plain(location))));
        }
        text.push('\n');
        if let Some(span) = &finding.span {
            text.push_str(&excerpt(source, &lines, span, style));
        }
        if let Some(suggestion) = &finding.suggestion {
            let _ = writeln!(text, "{} did you mean {}?", styled(FAINT, "       ="), plain(suggestion));
        }
    }
    text
}

/// The line of the place, with the number before it and a marker under it.
fn excerpt(source: &str, lines: &LineIndex<'_>, span: &Range<usize>, style: anstyle::Style) -> String {
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
    let marked = source[start..end].chars().take(after.len()).count().max(1);
    let shown: String = before.iter().chain(&after).copied().map(printable).collect();
    if shown.trim().is_empty() {
        return String::new();
    }
    let (line, _) = lines.line_and_column(start);
    format!(
        "{} {shown}\n{} {}{}\n",
        styled(FAINT, format_args!("{line:>6} |")),
        styled(FAINT, "       |"),
        " ".repeat(before.len()),
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
        '\t' => ' ',
        character if character.is_control() => '\u{fffd}',
        character => character,
    }
}

fn plain(text: &str) -> String {
    text.chars().map(printable).collect()
}

/// The findings as JSON: the members of ValidateStateMachineDefinition, and the place in the file.
pub(crate) fn json(path: &Path, source: &str, findings: &[Finding]) -> Value {
    let lines = LineIndex::new(source);
    let diagnostics: Vec<Value> = findings
        .iter()
        .map(|finding| {
            let mut value = json!({
                "severity": finding.severity.as_str(),
                "code": finding.code,
                "message": finding.message,
            });
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
            value
        })
        .collect();
    let result = if has_error(findings) { "FAIL" } else { "OK" };
    json!({"file": path.display().to_string(), "result": result, "diagnostics": diagnostics})
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
        output::note(text(path, source, findings).trim_end());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(source: &str, span: Range<usize>) -> String {
        let finding = Finding {
            severity: Severity::Error,
            code: "CODE",
            message: "Something".into(),
            location: Some("/A".into()),
            span: Some(span),
            suggestion: Some("\"B\"".into()),
        };
        anstream::adapter::strip_str(&text(Path::new("f.json"), source, &[finding])).to_string()
    }

    #[test]
    fn a_finding_shows_its_line_with_a_marker() {
        let expected = "f.json:2:7: error: Something [CODE] at /A\n     2 | {\"é\": \"x\"}\n       |       ^^^\n       = did you mean \"B\"?\n";
        assert_eq!(shown("[\n{\"é\": \"x\"}\n]", 9..12), expected);
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
