//! SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat.

use stepwell_api::{
    ApiError,
    identity::Identity,
    types::task::{SendTaskFailureRequest, SendTaskHeartbeatRequest, SendTaskSuccessRequest},
};
use stepwell_engine::{Input, Reply, ReplyTo};
use stepwell_interpreter::{Command, ErrorOutput, Rejection, TaskId};
use stepwell_json::Payload;
use stepwell_store::ExecutionKey;

use super::{Operations, answer, answered};

impl Operations {
    /// SendTaskSuccess. The first answer to a token is taken; every later one gets TaskTimedOut.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn send_task_success(
        &self,
        caller: Identity<'_>,
        request: SendTaskSuccessRequest,
    ) -> Result<(), ApiError> {
        let (key, task) = self.task(caller, &request.task_token)?;
        let output =
            Payload::from_text(request.output).map_err(|error| ApiError::invalid_output(error.message))?;
        self.command_task(key, Command::TaskSucceeded { task, output }).await
    }

    /// SendTaskFailure.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn send_task_failure(
        &self,
        caller: Identity<'_>,
        request: SendTaskFailureRequest,
    ) -> Result<(), ApiError> {
        let (key, task) = self.task(caller, &request.task_token)?;
        let error = ErrorOutput {
            error: request.error.map(Into::into),
            cause: request.cause.map(Into::into),
            ..ErrorOutput::default()
        };
        self.command_task(key, Command::TaskFailed { task, error }).await
    }

    /// SendTaskHeartbeat: starts the task's heartbeat clock anew.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn send_task_heartbeat(
        &self,
        caller: Identity<'_>,
        request: SendTaskHeartbeatRequest,
    ) -> Result<(), ApiError> {
        let (key, task) = self.task(caller, &request.task_token)?;
        self.command_task(key, Command::TaskHeartbeat { task }).await
    }

    fn task(&self, caller: Identity<'_>, token: &str) -> Result<(ExecutionKey, TaskId), ApiError> {
        self.token_key.verify(caller.account, token).map_err(|_| ApiError::invalid_token())
    }

    async fn command_task(&self, key: ExecutionKey, command: Command) -> Result<(), ApiError> {
        let (reply, receiver) = answer();
        self.router.send(Input::Command { key, command, reply: ReplyTo::Caller(reply) });
        match answered(receiver).await? {
            Reply::Done { .. } => Ok(()),
            // A token that was made here, of an execution that is gone.
            Reply::Unknown => Err(ApiError::task_does_not_exist()),
            Reply::Rejected(Rejection::NotRunning | Rejection::TaskEnded | Rejection::Unfitting) => {
                Err(ApiError::task_timed_out())
            }
            Reply::Throttled => Err(ApiError::throttling()),
            _ => Err(ApiError::internal_failure()),
        }
    }
}
