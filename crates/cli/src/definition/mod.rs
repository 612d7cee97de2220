//! Definition files, and the test files beside them: JSON or YAML on disk, always JSON text inside, with every place of
//! the JSON known in the file.

mod places;
mod scalar;
mod yaml;

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::input;

pub(crate) use places::span_in_literal;
pub(crate) use yaml::{Dialect, YamlError, plain_json};

/// Endings of definition files that `serve DIR` picks up, and that a machine's name goes without.
pub(crate) const ENDINGS: [&str; 3] = [".asl.json", ".asl.yaml", ".asl.yml"];
/// Larger files are not read: definitions may have a million characters, of four bytes at most.
const FILE_SIZE_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// A definition, or a test file, as it was read from a file.
#[derive(Debug, Clone)]
pub(crate) struct DefinitionFile {
    /// Where it was read from.
    pub(crate) path: PathBuf,
    /// What is in the file.
    pub(crate) source: String,
    /// The definition as JSON text: the file itself, or what the YAML says.
    pub(crate) json: String,
    /// Where the parts of `json` stand in `source`; none when they are the same text.
    places: Option<places::Places>,
}

/// Why a file can't be used as a definition at all.
#[derive(Debug)]
pub(crate) enum LoadError {
    /// It can't be read, or is not text.
    Unreadable {
        /// The whole story in one line.
        message: String,
    },
    /// It is not YAML, or has something that JSON can't say.
    Yaml {
        /// The text of the file, to show the line.
        source: String,
        /// What and where.
        error: YamlError,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoadError::Unreadable { message } => formatter.write_str(message),
            LoadError::Yaml { error, .. } => formatter.write_str(&error.message),
        }
    }
}

impl DefinitionFile {
    /// Reads a file; names that end in `.yaml` or `.yml` are YAML, all others JSON.
    ///
    /// # Errors
    /// The file can't be read, or is YAML that can't be turned into JSON. Whether the JSON is a definition, or JSON
    /// at all, is for the validator to say.
    pub(crate) fn load(path: &Path) -> Result<DefinitionFile, LoadError> {
        let source = read_text(path).map_err(|message| LoadError::Unreadable { message })?;
        DefinitionFile::from_source(path, source, Dialect::Definition)
    }

    /// Reads the file that an argument names; `-` is standard input, YAML unless it begins like JSON.
    ///
    /// # Errors
    /// As [`DefinitionFile::load`].
    pub(crate) fn load_argument(path: &Path) -> Result<DefinitionFile, LoadError> {
        if !is_standard_input(path) {
            return DefinitionFile::load(path);
        }
        let source = input::standard_input().map_err(|error| LoadError::Unreadable {
            message: format!("can't read standard input: {}", plain(&error)),
        })?;
        let is_json = is_json_object(&source);
        DefinitionFile::from_text(shown(path), source, Dialect::Definition, is_json)
    }

    /// Reads a CloudFormation template. It is YAML unless it begins like JSON, whatever its name says.
    ///
    /// # Errors
    /// As [`DefinitionFile::load`].
    pub(crate) fn load_template(path: &Path) -> Result<DefinitionFile, LoadError> {
        let source = read_text(path).map_err(|message| LoadError::Unreadable { message })?;
        DefinitionFile::from_source(path, source, Dialect::Template)
    }

    /// Reads the text of a file.
    fn from_source(path: &Path, source: String, dialect: Dialect) -> Result<DefinitionFile, LoadError> {
        let is_json = match dialect {
            Dialect::Definition => !is_yaml(path),
            Dialect::Template => is_json_object(&source),
        };
        DefinitionFile::from_text(path, source, dialect, is_json)
    }

    /// Reads a text that is already there.
    fn from_text(
        path: &Path,
        source: String,
        dialect: Dialect,
        is_json: bool,
    ) -> Result<DefinitionFile, LoadError> {
        let path = path.to_path_buf();
        if is_json {
            let json = source.clone();
            return Ok(DefinitionFile { path, source, json, places: None });
        }
        match yaml::to_json(&source, dialect) {
            Ok((json, places)) => Ok(DefinitionFile { path, source, json, places: Some(places) }),
            Err(error) => Err(LoadError::Yaml { source, error }),
        }
    }

