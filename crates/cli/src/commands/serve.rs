//! `stepwell serve [DIR…]`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use stepwell_server::Server;

use super::host::{self, Plan};
use super::validate::{TypeName, load_runnable};
use crate::config::Config;
use crate::config::server::{self, Durability, ServerFlags, ServerOptions};
use crate::config::{endpoints, mock};
use crate::definition::{DefinitionFile, files_in, no_files_in};
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output::{self, BOLD, FAINT, styled};
use crate::signals::Signals;

/// How long requests under way may take after a signal to stop.
const DRAIN: Duration = Duration::from_secs(10);

/// Arguments of `serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell serve                              data in ./stepwell-data, port 8083 of this machine
  stepwell serve workflows/ --port 9000       and every *.asl.json and *.asl.yaml in workflows/
  stepwell serve --memory --service-endpoint lambda=http://127.0.0.1:3001

Each setting is taken from the first that has it: flag, variable, [server] of stepwell.toml. Step Functions Local's
variables (LAMBDA_ENDPOINT and the like, WAIT_TIME_SCALE) are honoured.")]
pub(crate) struct ServeArguments {
    /// Directories whose *.asl.json and *.asl.yaml files become state machines
    #[arg(value_name = "DIR")]
    directories: Vec<PathBuf>,
    #[command(flatten)]
    flags: ServerFlags,
    /// The configuration [default: ./stepwell.toml if it is there] [variable: STEPWELL_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where tasks reach a service; can be repeated [variable: STEPWELL_SERVICE_ENDPOINT, with commas]
    #[arg(long = "service-endpoint", value_name = "SERVICE=URL", value_parser = endpoints::parse_flag)]
    service_endpoints: Vec<(String, String)>,
    /// The mock file, for executions started with ARN#CASE [variables: STEPWELL_MOCK_CONFIG, SFN_MOCK_CONFIG]
    #[arg(long, value_name = "FILE")]
    mock_config: Option<PathBuf>,
    /// Call services without an address of their own at AWS, with this machine's credentials [variable: STEPWELL_ALLOW_AWS]
    #[arg(long)]
    allow_aws: bool,
}

/// Serves until a signal comes or the store stops.
pub(crate) fn run(arguments: &ServeArguments) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let file = arguments.config.clone().or_else(|| environment.get("STEPWELL_CONFIG").map(PathBuf::from));
    let config = Config::load(file.as_deref(), &[PathBuf::from(".")]).map_err(Failure::Usage)?;
    let mut options = server::resolve(&arguments.flags, &environment, &config).map_err(Failure::Usage)?;
    crate::log::for_server(options.log_level, options.log_format);
    let definitions = definitions(&arguments.directories)?;
    options.listen = host::with_port(options.listen)?;
    let plan = Plan {
        config: &config,
        environment: &environment,
        service_endpoints: &arguments.service_endpoints,
        data_directory: options.data_directory.as_deref(),
        allow_aws: arguments.allow_aws,
        listen: options.listen,
        allow_unauthenticated: options.allow_unauthenticated,
        retention_days: options.retention_days,
        wait_scale: server::wait_scale(&environment).map_err(Failure::Usage)?,
        mock_file: mock::file(arguments.mock_config.as_deref(), &environment, &config),
    };
    let mut settings = plan.settings()?;
    settings.webhooks = config.events.resolve(&environment).map_err(Failure::Usage)?;
    settings.limits.memory_bytes_max = options.memory_max_megabytes.saturating_mul(1024 * 1024);
    let region = settings.default_region.clone();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Failure::internal)?;
    let store = host::open_store(options.data_directory.as_deref(), options.durability)?;
    let result = runtime.block_on(async {
        // Before anybody can see that the server serves: a signal that comes while its handler is put in place is lost.
        let mut signals = Signals::new()?;
        let server = tokio::select! {
            server = host::start(settings, store) => server?,
            name = signals.next() => {
                output::note(format_args!("{name}: stopping at once"));
                return Ok(());
            }
        };
        let registered = match register(&server, &definitions).await {
            Ok(registered) => registered,
            Err(failure) => {
                server.shutdown(Duration::ZERO).await;
                return Err(failure);
            }
        };
        banner(&options, &config, &region, &registered);
        until_stopped(server, signals).await
    });
    // After a failed write nothing may wait for the disk.
    runtime.shutdown_background();
    result
}

