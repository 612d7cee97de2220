//! What a Task's `Resource` names.

use std::sync::Arc;

use stepwell_aws_model::{Dialect, Direct, DirectTarget, Ending, Optimized, direct, optimized, service};
use stepwell_json::{Array, Object, Value};

/// How a task that calls a service ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InvocationPattern {
    /// The answer of the call is the result.
    RequestResponse,
    /// `.sync`: the task waits for the job that the call started.
    Sync,
    /// `.sync:2`: as `.sync`, with the job's output as JSON.
    Sync2,
    /// `.waitForTaskToken`: the task waits until somebody answers its token.
    WaitForTaskToken,
}

/// A recognised `Resource`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resource {
    /// A Lambda function by its ARN: the effective input is the event, the function's answer the result.
    LambdaFunction {
        /// The function's ARN, or a `${…}` placeholder of a deployment template.
        arn: Arc<str>,
    },
    /// An activity, polled for by workers.
    Activity {
        /// The activity's ARN.
        arn: Arc<str>,
    },
    /// `lambda:invoke`, with or without `.waitForTaskToken`.
    LambdaInvoke {
        /// Whether the task waits for its token.
        wait_for_token: bool,
    },
    /// `states:startExecution`.
    StartExecution {
        /// How it ends.
        pattern: InvocationPattern,
    },
    /// An operation of an AWS service, called as the SDK calls it.
    AwsSdk {
        /// `aws-sdk:sqs`.
        service: Arc<str>,
        /// `sendMessage` or `sendMessage.waitForTaskToken`.
        action: Arc<str>,
        /// Whether the task waits for its token.
        wait_for_token: bool,
    },
    /// An optimized integration.
    Optimized {
        /// What it calls.
        integration: &'static Optimized,
        /// The action with its suffix: `startJobRun.sync`.
        action: Arc<str>,
        /// How it ends.
        pattern: InvocationPattern,
    },
    /// An integration that calls an address of its own: `http:invoke`, `apigateway:invoke`, `eks:call`, `eks:runJob`.
    Direct {
        /// What it calls.
        integration: &'static Direct,
        /// The action with its suffix: `runJob.sync`.
        action: Arc<str>,
        /// How it ends.
        pattern: InvocationPattern,
    },
    /// A service that this version can't call: such a definition has a `NOT_YET_SUPPORTED` finding.
    Unsupported {
        /// `sqs`, `aws-sdk:s3`, `http`, …
        service: Arc<str>,
        /// `sendMessage.waitForTaskToken`, `invoke`, …
        action: Arc<str>,
    },
}

impl Resource {
    /// `resourceType` in history: `lambda`, `states`, `activity`, `aws-sdk:s3`, …
    pub fn resource_type(&self) -> &str {
        match self {
            Resource::LambdaFunction { .. } | Resource::LambdaInvoke { .. } => "lambda",
            Resource::Activity { .. } => "activity",
            Resource::StartExecution { .. } => "states",
            Resource::AwsSdk { service, .. } | Resource::Unsupported { service, .. } => service,
            Resource::Optimized { integration, .. } => integration.service,
            Resource::Direct { integration, .. } => integration.service,
        }
    }

    /// `resource` in history: the ARN for functions and activities, else the action with its suffix, for example
    /// `invoke.waitForTaskToken` or `startExecution.sync:2`.
    pub fn resource(&self) -> &str {
        match self {
            Resource::LambdaFunction { arn } | Resource::Activity { arn } => arn,
            Resource::LambdaInvoke { wait_for_token: false } => "invoke",
            Resource::LambdaInvoke { wait_for_token: true } => "invoke.waitForTaskToken",
            Resource::StartExecution { pattern } => match pattern {
                InvocationPattern::RequestResponse => "startExecution",
                InvocationPattern::Sync => "startExecution.sync",
                InvocationPattern::Sync2 => "startExecution.sync:2",
                InvocationPattern::WaitForTaskToken => "startExecution.waitForTaskToken",
            },
            Resource::AwsSdk { action, .. }
            | Resource::Optimized { action, .. }
            | Resource::Direct { action, .. }
            | Resource::Unsupported { action, .. } => action,
        }
    }