    /// Where bytes of the JSON text stand in the file.
    pub(crate) fn span_in_source(&self, span: Range<usize>) -> Range<usize> {
        match &self.places {
            None => span,
            Some(places) => places.find(span, &self.json, &self.source),
        }
    }

    /// The name that a machine made of this file has: the file's, without its ending.
    pub(crate) fn machine_name(&self) -> String {
        machine_name(&self.path)
    }
}

/// Whether an argument stands for standard input.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

/// What is said of the file that an argument names.
pub(crate) fn shown(path: &Path) -> &Path {
    if is_standard_input(path) { Path::new("<stdin>") } else { path }
}

/// Whether a text that may be YAML is to be read as JSON, and told of its faults in JSON's words: its first key is in
/// quotation marks. A flow mapping of YAML (`{StartAt: First, …}`) begins with a brace too.
fn is_json_object(source: &str) -> bool {
    const SPACE: [char; 4] = [' ', '\t', '\r', '\n'];
    let members = source.trim_start_matches(SPACE).strip_prefix('{');
    members
        .map(|members| members.trim_start_matches(SPACE))
        .is_some_and(|members| members.is_empty() || members.starts_with(['"', '}']))
}

/// The name of a file without `.asl.json` and the like.
pub(crate) fn machine_name(path: &Path) -> String {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let endings = ENDINGS.iter().chain([".json", ".yaml", ".yml"].iter());
    endings.into_iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(&name).to_owned()
}

fn is_yaml(path: &Path) -> bool {
    path.extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("yaml") || ending.eq_ignore_ascii_case("yml"))
}

/// The text of a file, or one line about why there is none.
fn read_text(path: &Path) -> Result<String, String> {
    let failed = |error: std::io::Error| format!("can't read {}: {}", path.display(), plain(&error));
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(format!("can't read {}: it is a directory", path.display()));
    }
    if metadata.len() > FILE_SIZE_MAX_BYTES {
        return Err(format!("{} is larger than {FILE_SIZE_MAX_BYTES} bytes", path.display()));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        format!("{} is not UTF-8 text: byte {offset} can't be read", path.display())
    })?;
    Ok(without_byte_order_mark(text))
}

/// Editors on Windows begin a file with a byte order mark, which is no part of the text.
pub(crate) fn without_byte_order_mark(mut text: String) -> String {
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    text
}

