//! A call of a service and its answer, in the JSON of the service's API.

use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The code of the error of a call that only finds a job, where there is none.
pub const NEVER_SUBMITTED: &str = "NeverSubmittedException";

/// A call of an operation.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// `batch` or `ecs`; of any other service nothing runs here.
    pub service: &'a str,
    /// The operation (`SubmitJob`).
    pub operation: &'a str,
    /// The region of the execution.
    pub region: &'a str,
    /// The account of the execution.
    pub account: &'a str,
    /// The execution that a job belongs to.
    pub execution_arn: &'a str,
    /// The same when a call is made again after a crash, so that a job which is recorded is not started twice.
    pub token_seed: &'a str,
    /// A call that starts a job is to find the one of an earlier such call, and starts none: where there is none, the error
    /// is [`NEVER_SUBMITTED`].
    pub only_finds: bool,
    /// The body of the request.
    pub body: &'a [u8],
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP's status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    pub(crate) fn of(result: Result<Value, Fault>) -> Answer {
        match result {
            Ok(body) => Answer { status: 200, body: body.to_string().into_bytes() },
            Err(fault) => {
                let body = json!({"__type": fault.code, "message": fault.message});
                Answer { status: fault.status, body: body.to_string().into_bytes() }
            }
        }
    }
}

/// An error of the service's API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) code: &'static str,
    pub(crate) status: u16,
    pub(crate) message: String,
}

impl Fault {
    /// Something is wrong with the request. `ClientException` is what both services call it.
    pub(crate) fn client(message: impl Into<String>) -> Fault {
        Fault { code: "ClientException", status: 400, message: message.into() }
    }

    /// ECS's name for a parameter that can't be.
    pub(crate) fn invalid_parameter(message: impl Into<String>) -> Fault {
        Fault { code: "InvalidParameterException", status: 400, message: message.into() }
    }

    /// The request is right, but can't be carried out.
    pub(crate) fn server(message: impl Into<String>) -> Fault {
        Fault { code: "ServerException", status: 500, message: message.into() }
    }
}

/// Reads a request. A member that jobs on this machine can't honour is refused by its name.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|error| {
        let text = error.to_string();
        let unknown =
            text.strip_prefix("unknown field `").and_then(|rest| rest.split_once('`')).map(|(name, _)| name);
        match unknown {
            Some(name) => Fault::client(format!("{name} is not supported by jobs that run on this machine")),
            None => Fault::client(format!("the request can't be read: {text}")),
        }
    })
}

/// An object without the members that are null.
pub(crate) fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().filter(|(_, value)| !value.is_null()).collect())
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Request {
        #[allow(dead_code)]
        name: String,
    }

    #[test]
    fn requests_that_can_not_be_honoured_are_refused_by_name() {
        let refused = |body: &str| read::<Request>(body.as_bytes()).unwrap_err().message;
        assert_eq!(
            refused(r#"{"nodeOverrides": {}}"#),
            "nodeOverrides is not supported by jobs that run on this machine"
        );
        assert_eq!(refused("{}"), "the request can't be read: missing field `name` at line 1 column 2");
    }
}
