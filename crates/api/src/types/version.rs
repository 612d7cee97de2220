//! PublishStateMachineVersion, ListStateMachineVersions, DeleteStateMachineVersion.

use std::sync::Arc;

use crate::Timestamp;
use crate::constraints::{ANY, ARN, DESCRIPTION, LONG_ARN, PAGE_SIZE, PAGE_TOKEN};

input! {
    /// PublishStateMachineVersion.
    PublishStateMachineVersionRequest {
        /// The machine, unqualified.
        required state_machine_arn "stateMachineArn": String = ARN,
        /// Publish only if this is the present revision; `INITIAL` stands for that of a machine never updated.
        optional revision_id "revisionId": String = ANY,
        /// The version's description; ignored when the revision is published already.
        optional description "description": String = DESCRIPTION,
    }
}

output! {
    /// What PublishStateMachineVersion answers.
    PublishStateMachineVersionResponse {
        /// When the version was published.
        creation_date "creationDate": Timestamp,
        /// The version.
        state_machine_version_arn "stateMachineVersionArn": Arc<str>,
    }
}

input! {
    /// ListStateMachineVersions.
    ListStateMachineVersionsRequest {
        /// The machine, unqualified.
        required state_machine_arn "stateMachineArn": String = ARN,
        /// Where to go on.
        optional next_token "nextToken": String = PAGE_TOKEN,
        /// Most versions in the answer; 0 and absent stand for 100.
        optional max_results "maxResults": i64 = PAGE_SIZE,
    }
}

output! {
    /// A version in a list.
    StateMachineVersionListItem {
        /// The version.
        state_machine_version_arn "stateMachineVersionArn": Arc<str>,
        /// When it was published.
        creation_date "creationDate": Timestamp,
    }
}

output! {
    /// What ListStateMachineVersions answers.
    ListStateMachineVersionsResponse {
        /// A page of versions, the highest number first.
        state_machine_versions "stateMachineVersions": Vec<StateMachineVersionListItem>,
        /// Where to go on, unless this is the last page.
        next_token "nextToken": Option<String>,
    }
}

input! {
    /// DeleteStateMachineVersion, which answers nothing, also when there is no such version.
    DeleteStateMachineVersionRequest {
        /// The version.
        required state_machine_version_arn "stateMachineVersionArn": String = LONG_ARN,
    }
}
