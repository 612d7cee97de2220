//! Where the mock file is: flag, variables, `[mock]`; in this order.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::config::Config;
use crate::environment::Environment;

/// The variables that name a mock file: ours, that of Step Functions Local, and that of LocalStack.
const VARIABLES: [&str; 3] = ["STEPWELL_MOCK_CONFIG", "SFN_MOCK_CONFIG", "LOCALSTACK_SFN_MOCK_CONFIG"];

/// `[mock]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MockSection {
    /// The mock file, relative to the configuration.
    pub(crate) file: Option<PathBuf>,
}

/// The mock file, if something names one.
pub(crate) fn file(flag: Option<&Path>, environment: &Environment, config: &Config) -> Option<PathBuf> {
    flag.map(Path::to_path_buf)
        .or_else(|| VARIABLES.iter().find_map(|name| environment.get(name)).map(PathBuf::from))
        .or_else(|| config.mock.file.as_ref().map(|file| config.directory.join(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_names_a_file_wins() {
        let config = Config::parse(Path::new("conf/stepwell.toml"), "[mock]\nfile = \"mocks.json\"\n")
            .expect("a good configuration");
        let variables =
            Environment::of([("SFN_MOCK_CONFIG", "b.json"), ("LOCALSTACK_SFN_MOCK_CONFIG", "c.json")]);
        let none = Environment::of([]);
        for (flag, environment, config, expected) in [
            (Some(Path::new("a.json")), &variables, &config, Some("a.json")),
            (None, &variables, &config, Some("b.json")),
            (None, &none, &config, Some("conf/mocks.json")),
            (None, &none, &Config::default(), None),
        ] {
            let expected = expected.map(PathBuf::from);
            assert_eq!(file(flag, environment, config), expected);
        }
    }
}
