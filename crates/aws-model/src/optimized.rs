//! The optimized integrations of Step Functions, as data: what each calls, how its job is watched and cancelled.
//!
//! Paths and names are those that tasks use (PascalCase). Rows and their sources: AWS's developer guide and its IAM
//! policies for `.sync`; which statuses end a job well is the plain reading of the API where nothing else is said.

mod table;

/// A way in which a task may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ending {
    /// With the answer of the call.
    RequestResponse,
    /// `.sync`: with the end of the job.
    Sync,
    /// `.waitForTaskToken`.
    WaitForTaskToken,
}

/// An optimized integration.
#[derive(Debug, PartialEq, Eq)]
pub struct Optimized {
    /// The service's word in `Resource`: `glue`.
    pub service: &'static str,
    /// The action in `Resource`: `startJobRun`.
    pub action: &'static str,
    /// What may follow the action.
    pub endings: &'static [Ending],
    /// The word of the service that is called, in the models.
    pub api: &'static str,
    /// The operation that is called.
    pub operation: &'static str,
    /// How parameters and answer differ from the operation's own.
    pub dialect: Dialect,
    /// How its job is watched, for [`Ending::Sync`].
    pub job: Option<Job>,
}

/// How parameters and answer differ from the operation's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// Not at all; the answer has the metadata of the call.
    Plain,
    /// The answer has no metadata; an entry that failed fails the task.
    PutEvents,
    /// The answer has the given parameter too.
    Echo(&'static str),
    /// RunJobFlow: `JobFlowId` is `ClusterId`.
    CreateCluster,
    /// TerminateJobFlows and SetTerminationProtection: `JobFlowIds` is `ClusterId`.
    ClusterId,
    /// AddJobFlowSteps: one step of a cluster.
    AddStep,
    /// CancelSteps: one step of a cluster.
    CancelStep,
    /// ModifyInstanceFleet: the fleet by its name.
    InstanceFleetByName,
    /// ModifyInstanceGroups: the group by its name.
    InstanceGroupByName,
    /// InvokeModel: a JSON body in both directions, in the parameters and the result or in S3.
    InvokeModel,
}

impl Optimized {
    /// The parameters of integrations with words of their own, with whether they are required; none where they are the
    /// operation's.
    pub fn own_parameters(&self) -> Option<&'static [(&'static str, bool)]> {
        match self.dialect {
            Dialect::AddStep => Some(&[("ClusterId", true), ("Step", true)]),
            Dialect::CancelStep => {
                Some(&[("ClusterId", true), ("StepId", true), ("StepCancellationOption", false)])
            }
            Dialect::ClusterId if self.operation == "SetTerminationProtection" => {
                Some(&[("ClusterId", true), ("TerminationProtected", true)])
            }
            Dialect::ClusterId => Some(&[("ClusterId", true)]),
            Dialect::InstanceFleetByName => {
                Some(&[("ClusterId", true), ("InstanceFleetName", true), ("InstanceFleet", true)])
            }
            Dialect::InstanceGroupByName => {
                Some(&[("ClusterId", true), ("InstanceGroupName", true), ("InstanceGroup", true)])
            }
            Dialect::InvokeModel => Some(&[
                ("ModelId", true),
                ("Body", false),
                ("Input", false),
                ("Output", false),
                ("ContentType", false),
                ("Accept", false),
                ("GuardrailIdentifier", false),
                ("GuardrailVersion", false),
                ("Trace", false),
                ("PerformanceConfigLatency", false),
                ("ServiceTier", false),
            ]),
            Dialect::Plain | Dialect::PutEvents | Dialect::Echo(_) | Dialect::CreateCluster => None,
        }
    }
}

/// How a job is watched.
#[derive(Debug, PartialEq, Eq)]
pub struct Job {
    /// The operation that describes it.
    pub describe: &'static str,
    /// What to ask with: member of the request, and where its value comes from.
    pub ask: &'static [(&'static str, From)],
    /// Where the description has the status.
    pub status: &'static str,
    /// Statuses of a job that ended well.
    pub good: &'static [&'static str],
    /// Statuses of a job that ended badly.
    pub bad: &'static [&'static str],
    /// Where the description has the result; empty: all of it.
    pub result: &'static str,
    /// A job that is not found any more has ended well.
    pub gone_is_good: bool,
    /// What cancels it.
    pub cancel: Option<(&'static str, &'static [(&'static str, From)])>,
    /// More than the status is looked at.
    pub judge: Judge,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// The answer of the call that started the job.
    Answer(&'static str),
    /// The task's parameters.
    Parameter(&'static str),
    /// The answer, as the only entry of a list.
    AnswerList(&'static str),
    /// The task's parameters, as the only entry of a list.
    ParameterList(&'static str),
    /// A text.
    Text(&'static str),
}

/// What tells a good end from a bad one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judge {
    /// The status alone.
    Status,
    /// The exit codes of an ECS task's containers.
    Containers,
}

/// The integration of a service's word and an action.
pub fn optimized(service: &str, action: &str) -> Option<&'static Optimized> {
    table::ALL.iter().find(|row| row.service == service && row.action == action)
}

/// All optimized integrations that are data.
pub fn all_optimized() -> &'static [Optimized] {
    table::ALL
}
