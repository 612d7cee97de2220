//! `stepwell env` and `stepwell doctor`.

mod common;

use std::path::Path;

use common::{Ended, PASS, Server, command, finish, is_there, stepwell, write};
use serde_json::Value;

#[test]
fn every_client_is_told_the_endpoint_and_the_region() {
    let directory = tempfile::tempdir().unwrap();
    for client in ["sh", "fish", "powershell", "dotenv", "aws-cli", "boto3", "js", "rust", "terraform"] {
        let arguments =
            ["env", "--client", client, "--endpoint-url", "http://example:1/", "--output", "json"];
        let answer =
            finish(command(directory.path()).args(arguments).env("AWS_REGION", "eu-west-1")).expect(0).json();
        let text = answer["text"].as_str().unwrap();
        assert!(text.contains("http://example:1") && !text.contains("http://example:1/"), "{text}");
        assert!(text.contains("eu-west-1"), "{text}");
        assert_eq!(answer["client"], client);
        assert_eq!(answer["variables"]["AWS_ENDPOINT_URL_SFN"], "http://example:1");
        let plain =
            finish(command(directory.path()).args(&arguments[..5]).env("AWS_REGION", "eu-west-1")).expect(0);
        assert_eq!(plain.stdout.trim_end(), text);
    }
}

#[test]
fn what_is_printed_for_a_shell_sets_its_variables() {
    let directory = tempfile::tempdir().unwrap();
    let shown = stepwell(directory.path(), &["env", "--endpoint-url", "http://it's:1"]).expect(0).stdout;
    let script = format!(
        "{shown}\nprintf '%s %s %s' \"$AWS_ENDPOINT_URL_SFN\" \"$AWS_REGION\" \"$AWS_ACCESS_KEY_ID\""
    );
    let ended = finish(std::process::Command::new("sh").args(["-c", &script]).env_clear()).expect(0);
    assert_eq!(ended.stdout, "http://it's:1 us-east-1 test");
    // Real keys are not printed; a key that names an account is.
    for (key, printed) in [("AKIAIOSFODNN7EXAMPLE", "test"), ("123456789012", "123456789012")] {
        let shown =
            finish(command(directory.path()).arg("env").env("AWS_ACCESS_KEY_ID", key)).expect(0).stdout;
        assert!(shown.contains(&format!("export AWS_ACCESS_KEY_ID={printed}\n")), "{shown}");
    }
}

fn doctor(directory: &Path, variables: &[(&str, &str)], arguments: &[&str]) -> Ended {
    let mut command = command(directory);
    command.arg("doctor").args(arguments).envs(variables.iter().copied()).env("HOME", directory);
    finish(&mut command)
}

#[test]
fn a_client_with_the_variables_of_env_has_no_problems() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &["--memory"]);
    let shown = server.client(&["env", "--output", "json"]).expect(0).json();
    let variables: Vec<(&str, &str)> = shown["variables"]
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap()))
        .collect();
    let ended = doctor(directory.path(), &variables, &[]).expect(0);
    assert!(ended.stdout.ends_with("no problems\n"), "{ended:?}");
    for part in [
        "ok       endpoint: ",
        "ok       server: Stepwell ",
        "account 000000000000, region us-east-1",
        "ok       clock: ",
    ] {
        assert!(ended.stdout.contains(part), "{part}\n{ended:?}");
    }
}

/// What differs from good variables, the exit code, a check and its status, parts of its finding.
type Case<'a> = (&'a [(&'a str, &'a str)], i32, &'a str, &'a str, &'a [&'a str]);

