//! `stepwell env`: what a client needs to reach the server.

use clap::{Args, ValueEnum};
use serde_json::json;

use super::client::ServerArgument;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::output::{self, Format};

/// Arguments of `env`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  eval \"$(stepwell env)\"                       for this shell; fish: stepwell env --client fish | source
  stepwell env --client boto3
  stepwell env --client terraform --endpoint-url http://stepwell.local:8083

It prints and does not connect; `stepwell doctor` finds out why a client can't reach the server.")]
pub(crate) struct EnvArguments {
    /// Who it is for
    #[arg(long, value_enum, default_value_t, value_name = "NAME")]
    client: ClientName,
    #[command(flatten)]
    server: ServerArgument,
}

/// The clients there is a text for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ClientName {
    /// bash, zsh and other shells
    #[default]
    Sh,
    /// The fish shell
    Fish,
    /// PowerShell
    Powershell,
    /// A file for --env-file of Docker and the like
    Dotenv,
    /// A profile of the AWS CLI and the SDKs
    AwsCli,
    /// boto3, the SDK for Python
    Boto3,
    /// The SDK for JavaScript, version 3
    Js,
    /// The SDK for Rust
    Rust,
    /// The AWS provider of Terraform and OpenTofu
    Terraform,
}

/// Where a client is pointed.
struct Target<'a> {
    endpoint: &'a str,
    region: &'a str,
    key: &'a str,
    secret: &'a str,
}

/// Prints it.
pub(crate) fn run(arguments: &EnvArguments, format: Format) -> Result<(), Failure> {
    let environment = Environment::of_process();
    let client = arguments.server.client()?;
    let target = Target {
        endpoint: client.endpoint(),
        region: environment.region(),
        // Real keys are not printed.
        key: environment.get("AWS_ACCESS_KEY_ID").filter(|key| is_account(key)).unwrap_or("test"),
        secret: "test",
    };
    let text = text(arguments.client, &target);
    match format {
        Format::Text => output::line(text),
        Format::Json => {
            let variables: serde_json::Map<String, serde_json::Value> = variables(&target)
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).into()))
                .collect();
            let name = arguments.client.to_possible_value();
            let name = name.as_ref().map_or("", |name| name.get_name());
            output::json(&json!({
                "client": name,
                "endpointUrl": target.endpoint,
                "region": target.region,
                "variables": variables,
                "text": text,
            }));
        }
    }
    Ok(())
}

/// A key of 12 digits names the account to act in, and is no secret.
fn is_account(key: &str) -> bool {
    key.len() == 12 && key.bytes().all(|byte| byte.is_ascii_digit())
}

fn variables<'a>(target: &Target<'a>) -> [(&'static str, &'a str); 6] {
    [
        ("AWS_ENDPOINT_URL_SFN", target.endpoint),
        ("AWS_DISABLE_HOST_PREFIX_INJECTION", "true"),
        ("AWS_ACCESS_KEY_ID", target.key),
        ("AWS_SECRET_ACCESS_KEY", target.secret),
        ("AWS_DEFAULT_REGION", target.region),
        ("AWS_REGION", target.region),
    ]
}

fn text(client: ClientName, target: &Target<'_>) -> String {
    let Target { endpoint, region, key, secret } = target;
    let lines = |line: &dyn Fn(&str, &str) -> String| -> String {
        variables(target).map(|(name, value)| line(name, value)).join("\n")
    };
    match client {
        ClientName::Sh => lines(&|name, value| format!("export {name}={}", quoted(value, "'\\''"))),
        ClientName::Fish => lines(&|name, value| format!("set -gx {name} {}", quoted(value, "\\'"))),
        ClientName::Powershell => {
            lines(&|name, value| format!("$env:{name} = '{}'", value.replace('\'', "''")))
        }
        ClientName::Dotenv => lines(&|name, value| format!("{name}={value}")),
        ClientName::AwsCli => format!(
            "# In ~/.aws/config; then: aws --profile stepwell stepfunctions list-state-machines
[profile stepwell]
region = {region}
services = stepwell
disable_host_prefix_injection = true
aws_access_key_id = {key}
aws_secret_access_key = {secret}

[services stepwell]
sfn =
  endpoint_url = {endpoint}"
        ),
        ClientName::Boto3 => format!(
            "import boto3
from botocore.config import Config

sfn = boto3.client(
    \"stepfunctions\",
    endpoint_url={endpoint:?},
    region_name={region:?},
    aws_access_key_id={key:?},
    aws_secret_access_key={secret:?},
    # Else start_sync_execution and test_state go to sync-HOST. GetActivityTask is answered after 60 s.
    config=Config(inject_host_prefix=False, read_timeout=75),
)"
        ),
        ClientName::Js => format!(
            "import {{ SFNClient }} from \"@aws-sdk/client-sfn\";

const sfn = new SFNClient({{
  endpoint: {endpoint:?},
  region: {region:?},
  credentials: {{ accessKeyId: {key:?}, secretAccessKey: {secret:?} }},
  disableHostPrefix: true, // else StartSyncExecution and TestState go to sync-HOST
}});"
        ),
        ClientName::Rust => format!(
            "use aws_sdk_sfn::config::{{BehaviorVersion, Credentials, Region}};

let configuration = aws_sdk_sfn::Config::builder()
    .behavior_version(BehaviorVersion::latest())
    .endpoint_url({endpoint:?})
    .region(Region::new({region:?}))
    .credentials_provider(Credentials::new({key:?}, {secret:?}, None, None, \"stepwell\"))
    .build();
let sfn = aws_sdk_sfn::Client::from_conf(configuration);
// start_sync_execution and test_state go to sync-HOST, and the SDK has no setting against it. Call them so:
// sfn.start_sync_execution().state_machine_arn(arn).customize().mutate_request(|request| {{
//     let uri = request.uri().replacen(\"//sync-\", \"//\", 1);
//     request.set_uri(uri).expect(\"a URI\");
// }}).send().await"
        ),
        ClientName::Terraform => format!(
            "provider \"aws\" {{
  region                      = {region:?}
  access_key                  = {key:?}
  secret_key                  = {secret:?}
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  endpoints {{
    sfn = {endpoint:?}
  }}
}}"
        ),
    }
}

/// A word of a shell; in quotes unless it is plain.
fn quoted(value: &str, quote: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.:/@".contains(character);
    if value.chars().all(is_plain) { value.to_owned() } else { format!("'{}'", value.replace('\'', quote)) }
}
