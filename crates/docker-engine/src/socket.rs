//! Finding the socket of a container engine.

use std::env;
use std::path::{Path, PathBuf};

use crate::EngineError;

/// Where an engine's socket is looked for, in this order: the configuration, `DOCKER_HOST`, and, only if neither is set, the
/// places where Docker and Podman put it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SocketSearch {
    /// The address in the configuration: an absolute path, or `unix://` and one.
    pub configured: Option<String>,
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// The places to try if no address is given.
    pub usual_places: Vec<PathBuf>,
}

impl SocketSearch {
    /// The search with the environment variables `DOCKER_HOST`, `XDG_RUNTIME_DIR` and `HOME` of this process.
    pub fn from_environment(configured: Option<String>) -> Self {
        let directory = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let (runtime, home) = (directory("XDG_RUNTIME_DIR"), directory("HOME"));
        let below = |base: &Option<PathBuf>, path: &str| base.as_ref().map(|base| base.join(path));
        let usual_places = [
            Some(PathBuf::from("/var/run/docker.sock")),
            below(&runtime, "docker.sock"),
            below(&home, ".docker/run/docker.sock"),
            below(&runtime, "podman/podman.sock"),
            Some(PathBuf::from("/run/podman/podman.sock")),
        ];
        Self {
            configured,
            docker_host: env::var("DOCKER_HOST").ok().filter(|address| !address.is_empty()),
            usual_places: usual_places.into_iter().flatten().collect(),
        }
    }

    /// The search for one socket only.
    pub fn only(socket: impl Into<PathBuf>) -> Self {
        Self { usual_places: vec![socket.into()], ..Self::default() }
    }

    /// The sockets to try, best first.
    ///
    /// # Errors
    /// [`EngineError::UnsupportedAddress`] if an address is given that is none of a unix socket.
    pub fn candidates(&self) -> Result<Vec<PathBuf>, EngineError> {
        if let Some(address) = &self.configured {
            return Ok(vec![path_of(address, "the configuration")?]);
        }
        if let Some(address) = &self.docker_host {
            return Ok(vec![path_of(address, "DOCKER_HOST")?]);
        }
        Ok(self.usual_places.clone())
    }
}

fn path_of(address: &str, origin: &'static str) -> Result<PathBuf, EngineError> {
    let path = Path::new(address.strip_prefix("unix://").unwrap_or(address));
    if path.is_absolute() {
        Ok(path.to_owned())
    } else {
        Err(EngineError::UnsupportedAddress { address: address.to_owned(), origin })
    }
}
