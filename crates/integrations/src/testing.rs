//! Servers for tests: they show what they were asked and do as they are told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// What a server saw of a request: its first line, its headers with names in lower-case letters, and its body.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What a server does.
pub(crate) enum Action {
    /// Sends this and closes the connection.
    Send(String),
    /// Never answers.
    Hang,
    /// Closes the connection without an answer.
    Close,
}

/// An answer with a status such as `200 OK`, lines of headers and a body.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Action {
    Action::Send(format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n{body}",
        body.len()
    ))
}

/// A server on a free port, which lives as long as the test's runtime.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) seen: Arc<Mutex<Vec<Request>>>,
}

type Act = Arc<dyn Fn(usize, &Request) -> Action + Send + Sync>;

impl Server {
    /// `act` gets the number of the request, from 1, and the request.
    pub(crate) async fn start(act: impl Fn(usize, &Request) -> Action + Send + Sync + 'static) -> Self {
        Self::listen(Arc::new(act), None).await
    }

    /// The same with `https`.
    pub(crate) async fn start_tls(
        tls: rustls::ServerConfig,
        act: impl Fn(usize, &Request) -> Action + Send + Sync + 'static,
    ) -> Self {
        Self::listen(Arc::new(act), Some(TlsAcceptor::from(Arc::new(tls)))).await
    }

    async fn listen(act: Act, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let requests = seen.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (requests, act, tls) = (requests.clone(), act.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, &requests, &act).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, &requests, &act).await;
                            }
                        }
                    }
                });
            }
        });
        Self { address, seen }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) fn requests(&self) -> Vec<Request> {
        self.seen.lock().expect("no panic").clone()
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, requests: &Mutex<Vec<Request>>, act: &Act) {
    let mut bytes = Vec::new();
    let request = loop {
        if let Some(request) = read(&bytes) {
            break request;
        }
        if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
            return;
        }
    };
    let action = {
        let mut requests = requests.lock().expect("no panic");
        requests.push(request.clone());
        act(requests.len(), &request)
    };
    match action {
        Action::Send(text) => {
            let _ = stream.write_all(text.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
        Action::Hang => std::future::pending::<()>().await,
        Action::Close => {}
    }
}

fn read(bytes: &[u8]) -> Option<Request> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(0, |(_, length)| length.parse().unwrap_or(0));
    (body.len() >= length).then(|| Request { line, headers, body: body.to_owned() })
}

/// An authority made for a test.
pub(crate) struct Authority {
    issuer: rcgen::Issuer<'static, rcgen::KeyPair>,
    /// Its certificate in PEM.
    pub(crate) pem: String,
}

/// A certificate with its key.
pub(crate) struct Identity {
    certificate: CertificateDer<'static>,
    key: rcgen::KeyPair,
    /// The certificate in PEM.
    pub(crate) pem: String,
}

impl Identity {
    /// The key in PEM.
    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).expect("parameters");
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().expect("a key");
        let pem = parameters.self_signed(&key).expect("a certificate").pem();
        Self { issuer: rcgen::Issuer::new(parameters, key), pem }
    }

    /// A certificate for names or addresses.
    pub(crate) fn certify(&self, names: &[&str]) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let parameters = rcgen::CertificateParams::new(names).expect("parameters");
        let key = rcgen::KeyPair::generate().expect("a key");
        let certificate = parameters.signed_by(&key, &self.issuer).expect("a certificate");
        Identity { certificate: certificate.der().clone(), pem: certificate.pem(), key }
    }
}

/// What a server with this certificate does; with an authority, clients must show a certificate of it.
pub(crate) fn server_tls(identity: &Identity, clients: Option<&Authority>) -> rustls::ServerConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            use rustls::pki_types::pem::PemObject;
            let mut roots = rustls::RootCertStore::empty();
            let certificate = CertificateDer::from_pem_slice(authority.pem.as_bytes()).expect("PEM");
            roots.add(certificate).expect("an authority");
            let verifier =
                rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
        }
    };
    let key = PrivateKeyDer::try_from(identity.key.serialize_der()).expect("a key");
    builder.with_single_cert(vec![identity.certificate.clone()], key).expect("a certificate with its key")
}
