//! `stepwell integrations [SERVICE [ACTION]]`: what a Task's Resource can name, and the parameters.

mod direct;

use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};
use stepwell_aws_model::{
    Direct, Operation, Service, Shape, ShapeId, ShapeKind, all_direct, all_optimized, botocore_version,
    nearest, service, service_called, services,
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
    let sdk_word = name.strip_prefix("aws-sdk:");
    let word = sdk_word.unwrap_or(name);
    let optimized = all_optimized().iter().find(|row| row.service == word);
    let service = match service_called(word) {
        Some(summary) => service(summary.word),
        // Words of optimized integrations differ from those of the SDK.
        None => optimized.and_then(|row| service(row.api)),
    };
    let direct: Vec<&Direct> =
        all_direct().iter().copied().filter(|row| sdk_word.is_none() && row.service == word).collect();
    if service.is_none() && direct.is_empty() {
        let words = services()
            .map(|summary| summary.word)
            .chain(all_optimized().iter().map(|row| row.service))
            .chain(all_direct().iter().map(|row| row.service));
        return Err(no_such("service", word, words, "stepwell integrations"));
    }
    let Some(action) = &arguments.action else {
        list_actions(word, service.as_ref(), &direct, format);
        return Ok(());
    };
    let action = action.split('.').next().unwrap_or(action);
    if let Some(row) = direct.iter().find(|row| row.action == action) {
        direct::show(row, format);
        return Ok(());
    }
    let named = all_optimized()
        .iter()
        .find(|row| row.action == action && service.as_ref().is_some_and(|found| row.api == &*found.word));
    let operation = named.map_or(action, |row| row.operation);
    let found = service.as_ref().and_then(|service| Some((service, service.operation(operation)?)));
    let Some((service, operation)) = found else {
        let actions: Vec<String> =
            service.iter().flat_map(|service| &service.operations).map(Operation::action).collect();
        let actions = actions.iter().map(String::as_str).chain(direct.iter().map(|row| row.action));
        return Err(no_such("action", action, actions, &format!("stepwell integrations {name}")));
    };
    show(service, operation, format);
    Ok(())
}

/// `list` is the command that lists those there are.
fn no_such<'a>(what: &str, name: &str, names: impl Iterator<Item = &'a str>, list: &str) -> Failure {
    match nearest(name, names) {
        Some(nearest) => Failure::Usage(format!("there is no {what} {name:?}; did you mean {nearest:?}?")),
        None => Failure::Usage(format!("there is no {what} {name:?}; `{list}` lists them")),
    }
}

fn list_services(format: Format) {
    let optimized = |word: &str| -> Vec<&str> {
        let mut words: Vec<&str> =
            all_optimized().iter().filter(|row| row.api == word).map(|row| row.service).collect();
        words.extend(all_direct().iter().map(|row| row.service).filter(|service| *service == word));
        words.extend(match word {
            "lambda" => Some("lambda"),
            "sfn" => Some("states"),
            _ => None,
        });
        words.dedup();
        words
    };
    // Such as no SDK has.
    let others = || all_direct().iter().map(|row| row.service).filter(|word| service_called(word).is_none());
    if format == Format::Json {
        let mut list: Vec<Value> = services()
            .map(|summary| {
                json!({
                    "service": summary.word, "optimized": optimized(summary.word),
                    "errorPrefix": summary.prefix, "botocoreName": summary.botocore_name,
                })
            })
            .collect();
        list.extend(others().map(
            |word| json!({"service": word, "optimized": [word], "errorPrefix": null, "botocoreName": null}),
        ));
        output::json(&json!({"botocore": botocore_version(), "services": list}));
        return;
    }
    let mut rows: Vec<Vec<String>> = services()
        .map(|summary| {
            let optimized = optimized(summary.word).join(", ");
            vec![format!("aws-sdk:{}", summary.word), optimized, summary.botocore_name.to_owned()]
        })
        .collect();
    let count = rows.len();
    rows.extend(others().map(|word| vec![String::new(), word.to_owned(), String::new()]));
    output::table(&["SERVICE", "OPTIMIZED", "IN THE AWS CLI"], &rows);
    output::note(styled(FAINT, format_args!("{count} services, from botocore {}", botocore_version())));
}

/// The forms of an action: (Resource, what it does).
fn resources(service: &Service, operation: &Operation) -> Vec<String> {
    let mut forms = Vec::new();
    for row in
        all_optimized().iter().filter(|row| row.api == &*service.word && row.operation == &*operation.name)
    {
        for ending in row.endings {
            let suffix = direct::suffix(*ending);
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

fn list_actions(word: &str, service: Option<&Arc<Service>>, direct: &[&Direct], format: Format) {
    let operations =
        || service.into_iter().flat_map(|service| service.operations.iter().map(move |one| (service, one)));
    if format == Format::Json {
        let mut list: Vec<Value> = direct
            .iter()
            .map(
                |row| json!({"action": row.action, "resources": direct::resources(row), "deprecated": false}),
            )
            .collect();
        list.extend(operations().map(|(service, operation)| {
            json!({"action": operation.action(), "resources": resources(service, operation),
                   "deprecated": operation.is_deprecated})
        }));
        let word = service.map_or(word, |service| &service.word);
        output::json(&json!({"service": word, "actions": list}));
        return;
    }
    let short = |forms: Vec<String>| {
        let optimized = forms.iter().filter(|form| !form.contains(":::aws-sdk:"));
        optimized.filter_map(|form| form.strip_prefix("arn:aws:states:::")).collect::<Vec<_>>().join(", ")
    };
    let mut rows: Vec<Vec<String>> =
        direct.iter().map(|row| vec![row.action.to_owned(), short(direct::resources(row))]).collect();
    rows.extend(operations().map(|(service, operation)| {
        let remark = match (operation.has_event_stream, operation.is_deprecated) {
            (true, _) => "not for tasks: a stream of events".to_owned(),
            (false, true) => "deprecated by AWS".to_owned(),
            (false, false) => short(resources(service, operation)),
        };
        vec![operation.action(), remark]
    }));
    output::table(&["ACTION", "OPTIMIZED, AND REMARKS"], &rows);
    if let Some(service) = service {
        let word = &service.word;
        output::note(styled(
            FAINT,
            format_args!("arn:aws:states:::aws-sdk:{word}:ACTION[.waitForTaskToken]"),
        ));
    }
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
