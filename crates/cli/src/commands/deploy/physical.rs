//! The names and ARNs that resources have: what `Ref` and `Fn::GetAtt` give for the types of resources that workflows use.
//!
//! A resource is called what its name property says; a resource without one is called by its logical id, where AWS
//! would make a name up. What was worked out is noted, for people to see and to replace by `--map`.

use std::sync::Arc;

use stepwell_api::constraints::NAME;
use stepwell_api::name::check_name;
use stepwell_json::Value;
use stepwell_json::spanned::Node;

use super::resolve::Resolver;
use super::{nested, versions};

/// What a type of resource calls its things.
struct Kind {
    name_property: &'static str,
    reference: Form,
    attributes: &'static [(&'static str, Form)],
}

/// How a value is made of the resource's name.
#[derive(Clone, Copy)]
enum Form {
    Name,
    /// Service, and what stands before and behind the name.
    Arn(&'static str, &'static str, &'static str),
    /// As `Arn`, of a service whose ARNs have no region.
    GlobalArn(&'static str, &'static str),
    /// As `Arn`, of S3: neither region nor account.
    BucketArn,
    QueueUrl,
}

/// Where the name of a resource comes from for which AWS would make one up.
pub(super) const FROM_LOGICAL_ID: &str = "its logical id";

use Form::{Arn, BucketArn, GlobalArn, Name, QueueUrl};

const fn kind(
    name_property: &'static str,
    reference: Form,
    attributes: &'static [(&'static str, Form)],
) -> Option<Kind> {
    Some(Kind { name_property, reference, attributes })
}

/// What is known of a type.
fn kind_of(resource_type: &str) -> Option<Kind> {
    const FUNCTION: Form = Arn("lambda", "function:", "");
    const MACHINE: Form = Arn("states", "stateMachine:", "");
    const ACTIVITY: Form = Arn("states", "activity:", "");
    const TABLE: Form = Arn("dynamodb", "table/", "");
    const TOPIC: Form = Arn("sns", "", "");
    const QUEUE: Form = Arn("batch", "job-queue/", "");
    const TASK: Form = Arn("ecs", "task-definition/", "");
    match resource_type {
        "AWS::Lambda::Function" | "AWS::Serverless::Function" => {
            kind("FunctionName", Name, &[("Arn", FUNCTION)])
        }
        "AWS::StepFunctions::StateMachine" => {
            kind("StateMachineName", MACHINE, &[("Arn", MACHINE), ("Name", Name)])
        }
        "AWS::Serverless::StateMachine" => kind("Name", MACHINE, &[("Arn", MACHINE), ("Name", Name)]),
        "AWS::StepFunctions::Activity" => kind("Name", ACTIVITY, &[("Arn", ACTIVITY), ("Name", Name)]),
        "AWS::SQS::Queue" => kind(
            "QueueName",
            QueueUrl,
            &[("Arn", Arn("sqs", "", "")), ("QueueName", Name), ("QueueUrl", QueueUrl)],
        ),
        "AWS::SNS::Topic" => kind("TopicName", TOPIC, &[("TopicArn", TOPIC), ("TopicName", Name)]),
        "AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable" | "AWS::Serverless::SimpleTable" => {
            kind("TableName", Name, &[("Arn", TABLE)])
        }
        "AWS::S3::Bucket" => kind("BucketName", Name, &[("Arn", BucketArn)]),
        "AWS::IAM::Role" => kind("RoleName", Name, &[("Arn", GlobalArn("iam", "role/"))]),
        "AWS::Logs::LogGroup" => kind("LogGroupName", Name, &[("Arn", Arn("logs", "log-group:", ":*"))]),
        "AWS::Events::EventBus" => {
            kind("Name", Name, &[("Arn", Arn("events", "event-bus/", "")), ("Name", Name)])
        }
        "AWS::ECS::Cluster" => kind("ClusterName", Name, &[("Arn", Arn("ecs", "cluster/", ""))]),
        "AWS::ECS::TaskDefinition" => kind("Family", TASK, &[("TaskDefinitionArn", TASK)]),
        "AWS::Batch::JobQueue" => kind("JobQueueName", QUEUE, &[("JobQueueArn", QUEUE)]),
        "AWS::Batch::JobDefinition" => kind("JobDefinitionName", Arn("batch", "job-definition/", ""), &[]),
        "AWS::Glue::Job" => kind("Name", Name, &[]),
        _ => None,
    }
}

/// The name of a resource, and where it comes from. It can be given as `LogicalId.Name` where the type has no attribute
/// of that name either.
pub(super) fn name(
    resolver: &mut Resolver<'_>,
    logical_id: &str,
    property: &str,
) -> Option<(String, String)> {
    let key = format!("{logical_id}.Name");
    if let Some(given) = resolver.given(&key) {
        return Some((given.as_str().unwrap_or_default().to_owned(), key));
    }
    match resolver.property(logical_id, property) {
        Some(node) => Some((resolver.text(node)?, format!("its {property}"))),
        None => Some((logical_id.to_owned(), format!("{FROM_LOGICAL_ID}, as it has no {property}"))),
    }
}

