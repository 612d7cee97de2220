//! ARNs from names: the server is asked, as it alone knows in which account and region its machines are.

use serde_json::json;

use super::{PAGE_SIZE, text};
use crate::client::Client;
use crate::failure::Failure;
use crate::nearest::nearest;

/// What a name can stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Machine,
    Activity,
}

/// The ARN of a state machine to start, given as it is or by name; `#CASE` behind either names a test case.
///
/// # Errors
/// As [`machine`].
pub(crate) async fn machine_to_start(client: &Client, name: &str) -> Result<String, Failure> {
    match name.split_once('#') {
        Some((name, case)) => Ok(format!("{}#{case}", machine(client, name).await?)),
        None => machine(client, name).await,
    }
}

/// The ARN of a state machine, given as it is or by name.
///
/// # Errors
/// The server has no such machine, or can't be asked.
pub(crate) async fn machine(client: &Client, name: &str) -> Result<String, Failure> {
    if name.starts_with("arn:") {
        return Ok(name.to_owned());
    }
    let (found, known) = find(client, Kind::Machine, name).await?;
    found.ok_or_else(|| {
        let hint = match nearest(name, known.iter().map(String::as_str)) {
            Some(nearest) => format!("did you mean {nearest}?"),
            None => "`stepwell list machines` shows those there are".to_owned(),
        };
        Failure::Refused(format!("the server has no state machine {name:?}; {hint}"))
    })
}

/// The ARN of an execution, given as it is or as `MACHINE:EXECUTION`.
///
/// # Errors
/// The server has no such machine, or can't be asked; or the name has no machine.
pub(crate) async fn execution(client: &Client, name: &str) -> Result<String, Failure> {
    if name.starts_with("arn:") {
        return Ok(name.to_owned());
    }
    let Some((machine_name, execution_name)) = name.split_once(':') else {
        return Err(Failure::Usage(format!(
            "{name:?} names no execution; write MACHINE:EXECUTION or its ARN"
        )));
    };
    let machine = machine(client, machine_name).await?;
    Ok(format!("{}:{execution_name}", machine.replacen(":stateMachine:", ":execution:", 1)))
}

/// The ARN of a state machine or else an activity, given as it is or by name.
///
/// # Errors
/// The server has neither, or can't be asked.
pub(crate) async fn machine_or_activity(client: &Client, name: &str) -> Result<String, Failure> {
    if name.starts_with("arn:") {
        return Ok(name.to_owned());
    }
    if let (Some(found), _) = find(client, Kind::Machine, name).await? {
        return Ok(found);
    }
    if let (Some(found), _) = find(client, Kind::Activity, name).await? {
        return Ok(found);
    }
    Err(Failure::Refused(format!("the server has no state machine and no activity {name:?}")))
}

/// The ARN of what has the name; else the names there are.
async fn find(client: &Client, kind: Kind, name: &str) -> Result<(Option<String>, Vec<String>), Failure> {
    let (operation, list, arn) = match kind {
        Kind::Machine => ("ListStateMachines", "stateMachines", "stateMachineArn"),
        Kind::Activity => ("ListActivities", "activities", "activityArn"),
    };
    let mut known = Vec::new();
    let mut request = json!({"maxResults": PAGE_SIZE});
    loop {
        let page = client.call(operation, &request).await?;
        for item in page[list].as_array().into_iter().flatten() {
            if text(item, "name") == name {
                return Ok((Some(text(item, arn).to_owned()), known));
            }
            known.push(text(item, "name").to_owned());
        }
        match page["nextToken"].as_str() {
            Some(token) => request["nextToken"] = token.into(),
            None => return Ok((None, known)),
        }
    }
}
