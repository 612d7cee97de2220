//! `stepwell integrations [SERVICE [ACTION]]`: what a Task's Resource can name, and the parameters.

use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};
use stepwell_aws_model::{
    Ending, Operation, Service, Shape, ShapeId, ShapeKind, all_optimized, botocore_version, nearest, service,
    service_called, services,
};

use crate::failure::Failure;
use crate::output::{self, FAINT, Format, styled};

/// How many of a parameter's allowed values are shown to people.
const VALUES_SHOWN_MAX: usize = 6;

/// Arguments of `integrations`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell integrations                      the services
  stepwell integrations sqs                  what can be called of one
  stepwell integrations sqs sendMessage      the parameters, the result and the errors of an action")]
pub(crate) struct IntegrationsArguments {
    /// A service, as Resource names it
    service: Option<String>,
    /// An action, as Resource names it
    action: Option<String>,
}

/// Prints what there is.
pub(crate) fn run(arguments: &IntegrationsArguments, format: Format) -> Result<(), Failure> {
    let Some(name) = &arguments.service else {
        list_services(format);
        return Ok(());
    };
    let word = name.strip_prefix("aws-sdk:").unwrap_or(name);
    let optimized: Vec<_> = all_optimized().iter().filter(|row| row.service == word).collect();
    let found = match (service_called(word), optimized.first()) {
        (Some(summary), _) => service(summary.word),
        // Words of optimized integrations differ from those of the SDK.
        (None, Some(row)) => service(row.api),
        (None, None) => None,
    };
    let Some(service) = found else {
        let words =
            services().map(|summary| summary.word).chain(all_optimized().iter().map(|row| row.service));
        return Err(no_such("service", word, words));
    };
    let Some(action) = &arguments.action else {
        list_actions(&service, format);
        return Ok(());
    };
    let action = action.split('.').next().unwrap_or(action);
    let named = all_optimized().iter().find(|row| row.api == &*service.word && row.action == action);
    let operation = named.map_or(action, |row| row.operation);
    let Some(operation) = service.operation(operation) else {
        let actions: Vec<String> = service.operations.iter().map(Operation::action).collect();
        return Err(no_such("action", action, actions.iter().map(String::as_str)));
    };
    show(&service, operation, format);
    Ok(())
}

fn no_such<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a str>) -> Failure {
    match nearest(name, names) {
        Some(nearest) => Failure::Usage(format!("there is no {what} {name:?}; did you mean {nearest:?}?")),
        None => Failure::Usage(format!("there is no {what} {name:?}")),
    }
}

fn list_services(format: Format) {
    let optimized = |word: &str| -> Vec<&str> {
        let mut words: Vec<&str> =
            all_optimized().iter().filter(|row| row.api == word).map(|row| row.service).collect();
        words.extend(match word {
            "lambda" => Some("lambda"),
            "sfn" => Some("states"),
            _ => None,
        });
        words.dedup();
        words
    };
    if format == Format::Json {
        let list: Vec<Value> = services()
            .map(|summary| {
                json!({
                    "service": summary.word, "optimized": optimized(summary.word),
                    "errorPrefix": summary.prefix, "botocoreName": summary.botocore_name,
                })
            })
            .collect();
        output::json(&json!({"botocore": botocore_version(), "services": list}));
        return;
    }
    let rows: Vec<Vec<String>> = services()
        .map(|summary| {
            let optimized = optimized(summary.word).join(", ");
            vec![format!("aws-sdk:{}", summary.word), optimized, summary.botocore_name.to_owned()]
        })
        .collect();
    output::table(&["SERVICE", "OPTIMIZED", "IN THE AWS CLI"], &rows);
    output::note(styled(
        FAINT,
        format_args!("{} services, from botocore {}", rows.len(), botocore_version()),
    ));
}

/// The forms of an action: (Resource, what it does).
fn resources(service: &Service, operation: &Operation) -> Vec<String> {
    let mut forms = Vec::new();
    for row in
        all_optimized().iter().filter(|row| row.api == &*service.word && row.operation == &*operation.name)
    {
        for ending in row.endings {
            let suffix = match ending {
                Ending::RequestResponse => "",
                Ending::Sync => ".sync",
                Ending::WaitForTaskToken => ".waitForTaskToken",
            };
            forms.push(format!("arn:aws:states:::{}:{}{suffix}", row.service, row.action));
        }
    }
    let own: &[&str] = match (&*service.word, &*operation.name) {
        ("lambda", "Invoke") => &["lambda:invoke", "lambda:invoke.waitForTaskToken"],
        ("sfn", "StartExecution") => &[
            "states:startExecution",
            "states:startExecution.sync",
            "states:startExecution.sync:2",
            "states:startExecution.waitForTaskToken",
        ],
        _ => &[],
    };
    forms.extend(own.iter().map(|form| format!("arn:aws:states:::{form}")));
    if !operation.has_event_stream {
        let form = format!("arn:aws:states:::aws-sdk:{}:{}", service.word, operation.action());
        forms.push(form.clone());
        forms.push(form + ".waitForTaskToken");
    }
    forms
}

