//! Tokens that EKS takes: a signed call of STS that says who calls, which the cluster makes to find out.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use base64::Engine;
use stepwell_aws_model::service;

use crate::{
    aws::sign::{Scope, Unsigned, query},
    http_client::percent_encode,
};

/// How long the signed call may be used. The cluster takes a token for 15 minutes, whatever this is; AWS's own tool
/// writes the same.
const LIFE: Duration = Duration::from_secs(60);

/// A token for a cluster.
///
/// # Errors
/// Why none can be made.
pub(super) fn token(
    credentials: &Credentials,
    region: &str,
    cluster: &str,
    now: SystemTime,
) -> Result<String, String> {
    let sts = service("sts").ok_or("the model of STS is missing")?;
    let place = sts.endpoint(region);
    let host = place.url.strip_prefix("https://").unwrap_or(&place.url).trim_end_matches('/').to_owned();
    let url = format!("https://{host}/?Action=GetCallerIdentity&Version=2011-06-15");
    let headers = [("host".to_owned(), host), ("x-k8s-aws-id".to_owned(), cluster.to_owned())];
    let unsigned = Unsigned { method: "GET", url: &url, headers: &headers, body: b"" };
    let scope = Scope { region: &place.signing_region, service: "sts" };
    let added = query(credentials, &scope, &unsigned, (now, LIFE))?;
    let url = added
        .iter()
        .fold(url, |url, (name, value)| format!("{url}&{}={}", percent_encode(name), percent_encode(value)));
    Ok(format!("k8s-aws-v1.{}", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(url)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn tokens_are_those_of_botocore() {
        for (session, expected) in [
            (
                None,
                "X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Signature=b6a2687eedd5148789bc61a38f46eabaf80e0c2caf470f22fef78c1d2424066d",
            ),
            (
                Some("session/token+x=".to_owned()),
                "X-Amz-SignedHeaders=host%3Bx-k8s-aws-id&X-Amz-Security-Token=session%2Ftoken%2Bx%3D&X-Amz-Signature=afb18565150cc97a037ad86eeefa59b9f8e21a3b8f93b71545fdf8dc3b301421",
            ),
        ] {
            let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
            let credentials = Credentials::new("AKIDEXAMPLE", secret, session, None, "test");
            // 2025-03-04T05:06:07Z.
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_741_064_767);
            let token = token(&credentials, "eu-west-1", "my cluster", now).expect("a token");
            let encoded = token.strip_prefix("k8s-aws-v1.").expect("the prefix");
            let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(encoded).expect("in base64");
            let url = String::from_utf8(bytes).expect("text");
            let (base, query) = url.split_once('?').expect("a query");
            assert_eq!(base, "https://sts.eu-west-1.amazonaws.com/");
            let common = "Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256\
                &X-Amz-Credential=AKIDEXAMPLE%2F20250304%2Feu-west-1%2Fsts%2Faws4_request\
                &X-Amz-Date=20250304T050607Z&X-Amz-Expires=60";
            let wanted: BTreeSet<&str> = common.split('&').chain(expected.split('&')).collect();
            assert_eq!(query.split('&').collect::<BTreeSet<_>>(), wanted);
        }
    }
}
