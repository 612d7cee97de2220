//! What AWS's clients would use here: endpoint, credentials, region, proxy. Nothing is called.

use super::Finding;
use super::profile::{Profile, WRONG_NAMES};
use crate::client::{ENDPOINT_DEFAULT, address};
use crate::environment::Environment;

const FOR_ALL: &str =
    "eval \"$(stepwell env)\" sets everything for this shell; `stepwell env --help` lists other clients";

/// The address that is examined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) url: String,
    pub(super) host: String,
    pub(super) port: u16,
}

impl Endpoint {
    /// Reads `http://HOST[:PORT]`.
    pub(super) fn parse(url: &str) -> Option<Endpoint> {
        let uri = address(url.trim_end_matches('/'))?;
        let host = uri.host()?.trim_matches(['[', ']']).to_owned();
        Some(Endpoint { url: url.trim_end_matches('/').to_owned(), host, port: uri.port_u16().unwrap_or(80) })
    }

    /// Whether it is on this machine.
    pub(super) fn is_local(&self) -> bool {
        self.host == "localhost"
            || self.host.ends_with(".localhost")
            || self.host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    }
}

/// The endpoint that clients use, by the order that AWS documents for its SDKs; and the one to look at.
pub(super) fn endpoint(
    flag: Option<&str>,
    environment: &Environment,
    profile: &Profile,
) -> (Option<Endpoint>, Vec<Finding>) {
    const CHECK: &str = "endpoint";
    const FLAG: &str = "--endpoint-url";
    // What clients would use is not worth comparing with what nobody can.
    if let Some(flag) = flag
        && Endpoint::parse(flag).is_none()
    {
        return (None, vec![no_address(flag, FLAG)]);
    }
    let mut findings = Vec::new();
    let is_true = |value: &str| value.eq_ignore_ascii_case("true");
    let ignored = match environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") {
        Some(value) => is_true(value).then(|| "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS".to_owned()),
        None => profile
            .get("ignore_configured_endpoint_urls")
            .filter(|setting| is_true(&setting.value))
            .map(|setting| setting.place.clone()),
    };
    let variable = |name: &str| environment.get(name).map(|value| (value.to_owned(), name.to_owned()));
    let setting = |setting: Option<&super::profile::Setting>| {
        setting.map(|setting| (setting.value.clone(), setting.place.clone()))
    };
    let specific = variable("AWS_ENDPOINT_URL_SFN");
    let for_all = variable("AWS_ENDPOINT_URL");
    let configured = specific
        .clone()
        .or_else(|| for_all.clone())
        .or_else(|| setting(profile.service_endpoint()))
        .or_else(|| setting(profile.get("endpoint_url")));
    match (&ignored, &configured, flag) {
        (Some(place), Some(_), _) => findings.push(
            Finding::problem(
                CHECK,
                "AWS's clients are told to ignore configured endpoints, and call AWS itself",
            )
            .at(place)
            .advise("unset it, or give the endpoint in the client's code"),
        ),
        (_, None, Some(flag)) => findings.push(
            Finding::warning(
                CHECK,
                format!("looking at {flag}; AWS's clients have no endpoint here and call AWS itself"),
            )
            .advise(format!("export AWS_ENDPOINT_URL_SFN={flag}")),
        ),
        (_, None, None) => findings.push(
            Finding::problem(
                CHECK,
                "no endpoint is set: AWS's clients call AWS itself; looking at the default address",
            )
            .advise(format!("export AWS_ENDPOINT_URL_SFN={ENDPOINT_DEFAULT}\n{FOR_ALL}")),
        ),
        (None, Some((url, place)), Some(flag)) if url.trim_end_matches('/') != flag.trim_end_matches('/') => {
            findings.push(
                Finding::warning(CHECK, format!("looking at {flag}, but AWS's clients use {url} here"))
                    .at(place)
                    .advise(format!("export AWS_ENDPOINT_URL_SFN={flag}")),
            );
        }
        (None, Some((url, place)), _) => {
            findings.push(Finding::good(CHECK, format!("AWS's clients use {url}")).at(place));
        }
    }
    if specific.is_none()
        && let Some((url, place)) = &for_all
    {
        findings.push(
            Finding::warning(CHECK, format!("{url} is used for every AWS service, not Step Functions alone"))
                .at(place)
                .advise(format!("unset AWS_ENDPOINT_URL; export AWS_ENDPOINT_URL_SFN={url}")),
        );
    }
    let examined = flag.map_or_else(
        || configured.map_or((ENDPOINT_DEFAULT.to_owned(), None), |(url, place)| (url, Some(place))),
        |flag| (flag.to_owned(), Some(FLAG.to_owned())),
    );
    let (url, place) = examined;
    let endpoint = Endpoint::parse(&url);
    if endpoint.is_none() {
        findings.push(no_address(&url, &place.unwrap_or_default()));
    }
    (endpoint, findings)
}

