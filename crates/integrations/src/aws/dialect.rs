//! How parameters and results of optimized integrations differ from those of the operations that they call.

use stepwell_aws_model::Dialect;
use stepwell_json::{Array, Object, Value};

use super::{
    client::{Answer, CallOutcome},
    face::optimized_result,
    job::{JobOutcome, Work},
    model_body::model_result,
};
use crate::lambda::TaskError;

/// Pages of a list that are looked through for a name.
const PAGES_MAX: usize = 100;

impl Work<'_> {
    /// The parameters in the words of the operation.
    pub(super) fn request(&self) -> Result<Value, String> {
        let given = self.parameters.as_object().ok_or("The value must be an object")?;
        if let Some(own) = self.integration.own_parameters() {
            for key in given.keys() {
                if !own.iter().any(|(name, _)| name.eq_ignore_ascii_case(key)) {
                    return Err(super::write::unsupported(key));
                }
            }
            for (name, _) in own.iter().filter(|(_, is_required)| *is_required) {
                if find(given, name).is_none() {
                    return Err(super::write::missing(name));
                }
            }
        }
        let entries = match self.integration.dialect {
            Dialect::Plain | Dialect::Echo(_) | Dialect::CreateCluster => return Ok(self.parameters.clone()),
            Dialect::PutEvents => return Ok(self.with_resources(given)),
            Dialect::ClusterId => {
                let rest = given.iter().filter(|(key, _)| !key.eq_ignore_ascii_case("ClusterId"));
                let mut entries: Vec<_> = rest.map(|(key, value)| (key.clone(), value.clone())).collect();
                entries.push((
                    "JobFlowIds".into(),
                    list(find(given, "ClusterId").cloned().unwrap_or(Value::Null)),
                ));
                entries
            }
            Dialect::AddStep => vec![
                ("JobFlowId".into(), find(given, "ClusterId").cloned().unwrap_or(Value::Null)),
                ("Steps".into(), list(find(given, "Step").cloned().unwrap_or(Value::Null))),
            ],
            Dialect::CancelStep => {
                let rest = given.iter().filter(|(key, _)| !key.eq_ignore_ascii_case("StepId"));
                let mut entries: Vec<_> = rest.map(|(key, value)| (key.clone(), value.clone())).collect();
                entries.push(("StepIds".into(), list(find(given, "StepId").cloned().unwrap_or(Value::Null))));
                entries
            }
            // The name becomes an id before the call.
            Dialect::InstanceFleetByName | Dialect::InstanceGroupByName => {
                return Ok(self.parameters.clone());
            }
            Dialect::InvokeModel => return self.model_request(given),
        };
        Ok(Value::Object(Object::from_entries(entries)))
    }

    /// For instances of EMR that are called by their name: the parameters with the id that the cluster has for it.
    pub(super) async fn with_id(&self, parameters: Value) -> Result<Value, JobOutcome> {
        let (what, list_operation) = match self.integration.dialect {
            Dialect::InstanceFleetByName => ("InstanceFleet", "ListInstanceFleets"),
            Dialect::InstanceGroupByName => ("InstanceGroup", "ListInstanceGroups"),
            _ => return Ok(parameters),
        };
        let given = |path: &str| at(&parameters, path).cloned().unwrap_or(Value::Null);
        let (cluster, name) = (given("ClusterId"), given(&format!("{what}Name")));
        let mut marker = None;
        for _ in 0..PAGES_MAX {
            let mut ask = vec![("ClusterId".into(), cluster.clone())];
            ask.extend(marker.map(|marker| ("Marker".into(), marker)));
            let answer = match self.call(list_operation, &Value::Object(Object::from_entries(ask))).await {
                CallOutcome::Answered(answer) => Value::Object(answer.result),
                CallOutcome::Failed(error) => return Err(self.failed(&error)),
                CallOutcome::Interrupted => return Err(JobOutcome::Interrupted),
            };
            let entries = at(&answer, &format!("{what}s")).and_then(Value::as_array);
            let found = entries
                .into_iter()
                .flat_map(|entries| entries.items())
                .find(|entry| entry.get("Name") == Some(&name));
            if let Some(id) = found.and_then(|found| found.get("Id")) {
                let changed = given(what);
                let none = Object::from_entries(Vec::new());
                let changed =
                    changed.as_object().unwrap_or(&none).with(format!("{what}Id").into(), id.clone());
                let (member, value) = match self.integration.dialect {
                    Dialect::InstanceGroupByName => ("InstanceGroups", list(Value::Object(changed))),
                    _ => ("InstanceFleet", Value::Object(changed)),
                };
                let entries = vec![("ClusterId".into(), cluster), (member.into(), value)];
                return Ok(Value::Object(Object::from_entries(entries)));
            }
            marker = answer.get("Marker").cloned();
            if marker.is_none() {
                break;
            }
        }
        let name = name.to_text();
        Err(JobOutcome::Failed(TaskError::new(
            "ElasticMapReduce.InvalidRequestException",
            format!("The cluster has no {what} of the name {name}."),
        )))
    }

    /// Events speak of the execution that sent them, which the history does not show.
    fn with_resources(&self, given: &Object) -> Value {
        let Some(entries) = find(given, "Entries").and_then(Value::as_array) else {
            return self.parameters.clone();
        };
        let own = [self.caller.state_machine_arn, self.caller.execution_arn];
        let entries = entries.items().iter().map(|entry| {
            let Value::Object(entry) = entry else { return entry.clone() };
            let known = find(entry, "Resources").and_then(Value::as_array);
            let mut resources = known.map(|known| known.items().to_vec()).unwrap_or_default();
            resources.extend(own.into_iter().map(Value::from));
            Value::Object(entry.with("Resources".into(), Value::Array(Array::new(resources))))
        });
        let entries = Value::Array(Array::new(entries.collect()));
        Value::Object(given.with("Entries".into(), entries))
    }

    /// The answer as the task shows it. `place`: where its body was put.
    pub(super) fn shown(&self, answer: &Answer, place: Option<Value>, waits: bool) -> JobOutcome {
        let mut answer = answer.clone();
        let given = self.parameters.as_object();
        match self.integration.dialect {
            Dialect::PutEvents => {
                let result = Value::Object(answer.result);
                let failed = result.get("FailedEntryCount").and_then(Value::as_i64).unwrap_or(0);
                return if failed > 0 {
                    JobOutcome::Failed(TaskError::new("EventBridge.FailedEntry", result.to_text()))
                } else {
                    JobOutcome::Done(result)
                };
            }
            Dialect::InvokeModel => return JobOutcome::Done(model_result(&answer, place)),
            Dialect::Echo(name) => {
                if let Some(value) = given.and_then(|given| find(given, name)) {
                    answer.result = answer.result.with(name.into(), value.clone());
                }
            }
            Dialect::CreateCluster => {
                let members = answer.result.iter().map(|(key, value)| match &**key {
                    "JobFlowId" => ("ClusterId".into(), value.clone()),
                    _ => (key.clone(), value.clone()),
                });
                answer.result = Object::from_entries(members.collect());
            }
            Dialect::AddStep => {
                let id = at(&Value::Object(answer.result), "StepIds.0").cloned().unwrap_or(Value::Null);
                answer.result = Object::from_entries(vec![("StepId".into(), id)]);
            }
            Dialect::CancelStep => {
                let info = at(&Value::Object(answer.result), "CancelStepsInfoList.0")
                    .cloned()
                    .unwrap_or(Value::Null);
                answer.result = Object::from_entries(vec![("CancelStepsInfo".into(), info)]);
            }
            Dialect::Plain
            | Dialect::ClusterId
            | Dialect::InstanceFleetByName
            | Dialect::InstanceGroupByName => {}
        }
        let result = optimized_result(&answer);
        let has_failures = result
            .get("Failures")
            .and_then(Value::as_array)
            .is_some_and(|failures| !failures.items().is_empty());
        if waits && self.integration.service == "ecs" && has_failures {
            return JobOutcome::Failed(TaskError::new("AmazonECS.Unknown", Value::Object(result).to_text()));
        }
        JobOutcome::Done(Value::Object(result))
    }
}

pub(super) fn list(value: Value) -> Value {
    Value::Array(Array::new(vec![value]))
}

/// A member by its name, exactly or in other letters' case.
pub(super) fn find<'a>(object: &'a Object, name: &str) -> Option<&'a Value> {
    let found = object
        .get(name)
        .or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))?;
    (!found.is_null()).then_some(found)
}

/// The value at a path of members and positions.
pub(super) fn at<'a>(value: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').filter(|step| !step.is_empty()).try_fold(value, |value, step| match value {
        Value::Object(object) => find(object, step),
        Value::Array(_) => value.index(step.parse().ok()?),
        _ => None,
    })
}
