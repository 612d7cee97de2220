//! StartExecution, StartSyncExecution, StopExecution, DescribeExecution, ListExecutions, GetExecutionHistory.

use std::sync::Arc;

use crate::constraints::{
    ANY, ARN, CAUSE, CLIENT_TOKEN, DEFINITION, ERROR, EXECUTIONS_PAGE_TOKEN, LONG_ARN, NAME, PAGE_SIZE,
    PAGE_TOKEN, PAYLOAD, TRACE_HEADER,
};
use crate::{LongText, Timestamp};

enumeration! {
    /// How far an execution is. AWS refuses an unknown `statusFilter` with the values in this order (recorded).
    ExecutionStatus {
        /// It runs.
        Running "RUNNING",
        /// It has an output.
        Succeeded "SUCCEEDED",
        /// It ended with an error.
        Failed "FAILED",
        /// Its machine's TimeoutSeconds passed.
        TimedOut "TIMED_OUT",
        /// It was stopped.
        Aborted "ABORTED",
        /// A Map Run's redrive will start it again.
        PendingRedrive "PENDING_REDRIVE",
    } order ["SUCCEEDED", "TIMED_OUT", "PENDING_REDRIVE", "ABORTED", "FAILED", "RUNNING"]
}

enumeration! {
    /// How a synchronous Express execution ended.
    SyncExecutionStatus {
        /// It has an output.
        Succeeded "SUCCEEDED",
        /// It ended with an error.
        Failed "FAILED",
        /// Its time passed.
        TimedOut "TIMED_OUT",
    }
}

enumeration! {
    /// Whether answers carry payloads and definitions.
    IncludedData {
        /// They do; this is the default.
        AllData "ALL_DATA",
        /// They do not.
        MetadataOnly "METADATA_ONLY",
    }
}

enumeration! {
    /// Whether an execution can be redriven.
    ExecutionRedriveStatus {
        /// It can.
        Redrivable "REDRIVABLE",
        /// It can't, for the reason beside it.
        NotRedrivable "NOT_REDRIVABLE",
        /// It can, through its Map Run.
        RedrivableByMapRun "REDRIVABLE_BY_MAP_RUN",
    }
}

enumeration! {
    /// Which executions a list has, by whether they were redriven.
    ExecutionRedriveFilter {
        /// Those that were.
        Redriven "REDRIVEN",
        /// Those that were not.
        NotRedriven "NOT_REDRIVEN",
    }
}

output! {
    /// Stands beside a payload: whether the answer carries it.
    DataDetails {
        /// True unless the payload was left out.
        included "included": bool,
    }
}

impl DataDetails {
    /// The payload is there.
    pub const INCLUDED: DataDetails = DataDetails { included: true };
}

input! {
    /// StartExecution.
    StartExecutionRequest {
        /// The machine, a version, or an alias.
        required state_machine_arn "stateMachineArn": String = ARN,
        /// The execution's name; a UUID is made when absent.
        optional name "name": String = NAME,
        /// JSON text; `{}` when absent.
        optional input "input": Arc<str> = PAYLOAD,
        /// X-Ray's header, described again as it came.
        optional trace_header "traceHeader": String = TRACE_HEADER,
    }
}

output! {
    /// What StartExecution answers.
    StartExecutionResponse {
        /// The execution.
        execution_arn "executionArn": Arc<str>,
        /// When it started.
        start_date "startDate": Timestamp,
    }
}

input! {
    /// StartSyncExecution.
    StartSyncExecutionRequest {
        /// An Express machine, a version, or an alias.
        required state_machine_arn "stateMachineArn": String = ARN,
        /// The execution's name; a UUID is made when absent.
        optional name "name": String = NAME,
        /// JSON text; `{}` when absent.
        optional input "input": Arc<str> = PAYLOAD,
        /// X-Ray's header, answered as it came.
        optional trace_header "traceHeader": String = TRACE_HEADER,
        /// Whether input and output are answered.
        optional included_data "includedData": IncludedData = ANY,
    }
}

output! {
    /// What AWS would charge for a synchronous execution.
    BillingDetails {
        /// In steps of 64 MB.
        billed_memory_used_in_mb "billedMemoryUsedInMB": i64,
        /// Milliseconds, rounded up to 100.
        billed_duration_in_milliseconds "billedDurationInMilliseconds": i64,
    }
}

