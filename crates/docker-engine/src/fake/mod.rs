//! An engine for tests. It answers on a unix socket as Docker does, keeps its containers in memory, and *runs their commands
//! as processes of this machine*, so that output, exit codes and signals are real. Images are names with defaults and nothing
//! else: a command finds the files of this machine.
//!
//! It can be told to fail: [`FakeEngine::fail`], [`FakeEngine::drop_connections`], [`FakeEngine::stop_listening`].

mod body;
mod containers;
mod image;
mod routes;
mod server;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::SocketSearch;
use containers::Containers;

pub use image::FakeImage;

/// A call of the API, whatever it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FakeCall {
    /// `GET /_ping`
    Ping,
    /// `GET /version`
    Version,
    /// `GET /images/{name}/json`
    ImageInspect,
    /// `POST /images/create`
    ImagePull,
    /// `POST /containers/create`
    Create,
    /// `POST /containers/{id}/start`
    Start,
    /// `POST /containers/{id}/wait`
    Wait,
    /// `GET /containers/{id}/json`
    Inspect,
    /// `GET /containers/{id}/logs`
    Logs,
    /// `POST /containers/{id}/stop`
    Stop,
    /// `POST /containers/{id}/kill`
    Kill,
    /// `DELETE /containers/{id}`
    Remove,
    /// `GET /containers/json`
    List,
}

/// What goes wrong with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The engine refuses with this HTTP status and message, and does nothing.
    Status(u16, String),
    /// The engine answers with status 200 and this body, and does nothing.
    Body(String),
    /// The engine never answers, and does nothing.
    Hang,
    /// The engine does nothing and closes the connection.
    Drop,
    /// The engine does what is asked, and closes the connection after this many bytes of the answer's body.
    DropAfterBytes(usize),
    /// The engine does what is asked, and never goes on after this many bytes of the answer's body.
    HangAfterBytes(usize),
}

/// An engine for tests. Dropping it kills its containers.
pub struct FakeEngine {
    shared: Arc<Shared>,
    /// The directory of the socket; removed with this.
    _directory: tempfile::TempDir,
    socket: PathBuf,
    server: Mutex<Option<JoinHandle<()>>>,
}

/// What all connections share.
struct Shared {
    state: Mutex<State>,
    /// Raised with each change of the state.
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    containers: Containers,
    images: BTreeMap<String, FakeImage>,
    registry: BTreeMap<String, FakeImage>,
    /// User and password for images that not everybody may pull.
    logins: BTreeMap<String, (String, String)>,
    faults: Vec<(FakeCall, Fault, usize)>,
    calls: BTreeMap<FakeCall, usize>,
    /// How many are open.
    connections: usize,
    settings: Settings,
}

#[derive(Clone)]
struct Settings {
    api_version: String,
    min_api_version: String,
    log_piece_bytes: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { api_version: "1.43".into(), min_api_version: "1.24".into(), log_piece_bytes: usize::MAX }
    }
}

