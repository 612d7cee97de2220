//! Handlers that Stepwell runs itself: processes that speak the Lambda Runtime API over loopback, no container needed.
//!
//! There is no sandbox: a handler runs as the server's user, with the server's environment and its own variables
//! on top. That is why nothing is started unless a function is configured. Each worker process has a process group of
//! its own, which is killed with it, and a runtime API listener of its own on a loopback port, since runtime libraries
//! take only `host:port`; other programs of the same machine could connect to that port too.
//!
//! When the server ends in an orderly way it ends its workers. When it is killed, its end of each worker's standard
//! input and of its runtime API connection closes: the embedded bootstraps notice at once and kill their group, runtime
//! libraries at their next call.

mod bootstrap;
mod log_lines;
mod pool;
mod runtime_api;
mod worker;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, oneshot, watch};
use tokio::task::JoinSet;

use crate::config::ProcessConfig;
use crate::lambda::{Answer, FunctionName, Invocation, Outcome, TaskError};
use bootstrap::Bootstraps;
use pool::Pool;

/// All pools, one for each configured function.
pub(crate) struct Runner {
    pools: HashMap<String, Arc<Pool>>,
    stop: watch::Sender<bool>,
    running: Mutex<JoinSet<()>>,
}

/// One event on its way to a worker.
pub(crate) struct Event {
    pub(crate) request_id: String,
    pub(crate) trace_id: String,
    pub(crate) function_arn: String,
    pub(crate) execution_arn: Arc<str>,
    pub(crate) payload: Arc<str>,
    pub(crate) client_context: Option<String>,
    pub(crate) tenant_id: Option<String>,
    pub(crate) log_tail: bool,
}

impl Runner {
    pub(crate) fn new(
        functions: Vec<(String, ProcessConfig)>,
        handler_environment: &BTreeMap<String, String>,
        region: &str,
    ) -> Self {
        let (stop, stopped) = watch::channel(false);
        let bootstraps = Arc::new(Bootstraps::default());
        let pools = functions
            .into_iter()
            .map(|(name, config)| {
                let function = worker::ProcessFunction::new(&name, config, handler_environment, region);
                (name, Arc::new(Pool::new(function, bootstraps.clone(), stopped.clone())))
            })
            .collect();
        Self { pools, stop, running: Mutex::new(JoinSet::new()) }
    }

    /// Runs one event in a worker of the function's pool. Once a worker has the event, dropping the future does not
    /// stop it, as a function on AWS runs on when its caller has gone.
    pub(crate) async fn invoke(
        &self,
        section: &str,
        function: FunctionName,
        invocation: Invocation,
        running: &Arc<Semaphore>,
    ) -> Outcome {
        let Some(pool) = self.pools.get(section).cloned() else {
            return Outcome::Failed(TaskError::function_not_found(&function));
        };
        let Ok(function_permit) = pool.permit().await else {
            return Outcome::Failed(TaskError::too_many_requests());
        };
        let (Some(function_permit), Ok(permit)) = (function_permit, running.clone().acquire_owned().await)
        else {
            return Outcome::Interrupted;
        };
        let event = Event {
            request_id: uuid::Uuid::new_v4().to_string(),
            trace_id: crate::lambda::new_trace_id(),
            function_arn: function.arn(),
            execution_arn: invocation.execution_arn,
            payload: invocation.request.payload,
            client_context: invocation.request.client_context,
            tenant_id: invocation.request.tenant_id,
            log_tail: invocation.request.log_tail,
        };
        let (reply, answer) = oneshot::channel::<Option<Answer>>();
        {
            let mut tasks = self.running.lock().unwrap_or_else(PoisonError::into_inner);
            while tasks.try_join_next().is_some() {}
            tasks.spawn(async move {
                let answer = pool.run(event).await;
                drop((function_permit, permit));
                // The caller may have given up.
                let _ = reply.send(answer);
            });
        }
        match answer.await {
            Ok(Some(answer)) => Outcome::Answered(answer),
            Ok(None) | Err(_) => Outcome::Interrupted,
        }
    }

    /// Ends all workers and waits until they are gone.
    pub(crate) async fn shutdown(&self) {
        self.stop.send_replace(true);
        let mut tasks = std::mem::take(&mut *self.running.lock().unwrap_or_else(PoisonError::into_inner));
        while tasks.join_next().await.is_some() {}
        let mut closing = JoinSet::new();
        for pool in self.pools.values() {
            let pool = pool.clone();
            closing.spawn(async move { pool.close().await });
        }
        while closing.join_next().await.is_some() {}
    }
}
