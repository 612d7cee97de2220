//! The integrations that call no operation of an AWS service but an address that the task names: what they take and give.
//!
//! The source of the rows is AWS's developer guide.

use crate::optimized::Ending;

/// An integration with an address of its own.
#[derive(Debug, PartialEq, Eq)]
pub struct Direct {
    /// The service's word in `Resource`: `apigateway`.
    pub service: &'static str,
    /// The action in `Resource`: `invoke`.
    pub action: &'static str,
    /// Which one it is.
    pub target: DirectTarget,
    /// What may follow the action.
    pub endings: &'static [Ending],
    /// What it takes.
    pub parameters: &'static [DirectParameter],
    /// What it gives: names with words for what they are.
    pub result: &'static [(&'static str, &'static str)],
    /// The names of its errors.
    pub errors: &'static [&'static str],
}

/// The integrations with an address of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DirectTarget {
    /// `http:invoke`.
    HttpTask,
    /// `apigateway:invoke`.
    ApiGateway,
    /// `eks:call`.
    KubernetesCall,
    /// `eks:runJob`.
    KubernetesJob,
}

/// A parameter of such an integration.
#[derive(Debug, PartialEq, Eq)]
pub struct DirectParameter {
    /// Its name.
    pub name: &'static str,
    /// What its value is.
    pub kind: ParameterKind,
    /// It must be given.
    pub is_required: bool,
}

/// What the value of a parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParameterKind {
    /// A text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// True or false.
    Flag,
    /// An object whose members are lists of texts.
    Lists,
    /// An object with these members and no others.
    Object(&'static [DirectParameter]),
    /// Any JSON, as these words describe it.
    Any(&'static str),
}

impl DirectTarget {
    /// What it takes and gives.
    pub fn integration(self) -> &'static Direct {
        match self {
            Self::HttpTask => &HTTP_TASK,
            Self::ApiGateway => &API_GATEWAY,
            Self::KubernetesCall => &KUBERNETES_CALL,
            Self::KubernetesJob => &KUBERNETES_JOB,
        }
    }
}

impl ParameterKind {
    /// What it is, for people.
    pub fn description(self) -> &'static str {
        match self {
            Self::Text | Self::Word(_) => "string",
            Self::Flag => "boolean",
            Self::Lists => "map to list of string",
            Self::Object(_) => "object",
            Self::Any(description) => description,
        }
    }
}

/// The integration of a service's word and an action.
pub fn direct(service: &str, action: &str) -> Option<&'static Direct> {
    ALL.into_iter().find(|row| row.service == service && row.action == action)
}

/// All integrations with an address of their own.
pub fn all_direct() -> &'static [&'static Direct] {
    &ALL
}

const fn required(name: &'static str, kind: ParameterKind) -> DirectParameter {
    DirectParameter { name, kind, is_required: true }
}

const fn optional(name: &'static str, kind: ParameterKind) -> DirectParameter {
    DirectParameter { name, kind, is_required: false }
}

const METHODS: ParameterKind =
    ParameterKind::Word(&["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"]);
const CONNECTION: ParameterKind = ParameterKind::Object(&[required("ConnectionArn", ParameterKind::Text)]);
const BODY: ParameterKind = ParameterKind::Any("text or JSON");
const RESPONSE_BODY: (&str, &str) = ("ResponseBody", "JSON, or a string where it is none");
const STATUS: [(&str, &str); 2] = [("StatusCode", "integer"), ("StatusText", "string")];
const RESPONSE_HEADERS: (&str, &str) = ("Headers", "map to list of string");

static ALL: [&Direct; 4] = [&HTTP_TASK, &API_GATEWAY, &KUBERNETES_CALL, &KUBERNETES_JOB];