output! {
    /// What StartSyncExecution answers, also when the execution did not succeed.
    StartSyncExecutionResponse {
        /// The execution, which nothing else can be asked about.
        execution_arn "executionArn": Arc<str>,
        /// Its machine.
        state_machine_arn "stateMachineArn": Option<Arc<str>>,
        /// Its name.
        name "name": Option<Arc<str>>,
        /// When it started.
        start_date "startDate": Timestamp,
        /// When it ended.
        stop_date "stopDate": Timestamp,
        /// How it ended.
        status "status": SyncExecutionStatus,
        /// The error it ended with.
        error "error": Option<Arc<str>>,
        /// The error's cause.
        cause "cause": Option<Arc<str>>,
        /// JSON text.
        input "input": Option<Arc<str>>,
        /// Beside `input`.
        input_details "inputDetails": Option<DataDetails>,
        /// JSON text.
        output "output": Option<Arc<str>>,
        /// AWS answers it also when there is no output.
        output_details "outputDetails": Option<DataDetails>,
        /// X-Ray's header as it came.
        trace_header "traceHeader": Option<Arc<str>>,
        /// What it would cost.
        billing_details "billingDetails": Option<BillingDetails>,
    }
}

input! {
    /// StopExecution.
    StopExecutionRequest {
        /// A Standard execution.
        required execution_arn "executionArn": String = ARN,
        /// The error to give it.
        optional error "error": Arc<str> = ERROR,
        /// The error's cause.
        optional cause "cause": Arc<str> = CAUSE,
    }
}

output! {
    /// What StopExecution answers.
    StopExecutionResponse {
        /// When the execution ended.
        stop_date "stopDate": Timestamp,
    }
}

input! {
    /// RedriveExecution. AWS knows the first two members only.
    RedriveExecutionRequest {
        /// A Standard execution.
        required execution_arn "executionArn": String = ARN,
        /// The same token again is answered like the first time.
        optional client_token "clientToken": String = CLIENT_TOKEN,
        /// Another input for the state that failed: JSON text.
        optional with_input "withInput": Arc<str> = PAYLOAD,
        /// Another definition to go on with.
        optional with_definition "withDefinition": LongText = DEFINITION,
    }
}

output! {
    /// What RedriveExecution answers.
    RedriveExecutionResponse {
        /// When the execution was redriven.
        redrive_date "redriveDate": Timestamp,
    }
}

output! {
    /// A redrive that brought another input or definition. AWS has nothing like it.
    RedriveEdit {
        /// Which redrive it was, from 1.
        redrive_count "redriveCount": i64,
        /// When.
        redrive_date "redriveDate": Timestamp,
        /// The state that got another input.
        state_name "stateName": Option<Arc<str>>,
        /// Its input: JSON text.
        input "input": Option<Arc<str>>,
        /// Whether it brought another definition.
        definition_changed "definitionChanged": bool,
    }
}

input! {
    /// DescribeExecution.
    DescribeExecutionRequest {
        /// A Standard execution.
        required execution_arn "executionArn": String = ARN,
        /// Whether payloads are answered.
        optional included_data "includedData": IncludedData = ANY,
    }
}