    /// How a task that calls a service ends; activities end by their token.
    pub fn pattern(&self) -> InvocationPattern {
        match self {
            Resource::LambdaInvoke { wait_for_token: true }
            | Resource::AwsSdk { wait_for_token: true, .. } => InvocationPattern::WaitForTaskToken,
            Resource::StartExecution { pattern }
            | Resource::Optimized { pattern, .. }
            | Resource::Direct { pattern, .. } => *pattern,
            _ => InvocationPattern::RequestResponse,
        }
    }

    /// The word of the service in the models and the name of the operation, for resources whose parameters are those of
    /// an operation.
    pub fn operation(&self) -> Option<(&str, &str)> {
        match self {
            Resource::AwsSdk { service, action, .. } => {
                Some((service.strip_prefix("aws-sdk:")?, action.split('.').next()?))
            }
            Resource::Optimized { integration, .. } => Some((integration.api, integration.operation)),
            _ => None,
        }
    }

    /// Which address of its own the integration calls, if it has one.
    pub fn direct_target(&self) -> Option<DirectTarget> {
        match self {
            Resource::Direct { integration, .. } => Some(integration.target),
            _ => None,
        }
    }

    /// The parameters of optimized integrations with words of their own, with whether they are required; none where they
    /// are those of an operation.
    pub(crate) fn own_parameters(&self) -> Option<&'static [(&'static str, bool)]> {
        match self {
            Resource::Optimized { integration, .. } => integration.own_parameters(),
            _ => None,
        }
    }

    /// Whether it calls a model, whose body may be in S3.
    pub(crate) fn invokes_model(&self) -> bool {
        matches!(self, Resource::Optimized { integration, .. } if integration.dialect == Dialect::InvokeModel)
    }

    /// Whether this is no resource of Step Functions, so that the definition is meant for another interpreter.
    pub(crate) fn is_foreign(&self) -> bool {
        match self {
            Resource::Unsupported { service, .. } => {
                !service.starts_with("aws-sdk:") && !OPTIMISED_SERVICES.contains(&&**service)
            }
            _ => false,
        }
    }

    /// The parameters with what Step Functions adds to them and shows: who started a job (recorded for Batch and ECS;
    /// the developer guide says it of MediaConvert). None when it adds nothing.
    pub fn with_own_parameters(&self, parameters: &Value) -> Option<Value> {
        let Resource::Optimized { integration, pattern, .. } = self else { return None };
        let is_sync = *pattern == InvocationPattern::Sync;
        let given = parameters.as_object()?;
        let none = Object::from_entries(Vec::new());
        match (integration.service, integration.action) {
            ("mediaconvert", "createJob") => {
                let (key, tags) = named(given, "Tags");
                let tags = tags.and_then(Value::as_object).unwrap_or(&none);
                let tags = tags.with("ManagedByService".into(), Value::from("AWSStepFunctions"));
                Some(Value::Object(given.with(key, Value::Object(tags))))
            }
            ("ecs", "runTask") if is_sync && named(given, "StartedBy").1.is_none() => {
                Some(Value::Object(given.with("StartedBy".into(), Value::from("AWS Step Functions"))))
            }
            ("batch", "submitJob") if is_sync => {
                let variable = Object::from_entries(vec![
                    ("Name".into(), Value::from("MANAGED_BY_AWS")),
                    ("Value".into(), Value::from("STARTED_BY_STEP_FUNCTIONS")),
                ]);
                let (key, overrides) = named(given, "ContainerOverrides");
                let overrides = overrides.and_then(Value::as_object).unwrap_or(&none);
                let (inner_key, known) = named(overrides, "Environment");
                let known = known.and_then(Value::as_array);
                let mut variables = known.map(|known| known.items().to_vec()).unwrap_or_default();
                variables.push(Value::Object(variable));
                let overrides = overrides.with(inner_key, Value::Array(Array::new(variables)));
                Some(Value::Object(given.with(key, Value::Object(overrides))))
            }
            _ => None,
        }
    }

    /// Whether somebody outside ends the task with its token: `.waitForTaskToken` forms and activities.
    pub fn has_task_token(&self) -> bool {
        matches!(self, Resource::Activity { .. }) || self.pattern() == InvocationPattern::WaitForTaskToken
    }
}