static HTTP_TASK: Direct = Direct {
    service: "http",
    action: "invoke",
    target: DirectTarget::HttpTask,
    endings: &[Ending::RequestResponse],
    parameters: &[
        required("ApiEndpoint", ParameterKind::Text),
        required("Method", METHODS),
        optional("Headers", ParameterKind::Any("map to string or list of string")),
        optional("QueryParameters", ParameterKind::Any("map, list or string")),
        optional("RequestBody", BODY),
        optional(
            "Transform",
            ParameterKind::Object(&[
                optional("RequestBodyEncoding", ParameterKind::Word(&["NONE", "URL_ENCODED"])),
                optional(
                    "RequestEncodingOptions",
                    ParameterKind::Object(&[optional(
                        "ArrayFormat",
                        ParameterKind::Word(&["INDICES", "REPEAT", "COMMAS", "BRACKETS"]),
                    )]),
                ),
            ]),
        ),
        // The connection stands under either of these.
        optional("InvocationConfig", CONNECTION),
        optional("Authentication", CONNECTION),
    ],
    result: &[RESPONSE_HEADERS, RESPONSE_BODY, STATUS[0], STATUS[1]],
    errors: &[
        "States.Http.StatusCode.<status>",
        "States.Http.Socket",
        "Events.ConnectionResource.InvalidConnectionState",
        "Events.ConnectionResource.ResourceNotFound",
    ],
};

static API_GATEWAY: Direct = Direct {
    service: "apigateway",
    action: "invoke",
    target: DirectTarget::ApiGateway,
    endings: &[Ending::RequestResponse, Ending::WaitForTaskToken],
    parameters: &[
        required("ApiEndpoint", ParameterKind::Text),
        required("Method", METHODS),
        optional("Stage", ParameterKind::Text),
        optional("Path", ParameterKind::Text),
        optional("Headers", ParameterKind::Lists),
        optional("QueryParameters", ParameterKind::Lists),
        optional("RequestBody", BODY),
        optional("AllowNullValues", ParameterKind::Flag),
        optional("AuthType", ParameterKind::Word(&["NO_AUTH", "IAM_ROLE", "RESOURCE_POLICY"])),
    ],
    result: &[RESPONSE_HEADERS, RESPONSE_BODY, STATUS[0], STATUS[1]],
    errors: &["ApiGateway.<status>", "ApiGateway.SdkClientException"],
};

static KUBERNETES_CALL: Direct = Direct {
    service: "eks",
    action: "call",
    target: DirectTarget::KubernetesCall,
    endings: &[Ending::RequestResponse, Ending::WaitForTaskToken],
    parameters: &[
        required("ClusterName", ParameterKind::Text),
        required("CertificateAuthority", ParameterKind::Text),
        required("Endpoint", ParameterKind::Text),
        required("Method", ParameterKind::Word(&["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"])),
        required("Path", ParameterKind::Text),
        optional("QueryParameters", ParameterKind::Lists),
        optional("RequestBody", BODY),
    ],
    result: &[RESPONSE_BODY, STATUS[0], STATUS[1]],
    errors: &["EKS.<status>", "EKS.SdkClientException"],
};

static KUBERNETES_JOB: Direct = Direct {
    service: "eks",
    action: "runJob",
    target: DirectTarget::KubernetesJob,
    endings: &[Ending::RequestResponse, Ending::Sync, Ending::WaitForTaskToken],
    parameters: &[
        required("ClusterName", ParameterKind::Text),
        required("CertificateAuthority", ParameterKind::Text),
        required("Endpoint", ParameterKind::Text),
        required("Job", ParameterKind::Any("a Job of batch/v1")),
        optional("Namespace", ParameterKind::Text),
        optional(
            "LogOptions",
            ParameterKind::Object(&[
                optional("RetrieveLogs", ParameterKind::Flag),
                optional("RawLogs", ParameterKind::Flag),
                optional("LogParameters", ParameterKind::Lists),
            ]),
        ),
    ],
    result: &[
        RESPONSE_BODY,
        STATUS[0],
        STATUS[1],
        ("with .sync", "the Job, with logs.pods.<pod>.containers.<container>.log if they are asked for"),
    ],
    errors: &["EKS.<status>", "EKS.SdkClientException", "States.TaskFailed"],
};
