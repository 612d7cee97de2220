//! `stepwell doctor`: why a client can't reach the server.

mod profile;
mod server;
mod settings;

use clap::Args;
use serde_json::{Value, json};

use self::profile::Profile;
use super::client::{ServerArgument, block_on};
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output::{self, BOLD, FAINT, Format, GREEN, RED, YELLOW, styled};

/// Arguments of `doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell doctor
  stepwell doctor --endpoint-url http://stepwell.local:8083 --output json

It looks at what AWS's SDKs and CLI would use here: variables, ~/.aws/config, proxies, names; and calls the server.
Run it where the client runs, with the client's variables.

Exit code 0: no problems (there may be warnings); 1: problems.")]
pub(crate) struct DoctorArguments {
    #[command(flatten)]
    server: ServerArgument,
}

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Good,
    Warning,
    Problem,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Status::Good => "ok",
            Status::Warning => "warning",
            Status::Problem => "problem",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Finding {
    /// What was looked at.
    check: &'static str,
    status: Status,
    text: String,
    /// The variable or the line of a file that it comes from.
    place: Option<String>,
    /// What to do about it.
    advice: Option<String>,
}

impl Finding {
    fn new(check: &'static str, status: Status, text: impl Into<String>) -> Finding {
        Finding { check, status, text: text.into(), place: None, advice: None }
    }

    fn good(check: &'static str, text: impl Into<String>) -> Finding {
        Finding::new(check, Status::Good, text)
    }

    fn warning(check: &'static str, text: impl Into<String>) -> Finding {
        Finding::new(check, Status::Warning, text)
    }

    fn problem(check: &'static str, text: impl Into<String>) -> Finding {
        Finding::new(check, Status::Problem, text)
    }

    fn at(self, place: impl Into<String>) -> Finding {
        Finding { place: Some(place.into()), ..self }
    }

    fn advise(self, advice: impl Into<String>) -> Finding {
        Finding { advice: Some(advice.into()), ..self }
    }

    fn json(&self) -> Value {
        let mut value = json!({"check": self.check, "status": self.status.word(), "text": self.text});
        if let Some(place) = &self.place {
            value["place"] = place.as_str().into();
        }
        if let Some(advice) = &self.advice {
            value["advice"] = advice.as_str().into();
        }
        value
    }

    fn print(&self) {
        let style = match self.status {
            Status::Good => GREEN,
            Status::Warning => YELLOW,
            Status::Problem => RED,
        };
        let word = styled(style, format_args!("{:<8}", self.status.word()));
        let place = self.place.as_ref().map(|place| styled(FAINT, format_args!(" ({place})")));
        let check = styled(BOLD, self.check);
        output::line(format_args!("{word} {check}: {}{}", self.text, place.unwrap_or_default()));
        for line in self.advice.iter().flat_map(|advice| advice.lines()) {
            output::line(format_args!("         {line}"));
        }
    }
}

/// Looks at everything and prints what it found.
pub(crate) fn run(arguments: &DoctorArguments, format: Format) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let profile = Profile::load(&environment);
    let (endpoint, mut findings) =
        settings::endpoint(arguments.server.endpoint_url.as_deref(), &environment, &profile);
    findings.extend(settings::files(&environment, &profile));
    findings.extend(settings::credentials(&environment, &profile));
    findings.extend(settings::region(&environment, &profile));
    if let Some(endpoint) = &endpoint {
        findings.extend(settings::proxy(&endpoint.host, &environment));
        findings.extend(block_on(async { Ok(server::check(endpoint, &environment, &profile).await) })?);
    }
    let count = |status: Status| findings.iter().filter(|finding| finding.status == status).count();
    let (problems, warnings) = (count(Status::Problem), count(Status::Warning));
    match format {
        Format::Json => output::json(&json!({
            "endpointUrl": endpoint.map(|endpoint| endpoint.url),
            "problems": problems,
            "warnings": warnings,
            "findings": findings.iter().map(Finding::json).collect::<Vec<_>>(),
        })),
        Format::Text => {
            findings.iter().for_each(Finding::print);
            output::line(match (problems, warnings) {
                (0, 0) => "no problems".to_owned(),
                (problems, warnings) => format!("problems: {problems}, warnings: {warnings}"),
            });
        }
    }
    if problems == 0 { Ok(()) } else { Err(Failure::Unsuccessful) }
}