/// A member as it is written, in whatever upper and lower case, and the key that it has or would have.
fn named<'a>(object: &'a Object, name: &str) -> (Arc<str>, Option<&'a Value>) {
    let found = object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    found.map_or_else(|| (name.into(), None), |(key, value)| (key.clone(), Some(value)))
}

/// What a text under `Resource` is.
pub(crate) enum Recognised {
    /// This version runs it.
    Supported(Resource),
    /// It is known, or is well formed and names a service that is no business of Step Functions; this version
    /// can't run it.
    Later(Resource),
    /// It has the form of a resource, and there is no such resource.
    Unknown,
    /// It is no resource at all.
    NotAnArn,
}

/// Services with integrations of their own, besides Lambda and Step Functions.
const OPTIMISED_SERVICES: [&str; 20] = [
    "apigateway",
    "athena",
    "batch",
    "bedrock",
    "codebuild",
    "databrew",
    "dynamodb",
    "ecs",
    "eks",
    "elasticmapreduce",
    "emr-containers",
    "emr-serverless",
    "events",
    "glue",
    "http",
    "mediaconvert",
    "s3",
    "sagemaker",
    "sns",
    "sqs",
];

/// Tells what a text under `Resource` is.
pub(crate) fn recognise(text: &str) -> Recognised {
    if text.starts_with("${") {
        return placeholder(text);
    }
    let Some(rest) = text.strip_prefix("arn:") else {
        return if is_uri(text) { later("uri", text) } else { Recognised::NotAnArn };
    };
    // Placeholders may have colons inside; they count as part of the word around them.
    let parts = split_at_colons(rest);
    let &[_partition, service, region, account, ref tail @ ..] = parts.as_slice() else {
        return Recognised::NotAnArn;
    };
    match (service, tail) {
        ("lambda", ["function", name, qualifier @ ..]) => {
            let is_good = match qualifier {
                [] => is_name(name),
                [qualifier] => is_name(name) && (*qualifier == "$LATEST" || is_name(qualifier)),
                _ => false,
            };
            if is_good {
                Recognised::Supported(Resource::LambdaFunction { arn: text.into() })
            } else {
                Recognised::Unknown
            }
        }
        ("states", ["activity", name]) if ![*name, region, account].contains(&"") => {
            Recognised::Supported(Resource::Activity { arn: text.into() })
        }
        ("states", ["lambda", "invoke"]) => {
            Recognised::Supported(Resource::LambdaInvoke { wait_for_token: false })
        }
        ("states", ["lambda", "invoke.waitForTaskToken"]) => {
            Recognised::Supported(Resource::LambdaInvoke { wait_for_token: true })
        }
        ("states", ["states", action @ ..]) => match start_execution(&action.join(":")) {
            Some(pattern) => Recognised::Supported(Resource::StartExecution { pattern }),
            None => Recognised::Unknown,
        },
        ("states", ["aws-sdk", service, action]) => aws_sdk(service, action),
        ("states", ["aws-sdk", ..]) => Recognised::Unknown,
        ("states", [service, action @ ..])
            if OPTIMISED_SERVICES.contains(service)
                && action.first().is_some_and(|action| !action.is_empty()) =>
        {
            optimized_integration(service, &action.join(":"))
        }
        ("lambda" | "states", _) => Recognised::Unknown,
        (_, []) => Recognised::NotAnArn,
        (service, tail) => later(service, &tail.join(":")),
    }
}

fn later(service: &str, action: &str) -> Recognised {
    Recognised::Later(Resource::Unsupported { service: service.into(), action: action.into() })
}

/// An operation of a service by its SDK. Streams of events are no results.
fn aws_sdk(word: &str, action: &str) -> Recognised {
    let (name, suffix) = action.split_once('.').map_or((action, None), |(name, suffix)| (name, Some(suffix)));
    let wait_for_token = match suffix {
        None => false,
        Some("waitForTaskToken") => true,
        Some(_) => return Recognised::Unknown,
    };
    let is_known = service(word).is_some_and(|service| {
        *service.word == *word && service.operation(name).is_some_and(|operation| !operation.has_event_stream)
    });
    if !is_known {
        return if RETIRED_SERVICES.contains(&word) {
            later(&format!("aws-sdk:{word}"), action)
        } else {
            Recognised::Unknown
        };
    }
    let service = format!("aws-sdk:{word}").into();
    Recognised::Supported(Resource::AwsSdk { service, action: action.into(), wait_for_token })
}

