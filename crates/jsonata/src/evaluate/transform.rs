//! The transform operator `|pattern|update, delete|`: a function that gives a changed copy of its argument

use std::collections::HashMap;
use std::rc::Rc;

use crate::Error;
use crate::item::{Item, Record, Transform};

use super::Evaluator;

/// The way from the root of a copy to an object in it: places of elements and members
type Way = Rc<Steps>;

enum Steps {
    Root,
    Below(Way, usize),
}

impl<'i> Evaluator<'i> {
    pub(super) fn transform(&self, transform: &Transform<'i>, subject: &Item<'i>) -> Result<Item<'i>, Error> {
        if subject.is_undefined() {
            return Ok(Item::Undefined);
        }
        if !subject.is_object() && !subject.is_array() {
            return Err(Error::new("T0410").index(1));
        }
        let mut copy = self.deep_copy(subject)?;
        let matches = self.eval(transform.pattern, &copy, &transform.env)?;
        if matches.is_undefined() {
            return Ok(copy);
        }
        // Changes go by the way to each match: the copy has one owner then, and is changed in place.
        let mut ways = HashMap::new();
        self.note_ways(&copy, &Rc::new(Steps::Root), &mut ways)?;
        let mut found: Vec<(Option<Vec<usize>>, Item<'i>)> = matches
            .elements()
            .map(|item| {
                let way = address(&item).and_then(|address| ways.get(&address)).map(places);
                // What is not part of the copy is changed for nobody to see, yet checked like the rest.
                let detached = if way.is_some() { Item::Undefined } else { item };
                (way, detached)
            })
            .collect();
        drop((matches, ways));
        let is_nested = has_nested_ways(&found);
        for at in 0..found.len() {
            let next = found.get_mut(at).map(|next| std::mem::replace(next, (None, Item::Undefined)));
            let Some((way, detached)) = next else { break };
            let subject = match &way {
                Some(way) => reach(&copy, way),
                None => detached,
            };
            let removed = self.change(transform, &mut copy, way.as_deref(), subject)?;
            // What is behind a member that went has moved up, for matches inside this one.
            let removed = if is_nested { removed } else { Vec::new() };
            for (way, place) in way.iter().flat_map(|way| removed.iter().map(move |place| (way, *place))) {
                self.step(found.len() - at)?;
                for (later, _) in found.iter_mut().skip(at + 1) {
                    move_up(later, way, place);
                }
            }
        }
        Ok(copy)
    }

    /// Changes one match; gives the places of the members that were removed, one after the other.
    fn change(
        &self,
        transform: &Transform<'i>,
        copy: &mut Item<'i>,
        way: Option<&[usize]>,
        mut subject: Item<'i>,
    ) -> Result<Vec<usize>, Error> {
        let mut removed = Vec::new();
        self.step(1)?;
        let update = self.eval(transform.update, &subject, &transform.env)?;
        if !update.is_undefined() {
            if !update.is_object() {
                let position = transform.update.position;
                return Err(Error::new("T2011").value(self.shown(&update)).at(position));
            }
            subject = Item::Undefined;
            self.step(update.member_count())?;
            for (key, value) in update.members() {
                self.edit(copy, way, |record| match record.position(&key) {
                    Some(at) => record.replace(at, value.clone()),
                    None => {
                        // The members are indexed anew when the next is looked for.
                        self.step(record.entries().len().saturating_mul(3))?;
                        record.push(key.clone(), value.clone())
                    }
                })?;
            }
        }
        let Some(delete) = transform.delete else { return Ok(removed) };
        if let (true, Some(way)) = (subject.is_undefined(), way) {
            subject = reach(copy, way);
        }
        let names = self.eval(delete, &subject, &transform.env)?;
        drop(subject);
        if names.is_undefined() {
            return Ok(removed);
        }
        if !names.elements().all(|name| name.as_str().is_some()) {
            return Err(Error::new("T2012").value(self.shown(&names)).at(delete.position));
        }
        for name in names.elements() {
            self.step(1)?;
            if let Some(name) = name.as_str() {
                self.edit(copy, way, |record| {
                    // Those behind it move up, and are indexed anew.
                    self.step(record.entries().len().saturating_mul(3))?;
                    removed.extend(record.position(name));
                    record.remove(name);
                    Ok(())
                })?;
            }
        }
        Ok(removed)
    }