/// The name of a state machine or an activity, if there can be one of that name.
pub(super) fn own_name(
    resolver: &mut Resolver<'_>,
    logical_id: &str,
    property: &str,
    resource: &Node,
) -> Option<String> {
    let (name, _) = name(resolver, logical_id, property)?;
    if NAME.accepts(&name) && check_name(&name).is_ok() {
        return Some(name);
    }
    let node = resolver.template.property(logical_id, property).unwrap_or(resource);
    let text = format!(
        "{name:?} can't be a name: a name has up to 80 characters, no white space and none of \
         <>{{}}[]?*\"#%\\^|~`$&,;:/"
    );
    resolver.error(node, &text)
}

/// What `Ref` gives for a resource.
pub(super) fn reference(resolver: &mut Resolver<'_>, logical_id: &str, node: &Node) -> Option<Value> {
    let resource_type = resolver.template.type_of(logical_id).unwrap_or_default();
    match resource_type {
        "AWS::Lambda::Alias" => return lambda_alias(resolver, logical_id, node),
        versions::ALIAS => return versions::alias_arn(resolver, logical_id, node),
        _ => {}
    }
    match kind_of(resource_type) {
        Some(kind) => made(resolver, logical_id, logical_id, kind.name_property, kind.reference),
        None => resolver.ask(logical_id, &format!("what Ref gives for {resource_type}"), None, node),
    }
}

/// What `Fn::GetAtt` gives for a resource.
pub(super) fn attribute(
    resolver: &mut Resolver<'_>,
    logical_id: &str,
    attribute: &str,
    node: &Node,
) -> Option<Value> {
    let key = format!("{logical_id}.{attribute}");
    let Some(resource_type) = resolver.template.type_of(logical_id) else {
        return resolver.ask(&key, &missing(resolver, logical_id), None, node);
    };
    if resource_type == versions::ALIAS && attribute == "Arn" {
        return versions::alias_arn(resolver, logical_id, node);
    }
    if let Some(output) = attribute.strip_prefix("Outputs.")
        && nested::is_stack(resource_type)
    {
        return nested::output(resolver, logical_id, output, node);
    }
    if let Some(kind) = kind_of(resource_type)
        && let Some((_, form)) = kind.attributes.iter().find(|(name, _)| *name == attribute)
    {
        return made(resolver, &key, logical_id, kind.name_property, *form);
    }
    let what = format!("an attribute of {resource_type}");
    let example = attribute.ends_with("Arn").then(|| resolver.destination.arn("service", "name"));
    resolver.ask(&key, &what, example.as_deref(), node)
}

fn missing(resolver: &Resolver<'_>, logical_id: &str) -> String {
    let names = resolver.template.section("Resources").iter().map(|member| &*member.key);
    match crate::nearest::nearest(logical_id, names) {
        Some(nearest) => format!("the template has no resource {logical_id}; did you mean {nearest}?"),
        None => format!("the template has no resource {logical_id}"),
    }
}

/// The ARN of the function with the alias behind it.
fn lambda_alias(resolver: &mut Resolver<'_>, logical_id: &str, node: &Node) -> Option<Value> {
    let properties = ["FunctionName", "Name"].map(|name| resolver.property(logical_id, name));
    let [Some(function), Some(alias)] = properties else {
        return resolver.error(node, &format!("{logical_id} has no FunctionName and Name"));
    };
    let (function, alias) = (resolver.text(function)?, resolver.text(alias)?);
    let arn = if function.starts_with("arn:") {
        function
    } else {
        resolver.destination.arn("lambda", &format!("function:{function}"))
    };
    Some(Value::String(format!("{arn}:{alias}").into()))
}

fn made(
    resolver: &mut Resolver<'_>,
    key: &str,
    logical_id: &str,
    name_property: &str,
    form: Form,
) -> Option<Value> {
    let (name, source) = name(resolver, logical_id, name_property)?;
    let destination = resolver.destination;
    let account = &destination.account;
    let value = match form {
        Name => name,
        Arn(service, before, behind) => destination.arn(service, &format!("{before}{name}{behind}")),
        GlobalArn(service, before) => {
            format!("arn:{}:{service}::{account}:{before}{name}", destination.partition())
        }
        BucketArn => format!("arn:{}:s3:::{name}", destination.partition()),
        QueueUrl => format!("https://sqs.{}.amazonaws.com/{account}/{name}", destination.region),
    };
    // Nobody assumes a role here, so it does not matter what it is called.
    if !matches!(form, GlobalArn("iam", _)) {
        resolver.findings.assumed.insert(key.to_owned(), (value.clone(), source));
    }
    Some(Value::String(Arc::from(value)))
}
