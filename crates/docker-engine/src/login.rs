//! Logins for registries, as `docker login` keeps them in a file.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use serde::Deserialize;
use serde_json::json;

/// The longest file of logins that is read, in bytes.
const FILE_LIMIT_BYTES: u64 = 1024 * 1024;
/// What Docker's registry is called in logins.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// Where logins for registries are looked for. They are read for each pull, as they change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryLogins {
    file: Option<PathBuf>,
}

/// What is known of the login for a registry. It can't be shown: it has a password.
#[derive(Default)]
pub(crate) struct Login {
    /// The header `X-Registry-Auth`.
    pub(crate) header: Option<String>,
    /// Why there is none though the user may think so; the end of a message about a pull that failed.
    pub(crate) hint: Option<String>,
}

impl RegistryLogins {
    /// No logins.
    pub fn none() -> Self {
        Self::default()
    }

    /// Those of the file `config.json` in the directory of the environment variable `DOCKER_CONFIG`, else in `.docker` of
    /// `HOME`.
    pub fn from_environment() -> Self {
        let directory = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let directory =
            directory("DOCKER_CONFIG").or_else(|| directory("HOME").map(|home| home.join(".docker")));
        Self { file: directory.map(|directory| directory.join("config.json")) }
    }

    /// Those of a file.
    pub fn in_file(path: impl Into<PathBuf>) -> Self {
        Self { file: Some(path.into()) }
    }

    /// The login for the registry of an image.
    pub(crate) async fn of_image(&self, image: &str) -> Login {
        let Some(file) = self.file.clone() else { return Login::default() };
        let registry = registry_of(image).to_owned();
        let read = tokio::task::spawn_blocking(move || match read(&file) {
            Ok(logins) => logins.map_or_else(Login::default, |logins| logins.of(&registry, &file)),
            Err(reason) => Login {
                hint: Some(format!("The logins in {} can't be used: {reason}.", file.display())),
                ..Login::default()
            },
        });
        read.await.unwrap_or_default()
    }
}

/// The file, as far as it is of interest.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Logins {
    auths: BTreeMap<String, Entry>,
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Entry {
    /// `user:password` in base64.
    auth: String,
    #[serde(rename = "identitytoken")]
    identity_token: String,
}

/// The logins of a file; none when it is not there.
fn read(file: &Path) -> Result<Option<Logins>, String> {
    let opened = match File::open(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| error.to_string())?,
    };
    let mut text = String::new();
    opened.take(FILE_LIMIT_BYTES + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if text.len() as u64 > FILE_LIMIT_BYTES {
        return Err(format!("it has more than {FILE_LIMIT_BYTES} bytes"));
    }
    serde_json::from_str(&text).map(Some).map_err(|error| error.to_string())
}

impl Logins {
    fn of(&self, registry: &str, file: &Path) -> Login {
        let exact = self.auths.get(registry);
        // Older files have whole addresses.
        let alike = || self.auths.iter().find(|(key, _)| host(key) == host(registry)).map(|(_, entry)| entry);
        let entry = exact.or_else(alike);
        let header = match entry.map(|entry| entry.header(registry)) {
            Some(Err(reason)) => {
                let hint = format!("The login for {registry} in {} can't be used: {reason}.", file.display());
                return Login { header: None, hint: Some(hint) };
            }
            Some(Ok(header)) => header,
            None => None,
        };
        let helper = self.cred_helpers.get(registry).or(self.creds_store.as_ref());
        let hint = helper.filter(|_| header.is_none()).map(|helper| {
            format!(
                "The login for {registry} may be with docker-credential-{helper}, which is not asked: give it under auths \
                 in {}.",
                file.display()
            )
        });
        Login { header, hint }
    }
}

impl Entry {
    /// The header; none when a credential helper has the login.
    fn header(&self, registry: &str) -> Result<Option<String>, &'static str> {
        let login = if !self.identity_token.is_empty() {
            json!({"identitytoken": self.identity_token, "serveraddress": registry})
        } else if !self.auth.is_empty() {
            // Docker's own client has written zeros behind.
            let decoded = BASE64_STANDARD.decode(&self.auth).map_err(|_| "its auth is not base64")?;
            let text = String::from_utf8(decoded).map_err(|_| "its auth is not UTF-8")?;
            let (user, password) =
                text.trim_end_matches('\0').split_once(':').ok_or("its auth is not USER:PASSWORD")?;
            json!({"username": user, "password": password, "serveraddress": registry})
        } else {
            return Ok(None);
        };
        Ok(Some(BASE64_URL_SAFE.encode(login.to_string())))
    }
}

/// The registry of an image, as logins name it: what comes before the first slash, if that can be a host.
fn registry_of(image: &str) -> &str {
    match image.split_once('/') {
        Some(("docker.io" | "index.docker.io", _)) => DOCKER_HUB,
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => DOCKER_HUB,
    }
}

/// The host in the address of a registry.
fn host(address: &str) -> &str {
    let bare =
        address.strip_prefix("https://").or_else(|| address.strip_prefix("http://")).unwrap_or(address);
    match bare.split('/').next().unwrap_or(bare) {
        "docker.io" => "index.docker.io",
        host => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_found_by_the_registry_of_the_image() {
        // Each login is that of its registry's name.
        let text = format!(
            r#"{{"auths": {{"{DOCKER_HUB}": {{"auth": "aHViOnA="}}, "r.example:5000": {{"auth": "cjpwOnE="}},
                "https://old.example/v2/": {{"auth": "b2xkOnA="}}, "token.example": {{"auth": "eDo=", "identitytoken": "t"}},
                "helped.example": {{}}, "bad.example": {{"auth": "-"}}, "worse.example": {{"auth": "eA=="}}}},
                "credsStore": "desktop", "credHelpers": {{"gcr.example": "gcloud"}}, "HttpHeaders": {{}}}}"#
        );
        let logins: Logins = serde_json::from_str(&text).expect("the file is good");
        let file = Path::new("/f");
        let user = |name, password, address: &str| {
            json!({"username": name, "password": password, "serveraddress": address}).to_string()
        };
        for (image, expected) in [
            ("alpine:3", user("hub", "p", DOCKER_HUB)),
            ("team/tool", user("hub", "p", DOCKER_HUB)),
            ("docker.io/library/alpine", user("hub", "p", DOCKER_HUB)),
            ("r.example:5000/tool@sha256:0", user("r", "p:q", "r.example:5000")),
            ("old.example/a/b:1", user("old", "p", "old.example")),
            ("token.example/a", json!({"identitytoken": "t", "serveraddress": "token.example"}).to_string()),
            (
                "helped.example/a",
                "The login for helped.example may be with docker-credential-desktop".to_owned(),
            ),
            ("gcr.example/a", "The login for gcr.example may be with docker-credential-gcloud".to_owned()),
            (
                "bad.example/a",
                "The login for bad.example in /f can't be used: its auth is not base64".to_owned(),
            ),
            ("worse.example/a", "its auth is not USER:PASSWORD".to_owned()),
        ] {
            let login = logins.of(registry_of(image), file);
            let shown = match (&login.header, &login.hint) {
                (Some(header), None) => {
                    String::from_utf8(BASE64_URL_SAFE.decode(header).expect("base64")).expect("UTF-8")
                }
                (None, Some(hint)) => hint.clone(),
                other => panic!("{image}: {other:?}"),
            };
            assert!(shown.contains(&expected), "{image}: {shown}");
        }
        let none = Logins::default().of("r.example", file);
        assert_eq!((none.header, none.hint), (None, None));
    }
}
