//! The files that AWS's clients read: `~/.aws/config` and `~/.aws/credentials`, as far as they bear on a server.

use std::path::PathBuf;

use crate::environment::Environment;

/// A setting, and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Setting {
    pub(super) value: String,
    /// `file:line`
    pub(super) place: String,
}

/// The sections of both files that the profile in use has.
#[derive(Debug, Default)]
pub(super) struct Profile {
    /// The name of the profile.
    pub(super) name: String,
    /// Section, key (with the key it is nested in before a dot) and value, in order.
    entries: Vec<(String, String, Setting)>,
    /// The sections of either file.
    sections: Vec<String>,
    /// What Python's clients give a file up for, and where.
    pub(super) faults: Vec<Setting>,
}

/// Names that people give the section of Step Functions, or its variable, for `sfn`.
pub(super) const WRONG_NAMES: [&str; 3] = ["stepfunctions", "step_functions", "states"];

impl Profile {
    /// Reads the files that the environment names. Files that are not there have nothing to say.
    pub(super) fn load(environment: &Environment) -> Profile {
        let home = environment.get("HOME").or_else(|| environment.get("USERPROFILE")).map(PathBuf::from);
        let path = |variable: &str, name: &str| match environment.get(variable) {
            Some(path) => Some(PathBuf::from(path)),
            None => home.as_ref().map(|home| home.join(".aws").join(name)),
        };
        let mut profile = Profile {
            name: environment
                .get("AWS_PROFILE")
                .or_else(|| environment.get("AWS_DEFAULT_PROFILE"))
                .unwrap_or("default")
                .to_owned(),
            ..Profile::default()
        };
        let files =
            [("AWS_CONFIG_FILE", "config", true), ("AWS_SHARED_CREDENTIALS_FILE", "credentials", false)];
        for (variable, name, is_config) in files {
            let Some(path) = path(variable, name) else { continue };
            if let Ok(text) = std::fs::read_to_string(&path) {
                profile.read(&text, &path.display().to_string(), is_config);
            }
        }
        profile
    }

    fn read(&mut self, text: &str, path: &str, is_config: bool) {
        let (sections_before, entries_before) = (self.sections.len(), self.entries.len());
        let mut section = None;
        let mut outer = String::new();
        let mut outer_indent = 0;
        for (number, line) in text.lines().enumerate() {
            let content = line.trim();
            if content.is_empty() || content.starts_with(['#', ';']) {
                continue;
            }
            let at =
                |value: &str| Setting { value: value.to_owned(), place: format!("{path}:{}", number + 1) };
            let indent = line.len() - line.trim_start().len();
            let is_nested = indent > outer_indent && !outer.is_empty();
            if let Some(rest) = content.strip_prefix('[').filter(|_| !is_nested) {
                let name = rest.split(']').next().unwrap_or_default().trim();
                if name.is_empty() || !rest.contains(']') {
                    self.faults.push(at("this is not the name of a section in brackets"));
                }
                let name = section_name(name, is_config);
                if self.sections.iter().skip(sections_before).any(|there| *there == name) {
                    self.faults.push(at("this section stands twice"));
                }
                self.sections.push(name.clone());
                section = Some(name);
                outer.clear();
                continue;
            }
            let Some(section) = &section else {
                self.faults.push(at("this stands before the first section"));
                continue;
            };
            let Some((key, value)) = content.split_once(['=', ':']) else {
                if !is_nested {
                    self.faults.push(at("this is neither a section nor a setting with ="));
                }
                continue;
            };
            let (key, value) = (key.trim().to_lowercase(), value.trim());
            let full = if is_nested { format!("{outer}.{key}") } else { key.clone() };
            let is_twice = |(there, name, _): &(String, String, Setting)| there == section && *name == full;
            if !is_nested && self.entries.iter().skip(entries_before).any(is_twice) {
                self.faults.push(at("this setting stands twice in its section"));
            }
            if !is_nested {
                outer = key;
                outer_indent = indent;
            }
            self.entries.push((section.clone(), full, at(value)));
        }
    }

    fn find(&self, section: &str, key: &str) -> Option<&Setting> {
        let found = self.entries.iter().find(|(in_section, name, _)| in_section == section && name == key);
        found.map(|(_, _, setting)| setting).filter(|setting| !setting.value.is_empty())
    }