impl Shared {
    /// Looks at the state or changes it.
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the state and wakes all who wait for a change.
    fn change<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let outcome = self.with(act);
        self.changes.send_modify(|count| *count += 1);
        outcome
    }

    /// Waits until `look` finds something.
    async fn until<T>(&self, mut look: impl FnMut(&mut State) -> Option<T>) -> T {
        let mut changes = self.changes.subscribe();
        loop {
            changes.borrow_and_update();
            if let Some(found) = self.with(&mut look) {
                return found;
            }
            if changes.changed().await.is_err() {
                // The sender is in `self`, so this isn't reached.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl FakeEngine {
    /// An engine without images and containers that listens on a socket of its own. It speaks version 1.43 of the API.
    ///
    /// # Errors
    /// If no socket can be made.
    pub fn start() -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let socket = directory.path().join("engine.sock");
        let shared = Arc::new(Shared { state: Mutex::default(), changes: watch::Sender::new(0) });
        let engine = Self { shared, _directory: directory, socket, server: Mutex::new(None) };
        engine.listen()?;
        Ok(engine)
    }

    /// The socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The search that finds this engine.
    pub fn search(&self) -> SocketSearch {
        SocketSearch::only(&self.socket)
    }

    /// Makes an image be there, by its name with a tag or without (then with the tag `latest`).
    pub fn add_image(&self, reference: &str, image: FakeImage) {
        self.shared.change(|state| state.images.insert(image::normalized(reference), image));
    }

    /// Makes an image be in the registry, so that it can be pulled.
    pub fn add_to_registry(&self, reference: &str, image: FakeImage) {
        self.shared.change(|state| state.registry.insert(image::normalized(reference), image));
    }

    /// Makes an image of the registry one that only this user may pull.
    pub fn require_login(&self, reference: &str, user: &str, password: &str) {
        let login = (user.to_owned(), password.to_owned());
        self.shared.change(|state| state.logins.insert(image::normalized(reference), login));
    }

    /// The newest and the oldest version of the API that the engine speaks. Counts for connections to come.
    pub fn set_api_versions(&self, newest: &str, oldest: &str) {
        self.shared.change(|state| {
            state.settings.api_version = newest.into();
            state.settings.min_api_version = oldest.into();
        });
    }

    /// Sends logs in pieces of at most so many bytes, wherever entries begin and end.
    pub fn set_log_piece_bytes(&self, bytes: usize) {
        self.shared.change(|state| state.settings.log_piece_bytes = bytes.max(1));
    }

    /// Makes the next `times` calls of a kind go wrong; faults for the same call follow each other.
    pub fn fail(&self, call: FakeCall, fault: Fault, times: usize) {
        self.shared.change(|state| state.faults.push((call, fault, times)));
    }

    /// Forgets all faults that have not come to pass.
    pub fn heal(&self) {
        self.shared.change(|state| state.faults.clear());
    }

    /// How many calls of a kind have come in, those that went wrong included.
    pub fn calls(&self, call: FakeCall) -> usize {
        self.shared.with(|state| state.calls.get(&call).copied().unwrap_or(0))
    }

    /// Waits until at least so many calls of a kind have come in.
    pub async fn until_called(&self, call: FakeCall, times: usize) {
        self.shared
            .until(|state| (state.calls.get(&call).copied().unwrap_or(0) >= times).then_some(()))
            .await;
    }

    /// Waits until no connection is open.
    pub async fn until_disconnected(&self) {
        self.shared.until(|state| (state.connections == 0).then_some(())).await;
    }

    /// Waits until a container's output has at least so many entries.
    pub async fn until_logged(&self, container: &str, entries: usize) {
        self.shared
            .until(|state| (state.containers.find(container)?.log.len() >= entries).then_some(()))
            .await;
    }

    /// Waits until a container has ended.
    pub async fn until_ended(&self, container: &str) {
        self.shared.until(|state| state.containers.find(container)?.has_ended().then_some(())).await;
    }

    /// The ids of all containers.
    pub fn containers(&self) -> Vec<String> {
        self.shared.with(|state| state.containers.ids())
    }

    /// The body with which a container was created, as JSON text.
    pub fn created_with(&self, container: &str) -> Option<String> {
        self.shared.with(|state| Some(state.containers.find(container)?.request.to_string()))
    }

    /// Kills a container as Linux does when it uses more memory than its limit.
    pub fn run_out_of_memory(&self, container: &str) {
        self.shared.change(|state| state.containers.run_out_of_memory(container));
    }

    /// Removes a container behind the client's back.
    pub fn remove(&self, container: &str) {
        self.shared.change(|state| state.containers.remove(container));
    }

    /// Closes all connections. New ones are taken.
    ///
    /// # Errors
    /// If the socket can't be made anew.
    pub async fn drop_connections(&self) -> io::Result<()> {
        self.stop_listening().await;
        self.listen()
    }

    /// Closes all connections and the socket, as an engine that stops and leaves its containers running.
    pub async fn stop_listening(&self) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(server) = server {
            server.abort();
            // Aborted: when this returns, all connections are closed.
            let _ = server.await;
        }
        let _ = std::fs::remove_file(&self.socket);
    }

    /// Listens again after [`FakeEngine::stop_listening`].
    ///
    /// # Errors
    /// If the socket can't be made.
    pub fn listen(&self) -> io::Result<()> {
        let listener = tokio::net::UnixListener::bind(&self.socket)?;
        let task = tokio::spawn(server::serve(listener, self.shared.clone()));
        let before = self.server.lock().unwrap_or_else(PoisonError::into_inner).replace(task);
        if let Some(before) = before {
            before.abort();
        }
        Ok(())
    }

    /// Ends all containers, as when the machine or an engine that takes its containers along stops.
    pub fn kill_all(&self) {
        self.shared.change(|state| state.containers.kill_all());
    }
}

impl Drop for FakeEngine {
    fn drop(&mut self) {
        if let Some(server) = self.server.lock().unwrap_or_else(PoisonError::into_inner).take() {
            server.abort();
        }
        self.kill_all();
    }
}
