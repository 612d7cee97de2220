//! One pooled HTTP/1.1 client for all outgoing calls: bounded answers, time limits, no redirects followed.

use std::error::Error as _;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, WantsVerifier};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an unused connection is kept.
const POOL_IDLE: Duration = Duration::from_secs(60);

/// A complete answer.
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there is no complete answer.
#[derive(Debug)]
pub(crate) enum HttpError {
    /// No connection could be made; the text follows `Unable to execute HTTP request: `, as AWS's SDK words it.
    NoConnection(String),
    /// Nothing usable came back; worded likewise.
    NoAnswer(String),
    /// The time limit passed.
    TimedOut,
    /// The answer is longer than the caller takes.
    TooLarge,
}

/// Certificates of authorities that are trusted besides the public ones.
static MORE_AUTHORITIES: OnceLock<Vec<CertificateDer<'static>>> = OnceLock::new();

/// Trusts the authorities whose certificates a PEM file has, besides the public ones. Counts for clients that are made
/// later, and only the first file counts.
///
/// # Errors
/// A sentence that says what is wrong with the file.
pub fn trust_authorities_of(file: &Path) -> Result<(), String> {
    let wrong = |error: &dyn std::fmt::Display| {
        format!("the certificates in {} can't be read: {error}", file.display())
    };
    let certificates: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(file).and_then(Iterator::collect).map_err(|error| wrong(&error))?;
    if certificates.is_empty() {
        return Err(wrong(&"there are none"));
    }
    let _ = MORE_AUTHORITIES.set(certificates);
    Ok(())
}

fn tls_config() -> ClientConfig {
    tls_builder().with_root_certificates(public_roots()).with_no_client_auth()
}

fn tls_builder() -> ConfigBuilder<ClientConfig, WantsVerifier> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring speaks the protocol versions of TLS")
}

/// The public authorities, and those of [`trust_authorities_of`].
fn public_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    // What is no certificate of an authority is left out.
    roots.add_parsable_certificates(MORE_AUTHORITIES.get().into_iter().flatten().cloned());
    roots
}

/// Whom a server of one's own has to be certified by, and what a client shows to it. All are texts in PEM.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct Certificates {
    /// The authorities, instead of the public ones.
    pub(crate) authorities: Option<Vec<u8>>,
    /// The client's certificate with those that lead to its authority, and its key.
    pub(crate) client: Option<(Vec<u8>, Vec<u8>)>,
}

impl Certificates {
    /// The rules for `https`.
    ///
    /// # Errors
    /// What can't be read.
    pub(crate) fn tls_config(&self) -> Result<ClientConfig, String> {
        let roots = match &self.authorities {
            None => public_roots(),
            Some(pem) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(pem, "the certificate authority")? {
                    roots
                        .add(certificate)
                        .map_err(|error| format!("the certificate authority can't be used: {error}"))?;
                }
                roots
            }
        };
        let builder = tls_builder().with_root_certificates(roots);
        let Some((certificate, key)) = &self.client else { return Ok(builder.with_no_client_auth()) };
        let chain = certificates(certificate, "the client certificate")?;
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|error| format!("the client key can't be read: {error}"))?;
        builder
            .with_client_auth_cert(chain, key)
            .map_err(|error| format!("the client certificate can't be used: {error}"))
    }
}

/// The certificates of a text in PEM, at least one.
fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{what} can't be read: {error}"))?;
    if found.is_empty() { Err(format!("{what} has no certificate in PEM")) } else { Ok(found) }
}

/// A client whose connections are shared by all callers.
pub(crate) struct HttpClient {
    client: Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>,
}

/// Finds the addresses of a host.
pub(crate) type Lookup = Arc<dyn Fn(String) -> LookupFuture + Send + Sync>;
type LookupFuture = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Looks hosts up, and lets through only addresses that may be connected to. The connector connects to the very
/// addresses that were looked at: a name whose address changes between a check and its use gains nothing.
#[derive(Clone)]
pub(crate) struct Resolver {
    pub(crate) lookup: Lookup,
    pub(crate) permits: fn(IpAddr) -> bool,
    /// How to let a name through all the same; follows `which tasks may not connect to unless `.
    pub(crate) way_out: &'static str,
}

impl Resolver {
    /// The resolver of the system, with every address.
    pub(crate) fn everywhere() -> Self {
        Self::system(|_| true, "")
    }