fn list_actions(service: &Arc<Service>, format: Format) {
    if format == Format::Json {
        let list: Vec<Value> = service
            .operations
            .iter()
            .map(|operation| {
                json!({"action": operation.action(), "resources": resources(service, operation),
                       "deprecated": operation.is_deprecated})
            })
            .collect();
        output::json(&json!({"service": &*service.word, "actions": list}));
        return;
    }
    let rows: Vec<Vec<String>> = service
        .operations
        .iter()
        .map(|operation| {
            let forms = resources(service, operation);
            let optimized = forms.iter().filter(|form| !form.contains(":::aws-sdk:"));
            let optimized: Vec<&str> =
                optimized.filter_map(|form| form.strip_prefix("arn:aws:states:::")).collect();
            let remark = match (operation.has_event_stream, operation.is_deprecated) {
                (true, _) => "not for tasks: a stream of events".to_owned(),
                (false, true) => "deprecated by AWS".to_owned(),
                (false, false) => optimized.join(", "),
            };
            vec![operation.action(), remark]
        })
        .collect();
    output::table(&["ACTION", "OPTIMIZED, AND REMARKS"], &rows);
    let word = &service.word;
    output::note(styled(FAINT, format_args!("arn:aws:states:::aws-sdk:{word}:ACTION[.waitForTaskToken]")));
}

/// A member for people: name, type, whether it is required, and what its values may be.
fn rows(service: &Service, id: Option<ShapeId>) -> Vec<Vec<String>> {
    let Some(shape) = id.map(|id| service.shape(id)) else { return Vec::new() };
    shape
        .members()
        .iter()
        .map(|member| {
            let target = service.shape(member.shape);
            let remark = match (member.is_required, member.is_idempotency_token) {
                (_, true) => "made up when absent",
                (true, _) => "required",
                _ => "",
            };
            vec![
                member.shown_name().into_owned(),
                type_of(service, target, 2),
                remark.to_owned(),
                values(target),
            ]
        })
        .collect()
}

fn type_of(service: &Service, shape: &Shape, depth: usize) -> String {
    match &shape.kind {
        ShapeKind::String => "string".to_owned(),
        ShapeKind::Boolean => "boolean".to_owned(),
        ShapeKind::Integer | ShapeKind::Long => "integer".to_owned(),
        ShapeKind::Float | ShapeKind::Double => "number".to_owned(),
        ShapeKind::Blob => "text or JSON (bytes)".to_owned(),
        ShapeKind::Timestamp { .. } => "time".to_owned(),
        ShapeKind::List { entry, .. } => {
            format!("list of {}", type_of(service, service.shape(entry.shape), depth))
        }
        ShapeKind::Map { value, .. } => {
            format!("map to {}", type_of(service, service.shape(value.shape), depth))
        }
        ShapeKind::Structure { is_document: true, .. } => "any JSON".to_owned(),
        ShapeKind::Structure { members, .. } if depth == 0 || members.len() > 6 => "object".to_owned(),
        ShapeKind::Structure { members, .. } => {
            let names: Vec<_> = members.iter().map(|member| member.shown_name()).collect();
            format!("{{{}}}", names.join(", "))
        }
    }
}

fn values(shape: &Shape) -> String {
    if !shape.enumeration.is_empty() {
        let shown: Vec<&str> =
            shape.enumeration.iter().take(VALUES_SHOWN_MAX).map(|value| &**value).collect();
        let more = if shape.enumeration.len() > VALUES_SHOWN_MAX { ", …" } else { "" };
        return format!("{}{more}", shown.join(", "));
    }
    let unit = match &shape.kind {
        ShapeKind::String => " characters",
        ShapeKind::Blob => " bytes",
        ShapeKind::List { .. } | ShapeKind::Map { .. } => " entries",
        _ => "",
    };
    match (shape.min, shape.max) {
        (Some(min), Some(max)) => format!("{min} to {max}{unit}"),
        (Some(min), None) => format!("at least {min}{unit}"),
        (None, Some(max)) => format!("at most {max}{unit}"),
        (None, None) => String::new(),
    }
}

