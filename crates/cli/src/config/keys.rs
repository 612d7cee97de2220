//! The keys of `stepwell.toml`. The TOML library would refuse an unknown key too, but could not name the nearest one.

use toml::de::{DeTable, DeValue};

use crate::nearest::nearest;

/// What may stand at a place.
enum Keys {
    /// Anything; the type is checked when the section is read.
    Any,
    /// A table with keys that may have any value, in groups that others share, and with keys that may not.
    Table(&'static [&'static [&'static str]], &'static [(&'static str, Keys)]),
    /// A table with names of the user's own.
    Named(&'static Keys),
    /// A list of tables.
    Tables(&'static Keys),
}

static DOCUMENT: Keys = Keys::Table(
    &[&["endpoints"]],
    &[
        ("aws", Keys::Table(&[&["allow"]], &[("roles", Keys::Named(&ROLE))])),
        (
            "batch",
            Keys::Table(
                &[],
                &[("job_definitions", Keys::Named(&JOB_DEFINITION)), ("queues", Keys::Named(&CONCURRENCY))],
            ),
        ),
        ("connections", Keys::Named(&CONNECTION)),
        ("containers", Keys::Table(&[&["socket"]], &[])),
        (
            "ecs",
            Keys::Table(
                &[],
                &[
                    ("clusters", Keys::Named(&CONCURRENCY)),
                    ("task_definitions", Keys::Named(&TASK_DEFINITION)),
                ],
            ),
        ),
        ("eks", Keys::Table(&[], &[("clusters", Keys::Named(&CLUSTER))])),
        ("events", Keys::Table(&[], &[("webhooks", Keys::Tables(&WEBHOOK))])),
        ("http", Keys::Table(&[CALL_KEYS, &["allow"]], &[])),
        ("integrations", Keys::Named(&INTEGRATION)),
        ("lambda", Keys::Table(&[], &[("functions", Keys::Named(&FUNCTION))])),
        (
            "logs",
            Keys::Table(&[], &[("default", LOG_DESTINATION), ("groups", Keys::Named(&LOG_DESTINATION))]),
        ),
        ("mock", Keys::Table(&[&["file"]], &[])),
        ("server", SERVER),
    ],
);

static CONCURRENCY: Keys = Keys::Table(&[&["concurrency"]], &[]);

/// What calls have in common.
const CALL_KEYS: &[&str] = &["concurrency", "on_uncertain", "timeout_seconds"];

static INTEGRATION: Keys = Keys::Table(&[CALL_KEYS], &[]);

/// What a job, a task and a container of a task have in common.
const CONTAINER_KEYS: &[&str] = &[
    "command",
    "cpus",
    "dir",
    "entrypoint",
    "env",
    "image",
    "log_max_megabytes",
    "memory_megabytes",
    "network",
    "stop_timeout_seconds",
    "volumes",
];

static JOB_DEFINITION: Keys =
    Keys::Table(&[CONTAINER_KEYS, &["attempts", "parameters", "timeout_seconds"]], &[]);

static TASK_DEFINITION: Keys =
    Keys::Table(&[CONTAINER_KEYS], &[("containers", Keys::Named(&TASK_CONTAINER))]);

static TASK_CONTAINER: Keys = Keys::Table(&[CONTAINER_KEYS, &["essential"]], &[]);

static WEBHOOK: Keys = Keys::Table(&[&["secret", "secret_env", "statuses", "timeout_seconds", "url"]], &[]);

const LOG_DESTINATION: Keys = Keys::Table(&[&["file", "max_megabytes", "to"]], &[]);

static CONNECTION: Keys = Keys::Table(
    &[&[
        "body",
        "client_id",
        "client_secret",
        "client_secret_env",
        "headers",
        "key_name",
        "key_value",
        "key_value_env",
        "password",
        "password_env",
        "query",
        "token_method",
        "token_parameters",
        "token_url",
        "type",
        "username",
    ]],
    &[],
);

static CLUSTER: Keys = Keys::Table(
    &[&[
        "aws_token",
        "certificate_authority",
        "client_certificate",
        "client_key",
        "context",
        "endpoint",
        "kubeconfig",
        "token",
        "token_env",
        "token_file",
    ]],
    &[],
);

static ROLE: Keys = Keys::Table(&[&["access_key_id", "secret_access_key", "session_token"]], &[]);

static FUNCTION: Keys = Keys::Table(
    &[&[
        "command",
        "concurrency",
        "dir",
        "endpoint",
        "env",
        "handler",
        "idle_seconds",
        "memory_megabytes",
        "name",
        "runtime",
        "timeout_seconds",
        "url",
    ]],
    &[],
);

const SERVER: Keys = Keys::Table(
    &[&[
        "allow_unauthenticated",
        "data_dir",
        "durability",
        "listen",
        "log_format",
        "log_level",
        "memory",
        "port",
        "retention_days",
        "memory_max_megabytes",
    ]],
    &[],
);

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
            Keys::Table(plain, inner) => match inner.iter().find(|(known, _)| *known == name) {
                Some((_, inner)) => inner,
                None if plain.iter().any(|keys| keys.contains(&name)) => &Keys::Any,
                None => {
                    let plain = plain.iter().copied().flatten().copied();
                    let known = plain.chain(inner.iter().map(|(known, _)| *known)).collect();
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

fn unknown_key(name: &str, mut known: Vec<&str>, path: &str) -> String {
    known.sort_unstable();
    let section = if path.is_empty() { String::new() } else { format!(" in [{path}]") };
    let help = match nearest(name, known.iter().copied()) {
        Some(nearest) => format!("did you mean {nearest:?}?"),
        None => format!("known keys: {}", known.join(", ")),
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