/// The definitions of all directories, each checked.
fn definitions(directories: &[PathBuf]) -> Result<Vec<DefinitionFile>, Failure> {
    let mut definitions: Vec<DefinitionFile> = Vec::new();
    for directory in directories {
        let files = files_in(directory).map_err(Failure::Usage)?;
        if files.is_empty() {
            output::warning(no_files_in(directory));
        }
        for path in files {
            let definition = load_runnable(&path, TypeName::Standard)?;
            let name = definition.machine_name();
            if let Some(other) = definitions.iter().find(|other| other.machine_name() == name) {
                return Err(Failure::Usage(format!(
                    "{} and {} would both be the state machine {name}; rename one",
                    other.path.display(),
                    path.display()
                )));
            }
            definitions.push(definition);
        }
    }
    Ok(definitions)
}

/// Registers them; answers a line about each.
async fn register(server: &Server, definitions: &[DefinitionFile]) -> Result<Vec<String>, Failure> {
    let mut lines = Vec::new();
    for definition in definitions {
        let name = definition.machine_name();
        let (registered, _) = host::register(server.operations(), &name, &definition.json, None)
            .await
            .map_err(|error| Failure::Usage(format!("{}: {error}", definition.path.display())))?;
        lines.push(format!("{name} ({})", registered.as_str()));
    }
    Ok(lines)
}

fn banner(options: &ServerOptions, config: &Config, region: &str, registered: &[String]) {
    let address = host::address_for_clients(options.listen);
    if !options.listen.ip().to_canonical().is_loopback() {
        output::warning(format_args!(
            "callers are not authenticated, and {} can be reached from other machines: whoever reaches it may do \
             everything",
            options.listen
        ));
    }
    let heading = format!("Stepwell {} listens on http://{}", env!("CARGO_PKG_VERSION"), options.listen);
    output::line(styled(BOLD, heading));
    output::line(format_args!("Data: {}", data_line(options.data_directory.as_deref(), options.durability)));
    if let Some(path) = &config.path {
        output::line(format_args!("Configuration: {}", path.display()));
    }
    if !registered.is_empty() {
        output::line(format_args!("State machines: {}", registered.join(", ")));
    }
    output::line("");
    output::line(styled(FAINT, "Clients need:"));
    output::line(format_args!("  export AWS_ENDPOINT_URL_SFN={address}"));
    output::line("  export AWS_DISABLE_HOST_PREFIX_INJECTION=true");
    output::line("  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test");
    output::line(format_args!("  export AWS_DEFAULT_REGION={region}"));
    output::line(styled(FAINT, "Then, for example:"));
    let first_command = match registered.first().and_then(|line| line.split(' ').next()) {
        Some(name) => format!("stepwell start {name} --input '{{}}' --follow"),
        None => "aws stepfunctions list-state-machines".to_owned(),
    };
    output::line(format_args!("  {first_command}"));
}

fn data_line(directory: Option<&Path>, durability: Durability) -> String {
    let Some(directory) = directory else { return "in memory; it ends with this process".to_owned() };
    let when = match durability {
        Durability::Commit => "replies wait for the disk",
        Durability::Interval => "synced every 100 ms; a loss of power can lose what was just acknowledged",
        Durability::Memory => "not synced; a loss of power can lose what was acknowledged",
    };
    format!("{} ({when})", directory.display())
}

/// Waits for a signal or the end of the store.
async fn until_stopped(server: Server, mut signals: Signals) -> Result<(), Failure> {
    let fatal = server.fatal();
    tokio::select! {
        reason = fatal => return Err(Failure::Internal(reason)),
        name = signals.next() => output::note(format_args!("{name}: finishing what is under way")),
    }
    tokio::select! {
        () = server.shutdown(DRAIN) => Ok(()),
        name = signals.next() => {
            output::note(format_args!("{name} again: stopping at once"));
            std::process::exit(0)
        }
    }
}
