//! What is printed, and in which colours. Colours appear on a terminal only, and never when `NO_COLOR` is set.

use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};
use clap::ValueEnum;
use serde_json::Value;

use crate::definition::plain;
use crate::failure::Failure;

/// Errors.
pub(crate) const RED: Style = AnsiColor::Red.on_default().bold();
/// Warnings, and what goes on after an error.
pub(crate) const YELLOW: Style = AnsiColor::Yellow.on_default();
/// Success.
pub(crate) const GREEN: Style = AnsiColor::Green.on_default();
/// Names.
pub(crate) const BOLD: Style = Style::new().bold();
/// Whatever is beside the point.
pub(crate) const FAINT: Style = Style::new().dimmed();

/// How results are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs: the members are those of the Step Functions API.
    Json,
}

/// A text in a style.
pub(crate) fn styled(style: Style, text: impl fmt::Display) -> String {
    let text = text.to_string();
    if text.is_empty() { text } else { format!("{style}{text}{style:#}") }
}

/// Whether the reader of standard output has gone away.
static READER_IS_GONE: AtomicBool = AtomicBool::new(false);

/// Prints a line to standard output. When its reader has gone away, what is left is for nobody, and the command goes on to
/// its end for the sake of its exit code; any other failure, such as that of a full disk, ends it with a word: what was
/// asked for is not there.
pub(crate) fn line(text: impl fmt::Display) {
    if READER_IS_GONE.load(Ordering::Relaxed) {
        return;
    }
    if let Err(failure) = writeln!(anstream::stdout(), "{text}") {
        if failure.kind() == std::io::ErrorKind::BrokenPipe {
            READER_IS_GONE.store(true, Ordering::Relaxed);
            return;
        }
        let failure = Failure::internal(format_args!("can't write to standard output: {}", plain(&failure)));
        error(failure.text().unwrap_or_default());
        std::process::exit(failure.exit_code().into());
    }
}

/// Prints one of the lines of a command that goes on for as long as somebody reads them: without a reader the process
/// ends quietly, as other tools do.
pub(crate) fn followed_line(text: impl fmt::Display) {
    line(text);
    if READER_IS_GONE.load(Ordering::Relaxed) {
        std::process::exit(0);
    }
}

/// Prints a line to standard error. There is nobody to tell when that fails.
pub(crate) fn note(text: impl fmt::Display) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Prints `error: …` to standard error, without the numbers that Rust adds to what the system says.
pub(crate) fn error(text: impl fmt::Display) {
    let text = text.to_string();
    let mut parts = text.split(" (os error ");
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        told.push_str(
            part.trim_start_matches(|character: char| character.is_ascii_digit()).trim_start_matches(')'),
        );
    }
    note(format_args!("{RED}error:{RED:#} {told}"));
}

/// Prints `warning: …` to standard error.
pub(crate) fn warning(text: impl fmt::Display) {
    note(format_args!("{YELLOW}warning:{YELLOW:#} {text}"));
}

/// Prints an answer of the API as indented JSON.
pub(crate) fn json(value: &Value) {
    line(format_args!("{value:#}"));
}

/// Prints columns that are as wide as their widest cell, styles apart. Prints nothing for no rows.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) {
    let visible = |cell: &str| anstream::adapter::strip_str(cell).to_string().chars().count();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| visible(cell));
        cells.chain(headings.get(column).map(|heading| visible(heading))).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let padded = |cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> = cells
            .zip(&widths)
            .map(|(cell, width)| format!("{cell}{}", " ".repeat(width.saturating_sub(visible(cell)))))
            .collect();
        cells.join("  ").trim_end().to_owned()
    };
    if !rows.is_empty() {
        line(styled(FAINT, padded(&mut headings.iter().copied())));
    }
    for row in rows {
        line(padded(&mut row.iter().map(String::as_str)));
    }
}
