//! What can go wrong between us and a container engine, each with what to do about it.

use std::path::PathBuf;

/// Why a call of a container engine failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// No socket of an engine is there.
    #[error(
        "no container engine was found: {tried}. Start Docker or Podman (systemctl --user start podman.socket), or give the \
         engine's socket in the configuration or in DOCKER_HOST, as unix:///path/to/docker.sock"
    )]
    NoSocket {
        /// The places looked at, each with what was found there.
        tried: String,
    },
    /// An address that isn't one of a unix socket.
    #[error(
        "the address {address:?} of a container engine, from {origin}, is not one of a unix socket: give an absolute path or \
         unix:///path/to/docker.sock; engines behind tcp:// and ssh:// are not supported"
    )]
    UnsupportedAddress {
        /// The address as it was given.
        address: String,
        /// Where it was given: `the configuration` or `DOCKER_HOST`.
        origin: &'static str,
    },
    /// The socket is there but this user may not use it.
    #[error(
        "the container engine's socket {} may not be used by this user: add the user to the group that owns it (usually \
         docker) and log in anew, or use a rootless engine of the user's own", socket.display()
    )]
    PermissionDenied {
        /// The socket.
        socket: PathBuf,
    },
    /// Nobody answers at the socket.
    #[error("the container engine at {} can't be reached: {reason}. Check that it runs", socket.display())]
    Unreachable {
        /// The socket.
        socket: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The engine speaks only versions of the API that this client does not know.
    #[error(
        "the container engine at {} speaks version {version} of the Docker Engine API, and at least {needed} is needed: \
         update the engine", socket.display()
    )]
    TooOld {
        /// The socket.
        socket: PathBuf,
        /// The newest version that the engine speaks.
        version: String,
        /// The oldest version that this client speaks.
        needed: String,
    },
    /// The engine does not have the image.
    #[error(
        "the container engine has no image {image}: check the name, or pull it or build it there first ({message})"
    )]
    NoSuchImage {
        /// The image as it was asked for.
        image: String,
        /// The engine's own words.
        message: String,
    },
    /// An image could not be pulled.
    #[error(
        "the image {image} can't be pulled: {message}. If it is private, log in and pull it by hand first"
    )]
    PullFailed {
        /// The image as it was asked for.
        image: String,
        /// The engine's own words.
        message: String,
    },
    /// The engine does not have the container: it was removed, or another engine has it.
    #[error(
        "the container engine has no container {container}: it has been removed, or belongs to another engine"
    )]
    NoSuchContainer {
        /// The id or name that was asked for.
        container: String,
    },
    /// A container of this name is there already.
    #[error("a container named {name} exists already: remove it, or use it by its name ({message})")]
    NameTaken {
        /// The name.
        name: String,
        /// The engine's own words, which give the id of the other container.
        message: String,
    },
    /// A container that was made but never started was to be waited for.
    #[error("the container {container} was made but never started: start it before waiting for it")]
    NotStarted {
        /// The id or name.
        container: String,
    },
    /// A value of the request can't be sent.
    #[error("{what} {value:?} can't be used: {reason}")]
    InvalidValue {
        /// What the value is, such as `the image`.
        what: &'static str,
        /// The value.
        value: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The engine answered with an error.
    #[error("the container engine failed to {operation} (status {status}): {message}")]
    Refused {
        /// What was asked, such as `start the container`.
        operation: &'static str,
        /// HTTP status.
        status: u16,
        /// The engine's own words.
        message: String,
    },
    /// The engine did not answer in time.
    #[error(
        "the container engine did not {operation} within {limit_seconds} seconds: it may be overloaded or hang"
    )]
    TimedOut {
        /// What was asked.
        operation: &'static str,
        /// The limit.
        limit_seconds: u64,
    },
    /// The connection ended before the answer was complete.
    #[error("the connection to the container engine ended before it could {operation}: {reason}")]
    ConnectionLost {
        /// What was asked.
        operation: &'static str,
        /// What the system says.
        reason: String,
    },
    /// The answer isn't one of the Docker Engine API.
    #[error("the container engine's answer to the request to {operation} makes no sense: {reason}")]
    BadAnswer {
        /// What was asked.
        operation: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The answer is longer than is read.
    #[error("the container engine's answer to the request to {operation} is longer than {limit_bytes} bytes")]
    TooLarge {
        /// What was asked.
        operation: &'static str,
        /// The limit.
        limit_bytes: usize,
    },
}

impl EngineError {
    /// Whether the engine was away or too busy rather than of another opinion, so that the same call may succeed later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::NoSocket { .. }
            | Self::Unreachable { .. }
            | Self::ConnectionLost { .. }
            | Self::TimedOut { .. } => true,
            Self::Refused { status, .. } => *status == 503,
            _ => false,
        }
    }
}
