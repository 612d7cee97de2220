//! The credentials of roles that tasks act in.

use std::{
    collections::HashMap,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use stepwell_aws_model::{Service, service};
use stepwell_json::{Object, Value};
use tokio::sync::OnceCell;

use super::{
    client::{ANSWER_MAX_BYTES, Aws, Call, CallError, Era},
    credentials::{Actor, of_section, placeholder},
    endpoint,
};

/// Temporary credentials are renewed this long before they end.
const RENEWAL_MARGIN: Duration = Duration::from_secs(300);
/// Roles whose credentials are kept.
const ROLES_MAX: usize = 1_000;

type Assumed = Result<Credentials, CallError>;

/// What STS said of roles, or is being asked for: whoever needs the same role waits for the same answer.
#[derive(Default)]
pub(super) struct RoleStore(Mutex<HashMap<String, Arc<OnceCell<Assumed>>>>);

impl RoleStore {
    /// Credentials of a role that are good for a while: those that are known, or else what asking gives. A refusal is
    /// for those who waited for it; whoever comes later asks again.
    async fn get(&self, role: &str, now: SystemTime, ask: impl AsyncFnOnce() -> Assumed) -> Assumed {
        let answer = {
            let mut roles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let known = roles.get(role).filter(|answer| answer.get().is_none_or(|known| is_good(known, now)));
            match known {
                Some(answer) => answer.clone(),
                None => {
                    if roles.len() >= ROLES_MAX {
                        roles.clear();
                    }
                    let answer = Arc::new(OnceCell::new());
                    roles.insert(role.to_owned(), answer.clone());
                    answer
                }
            }
        };
        // If the task that asks is given up meanwhile, the next in line asks.
        answer.get_or_init(|| ask()).await.clone()
    }
}

fn is_good(known: &Assumed, now: SystemTime) -> bool {
    known.as_ref().is_ok_and(|known| known.expiry().is_none_or(|expiry| now + RENEWAL_MARGIN < expiry))
}

impl Aws {
    /// The credentials of a role; `is_aws`: for a call at AWS itself.
    ///
    /// # Errors
    /// The role can't be taken on.
    pub(super) async fn role_credentials(
        &self,
        role: &str,
        actor: &Actor<'_>,
        is_aws: bool,
    ) -> Result<Credentials, CallError> {
        if let Some(section) = self.config.section.roles.get(role) {
            return Ok(of_section(section));
        }
        let sts = service("sts").ok_or_else(|| CallError::Role("the model of STS is missing".to_owned()))?;
        if let Err(reason) = endpoint::target(&self.config, &sts, actor.region) {
            if is_aws {
                return Err(CallError::Role(format!("The role {role} could not be assumed: {reason}")));
            }
            // Nobody can be asked; emulators read the account from the access key.
            return Ok(placeholder(account_of_role(role).unwrap_or(actor.account)));
        }
        self.credentials
            .roles
            .get(role, SystemTime::now(), async || self.assume(&sts, role, actor).await)
            .await
    }

    /// Asks STS, which is a call as any other.
    fn assume<'a>(
        &'a self,
        sts: &'a Arc<Service>,
        role: &'a str,
        actor: &'a Actor<'_>,
    ) -> Pin<Box<dyn Future<Output = Assumed> + Send + 'a>> {
        Box::pin(async move {
            let parameters = Value::Object(Object::from_entries(vec![
                ("RoleArn".into(), Value::from(role)),
                ("RoleSessionName".into(), Value::from("stepwell")),
            ]));
            let ask = Call {
                service: sts,
                operation: "AssumeRole",
                parameters: &parameters,
                body: None,
                answer_max_bytes: ANSWER_MAX_BYTES,
                era: Era::Second,
                region: actor.region,
                account: actor.account,
                token_seed: "",
                role: None,
            };
            let refused =
                |reason: String| CallError::Role(format!("The role {role} could not be assumed: {reason}"));
            let answer = self.carry_out(&ask, None).await.map_err(|error| {
                refused(match error {
                    CallError::Service(error) => format!(
                        "{} (Service: Sts, Status Code: {}, Request ID: {})",
                        error.message, error.status, error.request_id
                    ),
                    CallError::NoAnswer { reason, .. } => reason,
                    other => format!("{other:?}"),
                })
            })?;
            let keys = answer.result.get("Credentials");
            let text = |name: &str| keys.and_then(|keys| keys.get(name)).and_then(Value::as_str);
            let (Some(id), Some(secret)) = (text("AccessKeyId"), text("SecretAccessKey")) else {
                return Err(refused("STS gave no keys".to_owned()));
            };
            let expiry = text("Expiration")
                .and_then(|text| text.parse::<jiff::Timestamp>().ok())
                .map(SystemTime::from);
            Ok(Credentials::new(id, secret, text("SessionToken").map(str::to_owned), expiry, "assumed"))
        })
    }
}

