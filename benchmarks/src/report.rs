//! The table at the end.

use serde_json::{Value, json};

/// One line of the table: a figure, what was to be reached, and whether it was.
#[derive(Debug, Clone)]
pub struct Row {
    /// Workload.
    pub workload: String,
    /// What was measured, with its unit.
    pub measured: String,
    /// The measured number alone.
    pub value: f64,
    /// What was to be reached.
    pub target: String,
    /// Whether it was; `None` when the run can't tell.
    pub holds: Option<bool>,
}

/// The whole result of a run.
#[derive(Debug, Default)]
pub struct Report {
    /// The lines, in the order in which they were measured.
    pub rows: Vec<Row>,
    /// Figures of the machine: what the targets rest on.
    pub notes: Vec<(String, String)>,
}

impl Report {
    /// Adds a figure that must not exceed a limit.
    pub fn at_most(&mut self, workload: &str, value: f64, unit: &str, limit: f64, detail: &str) {
        self.push(workload, value, unit, format!("at most {} {unit}", figure(limit)), value <= limit, detail);
    }

    /// Adds a figure that must reach a limit.
    pub fn at_least(&mut self, workload: &str, value: f64, unit: &str, limit: f64, detail: &str) {
        self.push(
            workload,
            value,
            unit,
            format!("at least {} {unit}", figure(limit)),
            value >= limit,
            detail,
        );
    }

    /// Adds a line of which nothing is demanded, or that this run can't measure.
    pub fn note_row(&mut self, workload: &str, measured: String) {
        self.rows.push(Row {
            workload: workload.to_owned(),
            measured,
            value: 0.0,
            target: String::new(),
            holds: None,
        });
    }

    /// Adds a workload that could not be measured, which counts as not reached.
    pub fn failed(&mut self, workload: &str, error: &str) {
        let measured = format!("failed: {}", error.replace(['\n', '|'], " "));
        let workload = workload.to_owned();
        self.rows.push(Row { workload, measured, value: 0.0, target: String::new(), holds: Some(false) });
    }

    fn push(&mut self, workload: &str, value: f64, unit: &str, target: String, holds: bool, detail: &str) {
        let detail = if detail.is_empty() { String::new() } else { format!(" ({detail})") };
        self.rows.push(Row {
            workload: workload.to_owned(),
            measured: format!("{} {unit}{detail}", figure(value)),
            value,
            target: target.trim_end().to_owned(),
            holds: Some(holds),
        });
    }

    /// Adds a figure of the machine.
    pub fn note(&mut self, name: &str, text: String) {
        self.notes.push((name.to_owned(), text));
    }

    /// Whether every figure that could be judged holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.rows.iter().all(|row| row.holds != Some(false))
    }

    /// The table as text (Markdown, so that it can be kept as it is).
    #[must_use]
    pub fn to_text(&self) -> String {
        let header = ["workload", "measured", "target", "holds"].map(str::to_owned);
        let mut lines = vec![header];
        lines.extend(self.rows.iter().map(|row| {
            let holds = match row.holds {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "-",
            };
            [row.workload.clone(), row.measured.clone(), row.target.clone(), holds.to_owned()]
        }));
        let widths: Vec<usize> = (0..4)
            .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
            .collect();
        let mut text = String::new();
        for (number, line) in lines.iter().enumerate() {
            let cells: Vec<String> =
                line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
            text.push_str(&format!("| {} |\n", cells.join(" | ")));
            if number == 0 {
                let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
                text.push_str(&format!("| {} |\n", rules.join(" | ")));
            }
        }
        text.push('\n');
        for (name, note) in &self.notes {
            text.push_str(&format!("{name}: {note}\n"));
        }
        text
    }

    /// The same as JSON.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({"workload": row.workload, "measured": row.measured, "value": row.value, "target": row.target, "holds": row.holds})
            })
            .collect();
        let notes: serde_json::Map<String, Value> =
            self.notes.iter().map(|(name, note)| (name.clone(), Value::String(note.clone()))).collect();
        json!({"rows": rows, "notes": notes, "holds": self.holds()})
    }
}

/// A number with as many digits as it deserves.
#[must_use]
pub fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 100.0 || size == 0.0 => {
            let digits = format!("{value:.0}");
            group_thousands(&digits)
        }
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

fn group_thousands(digits: &str) -> String {
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let mut out = sign.to_owned();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let table = [
            (0.0, "0"),
            (0.1234, "0.123"),
            (1.239, "1.24"),
            (12.34, "12.3"),
            (999.6, "1,000"),
            (1234567.0, "1,234,567"),
            (-1500.0, "-1,500"),
        ];
        for (value, text) in table {
            assert_eq!(figure(value), text);
        }
    }

    #[test]
    fn a_report_holds_when_nothing_that_was_judged_failed() {
        let mut report = Report::default();
        report.at_most("a", 1.0, "ms", 2.0, "");
        report.note_row("b", "not measured".to_owned());
        assert!(report.holds());
        report.at_least("c", 1.0, "", 2.0, "detail");
        assert!(!report.holds());
        assert!(report.to_text().contains("| c        | 1.00  (detail)"), "{}", report.to_text());
        assert_eq!(report.to_json()["holds"], false);
    }
}