#[test]
fn each_problem_is_told_with_its_place_and_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::start(directory.path(), &["--memory"]);
    let here = server.endpoint.as_str();
    let port = here.rsplit(':').next().unwrap();
    let named = format!("http://localhost:{port}");
    write(
        directory.path(),
        "profile",
        &format!(
            "[profile dev]\nregion = eu-west-1\nservices = local\naws_access_key_id = a\naws_secret_access_key = b\n\
             disable_host_prefix_injection = true\n[services local]\nsfn =\n  endpoint_url = {here}\n"
        ),
    );
    write(directory.path(), "pass.asl.json", PASS);
    let good: &[(&str, &str)] = &[
        ("AWS_ENDPOINT_URL_SFN", here),
        ("AWS_ACCESS_KEY_ID", "a"),
        ("AWS_SECRET_ACCESS_KEY", "b"),
        ("AWS_REGION", "r-1"),
        ("AWS_DEFAULT_REGION", "r-1"),
        ("AWS_DISABLE_HOST_PREFIX_INJECTION", "true"),
    ];
    let cases: &[Case<'_>] = &[
        (
            &[("AWS_DISABLE_HOST_PREFIX_INJECTION", "")],
            1,
            "sync- prefix",
            "problem",
            &["sync-127.0.0.1, which can't be resolved", "export AWS_DISABLE_HOST_PREFIX_INJECTION=true"],
        ),
        (
            &[("AWS_DISABLE_HOST_PREFIX_INJECTION", ""), ("AWS_ENDPOINT_URL_SFN", &named)],
            1,
            "sync- prefix",
            "problem",
            &["at sync-localhost", "/etc/hosts: 127.0.0.1 sync-localhost"],
        ),
        (
            &[("HTTP_PROXY", "http://proxy:3128")],
            1,
            "proxy",
            "problem",
            &["proxy:3128", "NO_PROXY=127.0.0.1"],
        ),
        (
            &[("HTTP_PROXY", "http://proxy:3128"), ("NO_PROXY", "127.0.0.1")],
            0,
            "proxy",
            "ok",
            &["not used for 127.0.0.1"],
        ),
        (
            &[("AWS_ENDPOINT_URL_SFN", "http://127.0.0.1:1")],
            1,
            "server",
            "problem",
            &["can't connect to http://127.0.0.1:1: connection refused", "stepwell serve --port 1"],
        ),
        (
            &[("AWS_ENDPOINT_URL_SFN", "http://stepwell.invalid:8083")],
            1,
            "server",
            "problem",
            &["the name stepwell.invalid can't be resolved"],
        ),
        (&[("AWS_ACCESS_KEY_ID", "")], 1, "credentials", "problem", &["AWS_ACCESS_KEY_ID is not set"]),
        (&[("AWS_PROFILE", "nowhere")], 1, "credentials", "problem", &["there is no profile"]),
        (&[("AWS_REGION", "r-2")], 0, "region", "warning", &["boto3 uses r-1"]),
        (
            &[
                ("AWS_CONFIG_FILE", "profile"),
                ("AWS_PROFILE", "dev"),
                ("AWS_ENDPOINT_URL_SFN", ""),
                ("AWS_DISABLE_HOST_PREFIX_INJECTION", ""),
            ],
            0,
            "endpoint",
            "ok",
            &[here, "profile:9"],
        ),
        (
            &[("AWS_CONFIG_FILE", "profile"), ("AWS_PROFILE", "dev"), ("AWS_DEFAULT_REGION", "")],
            0,
            "region",
            "warning",
            &["some clients use r-1, others eu-west-1", "profile:2"],
        ),
    ];
    for (changes, code, check, status, parts) in cases {
        let variables: Vec<(&str, &str)> = good.iter().chain(*changes).copied().collect();
        let ended = doctor(directory.path(), &variables, &["--output", "json"]).expect(*code);
        let answer = ended.json();
        let found = answer["findings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|finding| finding["check"] == *check && finding["status"] == *status);
        let Some(found) = found else { panic!("{changes:?}: no {status} about {check} in {answer:#}") };
        let text = found.to_string();
        for part in *parts {
            assert!(text.contains(part), "{changes:?}: {part} not in {text}");
        }
        let problems =
            answer["findings"].as_array().unwrap().iter().filter(|finding| finding["status"] == "problem");
        assert_eq!(answer["problems"], Value::from(problems.count()));
    }
}

#[test]
fn a_server_that_is_something_else_is_told_so() {
    if !is_there("python3") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut other = std::process::Command::new("python3")
        .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"])
        .current_dir(directory.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(other.stdout.take().unwrap()), &mut line)
        .unwrap();
    let port = line.split(" port ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    let ended = doctor(directory.path(), &[], &["--endpoint-url", &format!("http://127.0.0.1:{port}")]);
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(ended.expect(1).stdout.contains("but it is not a Stepwell"));
}

#[test]
fn nobody_is_advised_to_use_what_is_no_address() {
    let directory = tempfile::tempdir().unwrap();
    for address in ["here", "http://127.0.0.1:99999"] {
        let told = doctor(directory.path(), &[], &["--endpoint-url", address]).expect(1).stdout;
        assert!(told.contains("is not an address") && told.contains("write http://HOST:PORT"), "{told}");
        assert!(!told.contains("AWS_ENDPOINT_URL_SFN="), "{told}");
    }
}

#[test]
fn what_does_not_speak_http_is_told_from_what_is_not_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let other = std::thread::spawn(move || {
        let (mut connection, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut connection, b"SSH-2.0-other\r\n").unwrap();
        // What was sent must be read before the connection ends, or it is reset.
        let _ = std::io::Read::read(&mut connection, &mut [0; 4096]);
    });
    let directory = tempfile::tempdir().unwrap();
    let ended = stepwell(directory.path(), &["list", "machines", "--endpoint-url", &address]).expect(3);
    other.join().unwrap();
    let told = format!("{address} does not answer as Step Functions does: it does not speak HTTP");
    assert!(ended.stderr.contains(&told), "{}", ended.stderr);
}
