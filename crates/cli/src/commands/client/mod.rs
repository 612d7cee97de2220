//! Commands that talk to a server.

pub(crate) mod alias;
pub(crate) mod backup;
pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod describe;
pub(crate) mod follow;
pub(crate) mod history;
pub(crate) mod list;
pub(crate) mod logs;
mod names;
pub(crate) mod publish;
pub(crate) mod redrive;
pub(crate) mod start;
pub(crate) mod stop;
pub(crate) mod task;
pub(crate) mod test_state;
pub(crate) mod update;
pub(crate) mod watch;

use std::future::Future;

use clap::Args;
use serde_json::Value;

use crate::client::Client;
use crate::environment::Environment;
use crate::failure::Failure;

/// Which server is meant.
#[derive(Debug, Clone, Args)]
pub(crate) struct ServerArgument {
    /// The server [default: AWS_ENDPOINT_URL_SFN, else http://127.0.0.1:8083]
    #[arg(long, value_name = "URL")]
    pub(crate) endpoint_url: Option<String>,
}

impl ServerArgument {
    /// A client of that server.
    ///
    /// # Errors
    /// The address can't be used.
    pub(crate) fn client(&self) -> Result<Client, Failure> {
        Client::new(self.endpoint_url.as_deref(), &Environment::of_process())
    }
}

/// Runs calls to a server on this thread.
///
/// # Errors
/// Those of the future, and the system gives no event loop.
pub(crate) fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::internal)?;
    runtime.block_on(future)
}

/// A member of an answer that is text.
pub(crate) fn text<'a>(answer: &'a Value, key: &str) -> &'a str {
    answer.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// A point in time of an answer, for people: UTC with milliseconds, or `-`.
pub(crate) fn time(answer: &Value, key: &str) -> String {
    match answer.get(key).and_then(Value::as_f64) {
        // Milliseconds since 1970 of any date that a server sends fit.
        Some(seconds) => stepwell_asl::timestamp::format_millis((seconds * 1000.0).round() as i64),
        None => "-".to_owned(),
    }
}

/// Asks for a version beside a creation or an update.
fn publish_too(request: &mut Value, publish: bool, description: Option<&str>) {
    if publish {
        request["publish"] = true.into();
    }
    if let Some(description) = description {
        request["versionDescription"] = description.into();
    }
}

/// Prints the version that came of it, if any.
fn print_version(answer: &Value) {
    let version = text(answer, "stateMachineVersionArn");
    if !version.is_empty() {
        crate::output::line(format_args!("version {version}"));
    }
}

/// The page size of lists: the largest that AWS allows.
pub(crate) const PAGE_SIZE: u64 = 1000;