/// What the files and variables have that clients stumble over, or do not look at.
pub(super) fn files(environment: &Environment, profile: &Profile) -> Vec<Finding> {
    const CHECK: &str = "configuration";
    let mut findings = Vec::new();
    for fault in &profile.faults {
        let text = format!("{}: boto3 and the AWS CLI refuse the whole file", fault.value);
        findings.push(Finding::problem(CHECK, text).at(&fault.place));
    }
    if let Some(services) = profile.missing_services() {
        let text =
            format!("there is no section [services {}]: clients stop before they call", services.value);
        findings.push(Finding::problem(CHECK, text).at(&services.place));
    }
    if let Some(endpoint) = profile.misnamed_service_endpoint() {
        let text = format!("no client looks here for {}", endpoint.value);
        findings
            .push(Finding::warning(CHECK, text).at(&endpoint.place).advise("call the service sfn: `sfn =`"));
    }
    for name in WRONG_NAMES {
        let name = format!("AWS_ENDPOINT_URL_{}", name.to_uppercase());
        if let Some(url) = environment.get(&name) {
            let advice = match environment.get("AWS_ENDPOINT_URL_SFN") {
                Some(_) => format!("unset {name}"),
                None => format!("export AWS_ENDPOINT_URL_SFN={url}"),
            };
            findings
                .push(Finding::warning(CHECK, "no client looks at this variable").at(name).advise(advice));
        }
    }
    findings
}

fn no_address(url: &str, place: &str) -> Finding {
    let text = match url.starts_with("https://") {
        true => format!("{url} is https, and the server speaks plain HTTP"),
        false => format!("{url:?} is not an address"),
    };
    Finding::problem("endpoint", text).at(place).advise("write http://HOST:PORT")
}

/// Any credentials are good, but clients refuse to work without.
pub(super) fn credentials(environment: &Environment, profile: &Profile) -> Vec<Finding> {
    const CHECK: &str = "credentials";
    let mut findings = Vec::new();
    let names_profile =
        environment.get("AWS_PROFILE").is_some() || environment.get("AWS_DEFAULT_PROFILE").is_some();
    if names_profile && !profile.exists() {
        findings.push(
            Finding::problem(
                CHECK,
                format!("there is no profile {:?}: clients stop before they call", profile.name),
            )
            .at("AWS_PROFILE")
            .advise("unset AWS_PROFILE; or see `stepwell env --client aws-cli` for a profile"),
        );
    }
    let key = environment.get("AWS_ACCESS_KEY_ID");
    let secret = environment.get("AWS_SECRET_ACCESS_KEY");
    let others =
        ["role_arn", "sso_session", "sso_start_url", "credential_process", "web_identity_token_file"];
    let other_variables = [
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    ];
    findings.push(match (key, secret, profile.get("aws_access_key_id")) {
        (Some(_), Some(_), _) => Finding::good(CHECK, "set; any are accepted").at("AWS_ACCESS_KEY_ID"),
        (Some(_), None, _) => Finding::problem(CHECK, "AWS_SECRET_ACCESS_KEY is not set")
            .at("AWS_ACCESS_KEY_ID")
            .advise("export AWS_SECRET_ACCESS_KEY=test"),
        (None, Some(_), _) => Finding::problem(CHECK, "AWS_ACCESS_KEY_ID is not set")
            .at("AWS_SECRET_ACCESS_KEY")
            .advise("export AWS_ACCESS_KEY_ID=test"),
        (None, None, Some(setting)) if profile.get("aws_secret_access_key").is_some() => {
            Finding::good(CHECK, format!("those of the profile {}", profile.name)).at(&setting.place)
        }
        _ => {
            let setting =
                others.iter().find_map(|name| profile.get(name)).map(|setting| setting.place.clone());
            let variable = other_variables.iter().find(|name| environment.get(name).is_some());
            match setting.or_else(|| variable.map(|name| (*name).to_owned())) {
                Some(place) => Finding::good(CHECK, "got from elsewhere, when they are needed").at(place),
                None => Finding::problem(CHECK, "none are set: clients refuse to call without")
                    .advise("export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"),
            }
        }
    });
    findings
}

