//! Paths that bind variables on the way (`@$v`, `#$i`) or whose steps a `%` refers to

use std::rc::Rc;

use crate::Error;
use crate::item::{Env, Item, Tuple, Tuples};
use crate::program::{Code, CodeKind, Path};

use super::Evaluator;

impl<'i> Evaluator<'i> {
    /// The value of a path with tuples: from the first step that binds something on, values travel with what was
    /// bound.
    pub(super) fn tuple_path(
        &self,
        path: &'i Path,
        code: &'i Code,
        input: &Item<'i>,
        env: &Env<'i>,
    ) -> Result<Item<'i>, Error> {
        let mut current = if !path.is_absolute && input.is_array() {
            input.clone()
        } else {
            let mut list = self.sequence()?;
            list.push(input.clone())?;
            list.into_item()
        };
        let mut tuples: Option<Tuples<'i>> = None;
        let mut binds = false;
        for (at, step) in path.steps.iter().enumerate() {
            if at == 0 && step.constructs_array {
                let constructed = self.eval(step, &current, env)?;
                // As in 2.0.6, nothing is bound to the elements of a constructed array.
                if step.extras.as_deref().is_none_or(|extras| extras.focus.is_none()) {
                    current = constructed;
                }
                if step.tuple {
                    binds = true;
                    continue;
                }
            } else if step.tuple || binds || tuples.is_some() {
                tuples = Some(self.tuple_step(step, &current, tuples.take(), env)?);
                continue;
            } else {
                current = self.plain_step(step, &current, env)?;
            }
            if current.count() == 0 {
                if at > 0 || !step.constructs_array {
                    current = Item::Undefined;
                }
                break;
            }
        }
        if code.tuple {
            return Ok(match tuples {
                Some(tuples) => Item::Tuples(Rc::new(tuples)),
                None => current,
            });
        }
        let mut result = match &tuples {
            Some(tuples) => {
                let mut list = self.sequence()?;
                for tuple in tuples.iter() {
                    list.push(tuple.context.clone())?;
                }
                list.into_item()
            }
            None => current,
        };
        if path.keep_singleton {
            result = self.keep_singleton(result)?;
        }
        match (code.group(), tuples) {
            (Some(group), Some(tuples)) => self.group(group, &Item::Tuples(Rc::new(tuples)), env),
            (Some(group), None) => self.group(group, &result, env),
            (None, _) => Ok(result),
        }
    }

    /// A step before anything is bound.
    fn plain_step(&self, step: &'i Code, current: &Item<'i>, env: &Env<'i>) -> Result<Item<'i>, Error> {
        let path = self.path_step(step, current, true, env, false)?;
        if path.is_array() || path.is_undefined() {
            return Ok(path);
        }
        let mut list = self.sequence()?;
        list.push(path)?;
        Ok(list.into_item())
    }

    fn tuple_step(
        &self,
        step: &'i Code,
        current: &Item<'i>,
        tuples: Option<Tuples<'i>>,
        env: &Env<'i>,
    ) -> Result<Tuples<'i>, Error> {
        let extras = step.extras.as_deref();
        if let CodeKind::Sort(terms) = &step.kind {
            let mut result = match tuples {
                Some(tuples) => self.sort_tuples(terms, tuples, env)?,
                None => {
                    let sorted = self.sort(terms, current, env)?;
                    let mut result = Tuples::new(self.meter);
                    for (at, context) in sorted.elements().enumerate() {
                        let mut tuple = Tuple::of(context);
                        if let Some(index) = extras.and_then(|extras| extras.index) {
                            tuple.bind(index, Item::Number(at as f64));
                        }
                        result.push(tuple)?;
                    }
                    result
                }
            };
            result = self.tuple_stages(step.stages(), result, env)?;
            return Ok(result);
        }
        let tuples = match tuples {
            Some(tuples) => tuples,
            None => {
                let mut tuples = Tuples::new(self.meter);
                current.elements().try_for_each(|context| tuples.push(Tuple::of(context)))?;
                tuples
            }
        };
        let mut result = Tuples::new(self.meter);
        for tuple in tuples.iter() {
            let frame = self.tuple_env(tuple, env)?;
            let value = self.eval(step, &tuple.context, &frame)?;
            if value.is_undefined() {
                continue;
            }
            if let Item::Tuples(inner) = &value {
                for inner in inner.iter() {
                    let mut next = tuple.clone();
                    next.context = inner.context.clone();
                    for (symbol, value) in &inner.bindings {
                        next.bind(*symbol, value.clone());
                    }
                    self.step(1)?;
                    result.push(next)?;
                }
                continue;
            }
            for (at, element) in value.elements().enumerate() {
                let mut next = tuple.clone();
                match extras.and_then(|extras| extras.focus) {
                    // The context stays where it was: a focus is a join, not a step.
                    Some(focus) => next.bind(focus, element),
                    None => next.context = element,
                }
                if let Some(index) = extras.and_then(|extras| extras.index) {
                    next.bind(index, Item::Number(at as f64));
                }
                if let Some(label) = extras
                    .and_then(|extras| extras.ancestor)
                    .and_then(|slot| self.program.labels.get(slot.0 as usize))
                {
                    next.bind(*label, tuple.context.clone());
                }
                self.step(1)?;
                result.push(next)?;
            }
        }
        self.tuple_stages(step.stages(), result, env)
    }

    /// The frame in which the variables of a tuple are bound.
    pub(super) fn tuple_env(&self, tuple: &Tuple<'i>, env: &Env<'i>) -> Result<Env<'i>, Error> {
        self.frame(env.clone(), tuple.bindings.clone())
    }
}
