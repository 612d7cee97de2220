//! CreateActivity, DescribeActivity, DeleteActivity, ListActivities, GetActivityTask.

use std::sync::Arc;

use crate::Timestamp;
use crate::constraints::{ANY, ARN, NAME, PAGE_SIZE, PAGE_TOKEN};
use crate::types::state_machine::EncryptionConfiguration;
use crate::types::tag::Tag;

input! {
    /// CreateActivity.
    CreateActivityRequest {
        /// Unique in account and region.
        required name "name": String = NAME,
        /// Tags of a new activity.
        optional tags "tags": Vec<Tag> = ANY,
        /// Encryption, which can't be changed later.
        optional encryption_configuration "encryptionConfiguration": EncryptionConfiguration = ANY,
    }
}

output! {
    /// What CreateActivity answers, also when the activity existed.
    CreateActivityResponse {
        /// The activity.
        activity_arn "activityArn": Arc<str>,
        /// When it was created.
        creation_date "creationDate": Timestamp,
    }
}

input! {
    /// DescribeActivity.
    DescribeActivityRequest {
        /// The activity.
        required activity_arn "activityArn": String = ARN,
    }
}

output! {
    /// What DescribeActivity answers.
    DescribeActivityResponse {
        /// The activity.
        activity_arn "activityArn": Arc<str>,
        /// Its name.
        name "name": Arc<str>,
        /// When it was created.
        creation_date "creationDate": Timestamp,
        /// Encryption; AWS always answers it.
        encryption_configuration "encryptionConfiguration": Option<EncryptionConfiguration>,
    }
}

input! {
    /// DeleteActivity, which answers nothing, also when there is no such activity.
    DeleteActivityRequest {
        /// The activity.
        required activity_arn "activityArn": String = ARN,
    }
}

input! {
    /// ListActivities.
    ListActivitiesRequest {
        /// Most activities in the answer; 0 and absent stand for 100.
        optional max_results "maxResults": i64 = PAGE_SIZE,
        /// Where to go on.
        optional next_token "nextToken": String = PAGE_TOKEN,
    }
}

output! {
    /// An activity in a list.
    ActivityListItem {
        /// The activity.
        activity_arn "activityArn": Arc<str>,
        /// Its name.
        name "name": Arc<str>,
        /// When it was created.
        creation_date "creationDate": Timestamp,
    }
}

output! {
    /// What ListActivities answers.
    ListActivitiesResponse {
        /// A page of activities.
        activities "activities": Vec<ActivityListItem>,
        /// Where to go on, unless this is the last page.
        next_token "nextToken": Option<String>,
    }
}

input! {
    /// GetActivityTask, which waits up to 60 seconds for a task.
    GetActivityTaskRequest {
        /// The activity.
        required activity_arn "activityArn": String = ARN,
        /// The worker, as the history shows it.
        optional worker_name "workerName": String = NAME,
    }
}

output! {
    /// What GetActivityTask answers: both members, or neither when no task came.
    GetActivityTaskResponse {
        /// What the worker answers with.
        task_token "taskToken": Option<Arc<str>>,
        /// JSON text: the state's effective input.
        input "input": Option<Arc<str>>,
    }
}
