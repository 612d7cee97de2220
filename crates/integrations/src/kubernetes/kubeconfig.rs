//! Kubeconfig files: the server of a context, and its user.

use std::path::Path;

use base64::Engine;
use stepwell_json::{Array, Value};

use super::config::{Identity, Server, Text};

/// The server of a context, the current one unless another is named. `directory`: where relative paths start.
///
/// # Errors
/// What is missing in the file or is not supported.
pub(super) fn server(document: &Value, context: Option<&str>, directory: &Path) -> Result<Server, String> {
    let current = document.get("current-context").and_then(Value::as_str).filter(|name| !name.is_empty());
    let context = context.or(current).ok_or("it has no current-context; name one with context")?;
    let names = named(document, "contexts", "context", context)?;
    let name = |what: &str| {
        names
            .get(what)
            .and_then(Value::as_str)
            .ok_or_else(|| format!("the context {context} names no {what}"))
    };
    let cluster = named(document, "clusters", "cluster", name("cluster")?)?;
    let user = named(document, "users", "user", name("user")?)?;
    refuse(cluster, &["tls-server-name", "proxy-url"], "cluster")?;
    if cluster.get("insecure-skip-tls-verify").is_some_and(|value| value == &Value::Bool(true)) {
        return Err("insecure-skip-tls-verify is not supported; give the certificate-authority".to_owned());
    }
    let endpoint = cluster.get("server").and_then(Value::as_str).ok_or("the cluster has no server")?;
    crate::http_client::check_address(endpoint)?;
    Ok(Server {
        endpoint: endpoint.to_owned(),
        authority: text(cluster, "certificate-authority", directory)?,
        identity: identity(user, directory)?,
    })
}

fn named<'v>(document: &'v Value, list: &str, member: &str, name: &str) -> Result<&'v Value, String> {
    let entries = document.get(list).and_then(Value::as_array).map(Array::items).unwrap_or_default();
    let found = entries.iter().find(|entry| entry.get("name").and_then(Value::as_str) == Some(name));
    found.and_then(|entry| entry.get(member)).ok_or_else(|| format!("it has no {member} {name}"))
}

fn refuse(object: &Value, members: &[&str], what: &str) -> Result<(), String> {
    match members.iter().find(|member| object.get(member).is_some()) {
        Some(member) => Err(format!("{member} of a {what} is not supported")),
        None => Ok(()),
    }
}

/// `NAME-data` in base64, else the file that `NAME` names. The former wins, as in `kubectl`.
fn text(object: &Value, name: &str, directory: &Path) -> Result<Option<Text>, String> {
    let member = |name: &str| object.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if let Some(data) = member(&format!("{name}-data")) {
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(data.trim())
            .map_err(|_| format!("{name}-data is not in base64"))?;
        return Ok(Some(Text::Given(bytes)));
    }
    Ok(member(name).map(|path| Text::File(directory.join(path))))
}

fn identity(user: &Value, directory: &Path) -> Result<Identity, String> {
    refuse(user, &["auth-provider", "username", "as"], "user")?;
    let certificate = text(user, "client-certificate", directory)?;
    let key = text(user, "client-key", directory)?;
    if let (Some(certificate), Some(key)) = (certificate, key) {
        return Ok(Identity::Certificate(certificate, key));
    }
    let member = |name: &str| user.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    // The file wins, as in `kubectl`.
    if let Some(path) = member("tokenFile") {
        return Ok(Identity::Token(Text::File(directory.join(path))));
    }
    if let Some(token) = member("token") {
        return Ok(Identity::Token(Text::Given(token.as_bytes().to_vec())));
    }
    match user.get("exec") {
        Some(exec) => aws_command(exec),
        None => Err("the user has neither a client-certificate nor a token".to_owned()),
    }
}

