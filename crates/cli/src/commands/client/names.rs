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

/// What stands behind a state machine's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Qualifier<'a> {
    /// The number of a version.
    Version(&'a str),
    /// The name of an alias.
    Alias(&'a str),
}

/// The state machine's ARN and the qualifier in the ARN of a version or an alias; none in another ARN.
pub(crate) fn qualifier(arn: &str) -> Option<(&str, Qualifier<'_>)> {
    let (_, name) = arn.split_once(":stateMachine:")?;
    let (_, qualifier) = name.split_once(':')?;
    let machine_arn = arn.strip_suffix(qualifier)?.strip_suffix(':')?;
    let is_number = !qualifier.is_empty() && qualifier.bytes().all(|byte| byte.is_ascii_digit());
    Some((machine_arn, if is_number { Qualifier::Version(qualifier) } else { Qualifier::Alias(qualifier) }))
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

/// The ARN of a state machine, given as it is or by name; with `:3` or `:alias` behind the name, that of the version or
/// alias, of which only the machine is looked for.
///
/// # Errors
/// The server has no such machine, or can't be asked.
pub(crate) async fn machine(client: &Client, name: &str) -> Result<String, Failure> {
    if name.starts_with("arn:") {
        return Ok(name.to_owned());
    }
    if let Some((machine_name, qualifier)) = name.split_once(':') {
        return Ok(format!("{}:{qualifier}", machine_itself(client, machine_name).await?));
    }
    machine_itself(client, name).await
}

async fn machine_itself(client: &Client, name: &str) -> Result<String, Failure> {
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
    let machine = machine_itself(client, machine_name).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn qualifiers_are_numbers_or_names() {
        const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:m";
        for (behind, expected) in [
            ("", None),
            (":3", Some(Qualifier::Version("3"))),
            (":live", Some(Qualifier::Alias("live"))),
            (":3a", Some(Qualifier::Alias("3a"))),
        ] {
            let arn = format!("{MACHINE}{behind}");
            assert_eq!(qualifier(&arn), expected.map(|qualifier| (MACHINE, qualifier)), "{behind}");
        }
        assert_eq!(qualifier("arn:aws:states:us-east-1:000000000000:execution:m:e"), None);
    }
}
