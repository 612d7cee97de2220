//! `stepwell watch [EXECUTION|MACHINE]`.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::{Duration, SystemTime};

use clap::Args;
use serde_json::{Value, json};

use super::follow::{Teller, call_patiently, follow};
use super::start::print_end;
use super::{PAGE_SIZE, ServerArgument, block_on, names, text, time};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{self, FAINT, Format, GREEN, RED, YELLOW, styled};
use crate::path_view::{PathView, duration};
use crate::signals::Signals;
use crate::wait_times::WaitTimes;

/// Between two looks at the executions of a machine.
const POLL: Duration = Duration::from_secs(1);
/// What is added to it for each machine, when all are watched.
const POLL_PER_MACHINE: Duration = Duration::from_millis(20);
/// Machines whose executions are listed, when all are watched.
const MACHINES_MAX: usize = 100;
/// How long a server may be away.
const PATIENCE: Duration = Duration::from_secs(60);
/// Columns of a table.
const HEADINGS: [&str; 5] = ["EXECUTION", "STATUS", "STARTED", "ENDED", "TOOK"];

/// Arguments of `watch`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell watch order:run-1       the path of an execution while it is taken, then its output
  stepwell watch order             the newest executions of a state machine, until Ctrl-C
  stepwell watch                   the newest executions of all state machines

On a terminal the executions are a table that is kept up to date; elsewhere each change is a line. With --output json
each event of an execution, and at last its description, or each change is a line of JSON.

Exit code: of an execution 0 when it succeeded, else 1, also after Ctrl-C, which does not stop it; else 0.")]
pub(crate) struct WatchArguments {
    /// An execution as MACHINE:EXECUTION or by its ARN, or a state machine [default: all state machines]
    #[arg(value_name = "EXECUTION|MACHINE")]
    name: Option<String>,
    /// How many executions are shown
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=PAGE_SIZE))]
    limit: u64,
    #[command(flatten)]
    server: ServerArgument,
}

/// Watches until the execution ends, or until Ctrl-C.
pub(crate) fn run(arguments: &WatchArguments, format: Format) -> Result<(), Failure> {
    let client = arguments.server.client()?;
    block_on(async {
        let mut signals = Signals::new()?;
        let Some(name) = &arguments.name else {
            return watch_executions(&client, None, arguments.limit, format, &mut signals).await;
        };
        let is_execution = match name.starts_with("arn:") {
            true => name.contains(":execution:") || name.contains(":express:"),
            false => name.contains(':'),
        };
        if !is_execution {
            let machine = names::machine(&client, name).await?;
            return watch_executions(&client, Some(machine), arguments.limit, format, &mut signals).await;
        }
        let arn = names::execution(&client, name).await?;
        tokio::select! {
            result = watch_execution(&client, &arn, format) => result,
            _ = signals.next() => {
                output::note("no longer watched; the execution goes on");
                Err(Failure::Unsuccessful)
            }
        }
    })
}

async fn watch_execution(client: &Client, arn: &str, format: Format) -> Result<(), Failure> {
    let mut teller = match format {
        Format::Json => Teller::Json,
        Format::Text => {
            let machine =
                client.call("DescribeStateMachineForExecution", &json!({"executionArn": arn})).await?;
            Teller::Path(Box::new(PathView::new(WaitTimes::of(text(&machine, "definition"), 1.0))))
        }
    };
    let ended = follow(client, arn, &mut teller, PATIENCE).await?;
    match format {
        Format::Text => print_end(&ended, format),
        Format::Json => {
            output::line(&ended);
            if ended["status"] == "SUCCEEDED" { Ok(()) } else { Err(Failure::Unsuccessful) }
        }
    }
}

async fn watch_executions(
    client: &Client,
    machine: Option<String>,
    limit: u64,
    format: Format,
    signals: &mut Signals,
) -> Result<(), Failure> {
    let on_terminal = format == Format::Text && std::io::stdout().is_terminal();
    let mut screen = on_terminal.then(Screen::open);
    let mut seen: HashMap<String, Value> = HashMap::new();
    loop {
        let look = async {
            let (machines, executions) = newest(client, machine.as_deref(), limit).await?;
            Ok::<_, Failure>((machines, executions))
        };
        let (machines, executions) = tokio::select! {
            found = look => found?,
            _ = signals.next() => return Ok(()),
        };
        match &mut screen {
            Some(screen) => screen.show(machine.as_deref(), &executions),
            None => tell_changes(&mut seen, &executions, format),
        }
        let pause = POLL + POLL_PER_MACHINE * u32::try_from(machines).unwrap_or(u32::MAX);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = signals.next() => return Ok(()),
        }
    }
}

