//! `eks:call` and `eks:runJob` against an API server in this process.

mod jobs;

use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::Arc,
};

use stepwell_json::Value;

use super::{ClusterSection, Kubernetes, KubernetesConfig};
use crate::{
    address,
    aws::{Aws, AwsConfig, AwsIntegration, AwsSection, Caller, JobOutcome, RoleSection},
    http_client::Resolver,
    lambda::TaskError,
    testing::{Action, Authority, Server, answer, server_tls},
};

const EKS: &str = "https://abc.gr7.eu-west-1.eks.amazonaws.com";

/// `allow`: AWS itself; `keys`: there are credentials.
fn aws_config(allow: bool, keys: bool) -> AwsConfig {
    let section = RoleSection {
        access_key_id: "OWNKEY".into(),
        secret_access_key: "secret".into(),
        session_token: None,
    };
    AwsConfig {
        section: AwsSection { allow, ..AwsSection::default() },
        environment_credentials: keys.then_some(section),
        integrations: [("eks".to_owned(), AwsIntegration { timeout_seconds: 1, ..Default::default() })]
            .into(),
        ..AwsConfig::default()
    }
}

fn caller<'a>(token_seed: &'a str, role: Option<&'a str>) -> Caller<'a> {
    Caller {
        region: "us-east-1",
        account: "123456789012",
        execution_arn: "e",
        state_machine_arn: "m",
        token_seed,
        role,
    }
}

/// A configuration with the section of the cluster `c`.
fn config(section: &str, directory: &Path) -> KubernetesConfig {
    let section: ClusterSection = toml::from_str(section).expect(section);
    let cluster = section
        .resolve("c", directory, &|name| (name == "TOKEN").then(|| "from-variable".to_owned()))
        .expect("a cluster");
    KubernetesConfig { clusters: [("c".to_owned(), cluster)].into(), yaml: None }
}

fn kubernetes(section: &str, directory: &Path) -> Kubernetes {
    Kubernetes::new(config(section, directory), &aws_config(false, false))
}

/// As `kubectl proxy`: without any proof of who calls.
fn proxy(server: &Server) -> Kubernetes {
    kubernetes(&format!("endpoint = \"{}\"", server.url("")), Path::new(""))
}

fn parse(text: &str) -> Value {
    stepwell_json::parse(text).expect(text)
}

/// Parameters for the cluster `c`, whose address and authority in them don't count.
fn parameters(rest: &str) -> Value {
    parse(&format!(
        r#"{{"ClusterName":"c","CertificateAuthority":"no","Endpoint":"https://169.254.169.254",{rest}}}"#
    ))
}

fn result(outcome: JobOutcome) -> Result<Value, TaskError> {
    match outcome {
        JobOutcome::Done(result) => Ok(result),
        JobOutcome::Failed(error) => Err(error),
        JobOutcome::Interrupted => panic!("interrupted"),
    }
}

async fn call(kubernetes: &Kubernetes, aws: AwsConfig, parameters: &Value) -> Result<Value, TaskError> {
    let aws = Aws::new(aws);
    result(kubernetes.work(&aws, caller("seed", None), parameters).call().await)
}

async fn call_own(kubernetes: &Kubernetes, rest: &str) -> Result<Value, TaskError> {
    call(kubernetes, aws_config(false, false), &parameters(rest)).await
}

const GET: &str = r#""Method":"GET","Path":"/api""#;

