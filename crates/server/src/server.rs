//! A server from its start to its end.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use stepwell_api::{identity::IdentityDefaults, pagination::PageTokens};
use stepwell_engine::TokenKey;
use stepwell_integrations::{ConfigError, Lambda, Poster, api_gateway::ApiGateway, kubernetes::Kubernetes};
use stepwell_local_jobs::LocalJobs;
use stepwell_store::Store;
use tokio::{
    net::{TcpListener, TcpSocket},
    sync::{Semaphore, watch},
    task::JoinHandle,
};

use crate::{
    admission::Admission,
    catalogue::{Catalogue, CatalogueError},
    drivers::{Calls, Drivers, JobWaits, Submissions},
    events::{self, Webhooks},
    heavy::HeavyThreads,
    logs::Logs,
    metrics::Metrics,
    mocks::{MockError, Mocks},
    operations::Operations,
    recent_ends::RecentEnds,
    retention,
    runtime::{self, Clock, Runtime, ShardSettings},
    service::{self, Service},
    settings::Settings,
    waiters::Waiters,
};

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address can't be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The address is open to others and callers are not authenticated.
    #[error(
        "{0} is not a loopback address, and callers are not authenticated: listen on 127.0.0.1, or give \
         --allow-unauthenticated if everybody who can reach the address may do everything"
    )]
    Unauthenticated(SocketAddr),
    /// The catalogue can't be read.
    #[error("the store's catalogue can't be used: {0}")]
    Catalogue(#[from] CatalogueError),
    /// A setting for Lambda functions can't be used.
    #[error(transparent)]
    Lambda(#[from] ConfigError),
    /// The mock file can't be used.
    #[error(transparent)]
    Mock(#[from] MockError),
    /// Jobs can't be run on this machine.
    #[error(transparent)]
    Jobs(#[from] stepwell_local_jobs::StartError),
    /// The system gives no thread.
    #[error("a thread could not be started: {0}")]
    Thread(std::io::Error),
    /// A service's endpoint is this very server.
    #[error("the endpoint of {service} is this server's own address, {endpoint}")]
    OwnEndpoint {
        /// The service.
        service: String,
        /// Its endpoint.
        endpoint: String,
    },
}

/// Connections that may wait to be accepted: workers come by the thousand.
const BACKLOG: u32 = 4_096;
/// How long an ending server waits for tasks that end by themselves.
const WAITS_END_WITHIN: Duration = Duration::from_secs(1);

/// A server at work.
pub struct Server {
    operations: Arc<Operations>,
    runtime: Runtime,
    local_address: Option<SocketAddr>,
    accepting: Option<JoinHandle<()>>,
    background: Vec<JoinHandle<()>>,
    stop: watch::Sender<bool>,
    fatal: watch::Receiver<Option<Arc<str>>>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Server").field("local_address", &self.local_address).finish_non_exhaustive()
    }
}

impl Server {
    /// Starts everything: recovery begins and, with an address in the settings, requests are answered. Must be called
    /// within a tokio runtime, which carries requests and drivers from then on.
    ///
    /// # Errors
    /// [`StartError`], before anything has been started.
    pub async fn start(settings: Settings, store: Arc<dyn Store>) -> Result<Server, StartError> {
        let listener = match settings.listen {
            Some(address) => Some(listen(address, settings.allow_unauthenticated)?),
            None => None,
        };
        let local_address = listener.as_ref().and_then(|listener| listener.local_addr().ok());
        check_endpoints(&settings, local_address)?;
        let aws_config = aws_config(&settings);
        let aws = Arc::new(stepwell_integrations::aws::Aws::new(aws_config.clone()));
        let lambda = Arc::new(Lambda::new(settings.lambda.clone(), aws.clone())?);
        let mocks = Mocks::open(settings.mock_file.clone()).await?;
        let programs_max = settings.limits.programs_max;
        let catalogue_store = store.clone();
        let catalogue = tokio::task::spawn_blocking(move || Catalogue::open(catalogue_store, programs_max))
            .await
            .map_err(|error| StartError::Thread(error.into()))??;
        let catalogue = Arc::new(catalogue);
        let jobs = jobs(&settings).await?;
        let secret = catalogue.token_key();
        let token_key = TokenKey::new(secret);
        let clock = Arc::new(Clock::new());
        let (router, inboxes) = runtime::router(settings.shard_count());
        let (stop, stop_receiver) = watch::channel(false);
        let poster = Arc::new(Poster::default());
        let logs = Logs::start(&settings.logs, &aws, &clock, catalogue.clone());
        let heavy = Arc::new(HeavyThreads::start().map_err(StartError::Thread)?);
        let (webhooks, lanes) = Webhooks::new(&settings.webhooks);
        let operations = Arc::new(Operations {
            logs,
            webhooks,
            calls: Calls::default(),
            waits: Calls::default(),
            stop: stop_receiver.clone(),
            identity_defaults: IdentityDefaults {
                region: settings.default_region.clone(),
                account: settings.default_account.clone(),
            },
            store: store.clone(),
            catalogue: catalogue.clone(),
            router: router.clone(),
            clock: clock.clone(),
            heavy: heavy.clone(),
            tokens: PageTokens::new(&secret),
            token_key: token_key.clone(),
            waiters: Waiters::default(),
            recent_ends: RecentEnds::default(),
            metrics: Metrics::new(),
            lambda,
            mocks,
            api_gateway: ApiGateway::new(&aws_config, &settings.http.section.allow),
            kubernetes: Kubernetes::new(settings.kubernetes.clone(), &aws_config),
            aws,
            jobs,
            http: stepwell_integrations::http_task::HttpTask::new(settings.http.clone()),
            job_waits: JobWaits::default(),
            submissions: Submissions::default(),
            pollers: AtomicU64::new(1),
            state_tests: Semaphore::new(settings.limits.state_tests_max),
            admission: Admission::new(&settings.limits),
            express_permits: Arc::new(Semaphore::new(settings.limits.express_max)),
            settings,
        });
        let (fatal_sender, fatal) = watch::channel(None);
        let drivers = Arc::new(Drivers {
            operations: operations.clone(),
            handle: tokio::runtime::Handle::current(),
            fatal: fatal_sender,
        });
        let shard_settings = ShardSettings {
            limits: operations.settings.limits.shard.clone(),
            store_seed: catalogue.store_seed(),
            token_key,
            wait_scale: operations.settings.wait_scale,
            observers: operations.webhooks.observers(),
        };
        let recovering = operations.clone();
        tokio::task::spawn_blocking(move || recovering.webhooks.recover(&*recovering.store))
            .await
            .map_err(|error| StartError::Thread(error.into()))??;
        let runtime = Runtime::start(inboxes, clock, store, catalogue, drivers, heavy, &shard_settings)
            .map_err(StartError::Thread)?;
        let mut background = events::start(&operations, &poster, lanes);
        // Deletions that a crash interrupted go on.
        for machine in operations.catalogue.machines("", None, usize::MAX) {
            if machine.gate.is_deleting() {
                background.push(tokio::spawn(operations.clone().finish_deletion(machine)));
            }
        }
        background.push(tokio::spawn(retention::run(operations.clone())));
        let accepting = listener.map(|listener| {
            let service =
                Service { operations: operations.clone(), stop: stop_receiver.clone(), fatal: fatal.clone() };
            tokio::spawn(service::serve(listener, Arc::new(service)))
        });
        Ok(Server { operations, runtime, local_address, accepting, background, stop, fatal })
    }

    /// Where the server listens; none without an address in the settings.
    pub fn local_address(&self) -> Option<SocketAddr> {
        self.local_address
    }

    /// The API in process.
    pub fn operations(&self) -> &Arc<Operations> {
        &self.operations
    }

    /// Resolves when the store has stopped after a failed write, with the reason in one line. Nothing is acknowledged
    /// any more; the process should end with exit code 4 and be started again, which recovers what is durable.
    pub fn fatal(&self) -> impl Future<Output = String> + Send + use<> {
        let mut fatal = self.fatal.clone();
        async move {
            let reason = fatal
                .wait_for(Option::is_some)
                .await
                .ok()
                .and_then(|reason| reason.as_deref().map(str::to_owned));
            match reason {
                Some(reason) => reason,
                // The server has ended in good order.
                None => std::future::pending().await,
            }
        }
    }

    /// Ends the server: no new connections, requests under way are finished for up to `drain`, shards finish what
    /// waits for its commit, the store is closed. What is in flight goes on after a restart. After a failed write nothing
    /// can be waited for any more, and the process should end.
    pub async fn shutdown(self, drain: Duration) {
        self.stop.send_replace(true);
        let ends_at = tokio::time::Instant::now() + drain;
        if let Some(mut accepting) = self.accepting
            && tokio::time::timeout_at(ends_at, &mut accepting).await.is_err()
        {
            accepting.abort();
        }
        let _ = tokio::time::timeout_at(ends_at, self.operations.calls.ended()).await;
        for task in &self.background {
            task.abort();
        }
        // Calls under way end as interrupted: a restart makes them again.
        self.operations.aws.shutdown();
        self.operations.http.shutdown();
        if let Some(jobs) = &self.operations.jobs {
            jobs.shutdown().await;
        }
        self.operations.api_gateway.shutdown();
        self.operations.kubernetes.shutdown();
        self.operations.lambda.shutdown().await;
        let _ = tokio::time::timeout(WAITS_END_WITHIN, self.operations.waits.ended()).await;
        if self.fatal.borrow().is_some() {
            return;
        }
        let (runtime, store) = (self.runtime, self.operations.store.clone());
        let ended = tokio::task::spawn_blocking(move || {
            runtime.stop();
            store.close()
        })
        .await;
        self.operations.logs.flush().await;
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "the store could not be closed in good order"),
            Err(error) => tracing::error!(%error, "the shards did not end in good order"),
        }
    }
}