    /// A setting of the profile.
    pub(super) fn get(&self, key: &str) -> Option<&Setting> {
        self.find(&format!("profile {}", self.name), key)
    }

    /// The endpoint that the profile's `services` section has for Step Functions.
    pub(super) fn service_endpoint(&self) -> Option<&Setting> {
        self.find(&self.services_section()?, "sfn.endpoint_url")
    }

    /// An endpoint that stands there under a name that no client looks for.
    pub(super) fn misnamed_service_endpoint(&self) -> Option<&Setting> {
        let section = self.services_section()?;
        WRONG_NAMES.iter().find_map(|name| self.find(&section, &format!("{name}.endpoint_url")))
    }

    /// The setting that names a `services` section, when there is no such section.
    pub(super) fn missing_services(&self) -> Option<&Setting> {
        let section = self.services_section()?;
        self.get("services").filter(|_| !self.sections.contains(&section))
    }

    fn services_section(&self) -> Option<String> {
        Some(format!("services {}", self.get("services")?.value))
    }

    /// Whether either file has the profile.
    pub(super) fn exists(&self) -> bool {
        self.sections.contains(&format!("profile {}", self.name))
    }
}

/// What is called the same in both files is named the same: in the credentials file, a section is the bare name of a
/// profile. A name may be quoted.
fn section_name(name: &str, is_config: bool) -> String {
    let bare = |name: &str| name.trim().trim_matches(['"', '\'']).to_owned();
    match name.split_once([' ', '\t']) {
        Some((kind @ ("profile" | "services"), name)) if is_config => format!("{kind} {}", bare(name)),
        _ if name == "default" || !is_config => format!("profile {}", bare(name)),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_gives_a_file_up_for_is_found() {
        for (text, faults) in [
            ("; a\n# b\n\n[default] # c\n\tregion = x\n\toutput: json\n", &[][..]),
            ("[a]\nregion = x\n  more\n  more = x\n  more = y\n[b]\nregion = x\n", &[]),
            ("[a\nregion = x\n", &["f:1: this is not the name of a section in brackets"]),
            ("[]\n", &["f:1: this is not the name of a section in brackets"]),
            ("region = x\n[a]\n", &["f:1: this stands before the first section"]),
            ("[a]\nregion\n", &["f:2: this is neither a section nor a setting with ="]),
            ("[a]\nregion = x\nRegion = y\n", &["f:3: this setting stands twice in its section"]),
            ("[a]\n[b]\n[a]\n", &["f:3: this section stands twice"]),
        ] {
            let mut profile = Profile::default();
            // What stands in both files stands in neither twice.
            profile.read("[a]\nregion = x\n", "other", false);
            profile.read(text, "f", false);
            let found: Vec<String> =
                profile.faults.iter().map(|fault| format!("{}: {}", fault.place, fault.value)).collect();
            assert_eq!(found, faults, "{text}");
        }
    }

    #[test]
    fn settings_of_the_profile_and_its_services_are_found() {
        let mut profile = Profile { name: "dev".into(), ..Profile::default() };
        profile.read(
            "[default]\nregion = us-west-2\n[profile dev]\n# comment\nregion=eu-west-1\nservices = local\ns3 =\n  endpoint_url = http://s3\n[services local]\nsfn =\n  endpoint_url = http://a:1\ns3 =\n  endpoint_url = http://b:2\n",
            "config",
            true,
        );
        profile.read("[dev]\naws_access_key_id = AKIA\n", "credentials", false);
        let value =
            |setting: Option<&Setting>| setting.map(|setting| (setting.value.clone(), setting.place.clone()));
        assert_eq!(value(profile.get("region")), Some(("eu-west-1".into(), "config:5".into())));
        assert_eq!(value(profile.get("aws_access_key_id")), Some(("AKIA".into(), "credentials:2".into())));
        assert_eq!(value(profile.service_endpoint()), Some(("http://a:1".into(), "config:11".into())));
        assert_eq!(profile.get("endpoint_url"), None, "that is the one of S3");
        assert!(profile.exists());
        profile.name = "other".into();
        assert!(!profile.exists());
        profile.name = "default".into();
        assert_eq!(value(profile.get("region")), Some(("us-west-2".into(), "config:2".into())));
    }
}
