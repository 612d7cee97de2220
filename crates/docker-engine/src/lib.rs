//! The part of the Docker Engine API that runs a container from its image to its end, over a unix socket.
//!
//! Docker and Podman (its compatible socket) are served alike. The life of a job is
//!
//! ```no_run
//! # async fn run() -> Result<(), stepwell_docker_engine::EngineError> {
//! use stepwell_docker_engine::{ContainerSpec, Engine, LogPosition, SocketSearch};
//!
//! let engine = Engine::connect(&SocketSearch::from_environment(None)).await?;
//! engine.ensure_image("docker.io/library/alpine:3", |_| ()).await?;
//! let spec = ContainerSpec { command: vec!["echo".into(), "hello".into()], ..ContainerSpec::of_image("alpine:3") };
//! let id = engine.create(&spec).await?; // To be noted durably: all that follows works with the id alone.
//! engine.start(&id).await?;
//! let mut logs = engine.follow_logs(&id, LogPosition::START);
//! while let Some(entry) = logs.next().await? {
//!     println!("{:?} {:?}", entry.source, entry.bytes);
//! }
//! let state = engine.wait(&id).await?;
//! println!("{:?} {}", state.exit_code, state.out_of_memory);
//! engine.remove(&id).await
//! # }
//! ```
//!
//! Every call has a time limit ([`Limits`]) but [`Engine::wait`] and the logs, which last as long as the container and end
//! early by dropping the future. Both go on by themselves when the engine restarts. Every answer that is read whole is
//! bounded; what may be long is handed on as it comes.
//!
//! After a restart of the caller: [`Engine::list`] finds containers by label, [`Engine::wait`] and [`Engine::follow_logs`]
//! take up with an id and a [`LogPosition`] that were noted.

mod connection;
mod container;
mod engine;
mod error;
#[cfg(feature = "fake")]
pub mod fake;
mod image;
mod login;
mod logs;
mod socket;
mod wait;

pub use container::{ContainerDetails, ContainerSpec, ContainerState, ContainerStatus, ContainerSummary};
pub use engine::{About, Engine, Limits};
pub use error::EngineError;
pub use image::{Image, PullProgress};
pub use login::RegistryLogins;
pub use logs::{LogEntry, LogMark, LogPosition, LogSource, Logs};
pub use socket::SocketSearch;
