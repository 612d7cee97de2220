//! The settings of `stepwell serve`: flag, `STEPWELL_…` variable, `[server]`, default; in this order.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use crate::config::Config;
use crate::config::endpoints;
use crate::environment::Environment;

/// Where the server listens unless told otherwise: the port of Step Functions Local.
const PORT_DEFAULT: u16 = 8083;
/// Where the data is unless told otherwise.
const DATA_DIRECTORY_DEFAULT: &str = "stepwell-data";
/// How long AWS keeps closed executions.
const RETENTION_DEFAULT_DAYS: u32 = 90;
/// Memory above which new executions are refused, unless told otherwise.
const MEMORY_MAX_DEFAULT_MEGABYTES: u64 = 2_048;

/// When a reply may leave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Durability {
    /// After what it says was synced to the disk.
    #[default]
    Commit,
    /// After it was written; a sync follows within 100 milliseconds. Survives the end of the process, not of the power.
    Interval,
    /// After it was written, and nothing is ever synced on purpose. Survives the end of the process, not of the power.
    Memory,
}

/// What is logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogLevel {
    /// Nothing.
    Off,
    /// What needs a person.
    Error,
    /// What may need one.
    Warn,
    /// What happens to the server, and what Lambda handlers print.
    #[default]
    Info,
    /// What it does.
    Debug,
    /// Everything.
    Trace,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// The flags of `serve` that a variable or the configuration file can set too.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ServerFlags {
    /// Where to listen [default: 127.0.0.1:8083] [variable: STEPWELL_LISTEN]
    #[arg(long, value_name = "ADDR:PORT", conflicts_with = "port")]
    pub(crate) listen: Option<String>,
    /// Listen on this port of the loopback address [variable: STEPWELL_PORT]
    #[arg(long, value_name = "N")]
    pub(crate) port: Option<u16>,
    /// Where the data is kept; made when missing [default: ./stepwell-data] [variable: STEPWELL_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Keep everything in memory: nothing survives the process [variable: STEPWELL_MEMORY]
    #[arg(long, conflicts_with = "data_dir")]
    pub(crate) memory: bool,
    /// When a reply may leave [default: commit] [variable: STEPWELL_DURABILITY]
    #[arg(long)]
    pub(crate) durability: Option<Durability>,
    /// Listen on addresses that other machines reach, though callers are not authenticated [variable: STEPWELL_ALLOW_UNAUTHENTICATED]
    #[arg(long)]
    pub(crate) allow_unauthenticated: bool,
    /// Days that closed executions are kept [default: 90] [variable: STEPWELL_RETENTION_DAYS]
    #[arg(long, value_name = "N")]
    pub(crate) retention_days: Option<u32>,
    /// Megabytes of memory above which new executions get ThrottlingException [default: 2048] [variable: STEPWELL_MEMORY_MAX_MEGABYTES]
    #[arg(long, value_name = "N")]
    pub(crate) memory_max_megabytes: Option<u64>,
    /// What is logged to standard error [default: info] [variable: STEPWELL_LOG_LEVEL]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<LogLevel>,
    /// How log lines look [default: text] [variable: STEPWELL_LOG_FORMAT]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<LogFormat>,
}

/// `[server]`: the flags under their own names, with `_`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ServerSection {
    pub(crate) listen: Option<String>,
    pub(crate) port: Option<u16>,
    pub(crate) data_dir: Option<PathBuf>,
    pub(crate) memory: Option<bool>,
    pub(crate) durability: Option<Durability>,
    pub(crate) allow_unauthenticated: Option<bool>,
    pub(crate) retention_days: Option<u32>,
    pub(crate) memory_max_megabytes: Option<u64>,
    pub(crate) log_level: Option<LogLevel>,
    pub(crate) log_format: Option<LogFormat>,
}

/// What `serve` runs with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerOptions {
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// Where the data is kept; none for memory only.
    pub(crate) data_directory: Option<PathBuf>,
    /// When a reply may leave.
    pub(crate) durability: Durability,
    /// Whether listening beyond loopback is meant.
    pub(crate) allow_unauthenticated: bool,
    /// Days that closed executions are kept.
    pub(crate) retention_days: u32,
    /// Megabytes of memory above which new executions are refused.
    pub(crate) memory_max_megabytes: u64,
    /// What is logged.
    pub(crate) log_level: LogLevel,
    /// How log lines look.
    pub(crate) log_format: LogFormat,
}

