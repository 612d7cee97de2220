//! Paths: steps, predicates, wildcards

use stepwell_json::Value;

use crate::Error;
use crate::item::{Env, Item, List, Tuple, Tuples};
use crate::program::{Code, CodeKind, MemberName, Path, Stage};

use super::Evaluator;

/// The values that a step has given so far. One value alone needs no array.
enum Results<'i> {
    Nothing,
    One(Item<'i>),
    Many(List<'i>),
}

impl<'i> Evaluator<'i> {
    /// The value of a path.
    pub(super) fn path(
        &self,
        path: &'i Path,
        code: &'i Code,
        input: &Item<'i>,
        env: &Env<'i>,
    ) -> Result<Item<'i>, Error> {
        if path.has_tuples {
            return self.tuple_path(path, code, input, env);
        }
        let mut current = input.clone();
        let mut iterates = !path.is_absolute && current.is_array();
        let last = path.steps.len() - 1;
        let mut begun = 0;
        // Names behind a variable lead from object to object, until an array is met.
        if let (Some(Code { kind: CodeKind::Variable(variable), .. }), 1..) =
            (path.steps.first(), path.plain_names)
        {
            let value = self.variable(*variable, input, env);
            if let Item::InputObject(_) = value {
                let (reached, steps) = self.follow(&path.steps[1..=path.plain_names], value)?;
                begun = 1 + steps;
                iterates = reached.is_array();
                current = reached;
                if begun > last || current.is_undefined() {
                    begun = last + 1;
                } else if current.count() == 0 {
                    current = Item::Undefined;
                    begun = last + 1;
                }
            }
        }
        for (at, step) in path.steps.iter().enumerate().skip(begun) {
            let results = if at == 0 && step.constructs_array {
                // It sees the values of the context as the array that other steps iterate over.
                if !iterates {
                    let mut list = self.sequence()?;
                    list.push(current)?;
                    current = list.into_item();
                }
                self.eval(step, &current, env)?
            } else {
                self.path_step(step, &current, iterates, env, at == last)?
            };
            if results.count() == 0 {
                // Nothing is left; an empty array as the whole result is a value, and so is a constructed one.
                let is_value = at == last || (at == 0 && step.constructs_array);
                current = if is_value { results } else { Item::Undefined };
                break;
            }
            iterates = results.is_array();
            current = results;
        }
        if path.keep_singleton {
            current = self.keep_singleton(current)?;
        }
        match code.group() {
            Some(group) => self.group(group, &current, env),
            None => Ok(current),
        }
    }

    /// A path of names alone over an object; none where it meets anything else, and has to be followed step by step.
    pub(super) fn plain_path(&self, path: &'i Path, input: &Item<'i>) -> Result<Option<Item<'i>>, Error> {
        if !matches!(input, Item::InputObject(_) | Item::Record(_)) {
            return Ok(None);
        }
        let (value, followed) = self.follow(&path.steps, input.clone())?;
        let is_whole = followed == path.steps.len() || value.is_undefined();
        Ok((is_whole && !matches!(value, Item::List(_))).then_some(value))
    }

    /// Follows names from an object, until they lead to something else or there are no more. Gives what was reached and
    /// how many were followed.
    fn follow(&self, steps: &'i [Code], object: Item<'i>) -> Result<(Item<'i>, usize), Error> {
        // The path and its steps are one level below the other.
        self.enter()?;
        let entered = self.enter();
        self.leave();
        entered?;
        self.leave();
        let mut current = object;
        for (at, step) in steps.iter().enumerate() {
            match (&step.kind, &current) {
                (CodeKind::Name(name), Item::InputObject(_) | Item::Record(_)) => {
                    current = self.member_of(&current, name);
                    self.step(1)?;
                }
                // What a scalar leads to is nothing.
                (_, Item::Undefined | Item::Null | Item::Bool(_) | Item::Number(_)) => {
                    return Ok((Item::Undefined, steps.len()));
                }
                _ => return Ok((current, at)),
            }
        }
        Ok((current, steps.len()))
    }

    /// Makes a result an array that stays one.
    pub(super) fn keep_singleton(&self, item: Item<'i>) -> Result<Item<'i>, Error> {
        match item {
            Item::Undefined => Ok(Item::Undefined),
            Item::List(list) if list.flags().sequence => {
                let mut copy = list.copy()?;
                copy.flags_mut().keep_singleton = true;
                Ok(copy.into_item())
            }
            Item::List(list) if !list.flags().constructed => Ok(Item::List(list)),
            Item::InputArray(array) => Ok(Item::InputArray(array)),
            // One value, or one constructed array, which stays an element.
            other => {
                let mut list = self.sequence()?;
                list.flags_mut().keep_singleton = true;
                list.push(other)?;
                Ok(list.into_item())
            }
        }
    }

    /// One step over the values so far. `iterates`: `current` is an array whose elements are the values.
    pub(super) fn path_step(
        &self,
        step: &'i Code,
        current: &Item<'i>,
        iterates: bool,
        env: &Env<'i>,
        is_last: bool,
    ) -> Result<Item<'i>, Error> {
        if let CodeKind::Sort(terms) = &step.kind {
            let mut result = self.sort(terms, current, env)?;
            // The values of a step are a sequence, also where they are those of one array.
            if result.count() <= 1 && !result.is_sequence() && !is_constructed(&result) && result.is_array() {
                let mut sequence = self.sequence()?;
                sequence.extend(&result)?;
                result = sequence.into_item();
            }
            for (at, stage) in step.stages().iter().enumerate() {
                if at > 0 && result.is_undefined() {
                    break;
                }
                if let Stage::Filter(predicate) = stage {
                    result = self.filter(predicate, result, env)?;
                }
            }
            return Ok(result);
        }
        // The hot case: a member of the objects of an array of the input.
        if let (CodeKind::Name(name), true, true) = (&step.kind, step.is_bare(), iterates) {
            match current {
                Item::InputArray(array) => return self.members_of_all(array, name, is_last),
                Item::List(list) => return self.members_of_list(list, name, is_last),
                _ => {}
            }
        }
        let mut results = Results::Nothing;
        let count = if iterates { current.count() } else { 1 };
        for at in 0..count {
            let element = if iterates { current.element(at) } else { current.clone() };
            let mut value = match &step.kind {
                CodeKind::Name(name) if element.is_object() && !step.keep_array => {
                    self.enter()?;
                    self.leave();
                    self.member_of(&element, name)
                }
                _ => self.eval(step, &element, env)?,
            };
            for (at, stage) in step.stages().iter().enumerate() {
                // A predicate is evaluated on what is undefined, too, but not where another one left nothing.
                if at > 0 && value.is_undefined() {
                    break;
                }
                if let Stage::Filter(predicate) = stage {
                    value = self.filter(predicate, value, env)?;
                }
            }
            if value.is_undefined() {
                continue;
            }
            self.add_result(&mut results, value)?;
        }
        self.joined(results, is_last)
    }

    fn members_of_all(
        &self,
        array: &'i stepwell_json::Array,
        name: &'i MemberName,
        is_last: bool,
    ) -> Result<Item<'i>, Error> {
        self.enter()?;
        self.leave();
        self.step(array.len())?;
        let mut results = Results::Nothing;
        for element in array {
            let value = match element {
                Value::Object(object) => self.member_of(&Item::InputObject(object), name),
                Value::Array(array) => self.collapse(self.member(&Item::InputArray(array), name)?, false)?,
                _ => continue,
            };
            if !value.is_undefined() {
                self.add_result(&mut results, value)?;
            }
        }
        self.joined(results, is_last)
    }

    fn members_of_list(
        &self,
        list: &[Item<'i>],
        name: &'i MemberName,
        is_last: bool,
    ) -> Result<Item<'i>, Error> {
        self.enter()?;
        self.leave();
        self.step(list.len())?;
        let mut results = Results::Nothing;
        for element in list {
            let value = match element {
                Item::InputArray(_) | Item::List(_) => self.collapse(self.member(element, name)?, false)?,
                _ => self.member_of(element, name),
            };
            if !value.is_undefined() {
                self.add_result(&mut results, value)?;
            }
        }
        self.joined(results, is_last)
    }

    /// Adds a value that a step gave.
    #[inline]
    fn add_result(&self, results: &mut Results<'i>, value: Item<'i>) -> Result<(), Error> {
        match results {
            Results::Many(list) => flatten_into(list, value),
            Results::Nothing => {
                *results = Results::One(value);
                Ok(())
            }
            Results::One(first) => {
                let first = std::mem::replace(first, Item::Undefined);
                let mut list = self.sequence()?;
                flatten_into(&mut list, first)?;
                flatten_into(&mut list, value)?;
                *results = Results::Many(list);
                Ok(())
            }
        }
    }

    /// What a step gave, as one value or sequence.
    fn joined(&self, results: Results<'i>, is_last: bool) -> Result<Item<'i>, Error> {
        Ok(match results {
            Results::Nothing => Item::Undefined,
            Results::Many(list) => list.into_item(),
            Results::One(Item::List(list)) => {
                let flags = list.flags();
                if flags.constructed && (flags.sequence || !is_last) {
                    // A constructed array is one value: it must not be taken for the values themselves.
                    let mut outer = self.sequence()?;
                    outer.push(Item::List(list))?;
                    outer.into_item()
                } else if flags.sequence && flags.keep_singleton {
                    let mut copy = list.copy()?;
                    copy.flags_mut().keep_singleton = false;
                    copy.into_item()
                } else if !flags.sequence && !is_last {
                    let mut sequence = self.sequence()?;
                    sequence.extend(&Item::List(list))?;
                    sequence.into_item()
                } else {
                    Item::List(list)
                }
            }
            Results::One(value) => value,
        })
    }

    /// A member by name: of an object; of an array, that of all its elements.
    pub(super) fn member(&self, item: &Item<'i>, name: &MemberName) -> Result<Item<'i>, Error> {
        if item.is_array() {
            let mut found = self.sequence()?;
            self.collect_members(item, name, &mut found)?;
            return Ok(found.into_item());
        }
        Ok(self.member_of(item, name))
    }

    fn collect_members(
        &self,
        array: &Item<'i>,
        name: &MemberName,
        found: &mut List<'i>,
    ) -> Result<(), Error> {
        self.step(array.count())?;
        for element in array.elements() {
            if element.is_array() {
                self.collect_members(&element, name, found)?;
                continue;
            }
            let value = self.member_of(&element, name);
            if value.is_array() {
                found.extend(&value)?;
            } else if !value.is_undefined() {
                found.push(value)?;
            }
        }
        Ok(())
    }

    /// The member of an object, sought first where the last object had it.
    fn member_of(&self, item: &Item<'i>, name: &MemberName) -> Item<'i> {
        match item {
            Item::InputObject(object) => {
                let Some(noted) = self.found_at.get(name.lookup as usize) else { return Item::Undefined };
                let entries = object.entries();
                if let Some((key, value)) = entries.get(noted.get() as usize)
                    && **key == *name.text
                {
                    return Item::from(value);
                }
                match object.position(&name.text) {
                    Some(at) => {
                        noted.set(u32::try_from(at).unwrap_or(0));
                        entries.get(at).map_or(Item::Undefined, |(_, value)| Item::from(value))
                    }
                    None => Item::Undefined,
                }
            }
            Item::Record(record) => record.get(&name.text).cloned().unwrap_or(Item::Undefined),
            _ => Item::Undefined,
        }
    }

    /// `*`: the values of all members; arrays among them are flattened.
    pub(super) fn wildcard(&self, input: &Item<'i>) -> Result<Item<'i>, Error> {
        let input = super::unwrapped(input);
        let mut values = self.sequence()?;
        // As in 2.0.6, what an array was flattened into is an array, also when it has one element or none.
        let mut any_array = false;
        if input.is_array() {
            self.step(input.count())?;
            for element in input.elements() {
                any_array |= element.is_array();
                self.flatten_deep(&element, &mut values)?;
            }
        } else {
            self.step(input.member_count())?;
            for (_, value) in input.members() {
                any_array |= value.is_array();
                self.flatten_deep(&value, &mut values)?;
            }
        }
        values.flags_mut().sequence = !any_array;
        Ok(values.into_item())
    }

    fn flatten_deep(&self, item: &Item<'i>, values: &mut List<'i>) -> Result<(), Error> {
        if !item.is_array() {
            return values.push(item.clone());
        }
        self.step(item.count())?;
        item.elements().try_for_each(|element| self.flatten_deep(&element, values))
    }

    /// `**`: the value itself and all values below it.
    pub(super) fn descendants(&self, input: &Item<'i>) -> Result<Item<'i>, Error> {
        let mut values = self.sequence()?;
        if !input.is_undefined() {
            self.collect_descendants(input, &mut values)?;
        }
        Ok(values.into_item())
    }

    fn collect_descendants(&self, item: &Item<'i>, values: &mut List<'i>) -> Result<(), Error> {
        if item.is_array() {
            self.step(item.count())?;
            return item.elements().try_for_each(|element| self.collect_descendants(&element, values));
        }
        values.push(item.clone())?;
        self.step(item.member_count())?;
        item.members().try_for_each(|(_, value)| self.collect_descendants(&value, values))
    }

    /// What a predicate leaves of a value or sequence.
    pub(super) fn filter(
        &self,
        predicate: &'i Code,
        input: Item<'i>,
        env: &Env<'i>,
    ) -> Result<Item<'i>, Error> {
        if let Item::Tuples(tuples) = &input {
            let kept = self.filter_tuples(predicate, tuples, env)?;
            return Ok(Item::Tuples(kept.into()));
        }
        let is_array = input.is_array();
        if let CodeKind::Number(number) = predicate.kind {
            self.enter()?;
            self.leave();
            let item = match wrap_index(number, if is_array { input.count() } else { 1 }) {
                Some(at) => input.element(at),
                None => Item::Undefined,
            };
            // An element that is an array stands for its elements from here on.
            return Ok(item);
        }
        let count = if is_array { input.count() } else { 1 };
        self.step(count)?;
        let mut kept: Option<List<'i>> = None;
        let mut only: Option<Item<'i>> = None;
        for at in 0..count {
            let item = if is_array { input.element(at) } else { input.clone() };
            let verdict = self.eval(predicate, &item, env)?;
            for _ in 0..self.hits(&verdict, at, count)? {
                match (&mut kept, only.take()) {
                    (Some(list), _) => list.push(item.clone())?,
                    (None, None) => only = Some(item.clone()),
                    (None, Some(first)) => {
                        let mut list = self.sequence()?;
                        list.push(first)?;
                        list.push(item.clone())?;
                        kept = Some(list);
                    }
                }
            }
        }
        Ok(match (kept, only) {
            (Some(list), _) => list.into_item(),
            (None, None) => Item::Undefined,
            // One array is one value: it must not be taken for a sequence. And where the predicate holds for what is
            // undefined, that is kept: the next step works on it.
            (None, Some(item)) if item.is_array() || item.is_undefined() => {
                let mut list = self.sequence()?;
                list.push(item)?;
                list.into_item()
            }
            (None, Some(item)) => item,
        })
    }

    /// How often a predicate's result takes the value at a place: numbers are places, anything else a condition.
    fn hits(&self, verdict: &Item<'i>, at: usize, count: usize) -> Result<usize, Error> {
        if let Some(number) = self.numeric(verdict)? {
            return Ok(usize::from(wrap_index(number, count) == Some(at)));
        }
        if verdict.is_array() {
            self.step(verdict.count())?;
            let mut hits = 0;
            let mut all_numbers = true;
            for element in verdict.elements() {
                match self.numeric(&element)? {
                    Some(number) => hits += usize::from(wrap_index(number, count) == Some(at)),
                    None => {
                        all_numbers = false;
                        break;
                    }
                }
            }
            if all_numbers {
                return Ok(hits);
            }
        }
        Ok(usize::from(self.truth(verdict)?))
    }

    fn filter_tuples(
        &self,
        predicate: &'i Code,
        tuples: &[Tuple<'i>],
        env: &Env<'i>,
    ) -> Result<Tuples<'i>, Error> {
        let mut kept = Tuples::new(self.meter);
        if let CodeKind::Number(number) = predicate.kind {
            let at = wrap_index(number, tuples.len());
            if let Some(tuple) = at.and_then(|at| tuples.get(at)) {
                kept.push(tuple.clone())?;
            }
            return Ok(kept);
        }
        for (at, tuple) in tuples.iter().enumerate() {
            let frame = self.tuple_env(tuple, env)?;
            let verdict = self.eval(predicate, &tuple.context, &frame)?;
            for _ in 0..self.hits(&verdict, at, tuples.len())? {
                kept.push(tuple.clone())?;
            }
        }
        Ok(kept)
    }

    /// What predicates and index bindings make of tuples.
    pub(super) fn tuple_stages(
        &self,
        stages: &'i [Stage],
        mut tuples: Tuples<'i>,
        env: &Env<'i>,
    ) -> Result<Tuples<'i>, Error> {
        for stage in stages {
            match stage {
                Stage::Filter(predicate) => tuples = self.filter_tuples(predicate, &tuples, env)?,
                Stage::Index(symbol) => {
                    for (at, tuple) in tuples.tuples_mut().iter_mut().enumerate() {
                        tuple.bind(*symbol, Item::Number(at as f64));
                    }
                }
            }
        }
        Ok(tuples)
    }
}

/// Adds a value to a sequence; an array stands for its elements unless it was constructed as one value.
pub(super) fn flatten_into<'i>(list: &mut List<'i>, value: Item<'i>) -> Result<(), Error> {
    match &value {
        Item::List(inner) if inner.flags().constructed => list.push(value),
        Item::List(_) | Item::InputArray(_) => list.extend(&value),
        _ => list.push(value),
    }
}

fn is_constructed(item: &Item<'_>) -> bool {
    matches!(item, Item::List(list) if list.flags().constructed)
}

/// The place that a number means: from the end when negative.
fn wrap_index(number: f64, count: usize) -> Option<usize> {
    let floor = number.floor();
    let at = if floor < 0.0 { floor + count as f64 } else { floor };
    (at >= 0.0 && at < count as f64).then_some(at as usize)
}
