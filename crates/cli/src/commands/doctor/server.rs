//! Whether the server can be reached, is one, and answers; and whether its `sync-` name can be found.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use serde_json::json;
use tokio::net::{TcpStream, lookup_host};

use super::profile::Profile;
use super::settings::Endpoint;
use super::{Finding, Status};
use crate::client::{Client, ENDPOINT_DEFAULT};
use crate::commands::client::text;
use crate::environment::Environment;

/// How long a name or a connection may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Clocks that differ by less are the same, for people.
const CLOCK_DIFFERENCE_MAX_SECONDS: i64 = 5;
/// The file that tells a process that it runs in a container of Docker.
const CONTAINER_MARK: &str = "/.dockerenv";

/// Everything that needs the network.
pub(super) async fn check(endpoint: &Endpoint, environment: &Environment, profile: &Profile) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_reachable = match reach(&endpoint.host, endpoint.port).await {
        Ok(()) => {
            findings.extend(ask(endpoint, environment).await);
            true
        }
        Err(reason) => {
            let other =
                if endpoint.url == ENDPOINT_DEFAULT { None } else { Endpoint::parse(ENDPOINT_DEFAULT) };
            let elsewhere = match other {
                Some(other) => is_stepwell(&other, environment).await.then_some(other.url),
                None => None,
            };
            findings.push(unreachable(endpoint, &reason, elsewhere.as_deref()));
            false
        }
    };
    findings.push(host_prefix(endpoint, environment, profile, is_reachable).await);
    findings
}

