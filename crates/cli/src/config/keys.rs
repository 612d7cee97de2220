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
    /// A section that a later version will use.
    Later,
}

static DOCUMENT: Keys = Keys::Table(&[
    ("aws", Keys::Table(&[("allow", Keys::Any), ("roles", Keys::Named(&ROLE))])),
    ("batch", Keys::Later),
    ("connections", Keys::Later),
    ("ecs", Keys::Later),
    ("endpoints", Keys::Any),
    ("http", Keys::Later),
    ("integrations", Keys::Named(&INTEGRATION)),
    ("lambda", Keys::Table(&[("functions", Keys::Named(&FUNCTION))])),
    ("mock", Keys::Table(&[("file", Keys::Any)])),
    ("server", SERVER),
]);

static INTEGRATION: Keys =
    Keys::Table(&[("concurrency", Keys::Any), ("on_uncertain", Keys::Any), ("timeout_seconds", Keys::Any)]);

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

/// A file in which every key is known.
#[derive(Default)]
pub(super) struct Checked {
    /// Sections of later versions: where they stand, and their names.
    pub(super) unused: Vec<(usize, String)>,
}

/// Checks that every key of the text is known.
pub(super) fn check(text: &str) -> Result<Checked, Problem> {
    let root = DeTable::parse(text).map_err(|error| Problem {
        offset: error.span().map(|span| span.start),
        message: super::one_line(error.message()),
    })?;
    let mut checked = Checked::default();
    check_table(root.get_ref(), &DOCUMENT, "", &mut checked)?;
    checked.unused.sort();
    Ok(checked)
}

fn check_table(table: &DeTable<'_>, keys: &Keys, path: &str, checked: &mut Checked) -> Result<(), Problem> {
    for (key, value) in table.iter() {
        let name = key.get_ref().as_ref();
        let inner = match keys {
            Keys::Any | Keys::Later => return Ok(()),
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
            (Keys::Later, _) => checked.unused.push((key.span().start, path)),
            (_, DeValue::Table(table)) => check_table(table, inner, &path, checked)?,
            _ => {
                let message = format!("[{path}] must be a table");
                return Err(Problem { offset: Some(value.span().start), message });
            }
        }
    }
    Ok(())
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

/// Where a setting stands that a dotted path such as `lambda.functions.f.handler` names, or the section that would
/// have it. Names of functions can have dots, so each key is tried as a prefix of the path.
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
            _ => break,
        }
    }
    offset
}
