//! The operations of the Step Functions API: each validates, resolves, acts. Used by HTTP and in process alike.

mod activity;
mod alias;
mod configuration;
mod definition;
mod deletion;
mod ends;
mod execution;
mod history;
mod redrive;
mod state_machine;
mod tag;
mod target;
mod task;
mod test_state;
mod validate;
mod version;

use std::sync::{Arc, atomic::AtomicU64};

use stepwell_api::{
    ApiError,
    identity::{Identity, IdentityDefaults},
    pagination::PageTokens,
};
use stepwell_engine::{Reply, TokenKey};
use stepwell_store::Store;
use tokio::sync::{Semaphore, oneshot, watch};

pub(crate) use configuration::log_level;
pub(crate) use definition::{WORKED_ON_IN_PLACE_BYTES_MAX, apart};
pub(crate) use execution::{Started, execution_status};
pub use history::HistoryPage;
pub(crate) use target::Target;

use crate::{
    admission::Admission,
    catalogue::Catalogue,
    drivers::{Calls, JobWaits, Submissions},
    events::Webhooks,
    heavy::HeavyThreads,
    logs::Logs,
    metrics::Metrics,
    mocks::Mocks,
    recent_ends::RecentEnds,
    runtime::{Answer, Clock, Router},
    settings::Settings,
    waiters::Waiters,
};

/// All operations, over one store and its shards.
pub struct Operations {
    pub(crate) settings: Settings,
    pub(crate) identity_defaults: IdentityDefaults,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) router: Arc<Router>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) heavy: Arc<HeavyThreads>,
    pub(crate) tokens: PageTokens,
    pub(crate) token_key: TokenKey,
    pub(crate) waiters: Waiters,
    pub(crate) recent_ends: RecentEnds,
    pub(crate) metrics: Metrics,
    pub(crate) logs: Logs,
    pub(crate) webhooks: Webhooks,
    pub(crate) lambda: Arc<stepwell_integrations::Lambda>,
    pub(crate) mocks: Mocks,
    pub(crate) aws: Arc<stepwell_integrations::aws::Aws>,
    /// The jobs of this machine, if there are any.
    pub(crate) jobs: Option<stepwell_local_jobs::LocalJobs>,
    pub(crate) api_gateway: stepwell_integrations::api_gateway::ApiGateway,
    pub(crate) kubernetes: stepwell_integrations::kubernetes::Kubernetes,
    pub(crate) http: stepwell_integrations::http_task::HttpTask,
    pub(crate) job_waits: JobWaits,
    pub(crate) submissions: Submissions,
    pub(crate) pollers: AtomicU64,
    pub(crate) admission: Admission,
    pub(crate) express_permits: Arc<Semaphore>,
    /// Tests of single states that may run at once.
    pub(crate) state_tests: Semaphore,
    /// Calls of drivers under way.
    pub(crate) calls: Calls,
    /// Waits of drivers under way, which end with the server and go on after a restart.
    pub(crate) waits: Calls,
    /// True when the server is ending.
    pub(crate) stop: watch::Receiver<bool>,
}

impl std::fmt::Debug for Operations {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Operations").finish_non_exhaustive()
    }
}

impl Operations {
    /// The account and region of calls that do not say.
    pub fn default_identity(&self) -> Identity<'_> {
        Identity { region: &self.identity_defaults.region, account: &self.identity_defaults.account }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Refuses new work while the disk is nearly full.
    fn admit(&self) -> Result<(), ApiError> {
        self.store.admission().map_err(|full| ApiError::service_unavailable(full.to_string()))
    }
}

/// The way back from a shard.
pub(crate) fn answer() -> (Answer, oneshot::Receiver<Reply>) {
    oneshot::channel()
}

/// The shard's answer. A shard that is gone has stopped with the server.
pub(crate) async fn answered(receiver: oneshot::Receiver<Reply>) -> Result<Reply, ApiError> {
    receiver.await.map_err(|_| stopping())
}

/// Resolves when the server is ending.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error says that the server is gone altogether.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// The server is ending.
pub(crate) fn stopping() -> ApiError {
    ApiError::service_unavailable("The server is stopping.")
}

/// A fault of the store while it was read or written.
pub(crate) fn internal(error: impl std::fmt::Display) -> ApiError {
    tracing::error!(%error, "a request failed");
    ApiError::internal_failure()
}