/// Takes each setting from the first of flag, variable and file that has it.
///
/// # Errors
/// One line about the first setting that can't be used, with its source.
pub(crate) fn resolve(
    flags: &ServerFlags,
    environment: &Environment,
    config: &Config,
) -> Result<ServerOptions, String> {
    let file = &config.server;
    let listen = listen_address(flags, environment, file)?;
    let data_directory = data_directory(flags, environment, config)?;
    let options = ServerOptions {
        listen,
        data_directory,
        durability: pick(flags.durability, word(environment, "STEPWELL_DURABILITY")?, file.durability),
        allow_unauthenticated: flags.allow_unauthenticated
            || flag_variable(environment, "STEPWELL_ALLOW_UNAUTHENTICATED")?
                .or(file.allow_unauthenticated)
                .unwrap_or(false),
        retention_days: (flags.retention_days)
            .or(number(environment, "STEPWELL_RETENTION_DAYS")?)
            .or(file.retention_days)
            .unwrap_or(RETENTION_DEFAULT_DAYS),
        memory_max_megabytes: (flags.memory_max_megabytes)
            .or(number(environment, "STEPWELL_MEMORY_MAX_MEGABYTES")?)
            .or(file.memory_max_megabytes)
            .unwrap_or(MEMORY_MAX_DEFAULT_MEGABYTES),
        log_level: pick(flags.log_level, word(environment, "STEPWELL_LOG_LEVEL")?, file.log_level),
        log_format: pick(flags.log_format, word(environment, "STEPWELL_LOG_FORMAT")?, file.log_format),
    };
    if options.retention_days == 0 {
        return Err("--retention-days must be at least 1".to_owned());
    }
    if options.memory_max_megabytes == 0 {
        return Err("--memory-max-megabytes must be at least 1".to_owned());
    }
    Ok(options)
}

fn pick<T: Default>(flag: Option<T>, variable: Option<T>, file: Option<T>) -> T {
    flag.or(variable).or(file).unwrap_or_default()
}

/// Where the data is kept, or none for memory: the first of flags, variables and file that says either decides.
fn data_directory(
    flags: &ServerFlags,
    environment: &Environment,
    config: &Config,
) -> Result<Option<PathBuf>, String> {
    let file = &config.server;
    let sources = [
        (flags.memory.then_some(true), flags.data_dir.clone()),
        (
            flag_variable(environment, "STEPWELL_MEMORY")?,
            environment.get("STEPWELL_DATA_DIR").map(PathBuf::from),
        ),
        (file.memory, file.data_dir.as_ref().map(|directory| config.directory.join(directory))),
    ];
    let mut memory_is_settled = false;
    for (memory, directory) in sources {
        if memory == Some(true) && !memory_is_settled {
            return Ok(None);
        }
        if directory.is_some() {
            return Ok(directory);
        }
        memory_is_settled |= memory.is_some();
    }
    Ok(Some(Path::new(".").join(DATA_DIRECTORY_DEFAULT)))
}

fn listen_address(
    flags: &ServerFlags,
    environment: &Environment,
    file: &ServerSection,
) -> Result<SocketAddr, String> {
    let sources = [
        ("--listen", flags.listen.as_deref(), flags.port),
        ("STEPWELL_LISTEN", environment.get("STEPWELL_LISTEN"), number(environment, "STEPWELL_PORT")?),
        ("[server] listen", file.listen.as_deref(), file.port),
    ];
    for (source, listen, port) in sources {
        if let Some(text) = listen {
            return SocketAddr::from_str(text).map_err(|_| {
                let host_and_port = format!("http://{text}");
                let hint = match endpoints::host_and_port(&host_and_port) {
                    Some((host, _)) if text.contains(':') => {
                        format!("{host:?} is not an IP address; write 127.0.0.1:8083, for example")
                    }
                    _ => "write ADDR:PORT, such as 127.0.0.1:8083".to_owned(),
                };
                format!("{source}: can't listen on {text:?}: {hint}")
            });
        }
        if let Some(port) = port {
            return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
        }
    }
    Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT_DEFAULT))
}

fn word<T: ValueEnum>(environment: &Environment, name: &str) -> Result<Option<T>, String> {
    let Some(text) = environment.get(name) else { return Ok(None) };
    T::from_str(text, true).map(Some).map_err(|_| {
        let words: Vec<String> = T::value_variants()
            .iter()
            .filter_map(|variant| Some(variant.to_possible_value()?.get_name().to_owned()))
            .collect();
        format!("{name}: {text:?} is none of {}", words.join(", "))
    })
}

fn number<T: FromStr>(environment: &Environment, name: &str) -> Result<Option<T>, String> {
    let Some(text) = environment.get(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| format!("{name}: {text:?} is not a number that can be used"))
}

pub(crate) fn flag_variable(environment: &Environment, name: &str) -> Result<Option<bool>, String> {
    match environment.get(name).map(str::to_ascii_lowercase).as_deref() {
        None => Ok(None),
        Some("1" | "true" | "yes" | "on") => Ok(Some(true)),
        Some("0" | "false" | "no" | "off") => Ok(Some(false)),
        Some(other) => Err(format!("{name}: {other:?} is neither true nor false")),
    }
}

/// `WAIT_TIME_SCALE` of Step Functions Local: 0 skips waits.
///
/// # Errors
/// One line about a value that is not a number of at least 0.
pub(crate) fn wait_scale(environment: &Environment) -> Result<f64, String> {
    match number::<f64>(environment, "WAIT_TIME_SCALE")? {
        None => Ok(1.0),
        Some(scale) if scale.is_finite() && scale >= 0.0 => Ok(scale),
        Some(scale) => Err(format!("WAIT_TIME_SCALE: {scale} is not a number of at least 0")),
    }
}