/// How many machines were asked for, and their newest executions, newest first.
async fn newest(client: &Client, machine: Option<&str>, limit: u64) -> Result<(usize, Vec<Value>), Failure> {
    let machines = match machine {
        Some(machine) => vec![machine.to_owned()],
        None => {
            let request = json!({"maxResults": PAGE_SIZE});
            let page = call_patiently(client, "ListStateMachines", &request, PATIENCE).await?;
            let machines = page["stateMachines"].as_array().into_iter().flatten();
            let standard = machines.filter(|machine| text(machine, "type") == "STANDARD");
            standard.map(|machine| text(machine, "stateMachineArn").to_owned()).take(MACHINES_MAX).collect()
        }
    };
    let mut executions = Vec::new();
    for arn in &machines {
        let request = json!({"stateMachineArn": arn, "maxResults": limit});
        let page = match call_patiently(client, "ListExecutions", &request, PATIENCE).await {
            // Deleted since the list was made.
            Err(error) if machine.is_none() && error.is("StateMachineDoesNotExist") => continue,
            result => result?,
        };
        if let Value::Array(found) = &page["executions"] {
            executions.extend(found.iter().cloned());
        }
    }
    let started = |execution: &Value| execution["startDate"].as_f64().unwrap_or_default();
    executions.sort_by(|one, other| started(other).total_cmp(&started(one)));
    executions.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok((machines.len(), executions))
}

/// A line about each execution that is new or has another status, oldest first.
fn tell_changes(seen: &mut HashMap<String, Value>, executions: &[Value], format: Format) {
    for execution in executions.iter().rev() {
        let arn = text(execution, "executionArn");
        let state = json!([execution["status"], execution["redriveCount"]]);
        if seen.get(arn) == Some(&state) {
            continue;
        }
        seen.insert(arn.to_owned(), state);
        match format {
            Format::Json => output::followed_line(execution),
            Format::Text => output::followed_line(row(execution).join("  ")),
        }
    }
    // What is no longer listed is forgotten.
    seen.retain(|arn, _| executions.iter().any(|execution| text(execution, "executionArn") == arn));
}

fn row(execution: &Value) -> [String; 5] {
    let arn = text(execution, "executionArn");
    let name = arn.split_once(":execution:").map_or(arn, |(_, name)| name);
    let status = text(execution, "status");
    let style = match status {
        "SUCCEEDED" => GREEN,
        "RUNNING" | "PENDING_REDRIVE" => YELLOW,
        _ => RED,
    };
    let started = execution["startDate"].as_f64().unwrap_or_default();
    let ended = execution["stopDate"].as_f64().unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        now.unwrap_or_default().as_secs_f64()
    });
    [
        name.to_owned(),
        styled(style, format_args!("{status:<9}")),
        time(execution, "startDate"),
        time(execution, "stopDate"),
        duration((ended - started).max(0.0)),
    ]
}

/// The terminal's second screen, so that what was there before comes back.
struct Screen;

impl Screen {
    fn open() -> Screen {
        output::line("\u{1b}[?1049h");
        Screen
    }

    fn show(&mut self, machine: Option<&str>, executions: &[Value]) {
        let name = machine.map_or("all state machines", |arn| arn.rsplit(':').next().unwrap_or(arn));
        let running = executions.iter().filter(|execution| text(execution, "status") == "RUNNING").count();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now = stepwell_asl::timestamp::format_millis(i64::try_from(now.as_millis()).unwrap_or_default());
        // Home, and nothing behind.
        output::line(format_args!(
            "\u{1b}[H\u{1b}[J{name}: {running} running, {} shown {}\n",
            executions.len(),
            styled(FAINT, format_args!("at {now}; Ctrl-C ends"))
        ));
        let rows: Vec<Vec<String>> = executions.iter().map(|execution| row(execution).to_vec()).collect();
        output::table(&HEADINGS, &rows);
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        output::line("\u{1b}[?1049l");
    }
}
