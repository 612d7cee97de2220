//! The operations of the service.

use crate::ApiError;

macro_rules! operations {
    ($($name:ident),* $(,)?) => {
        /// An operation of Step Functions, all of its model of 2016-11-23.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "the names are those of the AWS API reference")]
        pub enum Operation {
            $($name),*
        }

        impl Operation {
            /// Every operation, in the order of the API reference.
            pub const ALL: &[Operation] = &[$(Operation::$name),*];

            /// The name, as in the API reference and after the dot of `X-Amz-Target`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Operation::$name => stringify!($name)),*
                }
            }

            /// The operation of that name, which is case-sensitive.
            pub fn from_name(name: &str) -> Option<Operation> {
                match name {
                    $(stringify!($name) => Some(Operation::$name),)*
                    _ => None,
                }
            }
        }
    };
}

operations! {
    CreateActivity, CreateStateMachine, CreateStateMachineAlias, DeleteActivity, DeleteStateMachine,
    DeleteStateMachineAlias, DeleteStateMachineVersion, DescribeActivity, DescribeExecution, DescribeMapRun,
    DescribeStateMachine, DescribeStateMachineAlias, DescribeStateMachineForExecution, GetActivityTask,
    GetExecutionHistory, ListActivities, ListExecutions, ListMapRuns, ListStateMachineAliases,
    ListStateMachineVersions, ListStateMachines, ListTagsForResource, PublishStateMachineVersion,
    RedriveExecution, SendTaskFailure, SendTaskHeartbeat, SendTaskSuccess, StartExecution, StartSyncExecution,
    StopExecution, TagResource, TestState, UntagResource, UpdateMapRun, UpdateStateMachine,
    UpdateStateMachineAlias, ValidateStateMachineDefinition,
}

impl Operation {
    /// The operation that an `X-Amz-Target` header such as `AWSStepFunctions.StartExecution` names.
    ///
    /// # Errors
    /// `UnknownOperationException` for another service or an unknown name, and for a header that is missing.
    pub fn from_target(target: Option<&str>) -> Result<Operation, ApiError> {
        let target = target.ok_or_else(ApiError::missing_target)?;
        target
            .strip_prefix("AWSStepFunctions.")
            .and_then(Operation::from_name)
            .ok_or_else(|| ApiError::unknown_operation(target))
    }
}

impl std::fmt::Display for Operation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_found_by_its_target() {
        assert_eq!(Operation::ALL.len(), 37);
        for operation in Operation::ALL {
            let target = format!("AWSStepFunctions.{operation}");
            assert_eq!(Operation::from_target(Some(&target)), Ok(*operation));
        }
    }

    #[test]
    fn other_targets_are_unknown_operations() {
        for target in [
            None,
            Some(""),
            Some("StartExecution"),
            Some("AWSStepFunctions."),
            Some("AWSStepFunctions.startExecution"),
            Some("AWSStepFunctions.StartExecution "),
            Some("DynamoDB_20120810.StartExecution"),
        ] {
            let error = Operation::from_target(target).unwrap_err();
            assert_eq!((error.code, error.status), ("UnknownOperationException", 400), "{target:?}");
        }
    }
}
