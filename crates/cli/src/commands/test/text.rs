//! Results as people read them.

use std::path::Path;

use stepwell_workflow_test::{Change, Coverage, Difference, Item, Kind, Machine, Mismatch, shorten};

use super::load::{Content, Library, Lines};
use super::outcome::{CaseRun, Report, SuiteRun, Verdict, covered};
use crate::output::{self, BOLD, FAINT, GREEN, RED, YELLOW, styled};
use crate::report::{self, plain};

/// Characters of a value in a difference.
const VALUE_CHARACTERS: usize = 160;
/// Differences of one value that are shown.
const DIFFERENCES_SHOWN_MAX: usize = 12;
/// Parts of one definition that are named as not covered.
const UNCOVERED_SHOWN_MAX: usize = 40;
/// Virtual time from which a case says how long it was.
const DURATION_SHOWN_MS: i64 = 60_000;

/// One test file.
pub(super) fn suite(run: &SuiteRun) {
    if let Some(invalid) = &run.invalid {
        report::note(&invalid.path, &invalid.source, &invalid.findings);
        return;
    }
    let Some(content) = &run.content else { return };
    if run.cases.is_empty() {
        return;
    }
    let lines = content.lines();
    output::line(styled(BOLD, run.path.display()));
    for of_case in &run.cases {
        case(&run.path, content, &lines, of_case);
    }
}

fn case(path: &Path, content: &Content, lines: &Lines<'_>, run: &CaseRun) {
    let Some(case) = content.suite.cases.get(run.index) else { return };
    let name = plain(&case.name);
    match run.verdict() {
        Verdict::Passed => {
            let duration = run.ran.as_ref().map_or(0, |ran| ran.duration_ms);
            let took = if duration >= DURATION_SHOWN_MS {
                styled(FAINT, format_args!("  {} of virtual time", duration_text(duration)))
            } else {
                String::new()
            };
            output::line(format_args!("  {} {name}{took}", styled(GREEN, "✓")));
        }
        Verdict::Skipped => {
            let why = plain(case.skip.as_deref().unwrap_or_default());
            output::line(format_args!(
                "  {} {name}{}",
                styled(YELLOW, "-"),
                styled(FAINT, format_args!("  skipped: {why}"))
            ));
        }
        Verdict::Failed => {
            output::line(format_args!("  {} {}", styled(RED, "✗"), styled(RED, name)));
            for mismatch in &run.mismatches {
                let place = mismatch.span.map(|span| {
                    let (line, column) = lines.position(span);
                    format!("{}:{line}:{column}: ", path.display())
                });
                output::line(format_args!(
                    "      {}{}: {}",
                    styled(FAINT, place.unwrap_or_default()),
                    styled(BOLD, plain(&mismatch.field)),
                    plain(&mismatch.message)
                ));
                for line in detail_lines(mismatch) {
                    output::line(format_args!("        {line}"));
                }
            }
        }
    }
}

/// Coverage and the summary.
pub(super) fn end(library: &Library, report: &Report) {
    coverage(library, report);
    let mut parts = Vec::new();
    for (verdict, word, style) in [
        (Verdict::Passed, "passed", GREEN),
        (Verdict::Failed, "failed", RED),
        (Verdict::Skipped, "skipped", YELLOW),
    ] {
        let count = report.count(verdict);
        if count > 0 {
            parts.push(styled(style, format_args!("{count} {word}")));
        }
    }
    let invalid = report.runs.iter().filter(|run| run.invalid.is_some()).count();
    if invalid > 0 {
        let word = if invalid == 1 { "file" } else { "files" };
        parts.push(styled(RED, format_args!("{invalid} invalid {word}")));
    }
    if parts.is_empty() {
        parts.push("no cases".to_owned());
    }
    let elapsed = styled(FAINT, format_args!("in {:.2} s", report.elapsed.as_secs_f64()));
    output::line(format_args!("\n{} {elapsed}", parts.join(", ")));
    for entry in &report.coverage {
        let count = covered(library, entry);
        if report.is_too_little(count) {
            let path = match entry {
                Ok((path, _)) | Err(path) => path,
            };
            output::error(format_args!(
                "{}: {} covered, at least {} % wanted",
                path.display(),
                percent_text(count.percent()),
                report.coverage_min.unwrap_or_default()
            ));
        }
    }
}

/// The lines under a mismatch.
pub(super) fn detail_lines(mismatch: &Mismatch) -> Vec<String> {
    let shown = mismatch.differences.iter().take(DIFFERENCES_SHOWN_MAX);
    let mut lines: Vec<String> = shown.map(difference_line).collect();
    if mismatch.differences.len() > DIFFERENCES_SHOWN_MAX {
        lines.push(format!("… {} more", mismatch.differences.len() - DIFFERENCES_SHOWN_MAX));
    }
    lines.extend(mismatch.notes.iter().map(|note| plain(note)));
    lines
}

/// One difference in one line.
fn difference_line(difference: &Difference) -> String {
    let place = if difference.pointer.is_empty() {
        String::new()
    } else {
        format!("{}: ", plain(&difference.pointer))
    };
    let show = |value: &stepwell_json::Value| shorten(&plain(&value.to_text()), VALUE_CHARACTERS);
    match &difference.change {
        Change::Other { expected, actual } => {
            let (expected, actual) =
                parts_that_differ(&plain(&expected.to_text()), &plain(&actual.to_text()));
            format!("{place}expected {}, but it is {}", styled(GREEN, expected), styled(RED, actual))
        }
        Change::Missing { expected } => {
            format!("{place}expected {}, but it is {}", styled(GREEN, show(expected)), styled(RED, "missing"))
        }
        Change::Unexpected { actual } => format!("{place}not expected: {}", styled(RED, show(actual))),
    }
}

