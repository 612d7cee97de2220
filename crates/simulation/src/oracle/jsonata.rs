//! The oracle's data flow in JSONata states: expressions over `$states`, Output and Assign.

use std::sync::Arc;

use stepwell_asl::{Field, JsonataExit, JsonataTemplate, Roots, StateKind};
use stepwell_json::{Object, Value};
use stepwell_jsonata::Host;

use super::{
    Flow, Left, Oracle, Visit,
    data::{OracleRoots, fault, limited},
};

/// What `$states` has besides input and context.
type Extra = Option<(&'static str, Value)>;

struct OracleHost<'a> {
    roots: OracleRoots<'a>,
    states: Value,
}

impl Host for OracleHost<'_> {
    fn variable(&mut self, name: &str) -> Option<Value> {
        if name == "states" { Some(self.states.clone()) } else { self.roots.variable(name) }
    }

    fn now_millis(&mut self) -> i64 {
        0
    }

    fn random_u64(&mut self) -> u64 {
        0
    }
}

impl Oracle<'_> {
    fn host<'a>(&self, visit: &Visit<'a>, item: Option<Value>, extra: Extra) -> OracleHost<'a> {
        let mut roots = self.roots(visit, visit.raw.clone(), item);
        let mut members: Vec<(Arc<str>, Value)> =
            vec![("input".into(), visit.raw.clone()), ("context".into(), roots.context().clone())];
        members.extend(extra.map(|(name, value)| (name.into(), value)));
        OracleHost { roots, states: Value::Object(Object::from_entries(members)) }
    }

    pub(crate) fn evaluate(
        &self,
        visit: &Visit<'_>,
        template: &JsonataTemplate,
        item: Option<Value>,
    ) -> Flow<Value> {
        template.evaluate(Field::State("Field"), &mut self.host(visit, item, None)).map_err(fault)
    }

    /// Output and Assign over the result of a state that does work, or its input.
    pub(crate) fn leave_state(
        &self,
        visit: &Visit<'_>,
        exit: &JsonataExit,
        result: Value,
        next: Option<Arc<str>>,
    ) -> Flow<Left> {
        let does_work =
            matches!(visit.state.kind, StateKind::Task(_) | StateKind::Parallel(_) | StateKind::Map(_));
        let extra = does_work.then(|| ("result", result.clone()));
        self.leave_by(visit, exit, extra, result, next)
    }

    pub(crate) fn leave_by(
        &self,
        visit: &Visit<'_>,
        exit: &JsonataExit,
        extra: Extra,
        output: Value,
        next: Option<Arc<str>>,
    ) -> Flow<Left> {
        let mut host = self.host(visit, None, extra);
        let mut value_of =
            |template: &JsonataTemplate| template.evaluate(Field::State("Field"), &mut host).map_err(fault);
        let assigned = match exit.assign.as_ref().map(&mut value_of).transpose()? {
            Some(Value::Object(object)) => object.entries().to_vec(),
            _ => Vec::new(),
        };
        let output = match &exit.output {
            None => output,
            Some(template) => value_of(template)?,
        };
        Ok(Left { output: limited(output)?, next, assigned })
    }
}
