//! ARNs of Step Functions: `arn:<partition>:states:<region>:<account>:<type>:<rest>`.
//!
//! Reading is strict about structure and about the kind of resource, and lenient about names: a name that no resource
//! can have is simply not found. The texts that AWS refuses ARNs with are those of [`ApiError::invalid_arn_prefix`] and
//! [`ApiError::arn_type_not_valid`].

use std::fmt;

use crate::ApiError;

/// Where a resource lives: everything of an ARN before the resource's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Location<'a> {
    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub partition: &'a str,
    /// The region.
    pub region: &'a str,
    /// The account: 12 digits.
    pub account: &'a str,
}

impl<'a> Location<'a> {
    /// A place in the partition `aws`, or in the partition that the region's name tells.
    pub fn new(region: &'a str, account: &'a str) -> Location<'a> {
        let partition = if region.starts_with("cn-") {
            "aws-cn"
        } else if region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        };
        Location { partition, region, account }
    }

    /// The ARN of a state machine.
    pub fn state_machine(self, name: &str) -> String {
        self.format("stateMachine", &[name])
    }

    /// The ARN of a Standard execution.
    pub fn execution(self, state_machine: &str, execution: &str) -> String {
        self.format("execution", &[state_machine, execution])
    }

    /// The ARN of an Express execution; `id` is a UUID of its own, as names of Express executions may repeat.
    pub fn express_execution(self, state_machine: &str, execution: &str, id: &str) -> String {
        self.format("express", &[state_machine, execution, id])
    }

    /// The ARN of an activity.
    pub fn activity(self, name: &str) -> String {
        self.format("activity", &[name])
    }

    fn format(self, resource_type: &str, parts: &[&str]) -> String {
        let Location { partition, region, account } = self;
        let length = parts.iter().map(|part| part.len() + 1).sum::<usize>();
        let mut arn = String::with_capacity(
            "arn::states:::".len()
                + partition.len()
                + region.len()
                + account.len()
                + resource_type.len()
                + length,
        );
        for part in ["arn:", partition, ":states:", region, ":", account, ":", resource_type] {
            arn.push_str(part);
        }
        for part in parts {
            arn.push(':');
            arn.push_str(part);
        }
        arn
    }
}

impl fmt::Display for Location<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "arn:{}:states:{}:{}", self.partition, self.region, self.account)
    }
}

/// What stands after a state machine's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Qualifier<'a> {
    /// Nothing: the machine itself.
    None,
    /// `:<number>`: a version.
    Version(u64),
    /// `:<name>`: an alias.
    Alias(&'a str),
    /// `/<label>`: the child machine of a Distributed Map state.
    Label(&'a str),
}

/// The ARN of a state machine in any of its forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StateMachineArn<'a> {
    /// Where it lives.
    pub location: Location<'a>,
    /// Its name.
    pub name: &'a str,
    /// Version, alias or label.
    pub qualifier: Qualifier<'a>,
}

impl<'a> StateMachineArn<'a> {
    /// Reads an ARN of any form.
    ///
    /// # Errors
    /// `InvalidArn`.
    pub fn parse(arn: &'a str) -> Result<StateMachineArn<'a>, ApiError> {
        match Arn::parse(arn)? {
            Arn::StateMachine(parsed) => Ok(parsed),
            other => Err(ApiError::arn_type_not_valid(other.resource_type())),
        }
    }

    /// Refuses the ARN of a Distributed Map's child machine, as Delete, Describe, Update and StartExecution do.
    ///
    /// # Errors
    /// `ValidationException` with reason API_DOES_NOT_SUPPORT_LABELED_ARNS.
    pub fn without_label(self) -> Result<StateMachineArn<'a>, ApiError> {
        match self.qualifier {
            Qualifier::Label(_) => Err(ApiError::validation_because(
                crate::ValidationReason::ApiDoesNotSupportLabeledArns,
                "This operation does not support state machine ARNs with a label.",
            )),
            _ => Ok(self),
        }
    }

    /// The machine's ARN without version, alias or label.
    pub fn unqualified(&self) -> String {
        self.location.state_machine(self.name)
    }
}

