//! The standard chain of credentials, each source alone: this test program is started anew with the environment that names the
//! source, as the chain reads the environment of its process. AWS's own services are played by a small HTTP server.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    process::Command,
};

use super::{config::AwsConfig, credentials::CredentialStore};

/// Set where the test below is to show what the chain finds.
const SHOW: &str = "STEPWELL_SHOWS_CREDENTIALS";
const KEYS: &str = r#"{"Code":"Success","AccessKeyId":"ASIAFAKE","SecretAccessKey":"s","Token":"t","Expiration":"2099-01-02T03:04:05Z"}"#;

#[tokio::test]
async fn shows_what_the_chain_finds() {
    if std::env::var_os(SHOW).is_none() {
        return;
    }
    let store = CredentialStore::new(&AwsConfig::default());
    match store.standard().await {
        Ok(found) => {
            let token = found.session_token().unwrap_or("none");
            println!("\nfound {} {} {token}", found.access_key_id(), found.secret_access_key());
        }
        Err(reason) => println!("\nfound nothing: {reason}"),
    }
}

/// What the chain finds in a process with such an environment.
fn found(environment: &BTreeMap<&str, String>) -> String {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "aws::credentials_tests::shows_what_the_chain_finds", "--nocapture"])
        .env_clear()
        .env(SHOW, "1")
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_CONFIG_FILE", "/nonexistent")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(environment)
        .output()
        .expect("it can be started");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match text.lines().find_map(|line| line.strip_prefix("found ")) {
        Some(found) => found.to_owned(),
        None => panic!("{text}{}", String::from_utf8_lossy(&output.stderr)),
    }
}

/// A server that answers a request with what `answer` makes of its first line, headers and body.
fn server(answer: fn(&str) -> (u16, String)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut reader = BufReader::new(stream.try_clone().expect("a reader"));
            let mut request = String::new();
            while reader.read_line(&mut request).is_ok_and(|length| length > 2) {}
            let length = request
                .lines()
                .find_map(|line| {
                    line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
                })
                .unwrap_or(0);
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            request.push_str(&String::from_utf8_lossy(&body));
            let (status, text) = answer(&request);
            // Instances say how long the token of a session is good for.
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\
                 x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\r\n",
                text.len()
            );
            let _ = stream.write_all((head + &text).as_bytes());
        }
    });
    address
}

#[test]
fn the_environment_and_profiles_have_keys() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("credentials");
    let printed = directory.path().join("printed");
    std::fs::write(&printed, r#"{"Version":1,"AccessKeyId":"AKIDPROGRAM","SecretAccessKey":"p"}"#)
        .expect("a file");
    let keys = format!(
        "[default]\naws_access_key_id = AKIDDEFAULT\naws_secret_access_key = d\n\
         [work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = w\naws_session_token = x\n\
         [program]\ncredential_process = cat {}\n",
        printed.display()
    );
    std::fs::write(&file, keys).expect("a file");
    let file = file.display().to_string();
    let profiles = |name: &str| {
        BTreeMap::from([
            ("AWS_SHARED_CREDENTIALS_FILE", file.clone()),
            ("AWS_PROFILE", name.to_owned()),
            ("PATH", std::env::var("PATH").unwrap_or_default()),
        ])
    };
    assert_eq!(found(&profiles("default")), "AKIDDEFAULT d none");
    assert_eq!(found(&profiles("work")), "AKIDWORK w x");
    assert_eq!(found(&profiles("program")), "AKIDPROGRAM p none");
    let mut both = profiles("work");
    both.extend([("AWS_ACCESS_KEY_ID", "AKIDOWN".to_owned()), ("AWS_SECRET_ACCESS_KEY", "o".to_owned())]);
    assert_eq!(found(&both), "AKIDOWN o none");
}

#[test]
fn containers_are_given_keys() {
    let address = server(|request| {
        if request.starts_with("GET /keys ") && request.to_ascii_lowercase().contains("authorization: secret")
        {
            (200, KEYS.to_owned())
        } else {
            (403, String::new())
        }
    });
    let environment = BTreeMap::from([
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("http://{address}/keys")),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret".to_owned()),
    ]);
    assert_eq!(found(&environment), "ASIAFAKE s t");
}

#[test]
fn instances_are_given_keys() {
    let address = server(|request| {
        let has_token = request.to_ascii_lowercase().contains("x-aws-ec2-metadata-token: session");
        let role = "/latest/meta-data/iam/security-credentials";
        match request.split(' ').nth(1).unwrap_or_default() {
            "/latest/api/token" => (200, "session".to_owned()),
            path if has_token && path.trim_end_matches('/') == role => (200, "the-role".to_owned()),
            path if has_token && path == format!("{role}/the-role") => (200, KEYS.to_owned()),
            _ => (404, String::new()),
        }
    });
    let environment = BTreeMap::from([
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{address}")),
        ("AWS_EC2_METADATA_DISABLED", "false".to_owned()),
    ]);
    assert_eq!(found(&environment), "ASIAFAKE s t");
}

#[test]
fn a_web_identity_is_exchanged_for_keys() {
    let address = server(|request| {
        let wanted = [
            "Action=AssumeRoleWithWebIdentity",
            "WebIdentityToken=the-token",
            "RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fr",
        ];
        if !wanted.iter().all(|part| request.contains(part)) {
            return (400, String::new());
        }
        let keys = "<AccessKeyId>ASIAWEB</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
                    <Expiration>2099-01-02T03:04:05Z</Expiration>";
        let result = format!(
            "<AssumeRoleWithWebIdentityResult><Credentials>{keys}</Credentials></AssumeRoleWithWebIdentityResult>"
        );
        (200, format!("<AssumeRoleWithWebIdentityResponse>{result}</AssumeRoleWithWebIdentityResponse>"))
    });
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("token");
    std::fs::write(&file, "the-token").expect("a file");
    let environment = BTreeMap::from([
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.display().to_string()),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/r".to_owned()),
        ("AWS_ENDPOINT_URL_STS", format!("http://{address}")),
    ]);
    assert_eq!(found(&environment), "ASIAWEB s t");
}

#[test]
fn without_a_source_nothing_is_found() {
    let nothing = found(&BTreeMap::new());
    assert!(
        nothing.starts_with("nothing: Unable to load credentials from any of the providers"),
        "{nothing}"
    );
}
