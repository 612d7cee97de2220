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
}

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
        let mut section = String::new();
        let mut outer = String::new();
        for (number, line) in text.lines().enumerate() {
            let content = line.trim();
            if content.is_empty() || content.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = content.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                let name = name.trim();
                // In the credentials file, a section is the bare name of a profile.
                section = match name.strip_prefix("profile ") {
                    Some(profile) => format!("profile {}", profile.trim()),
                    None if name == "default" || !is_config => format!("profile {name}"),
                    None => name.to_owned(),
                };
                self.sections.push(section.clone());
                outer.clear();
                continue;
            }
            let Some((key, value)) = content.split_once('=') else { continue };
            let (key, value) = (key.trim().to_lowercase(), value.trim());
            let is_nested = line.starts_with([' ', '\t']) && !outer.is_empty();
            let full = if is_nested { format!("{outer}.{key}") } else { key.clone() };
            if !is_nested {
                outer = key;
            }
            let setting = Setting { value: value.to_owned(), place: format!("{path}:{}", number + 1) };
            self.entries.push((section.clone(), full, setting));
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
        self.find(&format!("services {}", self.get("services")?.value), "sfn.endpoint_url")
    }

    /// Whether either file has the profile.
    pub(super) fn exists(&self) -> bool {
        self.sections.contains(&format!("profile {}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
