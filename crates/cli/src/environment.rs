//! Environment variables, read through one type so that tests can give their own.

use std::collections::BTreeMap;

/// The variables that the program sees. An empty variable counts as not set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// Those of the process; variables that are not UTF-8 are left out.
    pub(crate) fn of_process() -> Environment {
        let utf8 = |text: std::ffi::OsString| text.into_string().ok();
        let variables = std::env::vars_os().filter_map(|(name, value)| Some((utf8(name)?, utf8(value)?)));
        Environment { variables: variables.collect() }
    }

    /// A given set.
    #[cfg(test)]
    pub(crate) fn of<const N: usize>(variables: [(&str, &str); N]) -> Environment {
        Environment::from_pairs(&variables)
    }

    /// As [`Environment::of`], of any number.
    #[cfg(test)]
    pub(crate) fn from_pairs(variables: &[(&str, &str)]) -> Environment {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Environment { variables: variables.iter().map(owned).collect() }
    }

    /// The value of a variable.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// All variables whose name starts with a prefix, with the rest of the name.
    pub(crate) fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.variables
            .range(prefix.to_owned()..)
            .map_while(move |(name, value)| Some((name.strip_prefix(prefix)?, value.as_str())))
            .filter(|(_, value)| !value.is_empty())
    }

    /// The region that nothing more specific names: `AWS_DEFAULT_REGION`, else `AWS_REGION`, else us-east-1.
    pub(crate) fn region(&self) -> &str {
        self.get("AWS_DEFAULT_REGION").or_else(|| self.get("AWS_REGION")).unwrap_or("us-east-1")
    }
}
