//! Object constructors: `{k: v}` by itself, and behind a path as a grouping

use std::collections::HashMap;
use std::sync::Arc;

use crate::Error;
use crate::item::{Env, Item, Key, List, Record, Tuple};
use crate::program::Code;

use super::Evaluator;

/// The values that share a key
struct Group<'i> {
    key: Key<'i>,
    /// Which pair of the constructor gave the key
    pair: usize,
    data: Data<'i>,
}

enum Data<'i> {
    One(Item<'i>),
    Many(List<'i>),
    Tuples(Vec<Tuple<'i>>),
}

impl<'i> Evaluator<'i> {
    /// An object: each value of the input gives keys, and each key is evaluated once over all values that gave it.
    pub(super) fn group(
        &self,
        pairs: &'i [(Code, Code)],
        input: &Item<'i>,
        env: &Env<'i>,
    ) -> Result<Item<'i>, Error> {
        if !input.is_array() {
            return self.object(pairs, input, env);
        }
        let mut groups: Vec<Group<'i>> = Vec::new();
        let mut by_key: HashMap<Arc<str>, usize> = HashMap::new();
        // An empty sequence still makes an object, of what does not depend on it.
        let count = input.count().max(1);
        self.step(count)?;
        for at in 0..count {
            let (context, frame, tuple) = match input {
                Item::Tuples(tuples) => match tuples.get(at) {
                    Some(tuple) => (tuple.context.clone(), self.tuple_env(tuple, env)?, Some(tuple.clone())),
                    None => (Item::Undefined, env.clone(), None),
                },
                _ => (input.element(at), env.clone(), None),
            };
            for (pair, (key, _)) in pairs.iter().enumerate() {
                let Some(key) = self.key(key, &context, &frame)? else { continue };
                // The name is copied only when it is new: most values share the key of others.
                match by_key.get(&*key) {
                    Some(at) => {
                        let Some(group) = groups.get_mut(*at) else { continue };
                        if group.pair != pair {
                            return Err(self.same_key(&key, pairs, pair));
                        }
                        self.add(&mut group.data, &context, tuple.as_ref())?;
                    }
                    None => {
                        by_key.insert(key.shared(), groups.len());
                        let data = match &tuple {
                            Some(tuple) => Data::Tuples(vec![tuple.clone()]),
                            None => Data::One(context.clone()),
                        };
                        groups.push(Group { key, pair, data });
                    }
                }
            }
        }
        let mut record = Record::new(self.meter)?;
        for Group { key, pair, data } in groups {
            let Some((_, value)) = pairs.get(pair) else { continue };
            let value = match data {
                Data::One(item) => self.eval(value, &item, env)?,
                Data::Many(list) => self.eval(value, &list.into_item(), env)?,
                Data::Tuples(tuples) => {
                    let tuple = self.reduce(tuples)?;
                    let frame = self.tuple_env(&tuple, env)?;
                    self.eval(value, &tuple.context, &frame)?
                }
            };
            if !value.is_undefined() {
                record.push(key, value)?;
            }
        }
        Ok(record.into_item())
    }

    /// An object constructor by itself.
    pub(super) fn object_or_group(
        &self,
        pairs: &'i [(Code, Code)],
        names: Option<&'i [Arc<str>]>,
        input: &Item<'i>,
        env: &Env<'i>,
    ) -> Result<Item<'i>, Error> {
        let (Some(names), false) = (names, input.is_array()) else { return self.group(pairs, input, env) };
        self.step(names.len())?;
        let mut record = Record::with_capacity(names.len(), self.meter)?;
        for (name, (_, value)) in names.iter().zip(pairs) {
            let value = self.eval(value, input, env)?;
            if !value.is_undefined() {
                record.push(Key::Input(name), value)?;
            }
        }
        Ok(record.into_item())
    }

    /// The object of one value: no grouping is needed.
    fn object(&self, pairs: &'i [(Code, Code)], input: &Item<'i>, env: &Env<'i>) -> Result<Item<'i>, Error> {
        let mut keys: Vec<Option<Key<'i>>> = Vec::with_capacity(pairs.len());
        for (key, _) in pairs {
            match self.key(key, input, env) {
                Ok(key) => keys.push(key),
                // A key that was there before comes first.
                Err(error) => {
                    let Some((pair, Some(key))) =
                        repeated(&keys).map(|pair| (pair, keys.get(pair).cloned().flatten()))
                    else {
                        return Err(error);
                    };
                    return Err(self.same_key(&key, pairs, pair));
                }
            }
        }
        if let Some(pair) = repeated(&keys) {
            return Err(match keys.get(pair) {
                Some(Some(key)) => self.same_key(key, pairs, pair),
                _ => Error::new("D1009"),
            });
        }
        let mut record = Record::new(self.meter)?;
        for (key, (_, value)) in keys.into_iter().zip(pairs) {
            if let Some(key) = key {
                let value = self.eval(value, input, env)?;
                if !value.is_undefined() {
                    record.push(key, value)?;
                }
            }
        }
        Ok(record.into_item())
    }

    fn key(&self, code: &'i Code, input: &Item<'i>, env: &Env<'i>) -> Result<Option<Key<'i>>, Error> {
        let key = self.eval(code, input, env)?;
        if key.is_undefined() {
            return Ok(None);
        }
        match Key::try_from(&key) {
            Ok(key) => Ok(Some(key)),
            Err(()) => Err(Error::new("T1003").value(self.shown(&key)).at(code.position)),
        }
    }

    fn same_key(&self, key: &Key<'i>, pairs: &'i [(Code, Code)], pair: usize) -> Error {
        let error = Error::new("D1009").string_value(key);
        match pairs.get(pair) {
            Some((code, _)) => error.at(code.position),
            None => error,
        }
    }

    /// Adds a value to those of a key; an array adds its elements.
    fn add(&self, data: &mut Data<'i>, context: &Item<'i>, tuple: Option<&Tuple<'i>>) -> Result<(), Error> {
        match data {
            Data::One(first) => {
                let mut list = self.list()?;
                list.extend(first)?;
                list.extend(context)?;
                *data = Data::Many(list);
            }
            Data::Many(list) => list.extend(context)?,
            Data::Tuples(tuples) => tuples.extend(tuple.cloned()),
        }
        Ok(())
    }

    /// One tuple of several: each of its variables holds the values of all.
    fn reduce(&self, tuples: Vec<Tuple<'i>>) -> Result<Tuple<'i>, Error> {
        let mut tuples = tuples.into_iter();
        let Some(mut result) = tuples.next() else { return Ok(Tuple::of(Item::Undefined)) };
        let rest: Vec<Tuple<'i>> = tuples.collect();
        if rest.is_empty() {
            return Ok(result);
        }
        let mut joined = self.list()?;
        joined.extend(&result.context)?;
        for tuple in &rest {
            joined.extend(&tuple.context)?;
        }
        result.context = joined.into_item();
        for (symbol, value) in &mut result.bindings {
            let mut joined = self.list()?;
            joined.extend(value)?;
            for tuple in &rest {
                if let Some((_, other)) = tuple.bindings.iter().find(|(own, _)| own == symbol) {
                    joined.extend(other)?;
                }
            }
            *value = joined.into_item();
        }
        Ok(result)
    }
}

/// The place of a key that came before.
fn repeated(keys: &[Option<Key<'_>>]) -> Option<usize> {
    if keys.len() < 12 {
        return (1..keys.len()).find(|at| {
            keys.get(*at).is_some_and(|key| {
                key.as_deref()
                    .is_some_and(|key| keys.iter().take(*at).any(|other| other.as_deref() == Some(key)))
            })
        });
    }
    let mut seen = std::collections::HashSet::new();
    keys.iter().position(|key| key.as_deref().is_some_and(|key| !seen.insert(key)))
}