/// Opens a connection and closes it.
async fn reach(host: &str, port: u16) -> Result<(), String> {
    let connect = async {
        let addresses = lookup_host((host, port)).await;
        let addresses: Vec<_> =
            addresses.map_err(|_| format!("the name {host} can't be resolved"))?.collect();
        let stream = TcpStream::connect(&*addresses).await;
        stream.map(drop).map_err(|error| crate::definition::plain(&error))
    };
    let no_answer = || Err(format!("no connection within {} s", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, connect).await.unwrap_or_else(|_| no_answer())
}

async fn is_stepwell(endpoint: &Endpoint, environment: &Environment) -> bool {
    if reach(&endpoint.host, endpoint.port).await.is_err() {
        return false;
    }
    let Ok(client) = Client::new(Some(&endpoint.url), environment) else { return false };
    client.get("/version").await.is_ok_and(|version| text(&version, "name") == "stepwell")
}

fn unreachable(endpoint: &Endpoint, reason: &str, elsewhere: Option<&str>) -> Finding {
    let mut advice = match elsewhere {
        Some(url) => format!("a Stepwell listens at {url}: export AWS_ENDPOINT_URL_SFN={url}"),
        None => format!("start it: stepwell serve --port {}", endpoint.port),
    };
    if endpoint.is_local() && std::path::Path::new(CONTAINER_MARK).exists() {
        advice.push_str(&format!(
            "\nthis is a container, and {} is the container itself; a server on its host is often called \
             host.docker.internal",
            endpoint.host
        ));
    }
    Finding::problem("server", format!("can't connect to {}: {reason}", endpoint.url)).advise(advice)
}

async fn ask(endpoint: &Endpoint, environment: &Environment) -> Vec<Finding> {
    const CHECK: &str = "server";
    let client = match Client::new(Some(&endpoint.url), environment) {
        Ok(client) => client,
        Err(failure) => return vec![Finding::problem(CHECK, failure.text().unwrap_or_default())],
    };
    let sent = SystemTime::now();
    let (version, date) = match client.get_with_date("/version").await {
        Ok((version, date)) if text(&version, "name") == "stepwell" => (version, date),
        Ok(_) | Err(_) => {
            let text = format!("something listens at {}, but it is not a Stepwell", endpoint.url);
            let advice = "another program has the port; start Stepwell on another: stepwell serve --port N";
            return vec![Finding::problem(CHECK, text).advise(advice)];
        }
    };
    let mut findings = Vec::new();
    let (theirs, ours) = (text(&version, "version"), env!("CARGO_PKG_VERSION"));
    let here = format!("Stepwell {theirs} at {}", endpoint.url);
    findings.push(if theirs == ours {
        Finding::good(CHECK, here)
    } else {
        Finding::warning(CHECK, format!("{here}, but this is {ours}")).advise("use the same version for both")
    });
    findings.push(match client.call("ListStateMachines", &json!({"maxResults": 1})).await {
        Ok(_) => {
            let (account, region) = (text(&version, "account"), text(&version, "region"));
            Finding::good("api", format!("answers; `stepwell` acts in account {account}, region {region}"))
        }
        Err(error) => Finding::problem("api", format!("ListStateMachines failed: {error}"))
            .advise("look at the server's log"),
    });
    findings.extend(date.and_then(|date| clock(&date, sent)));
    findings
}

/// The server's clock against ours.
fn clock(date: &str, sent: SystemTime) -> Option<Finding> {
    let theirs = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(date).ok()?.as_second();
    let ours = sent.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs();
    let difference = theirs - i64::try_from(ours).ok()?;
    Some(if difference.abs() <= CLOCK_DIFFERENCE_MAX_SECONDS {
        Finding::good("clock", "that of the server is the same")
    } else {
        let word = if difference > 0 { "ahead of" } else { "behind" };
        Finding::warning("clock", format!("that of the server is {} s {word} this one", difference.abs()))
            .advise("set the clocks: times in histories are the server's, and signatures carry the client's")
    })
}

/// SDKs call StartSyncExecution and TestState at `sync-HOST`.
async fn host_prefix(
    endpoint: &Endpoint,
    environment: &Environment,
    profile: &Profile,
    is_reachable: bool,
) -> Finding {
    const CHECK: &str = "sync- prefix";
    const VARIABLE: &str = "AWS_DISABLE_HOST_PREFIX_INJECTION";
    const OTHERS: &str =
        "the SDKs for JavaScript (disableHostPrefix) and Rust need it in code: see `stepwell env`";
    let prefixed = format!("sync-{}", endpoint.host);
    let setting = match environment.get(VARIABLE) {
        Some(value) => Some((value.to_owned(), VARIABLE.to_owned())),
        None => profile
            .get("disable_host_prefix_injection")
            .map(|setting| (setting.value.clone(), setting.place.clone())),
    };
    if let Some((value, place)) = setting.filter(|(value, _)| value.eq_ignore_ascii_case("true")) {
        let _ = value;
        return Finding::good(CHECK, format!("switched off for boto3 and the AWS CLI; {OTHERS}")).at(place);
    }
    let is_address = endpoint.host.parse::<IpAddr>().is_ok();
    let finds_server = !is_address && reach(&prefixed, endpoint.port).await.is_ok();
    if finds_server {
        return Finding::good(CHECK, format!("{prefixed} leads to the server"));
    }
    let resolves = !is_address && lookup_host((prefixed.as_str(), endpoint.port)).await.is_ok();
    let (status, why) = match resolves {
        // The name is fine; the server is not there, which has been told.
        true if !is_reachable => (Status::Warning, "can't be connected to"),
        true => (Status::Problem, "resolves, but can't be connected to"),
        false => (Status::Problem, "can't be resolved"),
    };
    let text = format!("SDKs call StartSyncExecution and TestState at {prefixed}, which {why}");
    let hosts =
        if is_address { String::new() } else { format!(", or a line in /etc/hosts: 127.0.0.1 {prefixed}") };
    Finding::new(CHECK, status, text).advise(format!("export {VARIABLE}=true{hosts}\n{OTHERS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_compared_in_seconds() {
        let sent = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (date, status, part) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Status::Good, "the same"),
            ("Sun, 06 Nov 1994 08:49:42 GMT", Status::Good, "the same"),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Status::Warning, "60 s ahead of"),
            ("Sun, 06 Nov 1994 07:49:37 GMT", Status::Warning, "3600 s behind"),
        ] {
            let finding = clock(date, sent).unwrap();
            assert!(finding.status == status && finding.text.contains(part), "{finding:?}");
        }
        assert_eq!(clock("yesterday", sent), None);
    }
}