/// `AWS_ACCOUNT_ID`: the account of requests that name none.
///
/// # Errors
/// One line about a value that is not an account number.
pub(crate) fn account(environment: &Environment) -> Result<String, String> {
    let account = environment.get("AWS_ACCOUNT_ID").unwrap_or("000000000000");
    if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(account.to_owned());
    }
    Err(format!("AWS_ACCOUNT_ID: {account:?} is not an account number of 12 digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        Config::parse(Path::new("/project/stepwell.toml"), text).unwrap()
    }

    #[test]
    fn a_flag_beats_a_variable_and_that_beats_the_file() {
        let file = config(
            "[server]\nlisten = \"127.0.0.1:1\"\ndata_dir = \"file\"\ndurability = \"memory\"\n\
             retention_days = 1\nlog_level = \"warn\"\nlog_format = \"json\"\n",
        );
        let variables = Environment::of([
            ("STEPWELL_LISTEN", "127.0.0.1:2"),
            ("STEPWELL_DATA_DIR", "variable"),
            ("STEPWELL_DURABILITY", "interval"),
            ("STEPWELL_RETENTION_DAYS", "2"),
            ("STEPWELL_LOG_LEVEL", "debug"),
        ]);
        let flags = ServerFlags {
            port: Some(3),
            data_dir: Some("flag".into()),
            durability: Some(Durability::Commit),
            ..ServerFlags::default()
        };
        let none = ServerFlags::default();
        let summary = |flags: &ServerFlags, environment: &Environment, config: &Config| {
            let options = resolve(flags, environment, config).unwrap();
            let directory = options.data_directory.unwrap().display().to_string();
            (options.listen.port(), directory, options.durability, options.retention_days, options.log_level)
        };
        let empty = Environment::default();
        let defaults = (8083, "./stepwell-data".into(), Durability::Commit, 90, LogLevel::Info);
        assert_eq!(summary(&none, &empty, &Config::default()), defaults);
        let from_file = (1, "/project/file".into(), Durability::Memory, 1, LogLevel::Warn);
        assert_eq!(summary(&none, &empty, &file), from_file);
        let from_variables = (2, "variable".into(), Durability::Interval, 2, LogLevel::Debug);
        assert_eq!(summary(&none, &variables, &file), from_variables);
        let from_flags = (3, "flag".into(), Durability::Commit, 2, LogLevel::Debug);
        assert_eq!(summary(&flags, &variables, &file), from_flags);
    }

    #[test]
    fn memory_means_no_directory_unless_a_flag_names_one() {
        let memory = Environment::of([("STEPWELL_MEMORY", "true")]);
        let none = ServerFlags::default();
        let with_directory = ServerFlags { data_dir: Some("d".into()), ..ServerFlags::default() };
        let directory =
            |flags, environment| resolve(flags, environment, &Config::default()).unwrap().data_directory;
        assert_eq!(directory(&none, &memory), None);
        assert_eq!(directory(&with_directory, &memory), Some("d".into()));
        let on_disk = Environment::of([("STEPWELL_MEMORY", "false")]);
        assert_eq!(
            resolve(&none, &on_disk, &config("[server]\nmemory = true\ndata_dir = \"f\"\n"))
                .unwrap()
                .data_directory,
            Some("/project/f".into())
        );
        assert_eq!(
            resolve(&none, &Environment::default(), &config("[server]\nmemory = true\n"))
                .unwrap()
                .data_directory,
            None
        );
    }

    #[test]
    fn a_setting_that_can_not_be_used_is_named() {
        for (name, value, message) in [
            ("STEPWELL_LISTEN", "localhost:80", "\"localhost\" is not an IP address"),
            ("STEPWELL_LISTEN", "8083", "write ADDR:PORT"),
            ("STEPWELL_PORT", "70000", "STEPWELL_PORT: \"70000\" is not a number"),
            ("STEPWELL_MEMORY", "maybe", "STEPWELL_MEMORY: \"maybe\" is neither"),
            ("STEPWELL_DURABILITY", "never", "is none of commit, interval, memory"),
            ("STEPWELL_RETENTION_DAYS", "0", "at least 1"),
            ("STEPWELL_MEMORY_MAX_MEGABYTES", "0", "--memory-max-megabytes must be at least 1"),
        ] {
            let environment = Environment::of([(name, value)]);
            let error = resolve(&ServerFlags::default(), &environment, &Config::default()).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
        for (value, expected) in
            [("", Some(1.0)), ("0", Some(0.0)), ("0.5", Some(0.5)), ("-1", None), ("NaN", None), ("x", None)]
        {
            assert_eq!(wait_scale(&Environment::of([("WAIT_TIME_SCALE", value)])).ok(), expected, "{value}");
        }
        assert_eq!(account(&Environment::default()), Ok("000000000000".into()));
        assert!(account(&Environment::of([("AWS_ACCOUNT_ID", "1234")])).is_err());
    }
}