#[tokio::test]
async fn requests_are_what_the_parameters_come_to() {
    let json = Some("application/json");
    for (rest, line, content_type, body) in [
        (GET, "GET /api", None, ""),
        (
            r#""Method":"GET","Path":"/api/v1/pods","QueryParameters":{"labelSelector":["a=b,c in (d)"],"limit":["2"]}"#,
            "GET /api/v1/pods?labelSelector=a%3Db%2Cc%20in%20%28d%29&limit=2",
            None,
            "",
        ),
        (r#""Method":"POST","Path":"/x","RequestBody":{"a":null}"#, "POST /x", json, r#"{"a":null}"#),
        (r#""Method":"PUT","Path":"/x","RequestBody":"text""#, "PUT /x", json, "text"),
        (r#""Method":"DELETE","Path":"/x""#, "DELETE /x", None, ""),
        (r#""Method":"HEAD","Path":"/x""#, "HEAD /x", None, ""),
        (
            r#""Method":"PATCH","Path":"/x","RequestBody":{}"#,
            "PATCH /x",
            Some("application/merge-patch+json"),
            "{}",
        ),
        (
            r#""Method":"PATCH","Path":"/x","RequestBody":[]"#,
            "PATCH /x",
            Some("application/json-patch+json"),
            "[]",
        ),
        (
            r#""Method":"PATCH","Path":"/x","RequestBody":" []""#,
            "PATCH /x",
            Some("application/json-patch+json"),
            " []",
        ),
    ] {
        let server = Server::start(|_, _| answer("200 OK", "", "")).await;
        let result = call_own(&proxy(&server), rest).await;
        assert!(result.is_ok(), "{rest}: {result:?}");
        let requests = server.requests();
        assert_eq!(requests.len(), 1, "{rest}");
        assert_eq!(requests[0].line, format!("{line} HTTP/1.1"), "{rest}");
        assert_eq!(requests[0].header("content-type"), content_type, "{rest}");
        assert_eq!(requests[0].header("authorization"), None, "{rest}");
        assert_eq!(requests[0].body, body, "{rest}");
    }
}

#[tokio::test]
async fn what_can_not_be_sent_is_refused_without_a_request() {
    for (rest, part) in [
        (r#""Method":"OPTIONS","Path":"/x""#, "[The value of the field 'Method' has an invalid format]"),
        (r#""Method":"GET","Path":"x""#, "is not a path of the Kubernetes API"),
        (r#""Method":"GET","Path":"/x?y=1""#, "is not a path of the Kubernetes API"),
        (r#""Method":"GET","Path":"/x y""#, "is not a path of the Kubernetes API"),
        (
            r#""Method":"GET","Path":"/x","QueryParameters":{"a":"b"}"#,
            "the field 'QueryParameters' has an invalid format",
        ),
        (r#""Method":"GET","Path":"/x","Headers":{}"#, "The field 'Headers' is not supported"),
        (r#""Method":"GET""#, "The field 'Path' is required but was missing"),
    ] {
        let server = Server::start(|_, _| answer("200 OK", "", "")).await;
        let error = call_own(&proxy(&server), rest).await.expect_err(rest);
        assert_eq!(error.error, "States.Runtime", "{rest}");
        assert!(error.cause.as_deref().unwrap_or_default().contains(part), "{rest}: {error:?}");
        assert_eq!(server.requests().len(), 0, "{rest}");
    }
}

#[tokio::test]
async fn answers_are_results_or_errors() {
    let big = "x".repeat(super::RESULT_MAX_BYTES + 1);
    let unauthorized = r#"{"kind":"Status","code":401}"#;
    for (status, body, expected) in [
        ("200 OK", r#"{"a":1}"#, Ok(r#"{"ResponseBody":{"a":1},"StatusCode":200,"StatusText":"OK"}"#)),
        ("201 Created", "text", Ok(r#"{"ResponseBody":"text","StatusCode":201,"StatusText":"Created"}"#)),
        (
            "401 Unauthorized",
            unauthorized,
            Err((
                "EKS.401",
                r#"{"ResponseBody":{"kind":"Status","code":401},"StatusCode":401,"StatusText":"Unauthorized"}"#,
            )),
        ),
        ("503 Service Unavailable", "", Err(("EKS.503", r#""StatusCode":503"#))),
        ("302 Found", "", Err(("EKS.302", r#""StatusText":"Found""#))),
        ("200 OK", &big, Err(("States.DataLimitExceeded", "The state/task 'eks' returned a result"))),
    ] {
        let (text, content) = (status.to_owned(), body.to_owned());
        let server = Server::start(move |_, _| answer(&text, "", &content)).await;
        let result = call_own(&proxy(&server), GET).await;
        match (&result, expected) {
            (Ok(result), Ok(wanted)) => assert_eq!(result.to_text(), wanted),
            (Err(error), Err((name, part))) => {
                assert_eq!(error.error, name, "{error:?}");
                assert!(error.cause.as_deref().unwrap_or_default().contains(part), "{error:?}");
            }
            _ => panic!("{status}: {result:?}"),
        }
    }
    let hanging = Server::start(|_, _| Action::Hang).await;
    let error = call_own(&proxy(&hanging), GET).await.expect_err("too late");
    assert_eq!(error.error, "EKS.SdkClientException");
    assert_eq!(error.cause.as_deref(), Some("Unable to execute HTTP request: Read timed out"));
}

/// A directory with files for sections.
struct Files {
    directory: tempfile::TempDir,
    authority: Authority,
}

impl Files {
    fn new() -> Self {
        let (directory, authority) = (tempfile::tempdir().expect("a directory"), Authority::new());
        let files = Self { directory, authority };
        files.write("ca.pem", &files.authority.pem);
        files.write("token", "from-file\n");
        let client = files.authority.certify(&["client"]);
        files.write("client.pem", &client.pem);
        files.write("key.pem", &client.key_pem());
        files
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.directory.path().join(name), text).expect("written");
    }

    /// A server with `https`; with `knows_clients` they must show a certificate.
    async fn server(&self, knows_clients: bool) -> Server {
        let identity = self.authority.certify(&["127.0.0.1", "abc.gr7.eu-west-1.eks.amazonaws.com"]);
        let tls = server_tls(&identity, knows_clients.then_some(&self.authority));
        Server::start_tls(tls, |_, _| answer("200 OK", "", "1")).await
    }
}

#[tokio::test]
async fn sections_say_how_a_cluster_is_called() {
    let files = Files::new();
    let ca = "certificate_authority = \"ca.pem\"\n";
    for (section, knows_clients, bearer) in [
        (format!("{ca}token = \"given\""), false, Some("Bearer given")),
        (format!("{ca}token_env = \"TOKEN\""), false, Some("Bearer from-variable")),
        (format!("{ca}token_file = \"token\""), false, Some("Bearer from-file")),
        (format!("{ca}client_certificate = \"client.pem\"\nclient_key = \"key.pem\""), true, None),
    ] {
        let server = files.server(knows_clients).await;
        let section = format!("endpoint = \"https://{}\"\n{section}", server.address);
        let result = call_own(&kubernetes(&section, files.directory.path()), GET).await;
        assert!(result.is_ok(), "{section}: {result:?}");
        assert_eq!(server.requests()[0].header("authorization"), bearer, "{section}");
    }
}

#[tokio::test]
async fn files_of_a_section_are_read_for_each_request() {
    let files = Files::new();
    let server = files.server(false).await;
    let section = format!(
        "endpoint = \"https://{}\"\ncertificate_authority = \"ca.pem\"\ntoken_file = \"token\"",
        server.address
    );
    let kubernetes = kubernetes(&section, files.directory.path());
    assert!(call_own(&kubernetes, GET).await.is_ok());
    files.write("token", "renewed");
    assert!(call_own(&kubernetes, GET).await.is_ok());
    let seen = server.requests();
    assert_eq!(seen[0].header("authorization"), Some("Bearer from-file"));
    assert_eq!(seen[1].header("authorization"), Some("Bearer renewed"));
}

#[tokio::test]
async fn kubeconfig_files_say_how_a_cluster_is_called() {
    let files = Files::new();
    let server = files.server(true).await;
    // The file stands in another directory than the configuration.
    std::fs::create_dir(files.directory.path().join("kube")).expect("a directory");
    let text = format!(
        r#"{{"current-context":"k","contexts":[{{"name":"k","context":{{"cluster":"c","user":"u"}}}}],
            "clusters":[{{"name":"c","cluster":{{"server":"https://{}","certificate-authority":"../ca.pem"}}}}],
            "users":[{{"name":"u","user":{{"client-certificate":"../client.pem","client-key":"../key.pem"}}}}]}}"#,
        server.address
    );
    files.write("kube/config", &text);
    let section = "kubeconfig = \"kube/config\"";
    let result = call_own(&kubernetes(section, files.directory.path()), GET).await;
    assert!(result.is_ok(), "{result:?}");
    // As YAML, by the reader that the configuration brings.
    let mut config = config(section, files.directory.path());
    config.yaml = Some(|text| text.strip_prefix("yaml: ").map(str::to_owned).ok_or("no YAML".to_owned()));
    let error = call_own(&Kubernetes::new(config.clone(), &aws_config(false, false)), GET).await;
    assert!(error.expect_err("no YAML").cause.unwrap_or_default().ends_with("config: no YAML"));
    files.write("kube/config", &format!("yaml: {text}"));
    assert!(call_own(&Kubernetes::new(config, &aws_config(false, false)), GET).await.is_ok());
}

#[tokio::test]
async fn what_is_wrong_with_a_section_is_said() {
    let files = Files::new();
    files.write("other.pem", &Authority::new().pem);
    files.write("no.pem", "no certificate");
    let server = files.server(false).await;
    let endpoint = format!("endpoint = \"https://{}\"\n", server.address);
    for (section, part) in [
        (format!("{endpoint}certificate_authority = \"other.pem\"\ntoken = \"t\""), "Connect to 127.0.0.1"),
        (format!("{endpoint}token = \"t\""), "UnknownIssuer"),
        (
            format!("{endpoint}certificate_authority = \"no.pem\"\ntoken = \"t\""),
            "the certificate authority has no certificate in PEM",
        ),
        (format!("{endpoint}certificate_authority = \"none.pem\"\ntoken = \"t\""), "none.pem can't be read"),
        (
            format!("{endpoint}certificate_authority = \"ca.pem\"\ntoken_file = \"none\""),
            "none can't be read",
        ),
        (
            format!(
                "{endpoint}certificate_authority = \"ca.pem\"\nclient_certificate = \"client.pem\"\nclient_key = \"ca.pem\""
            ),
            "the client key can't be read",
        ),
        (
            format!("{endpoint}certificate_authority = \"ca.pem\"\naws_token = true"),
            "Unable to load credentials",
        ),
        ("kubeconfig = \"none\"".to_owned(), "none can't be read"),
        ("kubeconfig = \"token\"".to_owned(), "token: "),
    ] {
        let error = call_own(&kubernetes(&section, files.directory.path()), GET).await.expect_err(&section);
        assert_eq!(error.error, "EKS.SdkClientException", "{section}");
        let cause = error.cause.unwrap_or_default();
        assert!(cause.contains(part), "{section}: {cause}");
        assert_eq!(server.requests().len(), 0, "{section}");
    }
}

/// Where the name of a cluster of EKS leads.
fn resolver(address: SocketAddr, permits: fn(IpAddr) -> bool) -> Resolver {
    let lookup: crate::http_client::Lookup = Arc::new(move |_| Box::pin(async move { Ok(vec![address]) }));
    Resolver { lookup, permits, way_out: super::OWN_SECTION }
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// Parameters for a cluster without a section.
fn eks_parameters(endpoint: &str, authority: &str) -> Value {
    parse(&format!(
        r#"{{"ClusterName":"mine","CertificateAuthority":"{}","Endpoint":"{endpoint}",{GET}}}"#,
        base64(authority)
    ))
}

/// The signed call in a token.
fn token_url(authorization: &str) -> String {
    use base64::Engine;
    let encoded = authorization.strip_prefix("Bearer k8s-aws-v1.").expect("a token for EKS");
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(encoded).expect("base64");
    String::from_utf8(bytes).expect("text")
}

#[tokio::test]
async fn clusters_of_eks_are_called_with_a_token_and_their_authority() {
    let files = Files::new();
    let server = files.server(false).await;
    let aws = aws_config(true, true);
    let at = |permits| {
        Kubernetes::with_resolver(KubernetesConfig::default(), &aws, resolver(server.address, permits))
    };
    let good = eks_parameters(EKS, &files.authority.pem);
    let result = call(&at(|_| true), aws.clone(), &good).await;
    assert!(result.is_ok(), "{result:?}");
    let url = token_url(server.requests()[0].header("authorization").expect("a token"));
    assert!(url.starts_with("https://sts.eu-west-1.amazonaws.com/?Action=GetCallerIdentity"), "{url}");
    assert!(url.contains("X-Amz-Credential=OWNKEY%2F"), "{url}");
    // Another authority, or an address within: nothing is sent.
    let other = eks_parameters(EKS, &Authority::new().pem);
    let error = call(&at(|_| true), aws.clone(), &other).await.expect_err("another authority");
    assert_eq!(error.error, "EKS.SdkClientException");
    let error = call(&at(address::is_public), aws.clone(), &good).await.expect_err("within");
    let cause = error.cause.unwrap_or_default();
    assert!(cause.contains("unless there is a section [eks.clusters.NAME]"), "{cause}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn sections_may_use_tokens_for_eks() {
    let files = Files::new();
    let server = files.server(false).await;
    let section = format!(
        "endpoint = \"https://{}\"\ncertificate_authority = \"ca.pem\"\naws_token = true",
        server.address
    );
    let kubernetes = kubernetes(&section, files.directory.path());
    call(&kubernetes, aws_config(false, true), &parameters(GET)).await.expect("a result");
    let url = token_url(server.requests()[0].header("authorization").expect("a token"));
    assert!(
        url.starts_with("https://sts.amazonaws.com/") || url.starts_with("https://sts.us-east-1."),
        "{url}"
    );
    // A role that nobody can be asked for gets no token.
    let (aws, given) = (Aws::new(aws_config(false, true)), parameters(GET));
    let role = Some("arn:aws:iam::123456789012:role/x");
    let error = result(kubernetes.work(&aws, caller("seed", role), &given).call().await).expect_err("no STS");
    assert_eq!(error.error, "States.TaskFailed");
    assert!(error.cause.unwrap_or_default().contains("role/x could not be assumed"));
}

#[tokio::test]
async fn without_a_section_only_clusters_of_eks_are_called_and_only_if_they_may() {
    let pem = Authority::new().pem;
    for (endpoint, allow, keys, error, part) in [
        (EKS, false, true, "EKS.SdkClientException", "describe the cluster under [eks.clusters.mine]"),
        ("https://kubernetes.example.com", true, true, "States.TaskFailed", "it is no API server of EKS"),
        ("https://evil-eks.amazonaws.com", true, true, "States.TaskFailed", "it is no API server of EKS"),
        ("https://127.0.0.1:6443", true, true, "States.TaskFailed", "it is no API server of EKS"),
        (
            "http://abc.gr7.eu-west-1.eks.amazonaws.com",
            true,
            true,
            "States.TaskFailed",
            "it is no API server of EKS",
        ),
        ("abc.eks.amazonaws.com", true, true, "States.Runtime", "does not start with https://"),
        (
            "https://u:p@abc.gr7.eu-west-1.eks.amazonaws.com",
            true,
            true,
            "States.Runtime",
            "user name or password",
        ),
    ] {
        let aws = aws_config(allow, keys);
        let kubernetes = Kubernetes::new(KubernetesConfig::default(), &aws);
        let found = call(&kubernetes, aws, &eks_parameters(endpoint, &pem)).await.expect_err(endpoint);
        assert_eq!(found.error, error, "{endpoint}: {found:?}");
        assert!(found.cause.as_deref().unwrap_or_default().contains(part), "{endpoint}: {found:?}");
    }
}