/// A shape for programs, down to a depth: shapes may hold themselves.
fn described(service: &Service, id: ShapeId, depth: usize) -> Value {
    let shape = service.shape(id);
    let mut value = match &shape.kind {
        ShapeKind::String => json!({"type": "string"}),
        ShapeKind::Boolean => json!({"type": "boolean"}),
        ShapeKind::Integer | ShapeKind::Long => json!({"type": "integer"}),
        ShapeKind::Float | ShapeKind::Double => json!({"type": "number"}),
        ShapeKind::Blob => json!({"type": "blob"}),
        ShapeKind::Timestamp { .. } => json!({"type": "timestamp"}),
        _ if depth == 0 => json!({"type": "object"}),
        ShapeKind::List { entry, .. } => {
            json!({"type": "list", "entry": described(service, entry.shape, depth - 1)})
        }
        ShapeKind::Map { value, .. } => {
            json!({"type": "map", "value": described(service, value.shape, depth - 1)})
        }
        ShapeKind::Structure { is_document: true, .. } => json!({"type": "any"}),
        ShapeKind::Structure { members, .. } => {
            let required: Vec<_> = members
                .iter()
                .filter(|member| member.is_required)
                .map(|member| member.shown_name())
                .collect();
            let members: serde_json::Map<String, Value> = members
                .iter()
                .map(|member| (member.shown_name().into_owned(), described(service, member.shape, depth - 1)))
                .collect();
            json!({"type": "object", "members": members, "required": required})
        }
    };
    if !shape.enumeration.is_empty() {
        value["values"] = json!(shape.enumeration);
    }
    for (key, bound) in [("min", shape.min), ("max", shape.max)] {
        if let Some(bound) = bound {
            value[key] = json!(bound);
        }
    }
    value
}

/// Optimized integrations of an operation whose parameters are not the operation's: the form and the parameters, each with
/// whether it is required.
fn own_words(
    service: &Service,
    operation: &Operation,
) -> impl Iterator<Item = (String, &'static [(&'static str, bool)])> {
    let rows =
        all_optimized().iter().filter(|row| row.api == &*service.word && row.operation == &*operation.name);
    rows.filter_map(|row| Some((format!("{}:{}", row.service, row.action), row.own_parameters()?)))
}

fn show(service: &Arc<Service>, operation: &Operation, format: Format) {
    let errors: Vec<String> = operation
        .errors
        .iter()
        .filter_map(|id| service.shape(*id).error.as_ref())
        .map(|error| format!("{}.{}", service.prefix, error.class()))
        .collect();
    if format == Format::Json {
        let shape = |id: Option<ShapeId>| id.map(|id| described(service, id, 6));
        output::json(&json!({
            "service": &*service.word, "action": operation.action(), "resources": resources(service, operation),
            "parameters": shape(operation.input), "result": shape(operation.output), "errors": errors,
            "ownParameters": own_words(service, operation)
                .map(|(form, own)| {
                    let required: Vec<_> = own.iter().filter(|(_, is_required)| *is_required).map(|(name, _)| name).collect();
                    let names: Vec<_> = own.iter().map(|(name, _)| name).collect();
                    (form, json!({"members": names, "required": required}))
                })
                .collect::<serde_json::Map<_, _>>(),
        }));
        return;
    }
    for form in resources(service, operation) {
        output::line(form);
    }
    for (form, own) in own_words(service, operation) {
        let own: Vec<Vec<String>> = own
            .iter()
            .map(|(name, is_required)| {
                vec![(*name).to_owned(), if *is_required { "required" } else { "" }.to_owned()]
            })
            .collect();
        output::line("");
        output::table(&[&format!("PARAMETER OF {form}"), ""], &own);
        output::line("");
        output::line("The operation that it calls, as aws-sdk has it:");
    }
    let parameters = rows(service, operation.input);
    output::line("");
    output::table(&["PARAMETER", "TYPE", "", "VALUES"], &parameters);
    if parameters.is_empty() {
        output::line("It takes no parameters.");
    }
    let results: Vec<Vec<String>> =
        rows(service, operation.output).into_iter().map(|row| row.into_iter().take(2).collect()).collect();
    output::line("");
    output::table(&["RESULT", "TYPE"], &results);
    if results.is_empty() {
        output::line("It gives nothing.");
    }
    if !errors.is_empty() {
        output::line("");
        output::table(&["ERRORS"], &errors.into_iter().map(|error| vec![error]).collect::<Vec<_>>());
    }
}
