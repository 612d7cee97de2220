//! Results as JUnit XML, which CI servers read.

use std::fmt::Write;
use std::time::Duration;

use super::load::{Content, Lines};
use super::outcome::{CaseRun, Report, SuiteRun, Verdict};
use super::text::detail_lines;
use crate::report;

/// The whole document.
pub(super) fn document(report: &Report) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let invalid = report.runs.iter().filter(|run| run.invalid.is_some()).count();
    let total: usize = report.runs.iter().map(|run| run.cases.len()).sum();
    // Writing to a string can't fail.
    let _ = writeln!(
        xml,
        "<testsuites name=\"stepwell test\" tests=\"{}\" failures=\"{}\" errors=\"{invalid}\" skipped=\"{}\" time=\"{:.3}\">",
        total + invalid,
        report.count(Verdict::Failed),
        report.count(Verdict::Skipped),
        report.elapsed.as_secs_f64()
    );
    for run in &report.runs {
        suite(&mut xml, run);
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn suite(xml: &mut String, run: &SuiteRun) {
    let count = |verdict| run.cases.iter().filter(|case| case.verdict() == verdict).count();
    let elapsed: Duration = run.cases.iter().map(|case| case.elapsed).sum();
    let seconds = elapsed.as_secs_f64();
    let (path, errors) = (run.path.display().to_string(), usize::from(run.invalid.is_some()));
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{}\" file=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{errors}\" skipped=\"{}\" time=\"{seconds:.6}\">",
        escaped(&run.name),
        escaped(&path),
        run.cases.len() + errors,
        count(Verdict::Failed),
        count(Verdict::Skipped),
    );
    if let Some(invalid) = &run.invalid {
        let text = report::text(Some(&invalid.path), &invalid.source, &invalid.findings);
        let text = anstream::adapter::strip_str(&text).to_string();
        let _ = writeln!(
            xml,
            "    <testcase name=\"(the file)\" classname=\"{}\" file=\"{}\"><error message=\"the file can't be used\">{}</error></testcase>",
            escaped(&run.name),
            escaped(&path),
            escaped(&text)
        );
    }
    if let Some(content) = &run.content {
        let lines = content.lines();
        for of_case in &run.cases {
            case(xml, run, content, &lines, of_case);
        }
    }
    xml.push_str("  </testsuite>\n");
}

fn case(xml: &mut String, run: &SuiteRun, content: &Content, lines: &Lines<'_>, of_case: &CaseRun) {
    let Some(case) = content.suite.cases.get(of_case.index) else { return };
    let path = run.path.display().to_string();
    let _ = write!(
        xml,
        "    <testcase name=\"{}\" classname=\"{}\" file=\"{}\" line=\"{}\" time=\"{:.6}\"",
        escaped(&case.name),
        escaped(&run.name),
        escaped(&path),
        lines.position(case.span).0,
        of_case.elapsed.as_secs_f64()
    );
    match of_case.verdict() {
        Verdict::Passed => xml.push_str("/>\n"),
        Verdict::Skipped => {
            let why = case.skip.as_deref().unwrap_or_default();
            let _ = writeln!(xml, "><skipped message=\"{}\"/></testcase>", escaped(why));
        }
        Verdict::Failed => {
            let first = of_case.mismatches.first();
            let message = first.map(|found| format!("{}: {}", found.field, found.message));
            let mut text = String::new();
            for mismatch in &of_case.mismatches {
                if let Some(span) = mismatch.span {
                    let (line, column) = lines.position(span);
                    let _ = write!(text, "{path}:{line}:{column}: ");
                }
                let _ = writeln!(text, "{}: {}", mismatch.field, mismatch.message);
                for line in detail_lines(mismatch) {
                    let _ = writeln!(text, "  {}", anstream::adapter::strip_str(&line));
                }
            }
            let _ = writeln!(
                xml,
                "><failure message=\"{}\">{}</failure></testcase>",
                escaped(&message.unwrap_or_default()),
                escaped(&text)
            );
        }
    }
}

/// Text for an attribute or an element; what XML 1.0 can't hold is replaced.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(character),
            '\u{fffe}' | '\u{ffff}' => escaped.push('\u{fffd}'),
            character if character.is_control() => escaped.push('\u{fffd}'),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_takes_any_text() {
        assert_eq!(escaped("a<b> & \"c\"\u{1b}[31m\n"), "a&lt;b&gt; &amp; &quot;c&quot;\u{fffd}[31m\n");
    }
}
