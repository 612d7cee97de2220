//! Where a service is.

use stepwell_aws_model::{Service, service};

use super::{client::Aws, config::AwsConfig, wire::WireRequest};

/// Where to send a request and what to sign it for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// `http://127.0.0.1:4566` or `https://sqs.eu-west-1.amazonaws.com`, without a slash at the end.
    pub(crate) base: String,
    pub(crate) signing_name: String,
    pub(crate) signing_region: String,
    /// It is AWS itself.
    pub(crate) is_aws: bool,
}

/// Where a service is, as configured.
///
/// # Errors
/// How to say where it is.
pub(super) fn target(config: &AwsConfig, service: &Service, region: &str) -> Result<Target, String> {
    if let Some(base) = configured(config, service) {
        return Ok(at(service, base, region));
    }
    if config.section.allow {
        return Ok(at_aws(service, region));
    }
    let name = &service.word;
    let variable = variable_of(service);
    let run_here = match &**name {
        "batch" => {
            " To run the job on this machine, give its definition a section [batch.job_definitions.NAME]."
        }
        "ecs" => {
            " To run the task on this machine, give its definition a section [ecs.task_definitions.NAME]."
        }
        _ => "",
    };
    Err(format!(
        "no endpoint is set for {name}, and calls to AWS itself are not allowed: start the server with \
         --service-endpoint {name}=http://HOST:PORT, set {name} under [endpoints] of stepwell.toml or the variable \
         {variable}, or allow AWS with --allow-aws.{run_here}"
    ))
}

/// A service at a base address of its own.
pub(super) fn at(service: &Service, base: &str, region: &str) -> Target {
    Target { base: base.trim_end_matches('/').to_owned(), is_aws: false, ..at_aws(service, region) }
}

/// A service at AWS.
pub(super) fn at_aws(service: &Service, region: &str) -> Target {
    let place = service.endpoint(region);
    Target {
        base: place.url.trim_end_matches('/').to_owned(),
        signing_name: place.signing_name,
        signing_region: place.signing_region,
        is_aws: true,
    }
}

impl Aws {
    /// A service at a base address of its own; none for a service that there is not.
    pub(crate) fn target_at(&self, word: &str, base: &str, region: &str) -> Option<Target> {
        Some(at(&*service(word)?, base, region))
    }

    /// A service at AWS itself, if that may be called.
    pub(crate) fn target_at_aws(&self, word: &str, region: &str) -> Option<Target> {
        let service = service(word).filter(|_| self.config.section.allow)?;
        Some(at_aws(&service, region))
    }
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

/// The whole address. At AWS, an S3 bucket whose name allows it is a part of the host.
pub(super) fn address(service: &Service, target: &Target, request: &WireRequest) -> String {
    let (scheme, host) = target.base.split_once("://").unwrap_or(("https", &target.base));
    if !target.is_aws {
        return format!("{}{}", target.base, request.path);
    }
    if &*service.word == "s3" && request.host_prefix.is_none() {
        let (path, query) = request
            .path
            .split_once('?')
            .map_or((request.path.as_str(), None), |(path, query)| (path, Some(query)));
        let rest = path.trim_start_matches('/');
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        let is_host = (3..=63).contains(&bucket.len())
            && bucket.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if is_host {
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            return format!("{scheme}://{bucket}.{host}/{key}{query}");
        }
    }
    format!("{scheme}://{}{host}{}", request.host_prefix.as_deref().unwrap_or_default(), request.path)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn buckets_are_in_the_host_at_aws_and_in_the_path_elsewhere() {
        let s3 = service("s3").expect("s3");
        let request = |path: &str| WireRequest {
            method: "GET".to_owned(),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Bytes::new(),
            host_prefix: None,
        };
        let target = |base: &str, is_aws| Target {
            base: base.to_owned(),
            signing_name: "s3".to_owned(),
            signing_region: "eu-west-1".to_owned(),
            is_aws,
        };
        let aws = target("https://s3.eu-west-1.amazonaws.com", true);
        let near = target("http://127.0.0.1:9000", false);
        for (target, path, expected) in [
            (&aws, "/bucket/a/b?x=1", "https://bucket.s3.eu-west-1.amazonaws.com/a/b?x=1"),
            (&aws, "/bucket?list-type=2", "https://bucket.s3.eu-west-1.amazonaws.com/?list-type=2"),
            (&aws, "/dotted.bucket/a", "https://s3.eu-west-1.amazonaws.com/dotted.bucket/a"),
            (&aws, "/", "https://s3.eu-west-1.amazonaws.com/"),
            (&near, "/bucket/a", "http://127.0.0.1:9000/bucket/a"),
        ] {
            assert_eq!(address(&s3, target, &request(path)), expected);
        }
    }
}