/// `arn:aws:iam::123456789012:role/name` is of that account.
pub(super) fn account_of_role(role: &str) -> Option<&str> {
    role.split(':').nth(4).filter(|account| account.len() == 12)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        aws::AwsConfig,
        testing::{Server, answer},
    };

    const ROLE: &str = "arn:aws:iam::123456789012:role/r";
    const OTHER: &str = "arn:aws:iam::123456789012:role/other";
    const ACTOR: Actor<'static> = Actor { region: "us-east-1", account: "123456789012", role: None };

    /// What STS gives: keys that name the request.
    fn keys(number: usize, expiration: &str) -> String {
        format!(
            "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>K{number}</AccessKeyId>\
             <SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>\
             <Expiration>{expiration}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
        )
    }

    const REFUSED: &str = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>No.</Message></Error>\
        <RequestId>i</RequestId></ErrorResponse>";

    /// An STS that gives these statuses and times of expiry, one after another.
    async fn sts(answers: &'static [(&'static str, &'static str)]) -> (Aws, Server) {
        let server = Server::start(move |number, _| {
            let (status, expiration) = answers[number - 1];
            let body = if status == "200 OK" { keys(number, expiration) } else { REFUSED.to_owned() };
            answer(status, "content-type: text/xml\r\n", &body)
        })
        .await;
        let endpoints = [("sts".to_owned(), server.url(""))].into();
        (Aws::new(AwsConfig { endpoints, ..AwsConfig::default() }), server)
    }

    async fn key(aws: &Aws, role: &str) -> Result<String, String> {
        match aws.role_credentials(role, &ACTOR, false).await {
            Ok(credentials) => Ok(credentials.access_key_id().to_owned()),
            Err(CallError::Role(reason)) => Err(reason),
            Err(other) => panic!("{other:?}"),
        }
    }

    const LATER: &str = "2099-01-02T03:04:05Z";

    #[tokio::test]
    async fn tasks_that_need_the_same_role_at_once_ask_once() {
        let (aws, server) = sts(&[("200 OK", LATER)]).await;
        // All of them are begun before the server gets to answer.
        let (first, second, third) = tokio::join!(key(&aws, ROLE), key(&aws, ROLE), key(&aws, ROLE));
        for found in [first, second, third, key(&aws, ROLE).await] {
            assert_eq!(found.as_deref(), Ok("K1"));
        }
        assert_eq!(server.requests().len(), 1);
    }

    #[tokio::test]
    async fn each_role_is_asked_for_by_itself() {
        let (aws, server) = sts(&[("200 OK", LATER), ("200 OK", LATER)]).await;
        let (one, other) = tokio::join!(key(&aws, ROLE), key(&aws, OTHER));
        assert_ne!(one, other);
        assert_eq!(server.requests().len(), 2);
    }

    #[tokio::test]
    async fn a_refusal_is_for_those_who_waited_and_is_not_kept() {
        let (aws, server) = sts(&[("403 Forbidden", ""), ("200 OK", LATER)]).await;
        let (first, second) = tokio::join!(key(&aws, ROLE), key(&aws, ROLE));
        let refused = format!(
            "The role {ROLE} could not be assumed: No. (Service: Sts, Status Code: 403, Request ID: i)"
        );
        assert_eq!((first, second), (Err(refused.clone()), Err(refused)));
        assert_eq!(key(&aws, ROLE).await.as_deref(), Ok("K2"));
        assert_eq!(server.requests().len(), 2);
    }

    #[tokio::test]
    async fn credentials_that_are_about_to_end_are_asked_for_again_once() {
        let (aws, server) = sts(&[("200 OK", "2001-01-01T00:00:00Z"), ("200 OK", LATER)]).await;
        assert_eq!(key(&aws, ROLE).await.as_deref(), Ok("K1"));
        let (first, second) = tokio::join!(key(&aws, ROLE), key(&aws, ROLE));
        assert_eq!((first.as_deref(), second.as_deref()), (Ok("K2"), Ok("K2")));
        assert_eq!(server.requests().len(), 2);
    }

    #[tokio::test]
    async fn when_the_task_that_asks_is_given_up_another_asks() {
        let roles = RoleStore::default();
        let gone = roles.get(ROLE, SystemTime::now(), async || std::future::pending().await);
        let waiting = roles.get(ROLE, SystemTime::now(), async || Ok(placeholder("other")));
        let mut waiting = std::pin::pin!(waiting);
        {
            let mut gone = std::pin::pin!(gone);
            tokio::select! {
                biased;
                _ = &mut gone => panic!("nobody answers it"),
                _ = &mut waiting => panic!("it waits for the first"),
                () = std::future::ready(()) => {}
            }
        }
        assert_eq!(waiting.await.expect("credentials").access_key_id(), "other");
    }
}
