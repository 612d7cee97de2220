//! ListMapRuns.

use std::sync::Arc;

use crate::Timestamp;
use crate::constraints::{ARN, PAGE_SIZE, PAGE_TOKEN};

input! {
    /// ListMapRuns.
    ListMapRunsRequest {
        /// The execution with the Distributed Map states.
        required execution_arn "executionArn": String = ARN,
        /// Most Map Runs in the answer; 0 and absent stand for 100.
        optional max_results "maxResults": i64 = PAGE_SIZE,
        /// Where to go on.
        optional next_token "nextToken": String = PAGE_TOKEN,
    }
}

output! {
    /// A Map Run in a list.
    MapRunListItem {
        /// The execution that started it.
        execution_arn "executionArn": Arc<str>,
        /// The Map Run.
        map_run_arn "mapRunArn": Arc<str>,
        /// The machine of its child executions, with the Map state's label.
        state_machine_arn "stateMachineArn": Arc<str>,
        /// When it started.
        start_date "startDate": Timestamp,
        /// When it ended.
        stop_date "stopDate": Option<Timestamp>,
    }
}

output! {
    /// What ListMapRuns answers.
    ListMapRunsResponse {
        /// A page of Map Runs.
        map_runs "mapRuns": Vec<MapRunListItem>,
        /// Where to go on, unless this is the last page.
        next_token "nextToken": Option<String>,
    }
}
