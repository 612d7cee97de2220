//! `stepwell run FILE`: a server in this process, one execution, and its path.
//!
//! The server listens on a free port of the loopback address, so that handlers can answer with task tokens and
//! `stepwell task` can be used from another terminal.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use clap::Args;
use serde_json::{Value, json};
use stepwell_server::Server;

use super::client::follow::Teller;
use super::client::start::print_end;
use super::client::{block_on, follow, text};
use super::host::{self, Plan, Registered};
use super::validate::{TypeName, load_runnable};
use crate::client::{CallError, Client};
use crate::config::server::{self, Durability};
use crate::config::{Config, mock};
use crate::definition::{DefinitionFile, is_standard_input};
use crate::environment::Environment;
use crate::failure::Failure;
use crate::input;
use crate::output::{self, FAINT, Format, styled};
use crate::path_view::PathView;
use crate::signals::Signals;
use crate::wait_times::WaitTimes;

/// How long requests of handlers may take after the execution has ended.
const DRAIN: Duration = Duration::from_millis(200);
/// Days that executions stay in a data directory, as with `serve`.
const RETENTION_DAYS: u32 = 90;
/// The error that an execution ends with that Ctrl-C stops.
const INTERRUPTED: &str = "Stepwell.Interrupted";

/// Arguments of `run`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell run order.asl.json --input '{\"order\": 1}'
  stepwell run order.asl.yaml --input @order.json --skip-waits
  stepwell run order.asl.json --mock-config mocks.json --mock-case HappyPath
  stepwell run order.asl.json --name run-1 --data-dir data     the same command again goes on after a crash

The path goes to standard error and the output to standard output. Lambda functions are those of the stepwell.toml
beside FILE, else of the one in the working directory. Exit code 1: the execution did not succeed.")]
pub(crate) struct RunArguments {
    /// The definition: JSON, or YAML where the name ends in .yaml or .yml; - for standard input, JSON or YAML
    file: PathBuf,
    /// The input as JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON", default_value = "{}")]
    input: String,
    /// The name of the execution
    #[arg(long)]
    name: Option<String>,
    /// The type of the state machine
    #[arg(long = "type", value_enum, ignore_case = true, default_value_t, value_name = "TYPE")]
    machine_type: TypeName,
    /// Do not wait in Wait states
    #[arg(long)]
    skip_waits: bool,
    /// The mock file that --mock-case is in [variables: STEPWELL_MOCK_CONFIG, SFN_MOCK_CONFIG]
    #[arg(long, value_name = "FILE", requires = "mock_case")]
    mock_config: Option<PathBuf>,
    /// Take the answers of tasks from this test case of the mock file
    #[arg(long, value_name = "NAME")]
    mock_case: Option<String>,
    /// Keep the execution on disk, in this directory [default: in memory]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
}

/// Runs the definition.
pub(crate) fn run(arguments: &RunArguments, format: Format) -> Result<(), Failure> {
    if is_standard_input(&arguments.file) && input::is_standard_input(&arguments.input) {
        return Err(Failure::usage(
            "standard input can't bring both the definition and the input: name a file for one of them",
        ));
    }
    let file = load_runnable(&arguments.file, arguments.machine_type)?;
    let input = input::json(&arguments.input)?;
    let environment = Environment::of_process();
    let beside = arguments.file.parent().map(Path::to_path_buf).unwrap_or_default();
    let config = Config::load(None, &[beside, PathBuf::from(".")]).map_err(Failure::Usage)?;
    crate::log::for_run();
    let wait_scale =
        if arguments.skip_waits { 0.0 } else { server::wait_scale(&environment).map_err(Failure::Usage)? };
    // Without a case nothing is taken from the file, and its faults are of no interest.
    let mock_file = match &arguments.mock_case {
        None => None,
        Some(_) => {
            Some(mock::file(arguments.mock_config.as_deref(), &environment, &config).ok_or_else(|| {
                Failure::usage("--mock-case needs a mock file: name it with --mock-config or SFN_MOCK_CONFIG")
            })?)
        }
    };
    let plan = Plan {
        config: &config,
        environment: &environment,
        service_endpoints: &[],
        data_directory: arguments.data_dir.as_deref(),
        allow_aws: false,
        listen: host::with_port(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?,
        allow_unauthenticated: false,
        retention_days: RETENTION_DAYS,
        wait_scale,
        mock_file,
    };
    let settings = plan.settings()?;
    let store = host::open_store(arguments.data_dir.as_deref(), Durability::Commit)?;
    let client = Client::new(Some(&host::address_for_clients(plan.listen)), &Environment::default())?;
    // The server works on threads of its own, so that this one is free to print.
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::internal)?;
    let server = runtime.block_on(host::start(settings, store))?;
    let fatal = server.fatal();
    let answer = block_on(async {
        tokio::select! {
            answer = execute(arguments, &file, &input, wait_scale, &server, &client) => answer,
            reason = fatal => Err(Failure::Internal(reason)),
        }
    });
    runtime.block_on(server.shutdown(DRAIN));
    // A handler that does not end must not keep the command from ending.
    runtime.shutdown_timeout(DRAIN);
    print_end(&answer?, format)
}

