//! `stepwell test-state FILE`: one state, with or without a mock, and the way of its data.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};
use stepwell_asl::nearest;

use super::create::ROLE_DEFAULT;
use super::{ServerArgument, block_on, text};
use crate::definition::DefinitionFile;
use crate::failure::Failure;
use crate::input;
use crate::output::{self, FAINT, Format, GREEN, RED, YELLOW, styled};
use crate::path_view::error_and_cause;
use crate::report;

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    /// The output only
    Info,
    /// Every stage of the data
    Debug,
    /// Every stage, and the request and response of an HTTP Task
    Trace,
}

/// How a mocked result is compared with what the service gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Validation {
    /// Every field must fit, and required ones must be there
    Strict,
    /// The fields that are there must fit
    Present,
    /// Anything goes
    None,
}

/// Arguments of `test-state`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell test-state pass.json --input '{\"order\": 1}'
  stepwell test-state order.asl.json --state Charge --input @order.json --mock-result '{\"StatusCode\": 200}'
  stepwell test-state order.asl.json --state Charge --mock-error Busy --mock-cause later --retries 2

FILE is a whole state machine, of which --state names a state at any depth, or the object of one state alone. The stages
of the data go to standard error, the output to standard output. Exit code 1: the state failed and no catcher took the
error, or a retrier would try again.")]
pub(crate) struct TestStateArguments {
    /// The definition: JSON, or YAML where the name ends in .yaml or .yml
    file: PathBuf,
    /// The state to test
    #[arg(long, value_name = "NAME")]
    state: Option<String>,
    /// The state's input as JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON", default_value = "{}")]
    input: String,
    /// What the state's work gives, as JSON or @FILE; nothing is called then
    #[arg(long, value_name = "JSON", conflicts_with = "mock_error")]
    mock_result: Option<String>,
    /// The error that the state's work fails with; nothing is called then
    #[arg(long, value_name = "NAME")]
    mock_error: Option<String>,
    /// The cause of that error
    #[arg(long, value_name = "TEXT", requires = "mock_error")]
    mock_cause: Option<String>,
    /// How the mocked result is compared with what the service gives [default: strict]
    #[arg(long, value_name = "MODE", requires = "mock_result")]
    validation: Option<Validation>,
    /// The context object as JSON or @FILE
    #[arg(long, value_name = "JSON")]
    context: Option<String>,
    /// The variables, an object, as JSON or @FILE
    #[arg(long, value_name = "JSON")]
    variables: Option<String>,
    /// How much is shown
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = Level::Debug)]
    inspection_level: Level,
    /// Show what authenticates an HTTP Task
    #[arg(long)]
    reveal_secrets: bool,
    /// Attempts that the retrier of the error has made
    #[arg(long, value_name = "N")]
    retries: Option<u32>,
    /// Iterations of a Map that failed
    #[arg(long, value_name = "N")]
    failed_iterations: Option<u32>,
    /// The state inside a Map or Parallel in which the mocked error arose
    #[arg(long, value_name = "NAME")]
    error_caused_by: Option<String>,
    /// What the ItemReader of a Map read, as text or @FILE
    #[arg(long, value_name = "TEXT")]
    item_reader_data: Option<String>,
    /// The role of the execution; nothing assumes it here
    #[arg(long, value_name = "ARN", default_value = ROLE_DEFAULT)]
    role_arn: String,
    #[command(flatten)]
    server: ServerArgument,
}

/// Tests the state.
pub(crate) fn run(arguments: &TestStateArguments, format: Format) -> Result<(), Failure> {
    let request = request(arguments)?;
    let client = arguments.server.client()?;
    let answer = block_on(async { Ok(client.call("TestState", &request).await?) })?;
    match format {
        Format::Json => output::json(&answer),
        Format::Text => print(&answer),
    }
    match text(&answer, "status") {
        "SUCCEEDED" | "CAUGHT_ERROR" => Ok(()),
        _ => Err(Failure::Unsuccessful),
    }
}

fn request(arguments: &TestStateArguments) -> Result<Value, Failure> {
    let file = DefinitionFile::load(&arguments.file).map_err(|error| {
        let (finding, source) = report::load_finding(error);
        report::note(&arguments.file, &source, &[finding]);
        Failure::InvalidDefinition
    })?;
    check_state(&file, arguments.state.as_deref())?;
    let level = match arguments.inspection_level {
        Level::Info => "INFO",
        Level::Debug => "DEBUG",
        Level::Trace => "TRACE",
    };
    let mut request = json!({
        "definition": file.json,
        "input": input::json(&arguments.input)?,
        "inspectionLevel": level,
        "roleArn": arguments.role_arn,
    });
    let mut set = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            request[name] = value;
        }
    };
    let read = |argument: &Option<String>| argument.as_deref().map(input::text).transpose();
    set("stateName", arguments.state.clone().map(Value::from));
    set("context", read(&arguments.context)?.map(Value::from));
    set("variables", read(&arguments.variables)?.map(Value::from));
    set("revealSecrets", arguments.reveal_secrets.then_some(Value::Bool(true)));
    set("mock", mock(arguments)?);
    let mut configuration = Map::new();
    let mut configure = |name: &str, value: Option<Value>| {
        configuration.extend(value.map(|value| (name.to_owned(), value)));
    };
    configure("retrierRetryCount", arguments.retries.map(Value::from));
    configure("mapIterationFailureCount", arguments.failed_iterations.map(Value::from));
    configure("errorCausedByState", arguments.error_caused_by.clone().map(Value::from));
    configure("mapItemReaderData", read(&arguments.item_reader_data)?.map(Value::from));
    if !configuration.is_empty() {
        set("stateConfiguration", Some(Value::Object(configuration)));
    }
    Ok(request)
}

