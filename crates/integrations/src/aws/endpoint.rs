//! Where a service is.

use stepwell_aws_model::Service;

use super::config::AwsConfig;

/// Where to send a request and what to sign it for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Target {
    /// `http://127.0.0.1:4566` or `https://sqs.eu-west-1.amazonaws.com`, without a slash at the end.
    pub(super) base: String,
    pub(super) signing_name: String,
    pub(super) signing_region: String,
    /// It is AWS itself.
    pub(super) is_aws: bool,
}

/// Where a service is, as configured.
///
/// # Errors
/// How to say where it is.
pub(super) fn target(config: &AwsConfig, service: &Service, region: &str) -> Result<Target, String> {
    let place = service.endpoint(region);
    if let Some(base) = configured(config, service) {
        return Ok(Target {
            base: base.trim_end_matches('/').to_owned(),
            signing_name: place.signing_name,
            signing_region: place.signing_region,
            is_aws: false,
        });
    }
    if config.section.allow {
        return Ok(Target {
            base: place.url.trim_end_matches('/').to_owned(),
            signing_name: place.signing_name,
            signing_region: place.signing_region,
            is_aws: true,
        });
    }
    let name = &service.word;
    let variable = variable_of(service);
    let run_here = match &**name {
        "batch" => " To run the job on this machine, give its definition a section [batch.job_definitions.NAME].",
        "ecs" => " To run the task on this machine, give its definition a section [ecs.task_definitions.NAME].",
        _ => "",
    };
    Err(format!(
        "no endpoint is set for {name}, and calls to AWS itself are not allowed: start the server with \
         --service-endpoint {name}=http://HOST:PORT, set {name} under [endpoints] of stepwell.toml or the variable \
         {variable}, or allow AWS with --allow-aws.{run_here}"
    ))
}

/// `AWS_ENDPOINT_URL_SECRETS_MANAGER`.
fn variable_of(service: &Service) -> String {
    let words: String = service
        .service_id
        .chars()
        .map(|character| if character.is_ascii_alphanumeric() { character.to_ascii_uppercase() } else { '_' })
        .collect();
    format!("AWS_ENDPOINT_URL_{words}")
}

fn configured<'a>(config: &'a AwsConfig, service: &Service) -> Option<&'a str> {
    // Calls of this server's own API stay in it unless they are sent elsewhere by name.
    let everything = || config.endpoints.get("*").filter(|_| &*service.word != "sfn");
    config.endpoints.get(&*service.word).or_else(everything).map(String::as_str)
}