    /// Changes the object at the end of a way. What is shared on the way is copied.
    fn edit(
        &self,
        copy: &mut Item<'i>,
        way: Option<&[usize]>,
        change: impl FnOnce(&mut Record<'i>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Some(way) = way else { return Ok(()) };
        let mut current = copy;
        for place in way {
            current = match self.child_mut(current, *place)? {
                Some(child) => child,
                // An earlier change took this part out.
                None => return Ok(()),
            };
        }
        match current {
            Item::Record(record) => {
                if Rc::get_mut(record).is_none() {
                    *record = Rc::new(self.copy_record(record)?);
                }
                match Rc::get_mut(record) {
                    Some(record) => change(record),
                    None => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }

    fn child_mut<'c>(&self, item: &'c mut Item<'i>, place: usize) -> Result<Option<&'c mut Item<'i>>, Error> {
        Ok(match item {
            Item::List(list) => {
                if Rc::get_mut(list).is_none() {
                    *list = Rc::new(list.copy()?);
                }
                Rc::get_mut(list).and_then(|list| list.items_mut().get_mut(place))
            }
            Item::Record(record) => {
                if Rc::get_mut(record).is_none() {
                    *record = Rc::new(self.copy_record(record)?);
                }
                Rc::get_mut(record).and_then(|record| record.value_mut(place))
            }
            _ => None,
        })
    }

    fn copy_record(&self, record: &Record<'i>) -> Result<Record<'i>, Error> {
        let mut copy = Record::new(self.meter)?;
        for (key, value) in record.entries() {
            copy.push(key.clone(), value.clone())?;
        }
        Ok(copy)
    }

    /// A copy whose arrays and objects are all made anew, each with one owner.
    pub(crate) fn deep_copy(&self, item: &Item<'i>) -> Result<Item<'i>, Error> {
        if item.is_array() {
            self.step(item.count())?;
            let mut list = self.list()?;
            for element in item.elements() {
                list.push(self.deep_copy(&element)?)?;
            }
            return Ok(list.into_item());
        }
        if item.is_object() {
            self.step(item.member_count())?;
            let mut record = Record::new(self.meter)?;
            for (key, value) in item.members() {
                let value = self.deep_copy(&value)?;
                record.push(key, value)?;
            }
            return Ok(record.into_item());
        }
        Ok(match item {
            // A copy goes through JSON text, in which a function is an empty string.
            Item::Builtin(_) | Item::Function(_) => self.text("")?,
            other => other.clone(),
        })
    }

    fn note_ways(&self, item: &Item<'i>, way: &Way, ways: &mut HashMap<usize, Way>) -> Result<(), Error> {
        match item {
            Item::List(list) => {
                self.step(list.len())?;
                for (at, element) in list.iter().enumerate() {
                    if matches!(element, Item::List(_) | Item::Record(_)) {
                        self.note_ways(element, &Rc::new(Steps::Below(way.clone(), at)), ways)?;
                    }
                }
            }
            Item::Record(record) => {
                self.step(record.entries().len())?;
                for (at, (_, value)) in record.entries().iter().enumerate() {
                    if matches!(value, Item::List(_) | Item::Record(_)) {
                        self.note_ways(value, &Rc::new(Steps::Below(way.clone(), at)), ways)?;
                    }
                }
            }
            _ => {}
        }
        if let Some(address) = address(item) {
            ways.insert(address, way.clone());
        }
        Ok(())
    }
}

/// What tells one object of a copy from all others.
fn address(item: &Item<'_>) -> Option<usize> {
    match item {
        Item::Record(record) => Some(Rc::as_ptr(record).addr()),
        _ => None,
    }
}

fn places(way: &Way) -> Vec<usize> {
    let mut places = Vec::new();
    let mut current = way;
    while let Steps::Below(above, place) = &**current {
        places.push(*place);
        current = above;
    }
    places.reverse();
    places
}

/// Whether one match lies inside another.
fn has_nested_ways(found: &[(Option<Vec<usize>>, Item<'_>)]) -> bool {
    let mut ways: Vec<&[usize]> = found.iter().filter_map(|(way, _)| way.as_deref()).collect();
    ways.sort_unstable();
    // A way comes right before those that go on from it.
    ways.windows(2).any(|pair| matches!(pair, [one, other] if other.starts_with(one)))
}

/// Adjusts a way to the removal of a member of the object at the end of another.
fn move_up(way: &mut Option<Vec<usize>>, object: &[usize], removed: usize) {
    let Some(places) = way else { return };
    if !places.starts_with(object) {
        return;
    }
    match places.get_mut(object.len()) {
        Some(place) if *place > removed => *place -= 1,
        // It went with the member: whatever changes there, nobody sees.
        Some(place) if *place == removed => *way = None,
        _ => {}
    }
}

fn reach<'i>(item: &Item<'i>, way: &[usize]) -> Item<'i> {
    let mut current = item.clone();
    for place in way {
        current = match current.member_at(*place) {
            Some((_, value)) => value,
            None => current.element(*place),
        };
    }
    current
}
