//! Where tasks reach a service: flag, `[endpoints]`, Step Functions Local's variable, AWS's variables; in this order.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use stepwell_integrations::aws::EXECUTE_API;

use crate::environment::Environment;

/// Services with the variable that Step Functions Local has for each.
const LOCAL_VARIABLES: [(&str, &str); 9] = [
    ("lambda", "LAMBDA_ENDPOINT"),
    ("sqs", "SQS_ENDPOINT"),
    ("sns", "SNS_ENDPOINT"),
    ("dynamodb", "DYNAMODB_ENDPOINT"),
    ("batch", "BATCH_ENDPOINT"),
    ("ecs", "ECS_ENDPOINT"),
    ("glue", "GLUE_ENDPOINT"),
    ("sagemaker", "SAGE_MAKER_ENDPOINT"),
    ("states", "STEP_FUNCTIONS_ENDPOINT"),
];

/// An address and what named it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The base address.
    pub(crate) url: String,
    /// The flag, key or variable, for messages.
    pub(crate) source: String,
}

/// One name for each service: its word in `Resource`, but `states` for Step Functions. Unknown ones stay as they are.
fn canonical(service: &str) -> String {
    if is_execute_api(service) {
        return EXECUTE_API.to_owned();
    }
    match stepwell_aws_model::service_called(service).map(|found| found.word) {
        Some("sfn") => "states".to_owned(),
        Some(word) => word.to_owned(),
        None => service.to_ascii_lowercase(),
    }
}

/// Whether APIs behind API Gateway are meant, which have no model. Variables can't have a hyphen in their names.
pub(crate) fn is_execute_api(service: &str) -> bool {
    service.eq_ignore_ascii_case(EXECUTE_API) || service.eq_ignore_ascii_case("execute_api")
}

/// Reads `SERVICE=URL`.
///
/// # Errors
/// What is missing, or the nearest name of a service that there is not.
pub(crate) fn parse_flag(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((service, url)) if !service.is_empty() && !url.is_empty() => {
            super::check_service(service)?;
            Ok((service.to_ascii_lowercase(), url.to_owned()))
        }
        _ => Err("write SERVICE=URL, such as lambda=http://127.0.0.1:3001".to_owned()),
    }
}

/// The endpoint of each service that has one.
///
/// # Errors
/// One line about an address that is none, or a variable that can't be read.
pub(crate) fn resolve(
    flags: &[(String, String)],
    file: &BTreeMap<String, String>,
    environment: &Environment,
) -> Result<BTreeMap<String, Endpoint>, String> {
    // From the least to the most specific: what comes later replaces what came before.
    let mut found = BTreeMap::new();
    let mut set = |service: &str, url: &str, source: String| {
        found.insert(canonical(service), Endpoint { url: url.to_owned(), source });
    };
    if let Some(url) = environment.get("AWS_ENDPOINT_URL") {
        set("*", url, "AWS_ENDPOINT_URL".to_owned());
        // Nested executions stay in this server unless they are sent elsewhere by name.
        for (service, _) in LOCAL_VARIABLES.iter().filter(|(service, _)| *service != "states") {
            set(service, url, "AWS_ENDPOINT_URL".to_owned());
        }
    }
    for (name, url) in environment.with_prefix("AWS_ENDPOINT_URL_") {
        // AWS_ENDPOINT_URL_SFN is how this server's own clients find it.
        if name != "SFN" {
            set(&name.to_ascii_lowercase(), url, format!("AWS_ENDPOINT_URL_{name}"));
        }
    }
    for (service, variable) in LOCAL_VARIABLES {
        if let Some(url) = environment.get(variable) {
            set(service, url, variable.to_owned());
        }
    }
    for (service, url) in file {
        set(&service.to_ascii_lowercase(), url, format!("[endpoints] {service}"));
    }
    for part in environment.get("STEPWELL_SERVICE_ENDPOINT").unwrap_or_default().split([',', ' ']) {
        if !part.is_empty() {
            let (service, url) =
                parse_flag(part).map_err(|message| format!("STEPWELL_SERVICE_ENDPOINT: {message}"))?;
            set(&service, &url, "STEPWELL_SERVICE_ENDPOINT".to_owned());
        }
    }
    for (service, url) in flags {
        set(service, url, "--service-endpoint".to_owned());
    }
    for (service, endpoint) in &found {
        if host_and_port(&endpoint.url).is_none() {
            return Err(format!(
                "{}: {:?} for {service} is not an address; write http://HOST:PORT",
                endpoint.source, endpoint.url
            ));
        }
    }
    Ok(found)
}

/// The address of a service among those that [`resolve`] found, by any of the service's names.
pub(crate) fn of<'e>(endpoints: &'e BTreeMap<String, Endpoint>, service: &str) -> Option<&'e str> {
    let found = endpoints.get(&canonical(service)).or_else(|| endpoints.get("*"));
    found.map(|endpoint| endpoint.url.as_str())
}

