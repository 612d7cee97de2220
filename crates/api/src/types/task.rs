//! SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat. None of them answers anything.

use std::sync::Arc;

use crate::constraints::{CAUSE, ERROR, PAYLOAD, TASK_TOKEN};

input! {
    /// SendTaskSuccess.
    SendTaskSuccessRequest {
        /// From GetActivityTask or `$$.Task.Token`.
        required task_token "taskToken": String = TASK_TOKEN,
        /// JSON text.
        required output "output": Arc<str> = PAYLOAD,
    }
}

input! {
    /// SendTaskFailure.
    SendTaskFailureRequest {
        /// From GetActivityTask or `$$.Task.Token`.
        required task_token "taskToken": String = TASK_TOKEN,
        /// The error's name.
        optional error "error": Arc<str> = ERROR,
        /// What happened.
        optional cause "cause": Arc<str> = CAUSE,
    }
}

input! {
    /// SendTaskHeartbeat.
    SendTaskHeartbeatRequest {
        /// From GetActivityTask or `$$.Task.Token`.
        required task_token "taskToken": String = TASK_TOKEN,
    }
}
