//! The keys of `stepwell.toml`. The TOML library would refuse an unknown key too, but could not name the nearest one.

use toml::de::{DeTable, DeValue};

use crate::nearest::nearest;

/// What may stand at a place.
enum Keys {
    /// Anything; the type is checked when the section is read.
    Any,
    /// A table with these keys.
    Table(&'static [(&'static str, Keys)]),
    /// A table with names of the user's own.
    Named(&'static Keys),
    /// A list of tables.
    Tables(&'static Keys),
}

static DOCUMENT: Keys = Keys::Table(&[
    ("aws", Keys::Table(&[("allow", Keys::Any), ("roles", Keys::Named(&ROLE))])),
    (
        "batch",
        Keys::Table(&[
            ("job_definitions", Keys::Named(&JOB_DEFINITION)),
            ("queues", Keys::Named(&CONCURRENCY)),
        ]),
    ),
    ("connections", Keys::Named(&CONNECTION)),
    ("containers", Keys::Table(&[("socket", Keys::Any)])),
    (
        "ecs",
        Keys::Table(&[
            ("clusters", Keys::Named(&CONCURRENCY)),
            ("task_definitions", Keys::Named(&TASK_DEFINITION)),
        ]),
    ),
    ("eks", Keys::Table(&[("clusters", Keys::Named(&CLUSTER))])),
    ("endpoints", Keys::Any),
    ("events", Keys::Table(&[("webhooks", Keys::Tables(&WEBHOOK))])),
    (
        "http",
        Keys::Table(&[
            ("allow", Keys::Any),
            ("concurrency", Keys::Any),
            ("on_uncertain", Keys::Any),
            ("timeout_seconds", Keys::Any),
        ]),
    ),
    ("integrations", Keys::Named(&INTEGRATION)),
    ("lambda", Keys::Table(&[("functions", Keys::Named(&FUNCTION))])),
    ("logs", Keys::Table(&[("default", LOG_DESTINATION), ("groups", Keys::Named(&LOG_DESTINATION))])),
    ("mock", Keys::Table(&[("file", Keys::Any)])),
    ("server", SERVER),
]);

static CONCURRENCY: Keys = Keys::Table(&[("concurrency", Keys::Any)]);

static JOB_DEFINITION: Keys = Keys::Table(&[
    ("attempts", Keys::Any),
    ("command", Keys::Any),
    ("cpus", Keys::Any),
    ("dir", Keys::Any),
    ("entrypoint", Keys::Any),
    ("env", Keys::Any),
    ("image", Keys::Any),
    ("log_max_megabytes", Keys::Any),
    ("memory_megabytes", Keys::Any),
    ("network", Keys::Any),
    ("parameters", Keys::Any),
    ("stop_timeout_seconds", Keys::Any),
    ("timeout_seconds", Keys::Any),
    ("volumes", Keys::Any),
]);

static TASK_DEFINITION: Keys = Keys::Table(&[
    ("command", Keys::Any),
    ("containers", Keys::Named(&CONTAINER)),
    ("cpus", Keys::Any),
    ("dir", Keys::Any),
    ("entrypoint", Keys::Any),
    ("env", Keys::Any),
    ("image", Keys::Any),
    ("log_max_megabytes", Keys::Any),
    ("memory_megabytes", Keys::Any),
    ("network", Keys::Any),
    ("stop_timeout_seconds", Keys::Any),
    ("volumes", Keys::Any),
]);

static CONTAINER: Keys = Keys::Table(&[
    ("command", Keys::Any),
    ("cpus", Keys::Any),
    ("dir", Keys::Any),
    ("entrypoint", Keys::Any),
    ("env", Keys::Any),
    ("essential", Keys::Any),
    ("image", Keys::Any),
    ("log_max_megabytes", Keys::Any),
    ("memory_megabytes", Keys::Any),
    ("network", Keys::Any),
    ("stop_timeout_seconds", Keys::Any),
    ("volumes", Keys::Any),
]);

static WEBHOOK: Keys = Keys::Table(&[
    ("secret", Keys::Any),
    ("secret_env", Keys::Any),
    ("statuses", Keys::Any),
    ("timeout_seconds", Keys::Any),
    ("url", Keys::Any),
]);

const LOG_DESTINATION: Keys =
    Keys::Table(&[("file", Keys::Any), ("max_megabytes", Keys::Any), ("to", Keys::Any)]);

static INTEGRATION: Keys =
    Keys::Table(&[("concurrency", Keys::Any), ("on_uncertain", Keys::Any), ("timeout_seconds", Keys::Any)]);

static CONNECTION: Keys = Keys::Table(&[
    ("body", Keys::Any),
    ("client_id", Keys::Any),
    ("client_secret", Keys::Any),
    ("client_secret_env", Keys::Any),
    ("headers", Keys::Any),
    ("key_name", Keys::Any),
    ("key_value", Keys::Any),
    ("key_value_env", Keys::Any),
    ("password", Keys::Any),
    ("password_env", Keys::Any),
    ("query", Keys::Any),
    ("token_method", Keys::Any),
    ("token_parameters", Keys::Any),
    ("token_url", Keys::Any),
    ("type", Keys::Any),
    ("username", Keys::Any),
]);

static CLUSTER: Keys = Keys::Table(&[
    ("aws_token", Keys::Any),
    ("certificate_authority", Keys::Any),
    ("client_certificate", Keys::Any),
    ("client_key", Keys::Any),
    ("context", Keys::Any),
    ("endpoint", Keys::Any),
    ("kubeconfig", Keys::Any),
    ("token", Keys::Any),
    ("token_env", Keys::Any),
    ("token_file", Keys::Any),
]);

static ROLE: Keys = Keys::Table(&[
    ("access_key_id", Keys::Any),
    ("secret_access_key", Keys::Any),
    ("session_token", Keys::Any),
]);

static FUNCTION: Keys = Keys::Table(&[
    ("command", Keys::Any),
    ("concurrency", Keys::Any),
    ("dir", Keys::Any),
    ("endpoint", Keys::Any),
    ("env", Keys::Any),
    ("handler", Keys::Any),
    ("idle_seconds", Keys::Any),
    ("memory_megabytes", Keys::Any),
    ("name", Keys::Any),
    ("runtime", Keys::Any),
    ("timeout_seconds", Keys::Any),
    ("url", Keys::Any),
]);

const SERVER: Keys = Keys::Table(&[
    ("allow_unauthenticated", Keys::Any),
    ("data_dir", Keys::Any),
    ("durability", Keys::Any),
    ("listen", Keys::Any),
    ("log_format", Keys::Any),
    ("log_level", Keys::Any),
    ("memory", Keys::Any),
    ("port", Keys::Any),
    ("retention_days", Keys::Any),
    ("memory_max_megabytes", Keys::Any),
]);

/// What is wrong, and at which byte of the file.
pub(super) struct Problem {
    pub(super) offset: Option<usize>,
    pub(super) message: String,
}

/// Checks that every key of the text is known.
pub(super) fn check(text: &str) -> Result<(), Problem> {
    let root = DeTable::parse(text).map_err(|error| Problem {
        offset: error.span().map(|span| span.start),
        message: super::one_line(error.message()),
    })?;
    check_table(root.get_ref(), &DOCUMENT, "")
}

fn check_table(table: &DeTable<'_>, keys: &Keys, path: &str) -> Result<(), Problem> {
    for (key, value) in table.iter() {
        let name = key.get_ref().as_ref();
        let inner = match keys {
            Keys::Any | Keys::Tables(_) => return Ok(()),
            Keys::Named(inner) => inner,
            Keys::Table(known) => match known.iter().find(|(known, _)| *known == name) {
                Some((_, inner)) => inner,
                None => {
                    let offset = Some(key.span().start);
                    return Err(Problem { offset, message: unknown_key(name, known, path) });
                }
            },
        };
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match (inner, value.get_ref()) {
            (Keys::Any, _) => {}
            (Keys::Tables(item), DeValue::Array(items)) => {
                for value in items.iter() {
                    match value.get_ref() {
                        DeValue::Table(table) => check_table(table, item, &path)?,
                        _ => return Err(not_a_table(value.span().start, &path)),
                    }
                }
            }
            (Keys::Tables(_), _) => {
                let message = format!("write [[{path}]]: there can be several");
                return Err(Problem { offset: Some(value.span().start), message });
            }
            (_, DeValue::Table(table)) => check_table(table, inner, &path)?,
            _ => return Err(not_a_table(value.span().start, &path)),
        }
    }
    Ok(())
}

fn not_a_table(offset: usize, path: &str) -> Problem {
    Problem { offset: Some(offset), message: format!("[{path}] must be a table") }
}

fn unknown_key(name: &str, known: &[(&str, Keys)], path: &str) -> String {
    let names = known.iter().map(|(known, _)| *known);
    let section = if path.is_empty() { String::new() } else { format!(" in [{path}]") };
    let help = match nearest(name, names.clone()) {
        Some(nearest) => format!("did you mean {nearest:?}?"),
        None => format!("known keys: {}", names.collect::<Vec<_>>().join(", ")),
    };
    format!("unknown key {name:?}{section}; {help}")
}

/// Where a setting stands that a dotted path such as `lambda.functions.f.handler` or `events.webhooks.0.url` names, or
/// the section that would have it. Names of functions can have dots, so each key is tried as a prefix of the path.
pub(super) fn offset_of(text: &str, setting: &str) -> Option<usize> {
    let root = DeTable::parse(text).ok()?;
    let mut table = root.get_ref();
    let mut rest = setting;
    let mut offset = None;
    while !rest.is_empty() {
        let found = table.iter().find_map(|(key, value)| {
            let behind = rest.strip_prefix(key.get_ref().as_ref())?;
            let behind = if behind.is_empty() { behind } else { behind.strip_prefix('.')? };
            Some((key.span().start, value.get_ref(), behind))
        });
        let Some((start, value, behind)) = found else { break };
        offset = Some(start);
        rest = behind;
        match value {
            DeValue::Table(inner) => table = inner,
            DeValue::Array(items) => {
                let (index, behind) = rest.split_once('.').unwrap_or((rest, ""));
                let Some(item) = index.parse().ok().and_then(|index: usize| items.get(index)) else { break };
                offset = Some(item.span().start);
                rest = behind;
                match item.get_ref() {
                    DeValue::Table(inner) => table = inner,
                    _ => break,
                }
            }
            _ => break,
        }
    }
    offset
}
