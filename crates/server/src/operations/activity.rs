//! CreateActivity, DescribeActivity, DeleteActivity, ListActivities, GetActivityTask.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use stepwell_api::{
    ApiError, Operation, Timestamp,
    arn::{ActivityArn, Location},
    identity::Identity,
    name::check_name,
    pagination::PageScope,
    types::{
        activity::{
            ActivityListItem, CreateActivityRequest, CreateActivityResponse, DeleteActivityRequest,
            DescribeActivityRequest, DescribeActivityResponse, GetActivityTaskRequest,
            GetActivityTaskResponse, ListActivitiesRequest, ListActivitiesResponse,
        },
        execution::page_size,
        tag::{TAGS_MAX, check_tags},
    },
};
use stepwell_engine::{Input, Poller, Reply};
use stepwell_interpreter::Text;
use tokio::sync::watch;

use super::{
    Operations, answer, answered,
    configuration::{check_encryption, encryption_configuration},
    internal,
    tag::merge_tags,
};
use crate::{
    catalogue::{
        Activity,
        records::{ActivityRecord, TagsRecord},
    },
    runtime::Router,
};

impl Operations {
    /// CreateActivity: an activity that exists is answered as it is.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn create_activity(
        &self,
        caller: Identity<'_>,
        request: CreateActivityRequest,
    ) -> Result<CreateActivityResponse, ApiError> {
        check_name(&request.name)?;
        let encryption = check_encryption(request.encryption_configuration)?;
        let tags = request.tags.unwrap_or_default();
        check_tags(&tags)?;
        self.admit()?;
        let arn: Arc<str> = Location::new(caller.region, caller.account).activity(&request.name).into();
        let mut writer = self.catalogue.write().await;
        if let Some(activity) = self.catalogue.activity(&arn) {
            let is_same = activity.encryption == encryption;
            return if is_same {
                Ok(created(&activity))
            } else {
                Err(ApiError::activity_already_exists(&arn))
            };
        }
        if self.catalogue.activity_count() >= self.settings.limits.activities_max {
            return Err(ApiError::activity_limit_exceeded());
        }
        let mut tag_record = TagsRecord::default();
        merge_tags(&mut tag_record, tags);
        if tag_record.tags.len() > TAGS_MAX {
            return Err(ApiError::too_many_tags(&arn));
        }
        let record = ActivityRecord { name: request.name, creation_ms: self.clock.now().0, encryption };
        writer.put_activity(&arn, &record);
        if !tag_record.tags.is_empty() {
            writer.put_tags(&arn, &tag_record);
        }
        let router = self.router.clone();
        let activity = arn.clone();
        // Shards know of it before anybody is told that it exists.
        writer
            .commit(move || router.broadcast(|| Input::ActivityCreated { activity: activity.clone() }))
            .await
            .map_err(internal)?;
        Ok(CreateActivityResponse { activity_arn: arn, creation_date: Timestamp::from(record.creation_ms) })
    }

    /// DescribeActivity.
    ///
    /// # Errors
    /// `InvalidArn`, `ActivityDoesNotExist`.
    pub async fn describe_activity(
        &self,
        _caller: Identity<'_>,
        request: DescribeActivityRequest,
    ) -> Result<DescribeActivityResponse, ApiError> {
        let activity = self.activity(&request.activity_arn)?;
        Ok(DescribeActivityResponse {
            activity_arn: activity.arn.clone(),
            name: activity.name.clone(),
            creation_date: Timestamp::from(activity.creation_ms),
            encryption_configuration: Some(encryption_configuration(activity.encryption.as_ref())),
        })
    }

    /// DeleteActivity: also of an activity that does not exist. Tasks that are scheduled stay so.
    ///
    /// # Errors
    /// `InvalidArn`.
    pub async fn delete_activity(
        &self,
        _caller: Identity<'_>,
        request: DeleteActivityRequest,
    ) -> Result<(), ApiError> {
        ActivityArn::parse(&request.activity_arn)?;
        let mut writer = self.catalogue.write().await;
        let Some(activity) = self.catalogue.activity(&request.activity_arn) else { return Ok(()) };
        writer.remove_activity(&activity.arn);
        let router = self.router.clone();
        writer
            .commit(move || router.broadcast(|| Input::ActivityDeleted { activity: activity.arn.clone() }))
            .await
            .map_err(internal)
    }

    /// ListActivities, in the order of their names.
    ///
    /// # Errors
    /// `InvalidToken`.
    pub async fn list_activities(
        &self,
        caller: Identity<'_>,
        request: ListActivitiesRequest,
    ) -> Result<ListActivitiesResponse, ApiError> {
        let prefix = Location::new(caller.region, caller.account).activity("");
        let scope = PageScope { operation: Operation::ListActivities, arguments: &[&prefix] };
        let limit = page_size(request.max_results);
        let after = self.open_arn_token(scope, request.next_token.as_deref())?;
        let mut activities = self.catalogue.activities(&prefix, after.as_deref(), limit + 1);
        let next_token = if activities.len() > limit {
            activities.truncate(limit);
            self.issue_arn_token(scope, activities.last().map(|activity| &*activity.arn))?
        } else {
            None
        };
        let activities = activities
            .iter()
            .map(|activity| ActivityListItem {
                activity_arn: activity.arn.clone(),
                name: activity.name.clone(),
                creation_date: Timestamp::from(activity.creation_ms),
            })
            .collect();
        Ok(ListActivitiesResponse { activities, next_token })
    }

    /// GetActivityTask: waits for a task, up to a minute. A caller that goes away leaves the queue.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn get_activity_task(
        &self,
        _caller: Identity<'_>,
        request: GetActivityTaskRequest,
    ) -> Result<GetActivityTaskResponse, ApiError> {
        let activity = self.activity(&request.activity_arn)?.arn.clone();
        let (reply, mut receiver) = answer();
        let id = self.pollers.fetch_add(1, Ordering::Relaxed);
        let worker = request.worker_name.map(Text::from);
        let poller = Poller { id, worker, reply };
        self.router.send(Input::ActivityPoll { activity: activity.clone(), poller, first: false });
        let poll = OpenPoll { router: &self.router, activity: &activity, id, is_open: true };
        let mut stop = self.stop.clone();
        let reply = tokio::select! {
            reply = &mut receiver => {
                poll.close();
                reply.map_err(|_| super::stopping())?
            }
            // A server that ends lets its workers go. A task may be on its way; the shard says which of both it is.
            () = ended(self.settings.limits.activity_poll, &mut stop) => {
                drop(poll);
                answered(receiver).await?
            }
        };
        match reply {
            Reply::Task { token, input } => Ok(GetActivityTaskResponse {
                task_token: Some(token.into()),
                input: Some(input.text().clone()),
            }),
            Reply::NoTask => Ok(GetActivityTaskResponse { task_token: None, input: None }),
            Reply::TooManyPollers => Err(ApiError::activity_worker_limit_exceeded()),
            Reply::Throttled => Err(ApiError::throttling()),
            _ => Err(ApiError::internal_failure()),
        }
    }

    fn activity(&self, arn: &str) -> Result<Arc<Activity>, ApiError> {
        if let Some(activity) = self.catalogue.activity(arn) {
            return Ok(activity);
        }
        ActivityArn::parse(arn)?;
        Err(ApiError::activity_does_not_exist(arn))
    }
}

/// Resolves when the time is over or the server is ending.
async fn ended(time: Duration, stop: &mut watch::Receiver<bool>) {
    // Either way the wait is over.
    let _ = tokio::time::timeout(time, stop.wait_for(|stop| *stop)).await;
}

fn created(activity: &Activity) -> CreateActivityResponse {
    CreateActivityResponse {
        activity_arn: activity.arn.clone(),
        creation_date: Timestamp::from(activity.creation_ms),
    }
}

/// A poll that the shard has; it is taken out when this is dropped.
struct OpenPoll<'a> {
    router: &'a Router,
    activity: &'a Arc<str>,
    id: u64,
    is_open: bool,
}

impl OpenPoll<'_> {
    /// The shard has answered.
    fn close(mut self) {
        self.is_open = false;
    }
}

impl Drop for OpenPoll<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.router.send(Input::ActivityPollEnded { activity: self.activity.clone(), id: self.id });
        }
    }
}
