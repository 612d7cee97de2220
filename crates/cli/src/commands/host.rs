//! A server inside this process: what `serve` and `run` share.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use stepwell_api::types::state_machine::{
    CreateStateMachineRequest, DescribeStateMachineRequest, StateMachineType, UpdateStateMachineRequest,
};
use stepwell_api::{ApiError, arn};
use stepwell_integrations::LambdaConfig;
use stepwell_integrations::aws::{AwsConfig, RoleSection};
use stepwell_integrations::http_task::HttpConfig;
use stepwell_integrations::kubernetes::KubernetesConfig;
use stepwell_local_jobs::JobsConfig;
use stepwell_server::{MockError, Operations, Server, Settings, StartError};
use stepwell_store::{MemoryStore, Store};
use stepwell_store_embedded::{EmbeddedStore, OpenError, Options};

use super::client::create::ROLE_DEFAULT;
use super::validate::TypeName;
use crate::config::Config;
use crate::config::endpoints::{self, Endpoint};
use crate::config::server::{self, Durability};
use crate::definition::plain_json;
use crate::environment::Environment;
use crate::failure::Failure;

/// A relaxed store is synced this often.
const INTERVAL: Duration = Duration::from_millis(100);
/// A store that never syncs is one that syncs this seldom; shutting down syncs it.
const NEVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// What the settings of a server are made of.
pub(crate) struct Plan<'a> {
    /// The configuration file.
    pub(crate) config: &'a Config,
    /// The variables.
    pub(crate) environment: &'a Environment,
    /// `--service-endpoint`.
    pub(crate) service_endpoints: &'a [(String, String)],
    /// Where the data is; none in memory.
    pub(crate) data_directory: Option<&'a Path>,
    /// `--allow-aws`.
    pub(crate) allow_aws: bool,
    /// Where to listen; never port 0.
    pub(crate) listen: SocketAddr,
    /// Whether listening beyond loopback is meant.
    pub(crate) allow_unauthenticated: bool,
    /// Days that closed executions are kept.
    pub(crate) retention_days: u32,
    /// What the durations of Wait states are multiplied by.
    pub(crate) wait_scale: f64,
    /// The mock file.
    pub(crate) mock_file: Option<PathBuf>,
}

impl Plan<'_> {
    /// The settings.
    ///
    /// # Errors
    /// A setting can't be used.
    pub(crate) fn settings(&self) -> Result<Settings, Failure> {
        let endpoints = endpoints::resolve(self.service_endpoints, &self.config.endpoints, self.environment)
            .map_err(Failure::Usage)?;
        endpoints::check_not_self(&endpoints, self.listen).map_err(Failure::Usage)?;
        if let Some(file) = self.environment.get("AWS_CA_BUNDLE") {
            stepwell_integrations::trust_authorities_of(Path::new(file))
                .map_err(|error| Failure::Usage(format!("AWS_CA_BUNDLE: {error}")))?;
        }
        let aws = self.aws_config()?;
        let region = self.environment.region().to_owned();
        if !is_region(&region) {
            return Err(Failure::Usage(format!(
                "AWS_DEFAULT_REGION: {region:?} is not the name of a region"
            )));
        }
        // Handlers run in directories of their own: a relative path would mean another place there.
        let base_dir = std::path::absolute(if self.config.directory.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &self.config.directory
        })
        .map_err(|error| Failure::usage(format_args!("the working directory can't be used: {error}")))?;
        Ok(Settings {
            listen: Some(self.listen),
            wait_scale: self.wait_scale,
            retention_days: self.retention_days,
            allow_unauthenticated: self.allow_unauthenticated,
            lambda: LambdaConfig {
                functions: self.config.lambda.functions.clone(),
                endpoint: endpoints.get("lambda").map(|endpoint| endpoint.url.clone()),
                integration: self.config.integration.clone(),
                base_dir: base_dir.clone(),
                handler_environment: handler_environment(self.listen),
                region: region.clone(),
            },
            logs: self
                .config
                .logs
                .resolve(
                    &self.config.directory,
                    self.data_directory,
                    endpoints::of(&endpoints, "logs").is_some(),
                    aws.section.allow,
                )
                .map_err(Failure::Usage)?,
            aws,
            http: self.http_config()?,
            kubernetes: self.kubernetes_config(&base_dir)?,
            jobs: self.jobs_config(base_dir)?,
            service_endpoints: urls(&endpoints),
            mock_file: self.mock_file.clone(),
            default_region: region,
            default_account: server::account(self.environment).map_err(Failure::Usage)?,
            give_memory_back: stepwell_allocator::give_back,
            ..Settings::default()
        })
    }
}