/// The reason of an error of the system, without the number that Rust adds.
pub(crate) fn plain(error: &std::io::Error) -> String {
    let text = error.to_string();
    let plain = text.split(" (os error").next().unwrap_or(&text);
    let mut characters = plain.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

/// The definition files in a directory, by name. Directories inside it are not looked into.
///
/// # Errors
/// One line about a directory that can't be read, or two files that would have the same name as machines.
pub(crate) fn files_in(directory: &Path) -> Result<Vec<PathBuf>, String> {
    if directory.is_file() {
        return Err(format!("{} is a file; name the directory with the definitions", directory.display()));
    }
    let failed = |error: std::io::Error| format!("can't read {}: {}", directory.display(), plain(&error));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if ENDINGS.iter().any(|ending| name.ends_with(ending)) && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    for pair in files.windows(2) {
        if let [first, second] = pair
            && machine_name(first) == machine_name(second)
        {
            return Err(format!(
                "{} and {} would both be the state machine {}; rename one",
                first.display(),
                second.display(),
                machine_name(first)
            ));
        }
    }
    Ok(files)
}

/// What to say of a directory in which [`files_in`] finds nothing.
pub(crate) fn no_files_in(directory: &Path) -> String {
    let endings = ENDINGS.map(|ending| format!("NAME{ending}")).join(", ");
    format!("no definitions in {}: looked for {endings}", directory.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_named_after_its_file() {
        for (path, name) in [
            ("a/order-saga.asl.json", "order-saga"),
            ("order.asl.yaml", "order"),
            ("order.asl.yml", "order"),
            ("order.json", "order"),
            ("order.yaml", "order"),
            ("order", "order"),
            ("v1.2.asl.json", "v1.2"),
        ] {
            assert_eq!(machine_name(Path::new(path)), name);
        }
    }

    #[test]
    fn a_text_is_json_when_its_first_key_is_in_quotation_marks() {
        for (text, is_json) in [
            ("{\"StartAt\": \"A\"}", true),
            ("\r\n\t {\n  \"StartAt\": A,}", true),
            ("{}", true),
            ("{ ", true),
            ("{StartAt: A}", false),
            ("{\n  StartAt: A\n}", false),
            ("{'StartAt': A}", false),
            ("{ # a comment\n  \"StartAt\": A}", false),
            ("StartAt: A", false),
            ("\"StartAt\": A", false),
            ("", false),
        ] {
            assert_eq!(is_json_object(text), is_json, "{text:?}");
        }
    }

    #[test]
    fn places_of_json_are_the_places_in_the_file() {
        let file =
            DefinitionFile::from_source(Path::new("a.json"), "{\"A\": 1}".to_owned(), Dialect::Definition)
                .unwrap();
        assert_eq!(file.span_in_source(6..7), 6..7);
        let file = DefinitionFile::from_source(
            Path::new("a.asl.yaml"),
            "A: 1\nB: [x, yy]\n".to_owned(),
            Dialect::Definition,
        )
        .unwrap();
        let offset = file.json.find("\"yy\"").unwrap();
        assert_eq!(&file.source[file.span_in_source(offset..offset + 4)], "yy");
    }

    /// Parts of a text in YAML, each found by what it says in the JSON: what is marked in the YAML.
    const PARTS: &[(&str, &str, &str)] = &[
        ("A: '{% 1 + x %}'", "+ x", "+ x"),
        ("A: \"{% 1 + x %}\"", "+ x", "+ x"),
        ("A: \"é {% 1 + x %}\"", "+ x", "+ x"),
        ("A: 'it''s {% x %}'", "x", "x"),
        ("A: \"a\\tb \\u00e9 \\\"q\\\" {% x %}\"", "x", "x"),
        ("A: \"a\\tb\"", "\\t", "\\t"),
        // Plain and quoted texts over several lines.
        ("A: one\n  two\n\n  + x %}\n", "x", "x"),
        ("A: 'one\n  two\n\n  + x %}'\n", "x", "x"),
        ("A: \"one\n  two \\\n  three\n  + x %}\"\n", "x", "x"),
        // Block scalars.
        ("A: |\n  {% 1\n    + x %}\n", "x", "x"),
        ("A: |-\n  {% 1\n\n    + x %}\n", "+ x", "+ x"),
        ("A: |2\n    {% 1\n  + x %}\n", "x", "x"),
        ("A: >\n  {% 1\n  + 2\n\n  + x %}\n", "x", "x"),
        ("A: >-\n  one\n    more\n  two\n  x\nB: 1\n", "x", "x"),
        ("A: >-\n\n  é one\n\n\n    more\n\n  two x\n", "two", "two"),
        ("A: |\r\n  one\r\n  x\r\n", "x", "x"),
        ("A: | # why\n  \"q\" x\n", "x", "x"),
        ("- |\n - x\n- 2\n", "x", "x"),
        // What an alias stands for is shown at its anchor.
        ("A: &a |\n  one\n  y\nB: *a\n", "y", "y"),
        // A part that goes over a line break.
        ("A: |\n  on\n  e x\n", "n\\ne", "n\n  e"),
        ("A: >\n  on\n  e x\n", "n e", "n\n  e"),
    ];

    #[test]
    fn a_part_of_a_text_is_found_however_it_is_written() {
        for (yaml, part, marked) in PARTS {
            let file =
                DefinitionFile::from_source(Path::new("a.yaml"), (*yaml).to_owned(), Dialect::Definition)
                    .unwrap();
            // The last one: what is under an alias comes after its anchor.
            let offset = file.json.rfind(part).unwrap_or_else(|| panic!("{part} in {}", file.json));
            let span = file.span_in_source(offset..offset + part.len());
            assert_eq!(&file.source[span.clone()], *marked, "{yaml}\n{}", file.json);
            assert_eq!(span.start, yaml.rfind(marked).unwrap(), "{yaml}");
        }
    }
}