fn listen(address: SocketAddr, allow_unauthenticated: bool) -> Result<TcpListener, StartError> {
    if !address.ip().to_canonical().is_loopback() && !allow_unauthenticated {
        return Err(StartError::Unauthenticated(address));
    }
    bind(address).map_err(|source| StartError::Listen { address, source })
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    // A restart must not wait for the last connections of the server before.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Jobs are run when the settings have any, and taken up when a server before has left any.
async fn jobs(settings: &Settings) -> Result<Option<LocalJobs>, StartError> {
    let has_left_jobs = settings.jobs.directory.as_ref().is_some_and(|directory| directory.is_dir());
    if settings.jobs.is_empty() && !has_left_jobs {
        return Ok(None);
    }
    Ok(Some(LocalJobs::start(settings.jobs.clone()).await?))
}

fn aws_config(settings: &Settings) -> stepwell_integrations::aws::AwsConfig {
    let mut config = settings.aws.clone();
    config.endpoints.extend(settings.service_endpoints.iter().map(|(name, url)| (name.clone(), url.clone())));
    config
}

/// A task that called this server as a service would wait for itself.
fn check_endpoints(settings: &Settings, local: Option<SocketAddr>) -> Result<(), StartError> {
    let Some(local) = local else { return Ok(()) };
    let lambda = settings.lambda.endpoint.as_ref().map(|endpoint| ("lambda", endpoint));
    let services = settings.service_endpoints.iter().map(|(service, endpoint)| (service.as_str(), endpoint));
    for (service, endpoint) in services.chain(lambda) {
        let Ok(uri) = endpoint.parse::<hyper::Uri>() else { continue };
        let is_own_port = uri.port_u16().unwrap_or(80) == local.port();
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let is_own_host = host.eq_ignore_ascii_case("localhost")
            || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback() || ip == local.ip());
        if is_own_port && is_own_host {
            return Err(StartError::OwnEndpoint { service: service.to_owned(), endpoint: endpoint.clone() });
        }
    }
    Ok(())
}