impl Plan<'_> {
    fn jobs_config(&self, base_dir: PathBuf) -> Result<JobsConfig, Failure> {
        let mut environment = handler_environment(self.listen);
        // Jobs use SDKs against local services, which refuse to start without credentials of some kind.
        let has_credentials =
            ["AWS_ACCESS_KEY_ID", "AWS_PROFILE"].iter().any(|name| self.environment.get(name).is_some());
        if !has_credentials {
            for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"] {
                environment.insert(name.to_owned(), "test".to_owned());
            }
        }
        let program = std::env::current_exe().map_err(Failure::internal)?;
        Ok(JobsConfig {
            batch: self.config.batch.clone(),
            ecs: self.config.ecs.clone(),
            containers: self.config.containers.clone(),
            base_dir,
            directory: self.data_directory.map(|directory| directory.join("jobs")),
            environment,
            shim: vec![program.into_os_string(), crate::JOB_SHIM.into()],
        })
    }

    fn http_config(&self) -> Result<HttpConfig, Failure> {
        let variable = |name: &str| self.environment.get(name).map(str::to_owned);
        let connections = self.config.connections.iter();
        let connections = connections
            .map(|(name, section)| Ok((name.clone(), section.resolve(name, &variable)?)))
            .collect::<Result<_, stepwell_integrations::ConfigError>>()
            .map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(HttpConfig { section: self.config.http.clone(), connections })
    }

    fn kubernetes_config(&self, directory: &Path) -> Result<KubernetesConfig, Failure> {
        let variable = |name: &str| self.environment.get(name).map(str::to_owned);
        let clusters = self.config.clusters.iter();
        let clusters = clusters
            .map(|(name, section)| Ok((name.clone(), section.resolve(name, directory, &variable)?)))
            .collect::<Result<_, stepwell_integrations::ConfigError>>()
            .map_err(|error| Failure::Usage(error.to_string()))?;
        Ok(KubernetesConfig { clusters, yaml: Some(plain_json) })
    }

    fn aws_config(&self) -> Result<AwsConfig, Failure> {
        let variable =
            server::flag_variable(self.environment, "STEPWELL_ALLOW_AWS").map_err(Failure::Usage)?;
        let mut section = self.config.aws.clone();
        section.allow = self.allow_aws || variable.unwrap_or(section.allow);
        let variable = |name| self.environment.get(name).map(str::to_owned);
        let environment_credentials = variable("AWS_ACCESS_KEY_ID")
            .zip(variable("AWS_SECRET_ACCESS_KEY"))
            .map(|(access_key_id, secret_access_key)| RoleSection {
                access_key_id,
                secret_access_key,
                session_token: variable("AWS_SESSION_TOKEN"),
            });
        Ok(AwsConfig {
            endpoints: BTreeMap::new(),
            section,
            integrations: self.config.integrations.clone(),
            environment_credentials,
        })
    }
}

/// Whether the text can stand in an ARN as a region.
fn is_region(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=32).contains(&text.len()) && text.bytes().all(is_plain)
}

fn urls(endpoints: &BTreeMap<String, Endpoint>) -> BTreeMap<String, String> {
    endpoints.iter().map(|(service, endpoint)| (service.clone(), endpoint.url.clone())).collect()
}

/// How handlers find this server, to answer with task tokens and to start executions.
fn handler_environment(listen: SocketAddr) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("AWS_ENDPOINT_URL_SFN".to_owned(), address_for_clients(listen)),
        ("AWS_DISABLE_HOST_PREFIX_INJECTION".to_owned(), "true".to_owned()),
    ])
}

/// The address that clients on this machine call.
pub(crate) fn address_for_clients(listen: SocketAddr) -> String {
    let host = match listen.ip() {
        IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        address => address,
    };
    format!("http://{}", SocketAddr::new(host, listen.port()))
}

/// The address with a port that is free where it has port 0: handlers must be told the port before the server listens.
///
/// # Errors
/// The address can't be listened on.
pub(crate) fn with_port(listen: SocketAddr) -> Result<SocketAddr, Failure> {
    if listen.port() != 0 {
        return Ok(listen);
    }
    std::net::TcpListener::bind(listen)
        .and_then(|listener| listener.local_addr())
        .map_err(|error| Failure::usage(format_args!("can't listen on {listen}: {error}")))
}

