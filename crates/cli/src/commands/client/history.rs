//! `stepwell history EXECUTION`.

use clap::Args;
use serde_json::{Value, json};

use super::{PAGE_SIZE, ServerArgument, block_on, names, text};
use crate::failure::Failure;
use crate::output::{self, Format};
use crate::path_view::error_and_short_cause;

/// Characters of an input in a line.
const INPUT_CHARACTERS_MAX: usize = 60;

/// Arguments of `history`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell history order:run-1
  stepwell history order:run-1 --reverse --limit 10
  stepwell history order:run-1 --output json")]
pub(crate) struct HistoryArguments {
    /// The execution: MACHINE:EXECUTION or its ARN
    execution: String,
    /// Newest first
    #[arg(long)]
    reverse: bool,
    /// Stop after this many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    #[command(flatten)]
    server: ServerArgument,
}

/// Prints the events.
pub(crate) fn run(arguments: &HistoryArguments, format: Format) -> Result<(), Failure> {
    let client = arguments.server.client()?;
    let limit = arguments.limit.unwrap_or(u64::MAX);
    let events = block_on(async {
        let arn = names::execution(&client, &arguments.execution).await?;
        let mut request = json!({"executionArn": arn, "reverseOrder": arguments.reverse});
        let mut events: Vec<Value> = Vec::new();
        loop {
            request["maxResults"] = limit.saturating_sub(events.len() as u64).min(PAGE_SIZE).into();
            let mut page = client.call("GetExecutionHistory", &request).await?;
            if let Some(Value::Array(found)) = page.get_mut("events").map(Value::take) {
                events.extend(found);
            }
            match page["nextToken"].as_str() {
                Some(token) if (events.len() as u64) < limit => request["nextToken"] = token.into(),
                _ => return Ok(events),
            }
        }
    })?;
    match format {
        Format::Json => output::json(&json!({"events": events})),
        Format::Text => {
            let rows: Vec<Vec<String>> = events.iter().map(row).collect();
            output::table(&["ID", "TIME", "TYPE", "DETAIL"], &rows);
        }
    }
    Ok(())
}

/// The beginning of a payload.
fn shortened(text: &str) -> String {
    match text.char_indices().nth(INPUT_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

fn row(event: &Value) -> Vec<String> {
    let details = event.as_object().into_iter().flatten().find(|(key, _)| key.ends_with("EventDetails"));
    let details = details.map(|(_, details)| details).unwrap_or(&Value::Null);
    let mut detail = ["name", "resource"].map(|key| text(details, key)).join(" ").trim().to_owned();
    if let Some(index) = details.get("index") {
        detail.push_str(&format!("[{index}]"));
    }
    if let Some(count) = details.get("redriveCount") {
        let name = std::mem::replace(&mut detail, format!("redrive {count}"));
        if let Some(input) = details.get("input").and_then(Value::as_str) {
            detail.push_str(&format!(", {name} with the input {}", shortened(input)));
        }
        if details["definitionChanged"] == true {
            detail.push_str(", with another definition");
        }
    }
    detail.push_str(&error_and_short_cause(text(details, "error"), text(details, "cause")));
    let detail = detail.trim_start_matches(": ").to_owned();
    vec![event["id"].to_string(), super::time(event, "timestamp"), text(event, "type").to_owned(), detail]
}
