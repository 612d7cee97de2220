//! Functions over arrays of anything

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use super::argument;
use crate::Error;
use crate::evaluate::Evaluator;
use crate::item::Item;

pub(super) fn append<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let (left, right) = (argument(arguments, 0), argument(arguments, 1));
    evaluator.append(left, right)
}

impl<'i> Evaluator<'i> {
    /// Two values or arrays as one array; with one of them undefined, the other as it is.
    pub(crate) fn append(&self, left: Item<'i>, right: Item<'i>) -> Result<Item<'i>, Error> {
        if left.is_undefined() {
            return Ok(right);
        }
        if right.is_undefined() {
            return Ok(left);
        }
        self.step((left.count() + right.count()) / 2)?;
        let mut list = self.list()?;
        list.extend(&left)?;
        list.extend(&right)?;
        Ok(list.into_item())
    }
}

pub(super) fn zip<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let length =
        |item: &Item<'i>| if item.is_array() { item.count() } else { usize::from(!item.is_undefined()) };
    let shortest = arguments.iter().map(length).min().unwrap_or(0);
    evaluator.step(shortest * arguments.len())?;
    let mut rows = evaluator.list()?;
    for at in 0..shortest {
        let mut row = evaluator.list()?;
        for array in arguments {
            row.push(array.element(at))?;
        }
        rows.push(row.into_item())?;
    }
    Ok(rows.into_item())
}

pub(super) fn reverse<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let array = argument(arguments, 0);
    if array.count() <= 1 {
        return Ok(array);
    }
    evaluator.step(array.count() / 4)?;
    let mut list = evaluator.list()?;
    for at in (0..array.count()).rev() {
        list.push(array.element(at))?;
    }
    Ok(list.into_item())
}

pub(super) fn shuffle<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let array = argument(arguments, 0);
    if array.count() <= 1 {
        return Ok(array);
    }
    evaluator.step(array.count())?;
    let mut list = evaluator.list()?;
    list.extend(&array)?;
    let items = list.items_mut();
    for at in (1..items.len()).rev() {
        let other = evaluator.random_u64() % (at as u64 + 1);
        items.swap(at, other as usize);
    }
    Ok(list.into_item())
}

pub(super) fn distinct<'i>(evaluator: &Evaluator<'i>, arguments: &[Item<'i>]) -> Result<Item<'i>, Error> {
    let array = argument(arguments, 0);
    if !array.is_array() || array.count() <= 1 {
        return Ok(array);
    }
    let mut list = evaluator.list()?;
    list.flags_mut().sequence = array.is_sequence();
    evaluator.step(array.count())?;
    let elements: Vec<Item<'i>> = array.elements().collect();
    if elements.iter().all(|element| element.as_str().is_some()) {
        let mut seen = HashSet::with_capacity(elements.len());
        for element in &elements {
            if element.as_str().is_some_and(|text| seen.insert(text)) {
                list.push(element.clone())?;
            }
        }
        return Ok(list.into_item());
    }
    // Values are compared only with those of the same hash.
    let mut seen: HashMap<u64, Vec<Item<'i>>> = HashMap::new();
    'elements: for element in elements {
        let same = seen.entry(hash(evaluator, &element)?).or_default();
        for other in same.iter() {
            evaluator.step(1)?;
            if evaluator.equal(&element, other)? {
                continue 'elements;
            }
        }
        same.push(element.clone());
        list.push(element)?;
    }
    Ok(list.into_item())
}

/// A number that equal values share.
fn hash(evaluator: &Evaluator<'_>, item: &Item<'_>) -> Result<u64, Error> {
    let mut hasher = DefaultHasher::new();
    if let Some(number) = item.as_number() {
        // Zero and minus zero are equal.
        (0_u8, (number + 0.0).to_bits()).hash(&mut hasher);
    } else if let Some(text) = item.as_str() {
        (1_u8, text).hash(&mut hasher);
    } else if item.is_array() {
        evaluator.step(item.count())?;
        2_u8.hash(&mut hasher);
        for element in item.elements() {
            hash(evaluator, &element)?.hash(&mut hasher);
        }
    } else if item.is_object() {
        evaluator.step(item.member_count())?;
        // Members are equal in whatever order.
        let mut sum = 0_u64;
        for (key, value) in item.members() {
            let mut member = DefaultHasher::new();
            key.hash(&mut member);
            hash(evaluator, &value)?.hash(&mut member);
            sum = sum.wrapping_add(member.finish());
        }
        (3_u8, sum).hash(&mut hasher);
    } else {
        match item {
            Item::Bool(value) => (4_u8, value).hash(&mut hasher),
            Item::Builtin(builtin) => (7_u8, builtin.name).hash(&mut hasher),
            Item::Function(function) => (5_u8, Rc::as_ptr(function).addr()).hash(&mut hasher),
            _ => 6_u8.hash(&mut hasher),
        }
    }
    Ok(hasher.finish())
}
