//! The oracle's data flow: paths, templates, results and variables.

use std::sync::Arc;

use stepwell_asl::{
    DataFlow, EvaluationError, PathOrNull, ResultPath, Roots, StateKind, Template, Transition, evaluate_path,
};
use stepwell_json::{Object, Value};

use super::{Fault, Flow, Left, Oracle, Visit, next};

/// Bytes of JSON text that a payload may have.
const PAYLOAD_BYTES_MAX: usize = 262_144;
/// Levels that a value may have.
const DEPTH_MAX: u32 = 127;

/// Variables, the innermost scope last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    values: Vec<(Arc<str>, Value)>,
}

impl Scope {
    pub(crate) fn set(&mut self, name: &str, value: Value) {
        self.values.retain(|(known, _)| &**known != name);
        self.values.push((name.into(), value));
    }

    fn get(&self, name: &str) -> Option<Value> {
        self.values.iter().find(|(known, _)| &**known == name).map(|(_, value)| value.clone())
    }
}

/// What expressions read.
pub(crate) struct OracleRoots<'a> {
    input: Value,
    context: Value,
    scope: &'a Scope,
}

impl Roots for OracleRoots<'_> {
    fn input(&self) -> &Value {
        &self.input
    }

    fn context(&mut self) -> &Value {
        &self.context
    }

    fn variable(&self, name: &str) -> Option<Value> {
        self.scope.get(name)
    }

    fn random_u64(&mut self) -> u64 {
        0
    }
}

/// An error of an expression: intrinsic functions raise one that can be handled.
pub(crate) fn fault(error: EvaluationError) -> Fault {
    match error.error_name() {
        "States.Runtime" => Fault::runtime(),
        name => Fault::named(name, false),
    }
}

/// A value of the wrong kind in one of the state's fields.
pub(crate) fn unfit(visit: &Visit<'_>) -> Fault {
    match visit.state.flow {
        DataFlow::JsonPath(_) => Fault::runtime(),
        DataFlow::Jsonata(_) => Fault::named("States.QueryEvaluationError", false),
    }
}

impl Oracle<'_> {
    pub(crate) fn roots<'a>(&self, visit: &Visit<'a>, input: Value, item: Option<Value>) -> OracleRoots<'a> {
        let mut state = vec![("Name".into(), Value::from(&*visit.state.name))];
        if matches!(visit.state.kind, StateKind::Task(_) | StateKind::Parallel(_) | StateKind::Map(_)) {
            state.push(("RetryCount".into(), Value::from(i64::from(visit.retries))));
        }
        let mut context = match &self.start.context {
            Value::Object(object) => object.entries().to_vec(),
            _ => Vec::new(),
        };
        context.push(("State".into(), Value::Object(Object::from_entries(state))));
        if let Some(item) = item {
            let map = Object::from_entries(vec![("Item".into(), item)]);
            context.push(("Map".into(), Value::Object(map)));
        }
        OracleRoots { input, context: Value::Object(Object::from_entries(context)), scope: visit.scope }
    }

    pub(crate) fn effective(&self, visit: &Visit<'_>) -> Flow<Value> {
        match &visit.state.flow {
            DataFlow::JsonPath(flow) => self.filter(visit, flow.input_path.as_ref(), visit.raw.clone()),
            DataFlow::Jsonata(_) => Ok(visit.raw.clone()),
        }
    }

    pub(crate) fn output(&self, visit: &Visit<'_>, value: Value) -> Flow<Value> {
        match &visit.state.flow {
            DataFlow::JsonPath(flow) => limited(self.filter(visit, flow.output_path.as_ref(), value)?),
            DataFlow::Jsonata(_) => limited(value),
        }
    }

    fn filter(&self, visit: &Visit<'_>, path: Option<&PathOrNull>, value: Value) -> Flow<Value> {
        match path {
            None => Ok(value),
            Some(PathOrNull::Null) => Ok(Value::empty_object()),
            Some(PathOrNull::Path(path)) => {
                evaluate_path(path, &mut self.roots(visit, value, None)).map_err(fault)
            }
        }
    }

    pub(crate) fn fill(&self, visit: &Visit<'_>, template: &Template, input: &Value) -> Flow<Value> {
        let value = template.evaluate(&mut self.roots(visit, input.clone(), None)).map_err(fault)?;
        shallow(value)
    }

    pub(crate) fn assigned(
        &self,
        visit: &Visit<'_>,
        template: Option<&Template>,
        input: &Value,
    ) -> Flow<Vec<(Arc<str>, Value)>> {
        let Some(template) = template else { return Ok(Vec::new()) };
        match self.fill(visit, template, input)? {
            Value::Object(object) => Ok(object.entries().to_vec()),
            _ => Ok(Vec::new()),
        }
    }

    /// Parameters over the effective input, or Arguments.
    pub(crate) fn arguments(&self, visit: &Visit<'_>, effective: Value) -> Flow<Value> {
        match &visit.state.flow {
            DataFlow::JsonPath(flow) => match &flow.parameters {
                None => Ok(effective),
                Some(template) => self.fill(visit, template, &effective),
            },
            DataFlow::Jsonata(flow) => match &flow.arguments {
                None => Ok(effective),
                Some(template) => self.evaluate(visit, template, None),
            },
        }
    }

    /// Result, ResultSelector, ResultPath, OutputPath, Assign; or Output and Assign.
    pub(crate) fn leave(
        &self,
        visit: &Visit<'_>,
        result: Value,
        transition: Option<&Transition>,
    ) -> Flow<Left> {
        let next = transition.and_then(next);
        let flow = match &visit.state.flow {
            DataFlow::JsonPath(flow) => flow,
            DataFlow::Jsonata(flow) => return self.leave_state(visit, &flow.exit, result, next),
        };
        let assigned = self.assigned(visit, flow.assign.as_ref(), &result)?;
        let selected = match &flow.result_selector {
            None => result,
            Some(template) => self.fill(visit, template, &result)?,
        };
        let merged = merge(&visit.raw, &flow.result_path, selected)?;
        let output = self.output(visit, merged)?;
        Ok(Left { output, next, assigned })
    }
}

/// ResultPath.
pub(crate) fn merge(raw: &Value, path: &ResultPath, result: Value) -> Flow<Value> {
    match path {
        ResultPath::Whole => Ok(result),
        ResultPath::Discard => Ok(raw.clone()),
        ResultPath::At(path) => {
            let value =
                path.set(raw, result).map_err(|_| Fault::named("States.ResultPathMatchFailure", true))?;
            shallow(value)
        }
    }
}

fn shallow(value: Value) -> Flow<Value> {
    if value.depth() > DEPTH_MAX { Err(Fault::runtime()) } else { Ok(value) }
}

pub(crate) fn limited(value: Value) -> Flow<Value> {
    if value.text_size() > PAYLOAD_BYTES_MAX {
        return Err(Fault::named("States.DataLimitExceeded", false));
    }
    Ok(value)
}