fn mock(arguments: &TestStateArguments) -> Result<Option<Value>, Failure> {
    if let Some(error) = &arguments.mock_error {
        let mut output = json!({"error": error});
        if let Some(cause) = &arguments.mock_cause {
            output["cause"] = cause.as_str().into();
        }
        return Ok(Some(json!({"errorOutput": output})));
    }
    let Some(result) = &arguments.mock_result else { return Ok(None) };
    let mut mock = json!({"result": input::text(result)?});
    if let Some(mode) = arguments.validation {
        mock["fieldValidationMode"] = match mode {
            Validation::Strict => "STRICT",
            Validation::Present => "PRESENT",
            Validation::None => "NONE",
        }
        .into();
    }
    Ok(Some(mock))
}

/// A whole machine needs the name of a state of it, and a single state has none; the server would only find fields that
/// don't fit, or no state.
fn check_state(file: &DefinitionFile, state: Option<&str>) -> Result<(), Failure> {
    let definition: Value = serde_json::from_str(&file.json).unwrap_or_default();
    let mut names = Vec::new();
    names_in(&definition, &mut names);
    let path = file.path.display();
    let problem = match (definition.get("States"), state) {
        (Some(_), None) => format!(
            "{path} is a whole state machine: name the state to test with --state (it has {})",
            names.join(", ")
        ),
        (Some(_), Some(state)) if !names.contains(&state) => match nearest(state, names.iter().copied()) {
            Some(near) => format!("{path} has no state {state:?}; did you mean {near:?}?"),
            None => format!("{path} has no state {state:?} (it has {})", names.join(", ")),
        },
        (None, Some(_)) if definition.get("Type").is_some() => {
            format!("{path} is a single state, not a state machine: leave --state out")
        }
        _ => return Ok(()),
    };
    Err(Failure::Usage(problem))
}

/// The names of all states of a machine, however deep they are.
fn names_in<'d>(machine: &'d Value, names: &mut Vec<&'d str>) {
    for (name, state) in machine.get("States").and_then(Value::as_object).into_iter().flatten() {
        names.push(name);
        let branches = state.get("Branches").and_then(Value::as_array).into_iter().flatten();
        let processors = ["ItemProcessor", "Iterator"].into_iter().filter_map(|field| state.get(field));
        branches.chain(processors).for_each(|inner| names_in(inner, names));
    }
}

/// The stages in the order in which the data goes through them, and their names in the API.
const STAGES: [(&str, &str); 16] = [
    ("input", "input"),
    ("after InputPath", "afterInputPath"),
    ("after Parameters", "afterParameters"),
    ("after Arguments", "afterArguments"),
    ("after ItemsPath", "afterItemsPath"),
    ("after ItemsPointer", "afterItemsPointer"),
    ("after ItemSelector", "afterItemSelector"),
    ("after ItemBatcher", "afterItemBatcher"),
    ("MaxConcurrency", "maxConcurrency"),
    ("ToleratedFailureCount", "toleratedFailureCount"),
    ("ToleratedFailurePercentage", "toleratedFailurePercentage"),
    ("result", "result"),
    ("after ResultSelector", "afterResultSelector"),
    ("after ResultPath", "afterResultPath"),
    ("variables", "variables"),
    ("error", "errorDetails"),
];

fn print(answer: &Value) {
    let data = answer.get("inspectionData").unwrap_or(&Value::Null);
    let stages: Vec<(&str, String)> = STAGES
        .iter()
        .filter_map(|(name, key)| {
            let value = data.get(key)?;
            Some((*name, value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        })
        .collect();
    let width = stages.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in &stages {
        output::note(format_args!("{}  {value}", styled(FAINT, format_args!("{name:width$}"))));
    }
    let status = text(answer, "status");
    let style = match status {
        "SUCCEEDED" => GREEN,
        "FAILED" => RED,
        _ => YELLOW,
    };
    let next = match text(answer, "nextState") {
        "" => String::new(),
        next => format!(", next: {next}"),
    };
    let why = error_and_cause(text(answer, "error"), text(answer, "cause"));
    output::note(format_args!("{}{next}{why}", styled(style, status)));
    if let Some(output) = answer.get("output").and_then(Value::as_str) {
        output::line(output);
    }
}