impl fmt::Display for StateMachineArn<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:stateMachine:{}", self.location, self.name)?;
        match self.qualifier {
            Qualifier::None => Ok(()),
            Qualifier::Version(number) => write!(formatter, ":{number}"),
            Qualifier::Alias(name) => write!(formatter, ":{name}"),
            Qualifier::Label(label) => write!(formatter, "/{label}"),
        }
    }
}

/// The ARN of a Standard execution, also of one that a Map Run started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExecutionArn<'a> {
    /// Where it lives.
    pub location: Location<'a>,
    /// Its machine's name.
    pub state_machine: &'a str,
    /// The label of the Map state that started it.
    pub label: Option<&'a str>,
    /// Its name.
    pub name: &'a str,
}

impl<'a> ExecutionArn<'a> {
    /// Reads the ARN of a Standard execution.
    ///
    /// # Errors
    /// `InvalidArn`; of an Express execution `Resource type not valid in this context: express`, as
    /// DescribeExecution, StopExecution and GetExecutionHistory answer.
    pub fn parse(arn: &'a str) -> Result<ExecutionArn<'a>, ApiError> {
        match Arn::parse(arn)? {
            Arn::Execution(parsed) => Ok(parsed),
            other => Err(ApiError::arn_type_not_valid(other.resource_type())),
        }
    }
}

impl fmt::Display for ExecutionArn<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:execution:{}", self.location, self.state_machine)?;
        if let Some(label) = self.label {
            write!(formatter, "/{label}")?;
        }
        write!(formatter, ":{}", self.name)
    }
}

/// The ARN of an Express execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExpressExecutionArn<'a> {
    /// Where it lives.
    pub location: Location<'a>,
    /// Its machine's name.
    pub state_machine: &'a str,
    /// The label of the Map state that started it.
    pub label: Option<&'a str>,
    /// Its name.
    pub name: &'a str,
    /// What tells executions of the same name apart; a UUID.
    pub id: &'a str,
}

impl fmt::Display for ExpressExecutionArn<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:express:{}", self.location, self.state_machine)?;
        if let Some(label) = self.label {
            write!(formatter, "/{label}")?;
        }
        write!(formatter, ":{}:{}", self.name, self.id)
    }
}

/// The ARN of an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ActivityArn<'a> {
    /// Where it lives.
    pub location: Location<'a>,
    /// Its name.
    pub name: &'a str,
}

impl<'a> ActivityArn<'a> {
    /// Reads the ARN of an activity.
    ///
    /// # Errors
    /// `InvalidArn`.
    pub fn parse(arn: &'a str) -> Result<ActivityArn<'a>, ApiError> {
        match Arn::parse(arn)? {
            Arn::Activity(parsed) => Ok(parsed),
            other => Err(ApiError::arn_type_not_valid(other.resource_type())),
        }
    }
}

impl fmt::Display for ActivityArn<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:activity:{}", self.location, self.name)
    }
}

/// The ARN of a Map Run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MapRunArn<'a> {
    /// Where it lives.
    pub location: Location<'a>,
    /// The machine's name.
    pub state_machine: &'a str,
    /// The Map state's label.
    pub label: &'a str,
    /// Its id, a UUID.
    pub id: &'a str,
}

impl<'a> MapRunArn<'a> {
    /// Reads the ARN of a Map Run.
    ///
    /// # Errors
    /// `InvalidArn`.
    pub fn parse(arn: &'a str) -> Result<MapRunArn<'a>, ApiError> {
        match Arn::parse(arn)? {
            Arn::MapRun(parsed) => Ok(parsed),
            other => Err(ApiError::arn_type_not_valid(other.resource_type())),
        }
    }
}

impl fmt::Display for MapRunArn<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:mapRun:{}/{}:{}", self.location, self.state_machine, self.label, self.id)
    }
}