/// Services that AWS has ended, or is about to: botocore 1.34.0 had their models, the present one has not. Definitions
/// that name them are not wrong, but nothing can be called any more.
const RETIRED_SERVICES: [&str; 31] = [
    "alexaforbusiness",
    "backupstorage",
    "codestar",
    "elasticinference",
    "elastictranscoder",
    "evidently",
    "finspace",
    "finspacedata",
    "honeycode",
    "iot1clickdevicesservice",
    "iot1clickprojects",
    "iotanalytics",
    "iotevents",
    "ioteventsdata",
    "iotfleethub",
    "iotroborunner",
    "lookoutmetrics",
    "lookoutvision",
    "mobile",
    "nimble",
    "opsworks",
    "opsworkscm",
    "panorama",
    "privatenetworks",
    "qldb",
    "qldbsession",
    "robomaker",
    "simspaceweaver",
    "sms",
    "tnb",
    "worklink",
];

/// An action of a service with an integration of its own.
fn optimized_integration(service: &str, action: &str) -> Recognised {
    let (name, suffix) = action.split_once('.').map_or((action, None), |(name, suffix)| (name, Some(suffix)));
    let (ending, pattern) = match suffix {
        None => (Ending::RequestResponse, InvocationPattern::RequestResponse),
        Some("sync") => (Ending::Sync, InvocationPattern::Sync),
        Some("waitForTaskToken") => (Ending::WaitForTaskToken, InvocationPattern::WaitForTaskToken),
        Some(_) => return Recognised::Unknown,
    };
    let action = action.into();
    if let Some(integration) = direct(service, name).filter(|found| found.endings.contains(&ending)) {
        return Recognised::Supported(Resource::Direct { integration, action, pattern });
    }
    match optimized(service, name).filter(|found| found.endings.contains(&ending)) {
        Some(integration) => Recognised::Supported(Resource::Optimized { integration, action, pattern }),
        None => Recognised::Unknown,
    }
}

fn start_execution(action: &str) -> Option<InvocationPattern> {
    match action {
        "startExecution" => Some(InvocationPattern::RequestResponse),
        "startExecution.sync" => Some(InvocationPattern::Sync),
        "startExecution.sync:2" => Some(InvocationPattern::Sync2),
        "startExecution.waitForTaskToken" => Some(InvocationPattern::WaitForTaskToken),
        _ => None,
    }
}

/// `${Name}`, as deployment templates have it in the place of a function's ARN.
fn placeholder(text: &str) -> Recognised {
    match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
        Some(name) if !name.is_empty() && !name.contains(['{', '}']) => {
            Recognised::Supported(Resource::LambdaFunction { arn: text.into() })
        }
        _ => Recognised::NotAnArn,
    }
}

/// A function's name or qualifier; it may hold placeholders of deployment templates.
fn is_name(text: &str) -> bool {
    let mut rest = text;
    let mut is_in_placeholder = false;
    while let Some(character) = rest.chars().next() {
        match character {
            '}' if is_in_placeholder => is_in_placeholder = false,
            _ if is_in_placeholder => {}
            '$' if rest.starts_with("${") => is_in_placeholder = true,
            _ if character.is_ascii_alphanumeric() || matches!(character, '-' | '_') => {}
            _ => return false,
        }
        rest = &rest[character.len_utf8()..];
    }
    !text.is_empty() && !is_in_placeholder
}

fn split_at_colons(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut braces) = (0, 0_usize);
    for (position, byte) in text.bytes().enumerate() {
        match byte {
            b'{' => braces += 1,
            b'}' => braces = braces.saturating_sub(1),
            b':' if braces == 0 => {
                parts.push(&text[start..position]);
                start = position + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// The language calls a resource a URI; AWS knows only ARNs.
fn is_uri(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let mut characters = scheme.chars();
    characters.next().is_some_and(|first| first.is_ascii_alphabetic())
        && characters
            .all(|character| character.is_ascii_alphanumeric() || matches!(character, '+' | '-' | '.'))
        && !rest.is_empty()
        && !text.contains(char::is_whitespace)
}