output! {
    /// What DescribeExecution answers.
    DescribeExecutionResponse {
        /// The execution.
        execution_arn "executionArn": Arc<str>,
        /// Its machine, unqualified.
        state_machine_arn "stateMachineArn": Arc<str>,
        /// Its name.
        name "name": Option<Arc<str>>,
        /// How far it is.
        status "status": ExecutionStatus,
        /// When it started.
        start_date "startDate": Timestamp,
        /// When it ended.
        stop_date "stopDate": Option<Timestamp>,
        /// JSON text, as it was sent.
        input "input": Option<Arc<str>>,
        /// Beside `input`.
        input_details "inputDetails": Option<DataDetails>,
        /// JSON text; only of an execution that succeeded.
        output "output": Option<Arc<str>>,
        /// Beside `output`.
        output_details "outputDetails": Option<DataDetails>,
        /// X-Ray's header as it came.
        trace_header "traceHeader": Option<Arc<str>>,
        /// The Map Run that started it.
        map_run_arn "mapRunArn": Option<Arc<str>>,
        /// The error it ended with; none for TIMED_OUT.
        error "error": Option<Arc<str>>,
        /// The error's cause.
        cause "cause": Option<Arc<str>>,
        /// The version it was started with.
        state_machine_version_arn "stateMachineVersionArn": Option<Arc<str>>,
        /// The alias it was started with.
        state_machine_alias_arn "stateMachineAliasArn": Option<Arc<str>>,
        /// How often it was redriven; AWS always answers it.
        redrive_count "redriveCount": Option<i64>,
        /// When it was redriven last.
        redrive_date "redriveDate": Option<Timestamp>,
        /// Whether it can be redriven; AWS always answers it.
        redrive_status "redriveStatus": Option<ExecutionRedriveStatus>,
        /// Why not.
        redrive_status_reason "redriveStatusReason": Option<Arc<str>>,
        /// Redrives that brought another input or definition; none where there are none, as on AWS.
        redrive_edits "redriveEdits": Option<Vec<RedriveEdit>>,
    }
}

input! {
    /// ListExecutions.
    ListExecutionsRequest {
        /// A machine, a version, or an alias; either this or `map_run_arn`.
        optional state_machine_arn "stateMachineArn": String = ARN,
        /// Only executions in this status.
        optional status_filter "statusFilter": ExecutionStatus = ANY,
        /// Most executions in the answer; 0 and absent stand for 100.
        optional max_results "maxResults": i64 = PAGE_SIZE,
        /// Where to go on.
        optional next_token "nextToken": String = EXECUTIONS_PAGE_TOKEN,
        /// A Map Run, for its child executions.
        optional map_run_arn "mapRunArn": String = LONG_ARN,
        /// Only executions that were, or were not, redriven.
        optional redrive_filter "redriveFilter": ExecutionRedriveFilter = ANY,
    }
}

output! {
    /// An execution in a list.
    ExecutionListItem {
        /// The execution.
        execution_arn "executionArn": Arc<str>,
        /// Its machine, unqualified.
        state_machine_arn "stateMachineArn": Arc<str>,
        /// Its name.
        name "name": Arc<str>,
        /// How far it is.
        status "status": ExecutionStatus,
        /// When it started.
        start_date "startDate": Timestamp,
        /// When it ended.
        stop_date "stopDate": Option<Timestamp>,
        /// The Map Run that started it.
        map_run_arn "mapRunArn": Option<Arc<str>>,
        /// How many items it got, with an ItemBatcher.
        item_count "itemCount": Option<i64>,
        /// The version it was started with.
        state_machine_version_arn "stateMachineVersionArn": Option<Arc<str>>,
        /// The alias it was started with.
        state_machine_alias_arn "stateMachineAliasArn": Option<Arc<str>>,
        /// How often it was redriven; AWS always answers it.
        redrive_count "redriveCount": Option<i64>,
        /// When it was redriven last.
        redrive_date "redriveDate": Option<Timestamp>,
    }
}

output! {
    /// What ListExecutions answers.
    ListExecutionsResponse {
        /// A page of executions, newest first.
        executions "executions": Vec<ExecutionListItem>,
        /// Where to go on, unless this is the last page.
        next_token "nextToken": Option<String>,
    }
}

input! {
    /// GetExecutionHistory. Its answer is written by [`crate::write_history_page`].
    GetExecutionHistoryRequest {
        /// A Standard execution.
        required execution_arn "executionArn": String = ARN,
        /// Most events in the answer; 0 and absent stand for 100.
        optional max_results "maxResults": i64 = PAGE_SIZE,
        /// Newest first.
        optional reverse_order "reverseOrder": bool = ANY,
        /// Where to go on.
        optional next_token "nextToken": String = PAGE_TOKEN,
        /// Whether events carry inputs and outputs; true when absent.
        optional include_execution_data "includeExecutionData": bool = ANY,
    }
}

/// The number of items that a page may have: AWS takes 0 and absent as 100. `max_results` has passed the constraints.
pub fn page_size(max_results: Option<i64>) -> usize {
    match max_results {
        None | Some(0) => 100,
        Some(count) => usize::try_from(count.clamp(1, 1000)).unwrap_or(100),
    }
}