/// An ARN of any resource of Step Functions; what the tag operations take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arn<'a> {
    /// `stateMachine`.
    StateMachine(StateMachineArn<'a>),
    /// `execution`.
    Execution(ExecutionArn<'a>),
    /// `express`.
    ExpressExecution(ExpressExecutionArn<'a>),
    /// `activity`.
    Activity(ActivityArn<'a>),
    /// `mapRun`.
    MapRun(MapRunArn<'a>),
}

impl<'a> Arn<'a> {
    /// Reads an ARN of any kind.
    ///
    /// # Errors
    /// `InvalidArn`: for a text that is no ARN of Step Functions `Invalid ARN prefix: …`, for an unknown kind of
    /// resource `Resource type not valid in this context: …`.
    pub fn parse(arn: &'a str) -> Result<Arn<'a>, ApiError> {
        let mut parts = arn.splitn(7, ':');
        let mut next = || parts.next().unwrap_or_default();
        let [scheme, partition, service, region, account, resource_type, resource] =
            [next(), next(), next(), next(), next(), next(), next()];
        let location = Location { partition, region, account };
        let is_prefix_valid = scheme == "arn"
            && is_partition(partition)
            && service == "states"
            && is_region(region)
            && !account.is_empty()
            && account.bytes().all(|byte| byte.is_ascii_digit());
        if !is_prefix_valid {
            return Err(ApiError::invalid_arn_prefix(arn));
        }
        let parsed = match resource_type {
            "stateMachine" => state_machine(location, resource).map(Arn::StateMachine),
            "execution" => execution(location, resource).map(Arn::Execution),
            "express" => express_execution(location, resource).map(Arn::ExpressExecution),
            "activity" => activity(location, resource).map(Arn::Activity),
            "mapRun" => map_run(location, resource).map(Arn::MapRun),
            other => return Err(ApiError::arn_type_not_valid(other)),
        };
        parsed.ok_or_else(|| ApiError::invalid_arn(format_args!("Invalid ARN: {arn}")))
    }

    /// The word for the kind of resource, as it stands in the ARN.
    pub fn resource_type(&self) -> &'static str {
        match self {
            Arn::StateMachine(_) => "stateMachine",
            Arn::Execution(_) => "execution",
            Arn::ExpressExecution(_) => "express",
            Arn::Activity(_) => "activity",
            Arn::MapRun(_) => "mapRun",
        }
    }

    /// Where the resource lives.
    pub fn location(&self) -> Location<'a> {
        match self {
            Arn::StateMachine(arn) => arn.location,
            Arn::Execution(arn) => arn.location,
            Arn::ExpressExecution(arn) => arn.location,
            Arn::Activity(arn) => arn.location,
            Arn::MapRun(arn) => arn.location,
        }
    }
}

impl fmt::Display for Arn<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Arn::StateMachine(arn) => arn.fmt(formatter),
            Arn::Execution(arn) => arn.fmt(formatter),
            Arn::ExpressExecution(arn) => arn.fmt(formatter),
            Arn::Activity(arn) => arn.fmt(formatter),
            Arn::MapRun(arn) => arn.fmt(formatter),
        }
    }
}

/// Checks that `arn` may be a role: the ARN of a role of IAM.
///
/// # Errors
/// `InvalidArn`, which is what CreateStateMachine and UpdateStateMachine answer.
pub fn check_role(arn: &str) -> Result<(), ApiError> {
    let mut parts = arn.splitn(6, ':');
    let is_arn = parts.next() == Some("arn")
        && parts.next().is_some_and(is_partition)
        && parts.next().is_some_and(|service| !service.is_empty());
    let has_resource = parts.nth(2).is_some_and(|resource| !resource.is_empty());
    if is_arn && has_resource { Ok(()) } else { Err(ApiError::invalid_arn_prefix(arn)) }
}

fn is_partition(text: &str) -> bool {
    text == "aws" || text.strip_prefix("aws-").is_some_and(is_region)
}

/// Whether a text may be a region: it may stand in an ARN.
pub(crate) fn is_region(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// `name` or `name/label`.
fn machine_and_label(text: &str) -> Option<(&str, Option<&str>)> {
    match text.split_once('/') {
        Some((name, label)) => {
            (is_part(name) && is_part(label) && !label.contains('/')).then_some((name, Some(label)))
        }
        None => is_part(text).then_some((text, None)),
    }
}

/// Whether a text may be a part of an ARN at all; names that no resource can have are simply not found.
fn is_part(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_control)
}