/// The region is part of ARNs: clients in different regions see different state machines.
pub(super) fn region(environment: &Environment, profile: &Profile) -> Vec<Finding> {
    const CHECK: &str = "region";
    let named = environment.get("AWS_REGION");
    let default = environment.get("AWS_DEFAULT_REGION");
    let given = [(named, "AWS_REGION"), (default, "AWS_DEFAULT_REGION")];
    let given = given.into_iter().filter_map(|(value, place)| Some((value?, place.to_owned())));
    let given = given.chain(profile.get("region").map(|region| (&*region.value, region.place.clone())));
    if let Some((region, place)) = given.into_iter().find(|(region, _)| !is_region(region)) {
        let text = format!("{region:?} can't be the name of a region: clients refuse it");
        return vec![Finding::problem(CHECK, text).at(place).advise("write one such as us-east-1")];
    }
    let finding = match (named, default, profile.get("region")) {
        (Some(named), Some(default), _) if named != default => {
            let text = format!("boto3 uses {default} (AWS_DEFAULT_REGION), most others {named} (AWS_REGION)");
            Finding::warning(CHECK, text)
                .advise("set both to the same region: each has its own state machines")
        }
        (Some(region), Some(_), _) => Finding::good(CHECK, region).at("AWS_REGION"),
        (Some(region), None, None) => {
            Finding::warning(CHECK, format!("{region}, but boto3 and the AWS CLI v1 do not read AWS_REGION"))
                .at("AWS_REGION")
                .advise(format!("export AWS_DEFAULT_REGION={region}"))
        }
        (None, Some(region), None) => Finding::warning(
            CHECK,
            format!("{region}, but the SDK for JavaScript does not read AWS_DEFAULT_REGION"),
        )
        .at("AWS_DEFAULT_REGION")
        .advise(format!("export AWS_REGION={region}")),
        (named, default, Some(setting)) => {
            let variable = named.or(default).filter(|variable| *variable != setting.value);
            match variable {
                Some(variable) => {
                    let text =
                        format!("some clients use {variable}, others {} of the profile", setting.value);
                    Finding::warning(CHECK, text)
                        .at(&setting.place)
                        .advise(format!("export AWS_REGION={variable} AWS_DEFAULT_REGION={variable}"))
                }
                None => Finding::good(CHECK, &*setting.value).at(&setting.place),
            }
        }
        (None, None, None) => Finding::problem(CHECK, "none is set: clients refuse to call without")
            .advise("export AWS_REGION=us-east-1 AWS_DEFAULT_REGION=us-east-1"),
    };
    vec![finding]
}

