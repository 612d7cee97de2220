//! The order-by operator `^`

use std::cmp::Ordering;

use crate::Error;
use crate::evaluate::operators::compare_texts;
use crate::item::{Env, Item, Tuples};
use crate::program::SortTerm;

use super::Evaluator;

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
        let mut rows = Vec::with_capacity(input.count());
        for element in input.elements() {
            let keys = self.sort_keys(terms, &element, env)?;
            rows.push((keys, element));
        }
        let rows = self.sort_rows(terms, rows)?;
        let mut list = self.sequence()?;
        for (_, element) in rows {
            list.push(element)?;
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
        let mut rows = Vec::with_capacity(tuples.len());
        for tuple in tuples.iter() {
            let frame = self.tuple_env(tuple, env)?;
            rows.push((self.sort_keys(terms, &tuple.context, &frame)?, tuple.clone()));
        }
        drop(tuples);
        let mut sorted = Tuples::new(self.meter);
        for (_, tuple) in self.sort_rows(terms, rows)? {
            sorted.push(tuple)?;
        }
        Ok(sorted)
    }

    fn sort_keys(
        &self,
        terms: &'i [SortTerm],
        item: &Item<'i>,
        env: &Env<'i>,
    ) -> Result<Vec<Item<'i>>, Error> {
        terms.iter().map(|term| self.eval(&term.expression, item, env)).collect()
    }

    fn sort_rows<T>(
        &self,
        terms: &'i [SortTerm],
        rows: Vec<(Vec<Item<'i>>, T)>,
    ) -> Result<Vec<(Vec<Item<'i>>, T)>, Error> {
        self.merge_sort(rows, |(left, _), (right, _)| {
            for ((term, left), right) in terms.iter().zip(left).zip(right) {
                let ordering =
                    self.sort_order(left, right).map_err(|error| error.at(term.expression.position))?;
                // What has no key comes last, whatever the direction.
                let ordering = match (left.is_undefined(), right.is_undefined()) {
                    (false, false) if term.descending => ordering.reverse(),
                    _ => ordering,
                };
                if ordering.is_ne() {
                    return Ok(ordering.is_gt());
                }
            }
            Ok(false)
        })
    }

    fn sort_order(&self, left: &Item<'i>, right: &Item<'i>) -> Result<Ordering, Error> {
        match (left.is_undefined(), right.is_undefined()) {
            (true, true) => return Ok(Ordering::Equal),
            (true, false) => return Ok(Ordering::Greater),
            (false, true) => return Ok(Ordering::Less),
            (false, false) => {}
        }
        if let (Some(left), Some(right)) = (left.as_number(), right.as_number()) {
            return Ok(left.partial_cmp(&right).unwrap_or(Ordering::Equal));
        }
        if let (Some(left), Some(right)) = (left.as_str(), right.as_str()) {
            return Ok(compare_texts(left, right));
        }
        let sortable = |item: &Item<'i>| item.as_number().is_some() || item.as_str().is_some();
        if !sortable(left) || !sortable(right) {
            let culprit = if sortable(left) { right } else { left };
            return Err(Error::new("T2008").value(self.shown(culprit)));
        }
        Err(Error::new("T2007").value(self.shown(left)).value2(self.shown(right)))
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
