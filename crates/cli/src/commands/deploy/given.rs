//! Values that the user gives for what a template leaves open: `--map FILE` and `--parameter NAME=VALUE`.
//!
//! The file is TOML. A key is what the template calls the value: a parameter, a logical id (what `Ref` gives), an
//! attribute (`ShipFunction.Arn`), a pseudo parameter, `export:NAME`, a dynamic reference, or `s3://bucket/key`.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use stepwell_json::{Array, Number, Value};

use crate::definition::plain;
use crate::failure::Failure;
use crate::nearest::nearest;

/// What the user gave.
#[derive(Debug, Default)]
pub(super) struct Given {
    values: BTreeMap<String, Value>,
    /// The mapping file, if there is one.
    file: Option<PathBuf>,
    used: RefCell<BTreeSet<String>>,
}

impl Given {
    /// Reads the mapping file; parameters of the command line win.
    ///
    /// # Errors
    /// The file can't be read, is not TOML, or has values that are neither texts, numbers, booleans nor lists.
    pub(super) fn load(file: Option<&Path>, parameters: &[(String, String)]) -> Result<Given, Failure> {
        let mut values = BTreeMap::new();
        if let Some(path) = file {
            let failed = |what: String| Failure::usage(format_args!("{}: {what}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::usage(format_args!("can't read {}: {}", path.display(), plain(&error)))
            })?;
            let table: toml::Table =
                text.parse().map_err(|error: toml::de::Error| failed(error.to_string().trim().to_owned()))?;
            for (key, value) in &table {
                flatten(key, value, &mut values).map_err(failed)?;
            }
        }
        for (name, value) in parameters {
            values.insert(name.clone(), Value::String(value.as_str().into()));
        }
        Ok(Given { values, file: file.map(Path::to_path_buf), used: RefCell::default() })
    }

    /// The value that was given under a key.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        let value = self.values.get(key)?;
        self.used.borrow_mut().insert(key.to_owned());
        Some(value)
    }

    /// As [`Given::get`], of a text.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Value::as_str)
    }

    /// A path that was given, which is relative to the mapping file.
    pub(super) fn path(&self, key: &str) -> Option<PathBuf> {
        let path = self.text(key)?;
        Some(self.file.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).join(path))
    }

    /// A line about each key that nothing asked for; while not all is read, only about those that are like one that
    /// was asked for.
    pub(super) fn unused(&self, asked: &BTreeSet<String>, is_all_read: bool) -> Vec<String> {
        let used = self.used.borrow();
        self.values
            .keys()
            .filter(|key| !used.contains(*key))
            .filter_map(|key| {
                let hint = match nearest(key, asked.iter().map(String::as_str)) {
                    Some(nearest) => format!("; did you mean {nearest:?}?"),
                    None if is_all_read => String::new(),
                    None => return None,
                };
                Some(format!("nothing that is deployed uses the given value of {key:?}{hint}"))
            })
            .collect()
    }
}

/// `A.B = 1` and `"A.B" = 1` are the same key.
fn flatten(key: &str, value: &toml::Value, values: &mut BTreeMap<String, Value>) -> Result<(), String> {
    if let toml::Value::Table(table) = value {
        return table.iter().try_for_each(|(inner, value)| flatten(&format!("{key}.{inner}"), value, values));
    }
    let value =
        convert(value).ok_or_else(|| format!("{key:?} must be a text, a number, a boolean or a list"))?;
    values.insert(key.to_owned(), value);
    Ok(())
}

fn convert(value: &toml::Value) -> Option<Value> {
    Some(match value {
        toml::Value::String(text) => Value::String(text.as_str().into()),
        toml::Value::Integer(number) => Value::Number(Number::from_integer_text(&number.to_string())?),
        toml::Value::Float(number) => Value::Number(Number::from_f64(*number)?),
        toml::Value::Boolean(value) => Value::Bool(*value),
        toml::Value::Array(items) => {
            Value::Array(Array::new(items.iter().map(convert).collect::<Option<_>>()?))
        }
        toml::Value::Datetime(_) | toml::Value::Table(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_with_dots_are_keys_of_attributes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("map.toml");
        std::fs::write(&path, "\"A.Arn\" = \"x\"\nB.Arn = 2\n[C]\nArn = true\n").unwrap();
        let given =
            Given::load(Some(&path), &[("A.Arn".into(), "y".into()), ("Stag".into(), "".into())]).unwrap();
        assert_eq!(given.text("A.Arn"), Some("y"), "the command line wins");
        assert_eq!(given.get("B.Arn").and_then(Value::as_i64), Some(2));
        assert_eq!(given.get("C.Arn").and_then(Value::as_bool), Some(true));
        for (asked, is_all_read, line) in [
            ("Stage", true, Some("; did you mean \"Stage\"?")),
            ("Stage", false, Some("; did you mean \"Stage\"?")),
            ("Elsewhere", true, Some("")),
            ("Elsewhere", false, None),
        ] {
            let unused = given.unused(&BTreeSet::from([asked.to_owned()]), is_all_read);
            let line =
                line.map(|hint| format!("nothing that is deployed uses the given value of \"Stag\"{hint}"));
            assert_eq!(unused, line.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_file_that_can_not_be_used_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("map.toml");
        for (text, message) in [("A = \n", "line 1"), ("A = 2024-01-01", "\"A\" must be a text")] {
            std::fs::write(&path, text).unwrap();
            let failure = Given::load(Some(&path), &[]).unwrap_err();
            assert!(failure.text().unwrap_or_default().contains(message), "{failure:?}");
        }
        assert!(Given::load(Some(Path::new("none.toml")), &[]).is_err());
    }
}
