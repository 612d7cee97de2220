//! Amazon ECS's operations on tasks that run here.

mod describe;
mod list;
mod run;

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{Call, Fault, read};
use crate::config::JobsConfig;
use crate::engine::Engine;
use crate::engine::job::{Face, Job, JobId};
use crate::names::{self, Place};

/// The cluster of tasks that name none.
const CLUSTER_DEFAULT: &str = "default";
/// ECS's reason of a task that was stopped without one.
const STOPPED_BY_USER: &str = "Task stopped by user";

/// What the face of ECS works on.
#[derive(Clone, Copy)]
pub(crate) struct Ecs<'a> {
    pub(crate) engine: &'a Arc<Engine>,
    pub(crate) config: &'a JobsConfig,
    pub(crate) call: Call<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StopTask {
    cluster: Option<String>,
    task: String,
    reason: Option<String>,
}

impl Ecs<'_> {
    /// Carries the call out; none when it is not about anything that runs here.
    pub(crate) async fn carry_out(self) -> Option<Result<Value, Fault>> {
        match self.call.operation {
            "RunTask" => self.run().await,
            "DescribeTasks" => self.describe(),
            "ListTasks" => self.list(),
            "StopTask" => self.stop().await,
            _ => None,
        }
    }

    async fn stop(self) -> Option<Result<Value, Fault>> {
        let request: StopTask = read(self.call.body).ok()?;
        let id = self.known(&request.task, request.cluster.as_deref())?;
        let reason = request.reason.as_deref().filter(|reason| !reason.is_empty()).unwrap_or(STOPPED_BY_USER);
        self.engine.terminate(&id, reason, false).await;
        let task = self.engine.view(&id, |job| self.description(job));
        Some(Ok(json!({"task": task})))
    }

    /// The task of that id or ARN, if it is one of the caller's in that cluster.
    fn known(self, text: &str, cluster: Option<&str>) -> Option<JobId> {
        let name = names::bare(text, "task");
        let id = JobId::whole(name.rsplit('/').next().unwrap_or(name));
        let cluster = cluster_name(cluster);
        let is_here = |job: &Job| self.may_see(job) && job.spec.lane == cluster;
        self.engine.view(&id, is_here).filter(|is_here| *is_here).map(|_| id)
    }

    fn may_see(self, job: &Job) -> bool {
        let spec = &job.spec;
        spec.face == Face::Ecs && spec.account == self.call.account && spec.region == self.call.region
    }

    fn place(&self) -> Place<'_> {
        Place { region: self.call.region, account: self.call.account }
    }
}

/// The name in a request's `cluster`.
fn cluster_name(cluster: Option<&str>) -> &str {
    cluster
        .map(|text| names::bare(text, "cluster"))
        .filter(|name| !name.is_empty())
        .unwrap_or(CLUSTER_DEFAULT)
}
