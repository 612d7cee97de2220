//! Signature version 4.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use stepwell_aws_model::{AuthType, Operation, Service, service};

use super::{
    client::{Aws, CallError, no_answer},
    credentials::Actor,
    endpoint::{self, Target},
};

/// What a signature is for.
pub(super) struct Scope<'a> {
    pub(super) region: &'a str,
    pub(super) service: &'a str,
}

/// The headers to add.
///
/// # Errors
/// Why the request can't be signed.
#[expect(clippy::too_many_arguments, reason = "each is a part of what is signed")]
pub(super) fn headers(
    service: &Service,
    operation: &Operation,
    credentials: &Credentials,
    scope: &Scope<'_>,
    method: &str,
    url: &str,
    headers: &[(String, String)],
    body: &[u8],
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
    let body = match operation.auth {
        AuthType::UnsignedPayload => SignableBody::UnsignedPayload,
        AuthType::Signed | AuthType::None => SignableBody::Bytes(body),
    };
    let signed = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let request = SignableRequest::new(method, url, signed, body).map_err(|error| error.to_string())?;
    let (instructions, _) = sign(request, &parameters).map_err(|error| error.to_string())?.into_parts();
    Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// A request that is made elsewhere.
pub(crate) struct Unsigned<'a> {
    /// The word of the service.
    pub(crate) service: &'a str,
    /// The operation.
    pub(crate) operation: &'a str,
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: &'a [u8],
}

impl Aws {
    /// A service at a base address of its own; none for a service that there is not.
    pub(crate) fn target_at(&self, word: &str, base: &str, region: &str) -> Option<Target> {
        Some(endpoint::at(&*service(word)?, base, region))
    }

    /// A service at AWS itself, if that may be called.
    pub(crate) fn target_at_aws(&self, word: &str, region: &str) -> Option<Target> {
        let service = service(word).filter(|_| self.config.section.allow)?;
        Some(endpoint::at_aws(&service, region))
    }

    /// The headers of a request with those that sign it.
    ///
    /// # Errors
    /// Why it can't be signed.
    pub(crate) async fn signed(
        &self,
        request: Unsigned<'_>,
        actor: &Actor<'_>,
        target: &Target,
    ) -> Result<Vec<(String, String)>, CallError> {
        let unknown = || no_answer(format!("there is no {} of {}", request.operation, request.service), 0);
        let service = service(request.service).ok_or_else(unknown)?;
        let operation = service.operation(request.operation).ok_or_else(unknown)?;
        let credentials = self.credentials(actor, target).await?;
        let scope = Scope { region: &target.signing_region, service: &target.signing_name };
        let mut signed = request.headers.clone();
        let authority = request.url.split_once("://").and_then(|(_, rest)| rest.split(['/', '?']).next());
        signed.extend(authority.map(|authority| ("host".to_owned(), authority.to_owned())));
        let added = headers(
            &service,
            operation,
            &credentials,
            &scope,
            request.method,
            request.url,
            &signed,
            request.body,
            SystemTime::now(),
        )
        .map_err(|reason| no_answer(format!("the request can't be signed: {reason}"), 0))?;
        Ok(request.headers.into_iter().chain(added).collect())
    }
}
