//! The order-by operator `^`

use std::cmp::Ordering;

use crate::Error;
use crate::evaluate::operators::compare_texts;
use crate::item::{Env, Item, Tuples};
use crate::program::SortTerm;

use super::Evaluator;

/// Bytes that a key takes while rows are sorted.
const KEY_BYTES: usize = 24;

impl<'i> Evaluator<'i> {
    /// The elements of an array in the order of the terms.
    pub(super) fn sort(
        &self,
        terms: &'i [SortTerm],
        input: &Item<'i>,
        env: &Env<'i>,
    ) -> Result<Item<'i>, Error> {
        if input.count() <= 1 {
            return Ok(input.clone());
        }
        let mut keys = Vec::with_capacity(input.count() * terms.len());
        for element in input.elements() {
            self.sort_keys(terms, &element, env, &mut keys)?;
        }
        let mut list = self.sequence()?;
        list.reserve(input.count())?;
        for at in self.sorted_places(terms, &keys, input.count())? {
            list.push(input.element(at))?;
        }
        Ok(list.into_item())
    }

    /// Tuples in the order of the terms.
    pub(super) fn sort_tuples(
        &self,
        terms: &'i [SortTerm],
        tuples: Tuples<'i>,
        env: &Env<'i>,
    ) -> Result<Tuples<'i>, Error> {
        if tuples.len() <= 1 {
            return Ok(tuples);
        }
        let mut keys = Vec::with_capacity(tuples.len() * terms.len());
        for tuple in tuples.iter() {
            let frame = self.tuple_env(tuple, env)?;
            self.sort_keys(terms, &tuple.context, &frame, &mut keys)?;
        }
        let mut sorted = Tuples::new(self.meter);
        for at in self.sorted_places(terms, &keys, tuples.len())? {
            if let Some(tuple) = tuples.get(at) {
                sorted.push(tuple.clone())?;
            }
        }
        Ok(sorted)
    }

    /// Adds the keys of a row, one for each term.
    fn sort_keys(
        &self,
        terms: &'i [SortTerm],
        item: &Item<'i>,
        env: &Env<'i>,
        keys: &mut Vec<Item<'i>>,
    ) -> Result<(), Error> {
        self.meter.check(keys.len() * KEY_BYTES)?;
        for term in terms {
            keys.push(self.eval(&term.expression, item, env)?);
        }
        Ok(())
    }

    /// The places of `count` rows in the order of their keys.
    fn sorted_places(
        &self,
        terms: &'i [SortTerm],
        keys: &[Item<'i>],
        count: usize,
    ) -> Result<Vec<usize>, Error> {
        let row = |at: &usize| keys.get(at * terms.len()..(at + 1) * terms.len()).unwrap_or_default();
        let mut places: Vec<usize> = (0..count).collect();
        // With keys that can all be compared the order is total, and nothing can fail.
        let is_total =
            (0..terms.len()).all(|term| are_comparable(keys.iter().skip(term).step_by(terms.len())));
        if is_total {
            self.step(count * (count.ilog2() as usize + 1))?;
            places.sort_by(|left, right| {
                let pairs = terms.iter().zip(row(left).iter().zip(row(right)));
                let mut orders = pairs.map(|(term, (left, right))| {
                    directed(term, (left, right), compare_keys(left, right).unwrap_or(Ordering::Equal))
                });
                orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            });
            return Ok(places);
        }
        self.merge_sort(places, |left, right| {
            for (term, (left, right)) in terms.iter().zip(row(left).iter().zip(row(right))) {
                let order = match compare_keys(left, right) {
                    Some(order) => order,
                    None => return Err(self.not_comparable(left, right).at(term.expression.position)),
                };
                let order = directed(term, (left, right), order);
                if order.is_ne() {
                    return Ok(order.is_gt());
                }
            }
            Ok(false)
        })
    }

    fn not_comparable(&self, left: &Item<'i>, right: &Item<'i>) -> Error {
        let sortable = |item: &Item<'i>| item.as_number().is_some() || item.as_str().is_some();
        if !sortable(left) || !sortable(right) {
            let culprit = if sortable(left) { right } else { left };
            return Error::new("T2008").value(self.shown(culprit));
        }
        Error::new("T2007").value(self.shown(left)).value2(self.shown(right))
    }

    /// Numbers or strings in ascending order.
    pub(crate) fn sort_values(&self, mut values: Vec<Item<'i>>) -> Result<Vec<Item<'i>>, Error> {
        let compare =
            |left: &Item<'i>, right: &Item<'i>| compare_keys(left, right).unwrap_or(Ordering::Equal);
        if are_comparable(values.iter()) {
            self.step(values.len() * (values.len().max(1).ilog2() as usize + 1))?;
            values.sort_by(compare);
            return Ok(values);
        }
        self.merge_sort(values, |left, right| Ok(compare(left, right).is_gt()))
    }

    /// Sorts, leaving equal rows in their order. `is_after` tells whether its first argument belongs behind its
    /// second; it may fail, and need not be consistent.
    pub(crate) fn merge_sort<T>(
        &self,
        mut rows: Vec<T>,
        is_after: impl Fn(&T, &T) -> Result<bool, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut width = 1;
        while width < rows.len() {
            self.step(rows.len())?;
            let mut merged: Vec<T> = Vec::with_capacity(rows.len());
            let mut rest = rows.into_iter().peekable();
            loop {
                let mut left = rest.by_ref().take(width).collect::<Vec<T>>().into_iter().peekable();
                let mut right = rest.by_ref().take(width).collect::<Vec<T>>().into_iter().peekable();
                if left.peek().is_none() {
                    break;
                }
                while let (Some(one), Some(other)) = (left.peek(), right.peek()) {
                    let next = if is_after(one, other)? { right.next() } else { left.next() };
                    merged.extend(next);
                }
                merged.extend(left);
                merged.extend(right);
            }
            rows = merged;
            width *= 2;
        }
        Ok(rows)
    }
}

/// The order of two keys, none when they can't be compared. What has no key comes last.
fn compare_keys(left: &Item<'_>, right: &Item<'_>) -> Option<Ordering> {
    match (left, right) {
        (Item::Number(left), Item::Number(right)) => {
            return Some(left.partial_cmp(right).unwrap_or(Ordering::Greater));
        }
        (Item::Undefined, Item::Undefined) => return Some(Ordering::Equal),
        (Item::Undefined, _) => return Some(Ordering::Greater),
        (_, Item::Undefined) => return Some(Ordering::Less),
        _ => {}
    }
    if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
        return Some(compare_texts(left, right));
    }
    let (left, right) = (left.as_number()?, right.as_number()?);
    Some(left.partial_cmp(&right).unwrap_or(Ordering::Greater))
}

/// The order in the direction of a term, which does not concern rows without a key.
fn directed(term: &SortTerm, (left, right): (&Item<'_>, &Item<'_>), order: Ordering) -> Ordering {
    let reversed = term.descending && !left.is_undefined() && !right.is_undefined();
    if reversed { order.reverse() } else { order }
}

/// Whether keys are all numbers or all strings; undefined ones may be among them.
fn are_comparable<'i: 'k, 'k>(keys: impl Iterator<Item = &'k Item<'i>>) -> bool {
    let (mut numbers, mut texts) = (false, false);
    for key in keys {
        match (key.as_number(), key.as_str()) {
            (Some(number), _) if number.is_nan() => return false,
            (Some(_), _) => numbers = true,
            (_, Some(_)) => texts = true,
            _ if key.is_undefined() => {}
            _ => return false,
        }
    }
    !(numbers && texts)
}