    /// The resolver of the system, with the addresses that `permits` agrees to.
    pub(crate) fn system(permits: fn(IpAddr) -> bool, way_out: &'static str) -> Self {
        let lookup: Lookup =
            Arc::new(|host| Box::pin(async move { Ok(tokio::net::lookup_host((host, 0)).await?.collect()) }));
        Self { lookup, permits, way_out }
    }
}

impl tower_service::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let found = (self.lookup)(name.as_str().to_owned());
        let (permits, way_out) = (self.permits, self.way_out);
        Box::pin(async move {
            let addresses = found.await?;
            // One forbidden address among several is no accident.
            match addresses.iter().find(|address| !permits(address.ip())) {
                Some(forbidden) => Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    format!(
                        "{name} has the address {}, which tasks may not connect to unless {way_out}",
                        forbidden.ip()
                    ),
                )),
                None => Ok(addresses.into_iter()),
            }
        })
    }
}

impl HttpClient {
    /// A client that keeps up to `connections_kept` unused connections to each host: as many as calls may run at once, so
    /// that none is made anew for each call.
    pub(crate) fn new(connections_kept: usize) -> Self {
        Self::with_resolver(Resolver::everywhere(), connections_kept)
    }

    /// The same, looking hosts up with `resolver`. Addresses in URLs don't pass through it.
    pub(crate) fn with_resolver(resolver: Resolver, connections_kept: usize) -> Self {
        Self::with_tls(resolver, tls_config(), connections_kept)
    }

    /// The same, with these rules for `https`.
    pub(crate) fn with_tls(resolver: Resolver, tls: ClientConfig, connections_kept: usize) -> Self {
        let mut connector = HttpConnector::new_with_resolver(resolver);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(POOL_IDLE)
            .pool_max_idle_per_host(connections_kept)
            .build(connector);
        Self { client }
    }

    /// Posts `body` and reads the whole answer, at most `limit_bytes` of it, within `timeout`.
    pub(crate) async fn post(
        &self,
        uri: Uri,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: Bytes,
        limit_bytes: usize,
        timeout: Duration,
    ) -> Result<Response, HttpError> {
        self.send(Method::POST, uri, HeaderMap::from_iter(headers), body, limit_bytes, timeout).await
    }

    /// As [`HttpClient::post`], with any method.
    pub(crate) async fn send(
        &self,
        method: Method,
        uri: Uri,
        headers: HeaderMap,
        body: Bytes,
        limit_bytes: usize,
        timeout: Duration,
    ) -> Result<Response, HttpError> {
        // Shares the text of the URI.
        let place = uri.authority().cloned();
        let place = || place.as_ref().map_or("", |authority| authority.as_str());
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| match error.is_connect() {
                true => HttpError::NoConnection(describe(place(), &error)),
                false => HttpError::NoAnswer(describe(place(), &error)),
            })?;
            let (head, body) = response.into_parts();
            let body = Limited::new(body, limit_bytes).collect().await.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    HttpError::TooLarge
                } else {
                    HttpError::NoAnswer(format!(
                        "{} closed the connection before its answer was complete",
                        place()
                    ))
                }
            })?;
            Ok(Response { status: head.status, headers: head.headers, body: body.to_bytes() })
        };
        tokio::time::timeout(timeout, exchange).await.unwrap_or(Err(HttpError::TimedOut))
    }
}

/// Says what happened in the order in which a reader looks for it: connecting, else waiting for the answer.
fn describe(place: &str, error: &hyper_util::client::legacy::Error) -> String {
    let mut innermost = String::new();
    let mut source = error.source();
    while let Some(cause) = source {
        innermost = cause.to_string();
        source = cause.source();
    }
    if error.is_connect() {
        format!("Connect to {place} failed: {innermost}")
    } else if innermost.is_empty() {
        format!("{place} failed to respond")
    } else {
        format!("{place} failed to respond: {innermost}")
    }
}

/// Parses an address from configuration or an endpoint setting.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(crate) fn check_address(address: &str) -> Result<Uri, String> {
    let example = "give an address such as http://127.0.0.1:3001";
    let uri: Uri = address.parse().map_err(|_| format!("{address:?} is not an address: {example}"))?;
    match uri.scheme_str() {
        Some("http" | "https") => {}
        _ => return Err(format!("{address:?} does not start with http:// or https://: {example}")),
    }
    match uri.authority() {
        Some(authority) if authority.as_str().contains('@') => {
            Err(format!("{:?} must not carry a user name or password", authority.host()))
        }
        Some(_) => Ok(uri),
        None => Err(format!("{address:?} names no host: {example}")),
    }
}

/// Percent-encodes one segment of a path or a query value.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}
