//! Waiting for the end of a container, through whatever happens to the engine meanwhile.

use std::time::Duration;

use hyper::{Method, StatusCode};
use tokio::time::Instant;

use crate::engine::{container_target, expect_of};
use crate::{ContainerState, ContainerStatus, Engine, EngineError};

/// The pause after the first failure to reach the engine; it doubles with each.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// The pause between two looks at a container whose state contradicts what was told of it.
pub(crate) const SECOND_LOOK_PAUSE: Duration = Duration::from_millis(50);

/// Pauses between tries to reach an engine that went away, for a limited time.
#[derive(Debug)]
pub(crate) struct Patience {
    limit: Duration,
    pause: Duration,
    /// When the engine was found to be away, if it is.
    since: Option<Instant>,
}

impl Patience {
    pub(crate) fn new(limit: Duration) -> Self {
        Self { limit, pause: FIRST_PAUSE, since: None }
    }

    /// The engine answered.
    pub(crate) fn renew(&mut self) {
        *self = Self::new(self.limit);
    }

    /// Waits a little before the next try.
    ///
    /// # Errors
    /// `error` itself if it is none that may pass, or if that has lasted too long.
    pub(crate) async fn bear(&mut self, error: EngineError) -> Result<(), EngineError> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if !error.may_pass() || since.elapsed() + self.pause > self.limit {
            return Err(error);
        }
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }
}

impl Engine {
    /// Waits until a container that was started has ended, and tells how. Lasts as long as the container; to give up, drop
    /// the future. An engine that restarts meanwhile is waited for as long as [`crate::Limits::reconnect`] says; a container
    /// that ended long ago is told of at once.
    ///
    /// # Errors
    /// [`EngineError::NotStarted`]; [`EngineError::NoSuchContainer`], also if it is removed meanwhile; that the engine is
    /// away or too slow if it stays so for too long; those of any call.
    pub async fn wait(&self, container: &str) -> Result<ContainerState, EngineError> {
        let mut patience = Patience::new(self.inner.limits.reconnect);
        let mut told_of_end = false;
        loop {
            // The answer to a wait has the exit code alone, and for a container that never ran it has a zero. So the state
            // is asked for first, and again when the wait is over, for whatever reason.
            let state = match self.inspect(container).await {
                Ok(details) => details.state,
                Err(error) => {
                    patience.bear(error).await?;
                    continue;
                }
            };
            if state.has_ended() {
                return Ok(state);
            }
            if state.status == ContainerStatus::Created {
                return Err(EngineError::NotStarted { container: container.to_owned() });
            }
            if told_of_end {
                tokio::time::sleep(SECOND_LOOK_PAUSE).await;
            }
            match tokio::time::timeout(self.inner.limits.wait_round, self.wait_once(container)).await {
                Ok(Err(error)) => patience.bear(error).await?,
                Ok(Ok(())) => {
                    told_of_end = true;
                    patience.renew();
                }
                // Nothing was heard for so long that it's time to look.
                Err(_) => patience.renew(),
            }
        }
    }

    /// Waits until the engine says that the container doesn't run.
    async fn wait_once(&self, container: &str) -> Result<(), EngineError> {
        let target = container_target(container, "/wait")?;
        let answer = self.ask_unlimited("wait for the container", Method::POST, target).await?;
        let mut answer = expect_of(answer, StatusCode::OK, container).await?;
        // What it says is asked for in full by `wait`.
        while answer.next_piece().await?.is_some() {}
        Ok(())
    }
}
