//! What a Task's `Resource` names.

use std::sync::Arc;

/// How a task that calls a service ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InvocationPattern {
    /// The answer of the call is the result.
    RequestResponse,
    /// `.sync`: the task waits for the job that the call started.
    Sync,
    /// `.sync:2`: as `.sync`, with the job's output as JSON.
    Sync2,
    /// `.waitForTaskToken`: the task waits until somebody answers its token.
    WaitForTaskToken,
}

/// A recognised `Resource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A Lambda function by its ARN: the effective input is the event, the function's answer the result.
    LambdaFunction {
        /// The function's ARN, or a `${…}` placeholder of a deployment template.
        arn: Arc<str>,
    },
    /// An activity, polled for by workers.
    Activity {
        /// The activity's ARN.
        arn: Arc<str>,
    },
    /// `lambda:invoke`, with or without `.waitForTaskToken`.
    LambdaInvoke {
        /// Whether the task waits for its token.
        wait_for_token: bool,
    },
    /// `states:startExecution`.
    StartExecution {
        /// How it ends.
        pattern: InvocationPattern,
    },
    /// A service that this version can't call: such a definition has a `NOT_YET_SUPPORTED` finding.
    Unsupported {
        /// `sqs`, `aws-sdk:s3`, `http`, …
        service: Arc<str>,
        /// `sendMessage.waitForTaskToken`, `invoke`, …
        action: Arc<str>,
    },
}

impl Resource {
    /// `resourceType` in history: `lambda`, `states`, `activity`, `aws-sdk:s3`, …
    pub fn resource_type(&self) -> &str {
        match self {
            Resource::LambdaFunction { .. } | Resource::LambdaInvoke { .. } => "lambda",
            Resource::Activity { .. } => "activity",
            Resource::StartExecution { .. } => "states",
            Resource::Unsupported { service, .. } => service,
        }
    }

    /// `resource` in history: the ARN for functions and activities, else the action with its suffix, for example
    /// `invoke.waitForTaskToken` or `startExecution.sync:2`.
    pub fn resource(&self) -> &str {
        match self {
            Resource::LambdaFunction { arn } | Resource::Activity { arn } => arn,
            Resource::LambdaInvoke { wait_for_token: false } => "invoke",
            Resource::LambdaInvoke { wait_for_token: true } => "invoke.waitForTaskToken",
            Resource::StartExecution { pattern } => match pattern {
                InvocationPattern::RequestResponse => "startExecution",
                InvocationPattern::Sync => "startExecution.sync",
                InvocationPattern::Sync2 => "startExecution.sync:2",
                InvocationPattern::WaitForTaskToken => "startExecution.waitForTaskToken",
            },
            Resource::Unsupported { action, .. } => action,
        }
    }

    /// Whether somebody outside ends the task with its token: `.waitForTaskToken` forms and activities.
    pub fn has_task_token(&self) -> bool {
        matches!(
            self,
            Resource::Activity { .. }
                | Resource::LambdaInvoke { wait_for_token: true }
                | Resource::StartExecution { pattern: InvocationPattern::WaitForTaskToken }
        )
    }
}
