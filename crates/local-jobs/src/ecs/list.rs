//! ListTasks.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Ecs, cluster_name};
use crate::api::{Fault, read, without_nulls};
use crate::engine::job::Job;
use crate::names;

/// ECS's page, which is its largest.
const PAGE_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ListTasks {
    cluster: Option<String>,
    family: Option<String>,
    started_by: Option<String>,
    desired_status: Option<String>,
    launch_type: Option<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

impl Ecs<'_> {
    pub(super) fn list(self) -> Option<Result<Value, Fault>> {
        let body: Value = serde_json::from_slice(self.call.body).ok()?;
        let text = |member: &str| body.get(member).and_then(Value::as_str);
        let is_family = text("family").is_some_and(|family| {
            names::section(&self.config.ecs.task_definitions, family, "task-definition").is_some()
        });
        let is_here = is_family || self.has_cluster(cluster_name(text("cluster")));
        is_here.then(|| self.list_known())
    }

    /// Whether a cluster is set up here or has a task.
    fn has_cluster(self, name: &str) -> bool {
        let has_task = |job: &Job| (self.may_see(job) && job.spec.lane == name).then_some(());
        self.config.ecs.clusters.contains_key(name) || !self.engine.view_all(has_task).is_empty()
    }

    fn list_known(self) -> Result<Value, Fault> {
        let request: ListTasks = read(self.call.body)?;
        let cluster = cluster_name(request.cluster.as_deref());
        let desired = request.desired_status.as_deref().unwrap_or("RUNNING");
        let equals = |wanted: &Option<String>, member: &Value| {
            wanted.as_deref().is_none_or(|wanted| member.as_str() == Some(wanted))
        };
        let mut found = self.engine.view_all(|job| {
            if !self.may_see(job) || job.spec.lane != cluster {
                return None;
            }
            let shown = self.description(job);
            let fits = shown["desiredStatus"] == desired
                && request.family.as_ref().is_none_or(|family| *family == job.spec.name)
                && equals(&request.started_by, &shown["startedBy"])
                && equals(&request.launch_type, &shown["launchType"]);
            fits.then(|| (job.spec.created_at, self.task_arn(job)))
        });
        found.sort();
        let from: usize = match &request.next_token {
            None => 0,
            Some(token) => token.parse().map_err(|_| Fault::invalid_parameter("nextToken is not valid"))?,
        };
        let count = request.max_results.unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX);
        let next = (found.len() > from.saturating_add(count)).then(|| (from + count).to_string());
        let page: Vec<String> = found.into_iter().skip(from).take(count).map(|(_, arn)| arn).collect();
        Ok(without_nulls(json!({"taskArns": page, "nextToken": next})))
    }
}
