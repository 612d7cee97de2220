//! What a server is started with.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use stepwell_api::identity::IdentityDefaults;
use stepwell_integrations::{
    LambdaConfig, aws::AwsConfig, http_task::HttpConfig, kubernetes::KubernetesConfig,
};
use stepwell_local_jobs::JobsConfig;

use crate::{events::Webhook, logs::LogSettings};

/// Everything that can be set; the defaults suit one machine.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where to listen; nowhere when absent (`stepwell run`).
    pub listen: Option<SocketAddr>,
    /// Shards, each with a thread of its own; 0 stands for half of the cores, at least one.
    pub shards: u16,
    /// By what the durations of Wait states are multiplied (`WAIT_TIME_SCALE`); 1 in production.
    pub wait_scale: f64,
    /// Days that a closed execution is kept; AWS keeps 90.
    pub retention_days: u32,
    /// Whether to listen on other than loopback addresses though callers are not authenticated.
    pub allow_unauthenticated: bool,
    /// Where Lambda functions run.
    pub lambda: LambdaConfig,
    /// How AWS services are called.
    pub aws: AwsConfig,
    /// The Batch jobs and ECS tasks that run on this machine.
    pub jobs: JobsConfig,
    /// Where HTTP Tasks may go, and their connections.
    pub http: HttpConfig,
    /// Where Kubernetes clusters are, and how they are called.
    pub kubernetes: KubernetesConfig,
    /// Where other services are reached: service to base address; `*` is every service that has none.
    pub service_endpoints: BTreeMap<String, String>,
    /// Where the logs of executions go.
    pub logs: LogSettings,
    /// Who is told when the status of an execution changes; no two have the same URL.
    pub webhooks: Vec<Webhook>,
    /// The mock file, for executions that are started with a test case.
    pub mock_file: Option<PathBuf>,
    /// The region of requests whose signature names none.
    pub default_region: String,
    /// The account of requests whose access key is not an account number.
    pub default_account: String,
    /// Gives memory that is free back to the system. Called after work that took much of it, as what the allocator
    /// keeps for the next is held too.
    pub give_memory_back: fn(),
    /// Named limits.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        let identity = IdentityDefaults::default();
        Self {
            listen: None,
            shards: 0,
            wait_scale: 1.0,
            retention_days: 90,
            allow_unauthenticated: false,
            lambda: LambdaConfig::default(),
            aws: AwsConfig::default(),
            jobs: JobsConfig::default(),
            http: HttpConfig::default(),
            kubernetes: KubernetesConfig::default(),
            service_endpoints: BTreeMap::new(),
            logs: LogSettings::default(),
            webhooks: Vec::new(),
            mock_file: None,
            default_region: identity.region,
            default_account: identity.account,
            give_memory_back: || {},
            limits: Limits::default(),
        }
    }
}

impl Settings {
    /// How many shards there will be.
    #[must_use]
    pub fn shard_count(&self) -> u16 {
        if self.shards > 0 {
            return self.shards;
        }
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        u16::try_from((cores / 2).max(1)).unwrap_or(u16::MAX)
    }
}

/// How much the server takes on. Each figure has a defined answer when it is reached.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Those of each shard.
    pub shard: stepwell_engine::Limits,
    /// Executions that may be open at once (AWS: 1,000,000); then ExecutionLimitExceeded.
    pub open_executions_max: u64,
    /// State machines of all accounts (AWS: 100,000); then StateMachineLimitExceeded.
    pub state_machines_max: usize,
    /// Versions of one state machine (AWS: 1,000); then ServiceQuotaExceededException.
    pub versions_max: usize,
    /// Aliases of one state machine (AWS: 100); then ServiceQuotaExceededException.
    pub aliases_max: usize,
    /// Activities of all accounts (AWS: 100,000); then ActivityLimitExceeded.
    pub activities_max: usize,
    /// Compiled definitions that are kept in memory besides those in use; fewer when they are large.
    pub programs_max: usize,
    /// Calls of StartExecution that wait for their answer at once; then ThrottlingException. What waits longer than
    /// this queue is long is better refused: the caller's retry costs less than its patience.
    pub starts_max: usize,
    /// Bytes of request bodies in memory at once; then ThrottlingException.
    pub body_bytes_in_flight_max: usize,
    /// Resident memory of the process, in bytes, above which new executions and long definitions get ThrottlingException.
    pub memory_bytes_max: u64,
    /// Bytes of a request's body; then HTTP 413. Twice the largest definition, as its text is escaped.
    pub request_bytes_max: usize,
    /// Connections at once; then clients wait to be accepted.
    pub connections_max: usize,
    /// How long a client may take for the head of a request, and a connection may stand idle.
    pub header_timeout: Duration,
    /// How long a client may take for a body.
    pub body_timeout: Duration,
    /// How long GetActivityTask waits for a task. A little less than AWS's 60 seconds, for clients that hang up then.
    pub activity_poll: Duration,
    /// Synchronous Express executions at once; then ThrottlingException.
    pub express_max: usize,
    /// Tests of single states at once; then ThrottlingException.
    pub state_tests_max: usize,
    /// Bytes of texts in one page of GetExecutionHistory; then the page ends early.
    pub history_page_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            shard: stepwell_engine::Limits::default(),
            open_executions_max: 1_000_000,
            state_machines_max: 100_000,
            versions_max: 1_000,
            aliases_max: 100,
            activities_max: 100_000,
            programs_max: 512,
            starts_max: 2_048,
            body_bytes_in_flight_max: 256 * 1024 * 1024,
            memory_bytes_max: 2 * 1024 * 1024 * 1024,
            request_bytes_max: 2 * 1024 * 1024,
            connections_max: 10_000,
            header_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(30),
            activity_poll: Duration::from_millis(59_500),
            express_max: 10_000,
            state_tests_max: 256,
            history_page_bytes_max: 8 * 1024 * 1024,
        }
    }
}