/// The commands that make a token for EKS are not run: the token is made here. Others are not supported.
fn aws_command(exec: &Value) -> Result<Identity, String> {
    let command = exec.get("command").and_then(Value::as_str).unwrap_or_default();
    let program = command.rsplit(['/', '\\']).next().unwrap_or_default();
    let program = program.strip_suffix(".exe").unwrap_or(program);
    if !matches!(program, "aws" | "aws-iam-authenticator") {
        return Err(format!(
            "the user's command {command:?} is not run; give token_file, or client_certificate and client_key"
        ));
    }
    let arguments = exec.get("args").and_then(Value::as_array).map(Array::items).unwrap_or_default();
    let arguments: Vec<&str> = arguments.iter().filter_map(Value::as_str).collect();
    let after = |names: &[&str]| {
        arguments.windows(2).find(|pair| names.contains(&pair[0])).map(|pair| pair[1].to_owned())
    };
    let cluster = after(&["--cluster-name", "--cluster-id", "-i"]);
    Ok(Identity::Aws { cluster, region: after(&["--region"]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: &str = r#"{"server":"https://h:6443","certificate-authority-data":"Y2E="}"#;

    fn document(cluster: &str, user: &str) -> Value {
        let text = format!(
            r#"{{"current-context":"k","contexts":[{{"name":"k","context":{{"cluster":"c","user":"u"}}}},
                {{"name":"other","context":{{"cluster":"none","user":"u"}}}}],
                "clusters":[{{"name":"c","cluster":{cluster}}}],"users":[{{"name":"u","user":{user}}}]}}"#
        );
        stepwell_json::parse(&text).expect(&text)
    }

    #[test]
    fn servers_and_users_are_found() {
        for (user, expected) in [
            (r#"{"token":"t"}"#, "Token(Given)"),
            (r#"{"token":"t","tokenFile":"f"}"#, "Token(File(\"/d/f\"))"),
            (
                r#"{"client-certificate-data":"Yw==","client-key":"/k.pem"}"#,
                "Certificate(Given, File(\"/k.pem\"))",
            ),
            (
                r#"{"exec":{"command":"/usr/bin/aws","args":["--region","eu-west-1","eks","get-token","--cluster-name","n"]}}"#,
                "Aws { cluster: Some(\"n\"), region: Some(\"eu-west-1\") }",
            ),
            (
                r#"{"exec":{"command":"aws-iam-authenticator","args":["token","-i","n"]}}"#,
                "Aws { cluster: Some(\"n\"), region: None }",
            ),
        ] {
            let server = server(&document(CLUSTER, user), None, Path::new("/d")).expect(user);
            assert_eq!(format!("{:?}", server.identity), expected);
            assert_eq!(server.endpoint, "https://h:6443");
            assert!(matches!(server.authority, Some(Text::Given(text)) if text == b"ca"));
        }
    }

    #[test]
    fn what_is_missing_or_not_supported_is_said() {
        let token = r#"{"token":"t"}"#;
        for (cluster, user, context, expected) in [
            (CLUSTER, token, Some("x"), "it has no context x"),
            (CLUSTER, token, Some("other"), "it has no cluster none"),
            ("{}", token, None, "the cluster has no server"),
            (r#"{"server":"h"}"#, token, None, "\"h\" does not start with http"),
            (
                r#"{"server":"https://h","insecure-skip-tls-verify":true}"#,
                token,
                None,
                "insecure-skip-tls-verify",
            ),
            (r#"{"server":"https://h","proxy-url":"http://p"}"#, token, None, "proxy-url of a cluster"),
            (r#"{"server":"https://h","certificate-authority-data":"%"}"#, token, None, "not in base64"),
            (CLUSTER, "{}", None, "the user has neither"),
            (CLUSTER, r#"{"username":"u"}"#, None, "username of a user is not supported"),
            (CLUSTER, r#"{"exec":{"command":"gke-plugin"}}"#, None, "\"gke-plugin\" is not run"),
        ] {
            let error = server(&document(cluster, user), context, Path::new("")).expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
    }
}