/// Two texts, and, where they are long, the parts of them where they begin to differ.
fn parts_that_differ(expected: &str, actual: &str) -> (String, String) {
    const CONTEXT: usize = 30;
    let common = expected.chars().zip(actual.chars()).take_while(|(one, other)| one == other).count();
    let is_long = expected.chars().count().max(actual.chars().count()) > VALUE_CHARACTERS;
    if !is_long || common < 2 * CONTEXT {
        return (shorten(expected, VALUE_CHARACTERS), shorten(actual, VALUE_CHARACTERS));
    }
    let part = |text: &str| {
        let part: String = text.chars().skip(common - CONTEXT).collect();
        format!("…{}", shorten(&part, VALUE_CHARACTERS))
    };
    (part(expected), part(actual))
}

fn coverage(library: &Library, report: &Report) {
    if report.coverage.is_empty() || report.runs.iter().all(|run| run.cases.is_empty()) {
        return;
    }
    output::line("");
    let mut rows = Vec::new();
    for entry in &report.coverage {
        match entry {
            Ok(key) => {
                let Some(definition) = library.definition(key) else { continue };
                rows.push(coverage_row(&definition.file.path, &definition.coverage));
            }
            Err(path) => rows.push(vec![path.display().to_string(), "no tests".to_owned()]),
        }
    }
    output::table(
        &["COVERAGE", "ALL", "STATES", "TRANSITIONS", "CHOICE RULES", "RETRIERS", "CATCHERS"],
        &rows,
    );
    for key in report.coverage.iter().flatten() {
        let Some(definition) = library.definition(key) else { continue };
        let uncovered: Vec<&Item> = definition.coverage.uncovered().collect();
        if uncovered.is_empty() {
            continue;
        }
        output::line(format_args!("\n{}", styled(YELLOW, "Not covered:")));
        let lines = definition.lines();
        for item in uncovered.iter().take(UNCOVERED_SHOWN_MAX) {
            let (line, column) = lines.position(item.span);
            output::line(format_args!(
                "  {}:{line}:{column}: {}",
                definition.file.path.display(),
                plain(&item_text(&definition.machine, item))
            ));
        }
        if uncovered.len() > UNCOVERED_SHOWN_MAX {
            output::line(format_args!("  … {} more", uncovered.len() - UNCOVERED_SHOWN_MAX));
        }
    }
}

fn coverage_row(path: &Path, coverage: &Coverage) -> Vec<String> {
    let share = |kinds: &[Kind]| {
        let count = coverage.count(kinds);
        if count.total == 0 { "-".to_owned() } else { format!("{}/{}", count.covered, count.total) }
    };
    vec![
        path.display().to_string(),
        percent_text(coverage.total().percent()),
        share(&[Kind::State]),
        share(&[Kind::Transition]),
        share(&[Kind::Rule, Kind::Default]),
        share(&[Kind::Retrier]),
        share(&[Kind::Catcher]),
    ]
}

/// A share, rounded down so that 100 % means everything.
fn percent_text(percent: f64) -> String {
    let tenths = (percent * 10.0).floor() / 10.0;
    if tenths.fract() == 0.0 { format!("{tenths:.0} %") } else { format!("{tenths:.1} %") }
}

/// What was not covered, in words.
pub(super) fn item_text(machine: &Machine, item: &Item) -> String {
    let state = machine.name(item.state);
    let number = item.number + 1;
    let next = item.next.map(|next| machine.name(next));
    let leads = next.map(|next| format!(" → {next}")).unwrap_or_default();
    let errors = shorten(&item.errors.join(", "), 80);
    match item.kind {
        Kind::State => format!("state {state}"),
        Kind::Transition => format!("{state} → {}", next.unwrap_or("end")),
        Kind::Rule => format!("rule {number} of {state}{leads}"),
        Kind::Default => format!("Default of {state}{leads}"),
        Kind::Retrier => format!("retrier {number} of {state} ({errors})"),
        Kind::Catcher => format!("catcher {number} of {state} ({errors}){leads}"),
    }
}

/// Virtual time in the two largest units that it has: `7 days`, `1 hour 30 minutes`.
fn duration_text(millis: i64) -> String {
    let mut seconds = millis / 1000;
    let mut parts = Vec::new();
    for (unit, length) in [("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)] {
        let count = seconds / length;
        seconds %= length;
        if count > 0 && parts.len() < 2 {
            let plural = if count == 1 { "" } else { "s" };
            parts.push(format!("{count} {unit}{plural}"));
        }
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn virtual_time_has_two_units() {
        for (millis, text) in [
            (60_000, "1 minute"),
            (61_500, "1 minute 1 second"),
            (604_800_000, "7 days"),
            (90_061_000, "1 day 1 hour"),
        ] {
            assert_eq!(duration_text(millis), text);
        }
    }

    #[test]
    fn a_share_is_never_rounded_up_to_the_whole() {
        for (percent, text) in [(100.0, "100 %"), (99.99, "99.9 %"), (50.0, "50 %"), (200.0 / 3.0, "66.6 %")]
        {
            assert_eq!(percent_text(percent), text);
        }
    }

    #[test]
    fn long_texts_are_shown_where_they_differ() {
        let (expected, actual) = (format!("{}a", "x".repeat(500)), format!("{}b", "x".repeat(500)));
        let (expected, actual) = parts_that_differ(&expected, &actual);
        assert_eq!(expected, format!("…{}a", "x".repeat(30)));
        assert_eq!(actual, format!("…{}b", "x".repeat(30)));
        assert_eq!(parts_that_differ("1", "2"), ("1".to_owned(), "2".to_owned()));
    }
}
