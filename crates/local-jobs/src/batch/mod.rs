//! AWS Batch's operations on jobs that run here.

mod describe;
mod list;
mod submit;

pub(crate) use submit::{Variable, extend_environment};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{Call, Fault, read};
use crate::config::JobsConfig;
use crate::engine::Engine;
use crate::engine::job::{Face, Job, JobId};
use crate::names::{self, Place};
use std::sync::Arc;

/// What the face of Batch works on.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub(crate) engine: &'a Arc<Engine>,
    pub(crate) config: &'a JobsConfig,
    pub(crate) call: Call<'a>,
}

/// TerminateJob and CancelJob.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TerminateJob {
    job_id: String,
    reason: String,
}

impl Batch<'_> {
    /// Carries the call out; none when it is not about anything that runs here.
    pub(crate) async fn carry_out(self) -> Option<Result<Value, Fault>> {
        match self.call.operation {
            "SubmitJob" => self.submit().await,
            "DescribeJobs" => self.describe(),
            "ListJobs" => self.list(),
            "TerminateJob" => self.terminate(false).await,
            "CancelJob" => self.terminate(true).await,
            _ => None,
        }
    }

    async fn terminate(self, by_cancel: bool) -> Option<Result<Value, Fault>> {
        let request: TerminateJob = match self.peek("jobId")? {
            Ok(request) => request,
            Err(fault) => return Some(Err(fault)),
        };
        let id = self.known(&request.job_id)?;
        self.engine.terminate(&id, &request.reason, by_cancel).await;
        Some(Ok(json!({})))
    }

    /// The request, when the job that this member names is one of this engine.
    fn peek<T: serde::de::DeserializeOwned>(self, member: &str) -> Option<Result<T, Fault>> {
        let body: Value = serde_json::from_slice(self.call.body).ok()?;
        self.known(body.get(member)?.as_str()?)?;
        Some(read(self.call.body))
    }

    /// The job of that id or ARN, if it is one of the caller's.
    fn known(self, text: &str) -> Option<JobId> {
        let id = JobId::parse(names::bare(text, "job"));
        self.engine.view(&id, |job| self.may_see(job)).filter(|may_see| *may_see).map(|_| id)
    }

    fn may_see(self, job: &Job) -> bool {
        let spec = &job.spec;
        spec.face == Face::Batch && spec.account == self.call.account && spec.region == self.call.region
    }

    fn place(&self) -> Place<'_> {
        Place { region: self.call.region, account: self.call.account }
    }
}