/// Whether clients take a text for a region: it becomes a part of a host's name.
fn is_region(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Clients send calls to a proxy unless they are told not to.
pub(super) fn proxy(host: &str, environment: &Environment) -> Option<Finding> {
    const CHECK: &str = "proxy";
    let names = ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"];
    let (name, proxy) = names.iter().find_map(|name| Some((*name, environment.get(name)?)))?;
    let exceptions = environment.get("no_proxy").or_else(|| environment.get("NO_PROXY")).unwrap_or_default();
    if is_excepted(host, exceptions) {
        return Some(Finding::good(CHECK, format!("{proxy} is not used for {host}")).at("NO_PROXY"));
    }
    let exceptions =
        [exceptions, host].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(",");
    Some(
        Finding::problem(CHECK, format!("clients send calls for {host} to the proxy {proxy}"))
            .at(name)
            .advise(format!("export NO_PROXY={exceptions} no_proxy={exceptions}")),
    )
}

/// Whether a list such as `localhost,.example.com,*` has the host.
fn is_excepted(host: &str, exceptions: &str) -> bool {
    exceptions.split(',').map(str::trim).filter(|part| !part.is_empty()).any(|part| {
        let bare = part.trim_start_matches('.');
        part == "*" || host == bare || host.strip_suffix(bare).is_some_and(|before| before.ends_with('.'))
    })
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    fn statuses(findings: &[Finding]) -> Vec<(Status, String)> {
        findings
            .iter()
            .map(|finding| {
                (
                    finding.status,
                    format!("{} @{}", finding.text, finding.place.as_deref().unwrap_or_default()),
                )
            })
            .collect()
    }

    #[test]
    fn the_endpoint_is_found_in_the_order_of_aws() {
        use Status::{Good, Problem, Warning};
        let none: &[(&str, &str)] = &[];
        for (flag, variables, expected, url) in [
            (None, none, vec![(Problem, "no endpoint is set")], "http://127.0.0.1:8083"),
            (
                None,
                &[("AWS_ENDPOINT_URL_SFN", "http://a:1"), ("AWS_ENDPOINT_URL", "http://b:2")],
                vec![(Good, "use http://a:1 @AWS_ENDPOINT_URL_SFN")],
                "http://a:1",
            ),
            (
                None,
                &[("AWS_ENDPOINT_URL", "http://b:2")],
                vec![(Good, "use http://b:2 @AWS_ENDPOINT_URL"), (Warning, "every AWS service")],
                "http://b:2",
            ),
            (
                Some("http://c:3"),
                &[("AWS_ENDPOINT_URL_SFN", "http://a:1")],
                vec![(Warning, "use http://a:1 here @AWS_ENDPOINT_URL_SFN")],
                "http://c:3",
            ),
            (
                Some("http://c:3"),
                &[("AWS_ENDPOINT_URL_SFN", "http://c:3/")],
                vec![(Good, "use http://c:3/")],
                "http://c:3",
            ),
            (Some("http://c:3"), none, vec![(Warning, "call AWS itself")], "http://c:3"),
            (
                None,
                &[("AWS_ENDPOINT_URL_SFN", "http://a:1"), ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "TRUE")],
                vec![(Problem, "ignore configured endpoints")],
                "http://a:1",
            ),
            (
                None,
                &[("AWS_ENDPOINT_URL_SFN", "https://a:1")],
                vec![(Good, ""), (Problem, "https://a:1 is https")],
                "",
            ),
            (
                None,
                &[("AWS_ENDPOINT_URL_SFN", "a:1")],
                vec![(Good, ""), (Problem, "\"a:1\" is not an address @AWS_ENDPOINT_URL_SFN")],
                "",
            ),
        ] {
            let environment = Environment::from_pairs(variables);
            let (endpoint, findings) = endpoint(flag, &environment, &Profile::default());
            let found = statuses(&findings);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for ((status, text), (expected, part)) in found.iter().zip(&expected) {
                assert!(status == expected && text.contains(part), "{found:?} {expected:?} {part}");
            }
            assert_eq!(endpoint.map(|endpoint| endpoint.url).unwrap_or_default(), url);
        }
    }

    type Expected = (Status, &'static str);
    /// Variables; what is said of credentials and region; and of the proxy, if anything.
    type Case = (&'static [(&'static str, &'static str)], [Expected; 2], Option<Expected>);

    #[test]
    fn credentials_region_and_proxy_are_looked_at() {
        use Status::{Good, Problem, Warning};
        let cases: &[Case] = &[
            (&[], [(Problem, "none are set"), (Problem, "none is set")], None),
            (
                &[
                    ("AWS_ACCESS_KEY_ID", "a"),
                    ("AWS_SECRET_ACCESS_KEY", "b"),
                    ("AWS_REGION", "r"),
                    ("AWS_DEFAULT_REGION", "r"),
                ],
                [(Good, "any are accepted"), (Good, "r @AWS_REGION")],
                None,
            ),
            (
                &[
                    ("AWS_ACCESS_KEY_ID", "a"),
                    ("AWS_REGION", "r"),
                    ("AWS_DEFAULT_REGION", "s"),
                    ("HTTP_PROXY", "http://p"),
                ],
                [(Problem, "AWS_SECRET_ACCESS_KEY is not set"), (Warning, "boto3 uses s")],
                Some((Problem, "for h.local to the proxy http://p @HTTP_PROXY")),
            ),
            (
                &[
                    ("AWS_SECRET_ACCESS_KEY", "a"),
                    ("AWS_REGION", "r"),
                    ("HTTP_PROXY", "http://p"),
                    ("NO_PROXY", "a, .local"),
                ],
                [(Problem, "AWS_ACCESS_KEY_ID is not set"), (Warning, "do not read AWS_REGION")],
                Some((Good, "not used")),
            ),
            (
                &[
                    ("AWS_ACCESS_KEY_ID", "a"),
                    ("AWS_SECRET_ACCESS_KEY", "b"),
                    ("AWS_REGION", "us-east-1"),
                    ("AWS_DEFAULT_REGION", "us_east"),
                ],
                [
                    (Good, "any are accepted"),
                    (
                        Problem,
                        "\"us_east\" can't be the name of a region: clients refuse it @AWS_DEFAULT_REGION",
                    ),
                ],
                None,
            ),
            (
                &[
                    ("AWS_WEB_IDENTITY_TOKEN_FILE", "f"),
                    ("AWS_DEFAULT_REGION", "r"),
                    ("all_proxy", "http://p"),
                    ("no_proxy", "xh.local,.other"),
                ],
                [(Good, "got from elsewhere"), (Warning, "JavaScript does not read")],
                Some((Problem, "@all_proxy")),
            ),
        ];
        for (variables, [key, place], through) in cases {
            let environment = Environment::from_pairs(variables);
            let profile = Profile::default();
            let mut found = statuses(&credentials(&environment, &profile));
            found.extend(statuses(&region(&environment, &profile)));
            found.extend(
                proxy("h.local", &environment).map(|finding| statuses(&[finding])).into_iter().flatten(),
            );
            let expected: Vec<_> = [*key, *place].into_iter().chain(*through).collect();
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for ((status, text), (expected, part)) in found.iter().zip(expected) {
                assert!(*status == expected && text.contains(part), "{found:?} {part}");
            }
        }
    }

    #[test]
    fn what_clients_stumble_over_and_do_not_look_at_is_told() {
        use Status::{Problem, Warning};
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("config").display().to_string();
        type Case = (&'static str, Option<(&'static str, &'static str)>, &'static [Expected]);
        let cases: &[Case] = &[
            ("[default]\nservices = a\n[services a]\nsfn =\n  endpoint_url = http://h\n", None, &[]),
            (
                "[default]\nservices = a\n",
                None,
                &[(Problem, "there is no section [services a]: clients stop before they call @FILE:2")],
            ),
            (
                "[default]\nservices = a\n[services a]\nstepfunctions =\n  endpoint_url = http://h\n",
                None,
                &[(Warning, "no client looks here for http://h @FILE:5")],
            ),
            (
                "[default\n",
                Some(("AWS_ENDPOINT_URL_STEPFUNCTIONS", "http://h")),
                &[
                    (Problem, "in brackets: boto3 and the AWS CLI refuse the whole file @FILE:1"),
                    (Warning, "no client looks at this variable @AWS_ENDPOINT_URL_STEPFUNCTIONS"),
                ],
            ),
        ];
        for (text, variable, expected) in cases {
            std::fs::write(&path, text).unwrap();
            let mut variables = vec![("AWS_CONFIG_FILE", path.as_str())];
            variables.extend(*variable);
            let environment = Environment::from_pairs(&variables);
            let found = statuses(&files(&environment, &Profile::load(&environment)));
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for ((status, text), (expected, part)) in found.iter().zip(*expected) {
                let part = part.replace("FILE", &path);
                assert!(status == expected && text.contains(&part), "{found:?} {part}");
            }
        }
    }

    #[test]
    fn a_profile_that_is_not_there_is_a_problem() {
        let environment = Environment::of([("AWS_PROFILE", "nowhere"), ("HOME", "/nonexistent")]);
        let findings = credentials(&environment, &Profile::load(&environment));
        assert!(findings[0].text.contains("there is no profile \"nowhere\""), "{findings:?}");
    }
}
