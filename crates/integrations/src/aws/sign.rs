//! Signature version 4.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
        SigningInstructions, SigningSettings, UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use stepwell_aws_model::{AuthType, Operation, Service};

/// What a signature is for.
pub(crate) struct Scope<'a> {
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
}

/// What is signed; the URL as it is sent.
pub(crate) struct Unsigned<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    pub(crate) headers: &'a [(String, String)],
    pub(crate) body: &'a [u8],
}

/// The headers to add to a call of an operation.
///
/// # Errors
/// Why the request can't be signed.
pub(super) fn operation_headers(
    service: &Service,
    operation: &Operation,
    credentials: &Credentials,
    scope: &Scope<'_>,
    request: &Unsigned<'_>,
    now: SystemTime,
) -> Result<Vec<(String, String)>, String> {
    let is_s3 = matches!(scope.service, "s3" | "s3express" | "s3-outposts" | "s3-object-lambda")
        || service.signature.as_deref().is_some_and(|signature| signature.starts_with("s3"));
    let mut settings = SigningSettings::default();
    if is_s3 {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let body = match operation.auth {
        AuthType::UnsignedPayload => SignableBody::UnsignedPayload,
        AuthType::Signed | AuthType::None => SignableBody::Bytes(request.body),
    };
    Ok(header_list(&signed(credentials, scope, request, body, settings, now)?))
}

/// The headers to add to a request that is no call of an operation.
///
/// # Errors
/// Why the request can't be signed.
pub(crate) fn headers(
    credentials: &Credentials,
    scope: &Scope<'_>,
    request: &Unsigned<'_>,
    now: SystemTime,
) -> Result<Vec<(String, String)>, String> {
    let body = SignableBody::Bytes(request.body);
    Ok(header_list(&signed(credentials, scope, request, body, SigningSettings::default(), now)?))
}

/// The query parameters to add to a request that somebody else will make, names and values as they are.
///
/// # Errors
/// Why the request can't be signed.
pub(crate) fn query(
    credentials: &Credentials,
    scope: &Scope<'_>,
    request: &Unsigned<'_>,
    (now, life): (SystemTime, Duration),
) -> Result<Vec<(String, String)>, String> {
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(life);
    let signed = signed(credentials, scope, request, SignableBody::Bytes(request.body), settings, now)?;
    Ok(signed.params().iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect())
}

fn signed(
    credentials: &Credentials,
    scope: &Scope<'_>,
    request: &Unsigned<'_>,
    body: SignableBody<'_>,
    settings: SigningSettings,
    now: SystemTime,
) -> Result<SigningInstructions, String> {
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| error.to_string())?
        .into();
    let headers = request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let request = SignableRequest::new(request.method, request.url, headers, body)
        .map_err(|error| error.to_string())?;
    Ok(sign(request, &parameters).map_err(|error| error.to_string())?.into_parts().0)
}

fn header_list(instructions: &SigningInstructions) -> Vec<(String, String)> {
    instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// 2025-03-04T05:06:07Z.
    const NOW: Duration = Duration::from_secs(1_741_064_767);

    fn credentials(token: Option<&str>) -> Credentials {
        let secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
        Credentials::new("AKIDEXAMPLE", secret, token.map(str::to_owned), None, "test")
    }

    #[test]
    fn signatures_of_headers_are_those_of_botocore() {
        for (token, expected) in [
            (None, "776f6a18f42591e1fd82189f48485d14fc1bd409bf7bf90f193b963bbaacafbc"),
            (Some("session/token+x="), "7e784d2ce77aff55c7934c490d57410aae82436ebd3fbe1d73ced763256b0b07"),
        ] {
            let host = "abc.execute-api.eu-west-1.amazonaws.com";
            let sent = [("host", host), ("content-type", "application/json")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
            let request = Unsigned {
                method: "POST",
                url: &format!("https://{host}/Prod/@connections/A%20b=?q=%C3%A4%20b&r=1&r=2"),
                headers: &sent,
                body: br#"{"a":1}"#,
            };
            let scope = Scope { region: "eu-west-1", service: "execute-api" };
            let now = SystemTime::UNIX_EPOCH + NOW;
            let added = headers(&credentials(token), &scope, &request, now).expect("signed");
            let authorization = added.iter().find(|(name, _)| name == "authorization").expect("signed");
            assert!(authorization.1.ends_with(&format!("Signature={expected}")), "{added:?}");
            assert_eq!(added.iter().any(|(name, _)| name == "x-amz-security-token"), token.is_some());
        }
    }
}