/// Starts the execution and sees it through; answers its description.
async fn execute(
    arguments: &RunArguments,
    file: &DefinitionFile,
    input: &str,
    wait_scale: f64,
    server: &Server,
    client: &Client,
) -> Result<Value, Failure> {
    let name = machine_name(file);
    let (registered, machine) =
        host::register(server.operations(), &name, &file.json, Some(arguments.machine_type))
            .await
            .map_err(|error| Failure::Usage(format!("{}: {error}", file.path.display())))?;
    if registered == Registered::Updated {
        output::note(styled(FAINT, "the definition is not the one that the data directory had; updated"));
    }
    let subject = match &arguments.mock_case {
        Some(case) => format!("{machine}#{case}"),
        None => machine.to_string(),
    };
    let mut request = json!({"stateMachineArn": subject, "input": input});
    if let Some(name) = &arguments.name {
        request["name"] = name.as_str().into();
    }
    let mut signals = Signals::new()?;
    if arguments.machine_type == TypeName::Express {
        return tokio::select! {
            answer = client.call("StartSyncExecution", &request) => Ok(answer?),
            _ = signals.next() => Err(Failure::Unsuccessful),
        };
    }
    let execution = match client.call("StartExecution", &request).await {
        Ok(started) => {
            let begun = started["startDate"].as_f64().unwrap_or(f64::MAX);
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            // The answer for an execution that was there before has the time when that one started.
            if arguments.data_dir.is_some() && begun + 1.0 < now.as_secs_f64() {
                output::note(styled(FAINT, "the execution was started before and goes on"));
            }
            text(&started, "executionArn").to_owned()
        }
        Err(error) if error.is("ExecutionAlreadyExists") => {
            return ended_before(client, &machine, arguments.name.as_deref().unwrap_or_default(), input)
                .await;
        }
        Err(error) => return Err(error.into()),
    };
    let mut teller = Teller::Path(Box::new(PathView::new(WaitTimes::of(&file.json, wait_scale))));
    let mut is_stopping = false;
    let mut following = std::pin::pin!(follow::follow(client, &execution, &mut teller, Duration::ZERO));
    loop {
        tokio::select! {
            answer = &mut following => return Ok(answer?),
            name = signals.next() => {
                if is_stopping {
                    return Err(Failure::Unsuccessful);
                }
                is_stopping = true;
                output::note(format_args!("{name}: stopping the execution; again to leave at once"));
                stop(client, &execution).await?;
            }
        }
    }
}

/// An execution that ended before is not run again: its end is told once more, if it was asked for with the same input.
async fn ended_before(client: &Client, machine: &str, name: &str, input: &str) -> Result<Value, Failure> {
    let arn = format!("{}:{name}", machine.replacen(":stateMachine:", ":execution:", 1));
    let answer = client.call("DescribeExecution", &json!({"executionArn": arn})).await?;
    if text(&answer, "input") != input {
        return Err(Failure::Usage(format!(
            "the data directory has an execution {name:?} with another input; choose another --name"
        )));
    }
    output::note(styled(FAINT, "the execution has ended before; this is its result"));
    Ok(answer)
}

async fn stop(client: &Client, execution: &str) -> Result<(), CallError> {
    let request = json!({
        "executionArn": execution,
        "error": INTERRUPTED,
        "cause": "stepwell run was interrupted",
    });
    match client.call("StopExecution", &request).await {
        // It has just ended by itself.
        Err(error) if error.is("ExecutionDoesNotExist") => Ok(()),
        result => result.map(|_| ()),
    }
}

/// The machine's name: that of the file, with what AWS allows in names.
fn machine_name(file: &DefinitionFile) -> String {
    let is_allowed =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.');
    let name: String = file
        .machine_name()
        .trim_matches(['<', '>'])
        .chars()
        .map(|character| if is_allowed(character) { character } else { '-' })
        .take(80)
        .collect();
    if name.is_empty() { "definition".to_owned() } else { name }
}
