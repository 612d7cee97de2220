//! `states:startExecution`: executions of this server that a task starts.

use std::sync::Arc;

use stepwell_interpreter::{About, ErrorOutput, TaskId, program::TaskState};
use stepwell_json::Payload;
use stepwell_store::ExecutionKey;

use super::Completion;
use crate::operations::Operations;

pub(super) async fn start(
    _operations: &Arc<Operations>,
    _key: Option<ExecutionKey>,
    _about: &Arc<About>,
    _task: TaskId,
    _parameters: &Payload,
) -> Completion {
    Completion::Failed(ErrorOutput::new("States.Runtime", "not there"))
}

pub(super) async fn wait(
    _operations: &Arc<Operations>,
    _state: &TaskState,
    _submitted: &Payload,
) -> Completion {
    Completion::Nothing
}

pub(super) async fn stop(_operations: &Arc<Operations>, _submitted: &Payload) -> bool {
    true
}