/// Refuses endpoints that are this server: a task would call the server that runs it.
///
/// # Errors
/// One line that names the service and where its endpoint was set.
pub(crate) fn check_not_self(
    endpoints: &BTreeMap<String, Endpoint>,
    listen: SocketAddr,
) -> Result<(), String> {
    for (service, endpoint) in endpoints {
        let Some((host, port)) = host_and_port(&endpoint.url) else { continue };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let is_here = match host.parse::<std::net::IpAddr>() {
            Ok(address) => address == listen.ip() || (address.is_loopback() && listen.ip().is_unspecified()),
            Err(_) => {
                host.eq_ignore_ascii_case("localhost")
                    && (listen.ip().is_loopback() || listen.ip().is_unspecified())
            }
        };
        if is_here && port == listen.port() {
            return Err(format!(
                "{} sends {service} tasks to {}, which is this server itself; set the address of the service",
                endpoint.source, endpoint.url
            ));
        }
    }
    Ok(())
}

/// Host and port of an address.
pub(crate) fn host_and_port(url: &str) -> Option<(&str, u16)> {
    let (scheme, rest) = url.split_once("://")?;
    let default_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let authority = rest.split(['/', '?', '#']).next().filter(|authority| !authority.is_empty())?;
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => Some((host, port.parse().ok()?)),
        _ => Some((authority, default_port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_specific_setting_wins() {
        let environment = Environment::of([
            ("AWS_ENDPOINT_URL", "http://all"),
            ("AWS_ENDPOINT_URL_SQS", "http://aws-sqs"),
            ("AWS_ENDPOINT_URL_SNS", "http://aws-sns"),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://aws-secrets"),
            ("AWS_ENDPOINT_URL_EXECUTE_API", "http://aws-api"),
            ("AWS_ENDPOINT_URL_SFN", "http://127.0.0.1:8083"),
            ("SNS_ENDPOINT", "http://local-sns"),
            ("GLUE_ENDPOINT", "http://local-glue"),
            ("ECS_ENDPOINT", "http://local-ecs"),
            ("STEPWELL_SERVICE_ENDPOINT", "ecs=http://variable-ecs,batch=http://variable-batch"),
        ]);
        let file = BTreeMap::from([("glue".to_owned(), "http://file-glue".to_owned())]);
        let flags = [("batch".to_owned(), "http://flag-batch".to_owned())];
        let found = resolve(&flags, &file, &environment).unwrap();
        for (service, url, source) in [
            ("*", "http://all", "AWS_ENDPOINT_URL"),
            ("lambda", "http://all", "AWS_ENDPOINT_URL"),
            ("secretsmanager", "http://aws-secrets", "AWS_ENDPOINT_URL_SECRETS_MANAGER"),
            ("execute-api", "http://aws-api", "AWS_ENDPOINT_URL_EXECUTE_API"),
            ("sqs", "http://aws-sqs", "AWS_ENDPOINT_URL_SQS"),
            ("sns", "http://local-sns", "SNS_ENDPOINT"),
            ("glue", "http://file-glue", "[endpoints] glue"),
            ("ecs", "http://variable-ecs", "STEPWELL_SERVICE_ENDPOINT"),
            ("batch", "http://flag-batch", "--service-endpoint"),
        ] {
            assert_eq!(found[service], Endpoint { url: url.into(), source: source.into() }, "{service}");
        }
        assert!(!found.contains_key("states"), "nested executions stay in this server");
    }

    #[test]
    fn an_address_is_found_by_any_name_of_the_service_or_is_that_of_all() {
        for (flag, variable, expected) in [
            (Some("logs=http://flag"), None, Some("http://flag")),
            (Some("cloudwatchlogs=http://flag"), None, Some("http://flag")),
            (None, Some(("AWS_ENDPOINT_URL_LOGS", "http://own")), Some("http://own")),
            (None, Some(("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "http://own")), Some("http://own")),
            (None, Some(("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", "http://own")), Some("http://own")),
            (None, Some(("AWS_ENDPOINT_URL", "http://all")), Some("http://all")),
            (Some("sqs=http://flag"), None, None),
        ] {
            let flags: Vec<_> = flag.iter().map(|flag| parse_flag(flag).unwrap()).collect();
            let environment =
                variable.map_or_else(Environment::default, |variable| Environment::of([variable]));
            let found = resolve(&flags, &BTreeMap::new(), &environment).unwrap();
            assert_eq!(of(&found, "logs"), expected, "{flag:?} {variable:?}");
        }
    }

    #[test]
    fn an_endpoint_must_be_an_address_elsewhere() {
        let check = |url: &str, listen: &str| {
            let endpoints =
                resolve(&[("lambda".into(), url.into())], &BTreeMap::new(), &Environment::default())?;
            check_not_self(&endpoints, listen.parse().unwrap())
        };
        for (url, listen) in [
            ("http://127.0.0.1:8083", "127.0.0.1:8083"),
            ("http://localhost:8083/", "127.0.0.1:8083"),
            ("http://127.0.0.1:8083", "0.0.0.0:8083"),
            ("http://[::1]:8083/x", "[::1]:8083"),
        ] {
            assert!(check(url, listen).unwrap_err().contains("this server itself"), "{url}");
        }
        for url in ["http://127.0.0.1:9001", "https://lambda.example.com", "http://other:8083"] {
            assert_eq!(check(url, "127.0.0.1:8083"), Ok(()), "{url}");
        }
        for url in ["127.0.0.1:9001", "ftp://x", "http://", "http://x:port"] {
            assert!(check(url, "127.0.0.1:8083").unwrap_err().contains("is not an address"), "{url}");
        }
    }
}