/// Opens the store: in memory, or in a directory.
///
/// # Errors
/// The directory can't be used (exit code 2), or what is in it is damaged (exit code 4).
pub(crate) fn open_store(
    directory: Option<&Path>,
    durability: Durability,
) -> Result<Arc<dyn Store>, Failure> {
    let Some(directory) = directory else { return Ok(Arc::new(MemoryStore::new())) };
    let durability = match durability {
        Durability::Commit => stepwell_store_embedded::Durability::Commit,
        Durability::Interval => stepwell_store_embedded::Durability::Interval(INTERVAL),
        Durability::Memory => stepwell_store_embedded::Durability::Interval(NEVER),
    };
    match EmbeddedStore::open(directory, Options { durability, ..Options::default() }) {
        Ok(store) => Ok(Arc::new(store)),
        Err(error @ (OpenError::Damaged { .. } | OpenError::Tables { .. })) => Err(Failure::internal(error)),
        Err(error) => Err(Failure::usage(error)),
    }
}

/// Starts the server.
///
/// # Errors
/// The address or a setting can't be used (exit code 2), or the store can't (exit code 4).
pub(crate) async fn start(settings: Settings, store: Arc<dyn Store>) -> Result<Server, Failure> {
    Server::start(settings, store).await.map_err(|error| match error {
        StartError::Listen { address, source } if source.kind() == std::io::ErrorKind::AddrInUse => {
            Failure::Usage(format!(
                "can't listen on {address}: the port is taken; stop what uses it or choose another with --port"
            ))
        }
        StartError::Mock(MockError::Faulty { path, faults }) => {
            let lines = faults.iter().map(|fault| {
                let pointer = if fault.pointer.is_empty() { "" } else { " at " };
                format!("\n  {}:{}:{}: {}{pointer}{}", path.display(), fault.line, fault.column, fault.message, fault.pointer)
            });
            Failure::Usage(format!("the mock file can't be used:{}", lines.collect::<String>()))
        }
        StartError::Catalogue(_) | StartError::Thread(_) => Failure::internal(error),
        error => Failure::usage(error),
    })
}

/// What registering a definition came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Registered {
    /// The machine is new.
    Created,
    /// It had another definition before.
    Updated,
    /// It was the same before.
    Unchanged,
}

impl Registered {
    /// For people.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Registered::Created => "created",
            Registered::Updated => "updated",
            Registered::Unchanged => "unchanged",
        }
    }
}

/// Creates a machine, or updates it when it has another definition. Answers its ARN. Without a type, the machine keeps
/// that which it has, and a new one is Standard.
///
/// # Errors
/// The API's, or the machine is there with the other type.
pub(crate) async fn register(
    operations: &Operations,
    name: &str,
    definition: &str,
    machine_type: Option<TypeName>,
) -> Result<(Registered, Arc<str>), ApiError> {
    let caller = operations.default_identity();
    let wanted_type = machine_type.map(|machine_type| match machine_type {
        TypeName::Standard => StateMachineType::Standard,
        TypeName::Express => StateMachineType::Express,
    });
    let arn: Arc<str> = arn::Location::new(caller.region, caller.account).state_machine(name).into();
    let present = operations
        .describe_state_machine(
            caller,
            DescribeStateMachineRequest { state_machine_arn: arn.to_string(), included_data: None },
        )
        .await;
    match present {
        Ok(machine) if wanted_type.is_some_and(|wanted| wanted != machine.state_machine_type) => {
            Err(ApiError::validation(format!(
                "the state machine {name} is there with another type; delete it first, or give this one another name"
            )))
        }
        Ok(machine) if *machine.definition == *definition => Ok((Registered::Unchanged, arn)),
        Ok(_) => {
            let request = UpdateStateMachineRequest {
                state_machine_arn: arn.to_string(),
                definition: Some(definition.into()),
                role_arn: None,
                logging_configuration: None,
                tracing_configuration: None,
                publish: None,
                version_description: None,
                encryption_configuration: None,
            };
            operations.update_state_machine(caller, request).await?;
            Ok((Registered::Updated, arn))
        }
        Err(error) if error.code == "StateMachineDoesNotExist" => {
            let request = CreateStateMachineRequest {
                name: name.to_owned(),
                definition: definition.into(),
                role_arn: ROLE_DEFAULT.to_owned(),
                state_machine_type: wanted_type,
                logging_configuration: None,
                tags: None,
                tracing_configuration: None,
                publish: None,
                version_description: None,
                encryption_configuration: None,
            };
            let answer = operations.create_state_machine(caller, request).await?;
            Ok((Registered::Created, answer.state_machine_arn))
        }
        Err(error) => Err(error),
    }
}