fn state_machine<'a>(location: Location<'a>, resource: &'a str) -> Option<StateMachineArn<'a>> {
    let (machine, rest) = match resource.split_once(':') {
        Some((machine, rest)) => (machine, Some(rest)),
        None => (resource, None),
    };
    let (name, label) = machine_and_label(machine)?;
    let qualifier = match (label, rest) {
        (None, None) => Qualifier::None,
        (Some(label), None) => Qualifier::Label(label),
        (Some(_), Some(_)) => return None,
        (None, Some(rest)) if !is_part(rest) || rest.contains([':', '/']) => return None,
        // Names of aliases can't be numbers, so digits are a version; versions count from 1.
        (None, Some(rest)) if rest.bytes().all(|byte| byte.is_ascii_digit()) => {
            let is_canonical = !rest.starts_with('0');
            match rest.parse() {
                Ok(number) if is_canonical => Qualifier::Version(number),
                _ => return None,
            }
        }
        (None, Some(rest)) => Qualifier::Alias(rest),
    };
    Some(StateMachineArn { location, name, qualifier })
}

fn execution<'a>(location: Location<'a>, resource: &'a str) -> Option<ExecutionArn<'a>> {
    let (machine, name) = resource.split_once(':')?;
    let (state_machine, label) = machine_and_label(machine)?;
    (is_part(name) && !name.contains(':')).then_some(ExecutionArn { location, state_machine, label, name })
}

fn express_execution<'a>(location: Location<'a>, resource: &'a str) -> Option<ExpressExecutionArn<'a>> {
    let (machine, rest) = resource.split_once(':')?;
    let (state_machine, label) = machine_and_label(machine)?;
    let (name, id) = rest.split_once(':')?;
    (is_part(name) && is_part(id) && !id.contains(':')).then_some(ExpressExecutionArn {
        location,
        state_machine,
        label,
        name,
        id,
    })
}

fn activity<'a>(location: Location<'a>, resource: &'a str) -> Option<ActivityArn<'a>> {
    (is_part(resource) && !resource.contains(':')).then_some(ActivityArn { location, name: resource })
}

