//! The oracle's view of Parallel and Map.

use std::{cmp::Reverse, collections::BinaryHeap};

use stepwell_asl::{Count, ItemSelector, Items, Map, Parallel, evaluate_path};
use stepwell_json::{Array, Object, Value};

use super::{
    Ended, Fault, Flow, Left, NEVER, Oracle, Visit,
    data::{fault, limited, unfit},
};

/// Iterations that run at once when nothing else is said.
const CONCURRENCY_MAX: u32 = 40;

impl Oracle<'_> {
    pub(crate) fn parallel(&self, visit: &Visit<'_>, parallel: &Parallel, at_ms: i64) -> (i64, Flow<Left>) {
        let input = (|| {
            let effective = self.effective(visit)?;
            limited(self.arguments(visit, effective)?)
        })();
        let input = match input {
            Ok(input) => input,
            Err(fault) => return (at_ms, Err(fault)),
        };
        let children = parallel.branches.iter().map(|branch| {
            self.chain(&branch.states, &branch.start_at, input.clone(), visit.scope.clone(), at_ms)
        });
        let (ended_ms, result) = self.join(children.collect(), at_ms);
        let left = result.and_then(|result| self.leave(visit, result, Some(&parallel.transition)));
        (ended_ms, left)
    }

    pub(crate) fn map(&self, visit: &Visit<'_>, map: &Map, at_ms: i64) -> (i64, Flow<Left>) {
        let items = (|| {
            let effective = self.effective(visit)?;
            let items = match &map.items {
                None => effective.clone(),
                Some(Items::Path(path)) => {
                    evaluate_path(path, &mut self.roots(visit, effective.clone(), None)).map_err(fault)?
                }
                Some(Items::Jsonata(template)) => self.evaluate(visit, template, None)?,
            };
            let Value::Array(items) = items else { return Err(unfit(visit)) };
            let limit = self.count(visit, map.max_concurrency.as_ref(), &effective, 0)?;
            let limit = limit.filter(|limit| *limit > 0).unwrap_or(CONCURRENCY_MAX).min(CONCURRENCY_MAX);
            Ok((effective, items, limit))
        })();
        let (effective, items, limit) = match items {
            Ok(items) => items,
            Err(fault) => return (at_ms, Err(fault)),
        };
        let mut slots: BinaryHeap<Reverse<i64>> = (0..limit).map(|_| Reverse(at_ms)).collect();
        let mut children = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let Some(Reverse(start_ms)) = slots.pop() else { break };
            if start_ms == NEVER {
                children.push(Ended { at_ms: NEVER, result: Ok(Value::Null) });
                continue;
            }
            let failed =
                children.iter().filter(|child: &&Ended| child.result.is_err()).map(|child| child.at_ms);
            if self.exact && failed.min().is_some_and(|failed| failed < start_ms) {
                break;
            }
            let child = match self.item_input(visit, map, &effective, item, index) {
                // The Map itself fails when an iteration's input can't be made.
                Err(fault) => Ended { at_ms: start_ms, result: Err(fault) },
                Ok(input) => {
                    let processor = &map.processor;
                    self.chain(&processor.states, &processor.start_at, input, visit.scope.clone(), start_ms)
                }
            };
            slots.push(Reverse(child.at_ms));
            children.push(child);
        }
        let (ended_ms, result) = self.join(children, at_ms);
        let left = result.and_then(|result| self.leave(visit, result, Some(&map.transition)));
        (ended_ms, left)
    }

    fn item_input(
        &self,
        visit: &Visit<'_>,
        map: &Map,
        effective: &Value,
        item: &Value,
        index: usize,
    ) -> Flow<Value> {
        let Some(selector) = &map.item_selector else { return Ok(item.clone()) };
        let entry = Object::from_entries(vec![
            ("Index".into(), Value::from(index as i64)),
            ("Value".into(), item.clone()),
            ("Source".into(), Value::from("STATE_DATA")),
        ]);
        let item = Some(Value::Object(entry));
        match selector {
            ItemSelector::JsonPath(template) => {
                let mut roots = self.roots(visit, effective.clone(), item);
                limited(template.evaluate(&mut roots).map_err(fault)?)
            }
            ItemSelector::Jsonata(template) => limited(self.evaluate(visit, template, item)?),
        }
    }

    /// The first error wins; without one the outputs are in order, when the last child has ended.
    fn join(&self, children: Vec<Ended>, at_ms: i64) -> (i64, Flow<Value>) {
        let failed: Vec<&Ended> = children.iter().filter(|child| child.result.is_err()).collect();
        if let Some(first) = failed.iter().min_by_key(|child| child.at_ms) {
            let rivals = failed.iter().filter(|child| child.at_ms == first.at_ms).count();
            let has_race = rivals > 1 || failed.len() > 1 && (!self.exact || self.is_time_unknown.get());
            if has_race {
                self.is_ambiguous.set(true);
            }
            let fault = first.result.as_ref().err().cloned().unwrap_or_else(Fault::runtime);
            return (first.at_ms, Err(fault));
        }
        let ended_ms = children.iter().map(|child| child.at_ms).max().unwrap_or(at_ms);
        let outputs = children.into_iter().map(|child| child.result.unwrap_or_default()).collect();
        (ended_ms, Ok(Value::Array(Array::new(outputs))))
    }

    pub(crate) fn count(
        &self,
        visit: &Visit<'_>,
        count: Option<&Count>,
        effective: &Value,
        minimum: i64,
    ) -> Flow<Option<u32>> {
        match count {
            None => Ok(None),
            Some(Count::Literal(number)) => Ok(Some(*number)),
            Some(Count::Path(path)) => {
                let value =
                    evaluate_path(path, &mut self.roots(visit, effective.clone(), None)).map_err(fault)?;
                let number = value.as_i64().filter(|number| *number >= minimum).ok_or_else(Fault::runtime)?;
                Ok(Some(u32::try_from(number).unwrap_or(u32::MAX)))
            }
            Some(Count::Expression(template)) => {
                let value = self.evaluate(visit, template, None)?;
                let number =
                    value.as_i64().filter(|number| *number >= minimum).ok_or_else(|| unfit(visit))?;
                Ok(Some(u32::try_from(number).unwrap_or(u32::MAX)))
            }
        }
    }
}
