//! `[logs]`: where the logs of executions go.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use stepwell_server::{LOG_FILE_BYTES_MAX, LogDestination, LogSettings};

/// Where groups without a section go when nothing says otherwise: this file in the data directory.
const FILE_DEFAULT: &str = "logs/executions.jsonl";

/// `[logs]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LogsSection {
    default: Option<DestinationSection>,
    groups: BTreeMap<String, DestinationSection>,
}

/// `[logs.default]` or `[logs.groups.NAME]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct DestinationSection {
    file: Option<PathBuf>,
    max_megabytes: Option<u64>,
    to: Option<To>,
}

/// Destinations that are no files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum To {
    Stdout,
    Endpoint,
    Off,
}

/// What is wrong with a setting.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Its dotted path in the file.
    pub(crate) setting: String,
    pub(crate) message: String,
}

impl LogsSection {
    /// Checks the section by itself.
    ///
    /// # Errors
    /// The first setting that can't be used.
    pub(crate) fn check(&self) -> Result<(), Problem> {
        if let Some(name) = self.groups.keys().find(|name| name.contains(':')) {
            let message = "is not the name of a log group; in an ARN it stands between log-group: and :*";
            return Err(Problem { setting: format!("logs.groups.{name}"), message: message.to_owned() });
        }
        let named = self.groups.iter().map(|(name, section)| (format!("logs.groups.{name}"), section));
        let default = self.default.iter().map(|section| ("logs.default".to_owned(), section));
        for (path, section) in default.chain(named) {
            let problem = |key: &str, message: &str| {
                Err(Problem { setting: format!("{path}.{key}"), message: message.to_owned() })
            };
            match (&section.file, section.to) {
                (None, None) => {
                    return Err(Problem {
                        setting: path,
                        message: "needs file = \"PATH\", or to = \"stdout\", \"endpoint\" or \"off\""
                            .to_owned(),
                    });
                }
                (Some(_), Some(_)) => return problem("to", "does not go with file"),
                (None, Some(_)) if section.max_megabytes.is_some() => {
                    return problem("max_megabytes", "goes with file only");
                }
                _ => {}
            }
            if section.max_megabytes == Some(0) {
                return problem("max_megabytes", "must be at least 1");
            }
        }
        Ok(())
    }

    /// The settings. Relative files start from `directory`. Without a default, other groups go to the endpoint if there is
    /// one, else to a file in the data directory, else, with everything in memory, to standard output. To AWS itself
    /// (`allows_aws`) they go only where that is said.
    ///
    /// # Errors
    /// One line about a destination that needs an endpoint that nobody set.
    pub(crate) fn resolve(
        &self,
        directory: &Path,
        data_directory: Option<&Path>,
        has_endpoint: bool,
        allows_aws: bool,
    ) -> Result<LogSettings, String> {
        let destination = |path: &str, section: &DestinationSection| match (&section.file, section.to) {
            (Some(file), _) => Ok(LogDestination::File {
                path: directory.join(file),
                bytes_max: section
                    .max_megabytes
                    .map_or(LOG_FILE_BYTES_MAX, |megabytes| megabytes.saturating_mul(1024 * 1024)),
            }),
            (None, Some(To::Endpoint)) if !has_endpoint && !allows_aws => Err(format!(
                "[{path}] sends logs to CloudWatch Logs, but nothing says where that is; set logs = \
                 \"http://HOST:PORT\" in [endpoints], or allow AWS with --allow-aws"
            )),
            (None, Some(To::Endpoint)) => Ok(LogDestination::CloudWatch),
            (None, Some(To::Off)) => Ok(LogDestination::Off),
            (None, Some(To::Stdout) | None) => Ok(LogDestination::Stdout),
        };
        let default = match (&self.default, data_directory) {
            (Some(section), _) => destination("logs.default", section)?,
            (None, _) if has_endpoint => LogDestination::CloudWatch,
            (None, Some(data_directory)) => LogDestination::File {
                path: data_directory.join(FILE_DEFAULT),
                bytes_max: LOG_FILE_BYTES_MAX,
            },
            (None, None) => LogDestination::Stdout,
        };
        let groups = self.groups.iter().map(|(name, section)| {
            Ok((name.clone(), destination(&format!("logs.groups.{name:?}"), section)?))
        });
        Ok(LogSettings { groups: groups.collect::<Result<_, String>>()?, default })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: &str) -> LogsSection {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn destinations_are_files_streams_endpoints_or_nothing() {
        let file = |path: &str, megabytes: u64| LogDestination::File {
            path: path.into(),
            bytes_max: megabytes * 1024 * 1024,
        };
        let data = Some(Path::new("/data"));
        for (text, data_directory, has_endpoint, default, group) in [
            ("", data, false, file("/data/logs/executions.jsonl", 64), None),
            ("", None, false, LogDestination::Stdout, None),
            ("", data, true, LogDestination::CloudWatch, None),
            ("[default]\nto = \"off\"", data, true, LogDestination::Off, None),
            ("[default]\nfile = \"a\"\nmax_megabytes = 2", data, true, file("/project/a", 2), None),
            (
                "[groups.\"/g\"]\nfile = \"/b\"",
                None,
                false,
                LogDestination::Stdout,
                Some(("/g", file("/b", 64))),
            ),
            (
                "[groups.g]\nto = \"endpoint\"",
                None,
                true,
                LogDestination::CloudWatch,
                Some(("g", LogDestination::CloudWatch)),
            ),
        ] {
            let section = section(text);
            assert_eq!(section.check(), Ok(()), "{text}");
            let settings =
                section.resolve(Path::new("/project"), data_directory, has_endpoint, false).unwrap();
            assert_eq!(settings.default, default, "{text}");
            let groups: Vec<_> =
                settings.groups.iter().map(|(name, group)| (name.as_str(), group.clone())).collect();
            assert_eq!(groups, group.into_iter().collect::<Vec<_>>(), "{text}");
        }
        let section = section("[groups.g]\nto = \"endpoint\"");
        let error = section.resolve(Path::new("/"), None, false, false);
        assert!(
            error.unwrap_err().starts_with("[logs.groups.\"g\"] sends logs to CloudWatch Logs, but nothing")
        );
        // Allowing AWS sends there what is told to go there, and nothing else.
        let settings = section.resolve(Path::new("/"), None, false, true).unwrap();
        assert_eq!(
            (&settings.groups["g"], &settings.default),
            (&LogDestination::CloudWatch, &LogDestination::Stdout)
        );
    }

    #[test]
    fn sections_that_do_not_say_where_to_are_refused() {
        for (text, setting) in [
            ("[default]", "logs.default"),
            ("[groups.\"arn:g:*\"]\nto = \"off\"", "logs.groups.arn:g:*"),
            ("[groups.g]\nfile = \"a\"\nto = \"off\"", "logs.groups.g.to"),
            ("[groups.g]\nto = \"off\"\nmax_megabytes = 1", "logs.groups.g.max_megabytes"),
            ("[default]\nfile = \"a\"\nmax_megabytes = 0", "logs.default.max_megabytes"),
        ] {
            assert_eq!(section(text).check().unwrap_err().setting, setting, "{text}");
        }
    }
}