fn map_run<'a>(location: Location<'a>, resource: &'a str) -> Option<MapRunArn<'a>> {
    let (machine, id) = resource.split_once(':')?;
    let (state_machine, label) = machine_and_label(machine)?;
    let label = label?;
    (is_part(id) && !id.contains(':')).then_some(MapRunArn { location, state_machine, label, id })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PREFIX: &str = "arn:aws:states:us-east-1:000000000000";
    const ID: &str = "a2814531-d88c-4687-a174-aac68c300000";

    #[test]
    fn every_form_is_read_and_written_back() {
        for rest in [
            "stateMachine:m",
            "stateMachine:state.machine_1",
            "stateMachine:m:1",
            "stateMachine:m:PROD",
            "stateMachine:m/label",
            "execution:m:e",
            "execution:m:größe",
            &format!("execution:m/label:{ID}"),
            &format!("express:m:e:{ID}"),
            &format!("express:m/label:m:{ID}"),
            "activity:a",
            &format!("mapRun:m/label:{ID}"),
        ] {
            let text = format!("{PREFIX}:{rest}");
            let arn = Arn::parse(&text).unwrap();
            assert_eq!(arn.to_string(), text);
            assert_eq!(arn.location(), Location::new("us-east-1", "000000000000"));
            assert!(rest.starts_with(arn.resource_type()));
        }
    }

    #[test]
    fn qualifiers_are_told_apart() {
        let qualifier = |rest: &str| {
            let text = format!("{PREFIX}:stateMachine:m{rest}");
            StateMachineArn::parse(&text)
                .map(|arn| format!("{:?}", arn.qualifier))
                .map_err(|error| error.code)
        };
        assert_eq!(qualifier("").as_deref(), Ok("None"));
        assert_eq!(qualifier(":12").as_deref(), Ok("Version(12)"));
        assert_eq!(qualifier(":12a").as_deref(), Ok("Alias(\"12a\")"));
        assert_eq!(qualifier("/l").as_deref(), Ok("Label(\"l\")"));
        for invalid in [":", "/", ":0", ":01", ":99999999999999999999", "/l:1", ":a:b", ":a/b", "/a/b", ":\n"]
        {
            assert_eq!(qualifier(invalid), Err("InvalidArn"), "{invalid}");
        }
    }

    #[test]
    fn refusals_have_aws_texts() {
        type Parse = fn(&str) -> Option<ApiError>;
        let execution: Parse = |arn| ExecutionArn::parse(arn).err();
        let machine: Parse = |arn| StateMachineArn::parse(arn).err();
        let activity: Parse = |arn| ActivityArn::parse(arn).err();
        for (parse, arn, detail) in [
            (machine, "not_a_valid_arn", "Invalid ARN prefix: not_a_valid_arn"),
            (machine, "", "Invalid ARN prefix: "),
            (machine, "arn:aws:states", "Invalid ARN prefix: arn:aws:states"),
            (
                machine,
                "arn:aws:lambda:us-east-1:000000000000:function:f",
                "Invalid ARN prefix: arn:aws:lambda:us-east-1:000000000000:function:f",
            ),
            (
                machine,
                "arn:aws:states:us east:000000000000:stateMachine:m",
                "Invalid ARN prefix: arn:aws:states:us east:000000000000:stateMachine:m",
            ),
            (
                machine,
                "arn:aws:states:us-east-1:000000000000:execution:m:e",
                "Resource type not valid in this context: execution",
            ),
            (
                execution,
                "arn:aws:states:us-east-1:000000000000:express:m:e:1",
                "Resource type not valid in this context: express",
            ),
            (
                activity,
                "arn:aws:states:us-east-1:000000000000:stateMachine:m",
                "Resource type not valid in this context: stateMachine",
            ),
            (
                activity,
                "arn:aws:states:us-east-1:000000000000:fish:m",
                "Resource type not valid in this context: fish",
            ),
            (
                execution,
                "arn:aws:states:us-east-1:000000000000:execution:m",
                "Invalid ARN: arn:aws:states:us-east-1:000000000000:execution:m",
            ),
            (
                activity,
                "arn:aws:states:us-east-1:000000000000:activity:",
                "Invalid ARN: arn:aws:states:us-east-1:000000000000:activity:",
            ),
        ] {
            let error = parse(arn).unwrap();
            assert_eq!(error.code, "InvalidArn");
            assert_eq!(error.message, format!("Invalid Arn: '{detail}'"));
        }
    }

    #[test]
    fn labels_are_refused_with_a_reason() {
        let arn = format!("{PREFIX}:stateMachine:m/label");
        let error = StateMachineArn::parse(&arn).unwrap().without_label().unwrap_err();
        assert_eq!(error.code, "ValidationException");
        assert_eq!(error.extra, Some(("reason", "API_DOES_NOT_SUPPORT_LABELED_ARNS".into())));
    }

    #[test]
    fn formatting_follows_the_region() {
        for (region, expected) in [
            ("us-east-1", "arn:aws:states:us-east-1:1:activity:a"),
            ("cn-north-1", "arn:aws-cn:states:cn-north-1:1:activity:a"),
            ("us-gov-west-1", "arn:aws-us-gov:states:us-gov-west-1:1:activity:a"),
        ] {
            let text = Location::new(region, "1").activity("a");
            assert_eq!(text, expected);
            assert_eq!(ActivityArn::parse(&text).unwrap().to_string(), expected);
        }
        let location = Location::new("us-east-1", "000000000000");
        assert_eq!(location.execution("m", "e"), format!("{PREFIX}:execution:m:e"));
        assert_eq!(location.express_execution("m", "e", "i"), format!("{PREFIX}:express:m:e:i"));
        assert_eq!(location.state_machine("m"), format!("{PREFIX}:stateMachine:m"));
    }

    #[test]
    fn roles_are_arns() {
        for (arn, expected) in [
            ("arn:aws:iam::000000000000:role/r", true),
            ("arn:aws-cn:iam::000000000000:role/r", true),
            ("role", false),
            ("", false),
            ("arn:aws:iam", false),
            ("arn:aws:iam::1:", false),
            ("arn:x:iam::1:role/r", false),
        ] {
            assert_eq!(check_role(arn).is_ok(), expected, "{arn}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in any::<String>()) {
            let _ = Arn::parse(&text);
            let _ = check_role(&text);
        }

        #[test]
        fn what_is_read_is_written_back(rest in "[a-zA-Z]{0,12}(:[a-z0-9:/._-]{0,20}){0,3}") {
            let text = format!("{PREFIX}:{rest}");
            if let Ok(arn) = Arn::parse(&text) {
                prop_assert_eq!(arn.to_string(), text);
            }
        }
    }
}
