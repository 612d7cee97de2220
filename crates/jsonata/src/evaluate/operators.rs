//! Operators, truth, equality and order

use std::cmp::Ordering;
use std::rc::Rc;

use crate::Error;
use crate::ast::Operator;
use crate::item::{Env, Function, Item};
use crate::program::{Code, CodeKind};

use super::Evaluator;

/// Most numbers that a range makes.
const RANGE_MAX: f64 = 1e7;

impl<'i> Evaluator<'i> {
    pub(super) fn binary(
        &self,
        operator: Operator,
        left: &'i Code,
        right: &'i Code,
        code: &'i Code,
        input: &Item<'i>,
        env: &Env<'i>,
    ) -> Result<Item<'i>, Error> {
        if operator == Operator::Concatenate {
            let mut text = String::new();
            self.write_concatenation(left, right, code, input, env, &mut text)?;
            return self.text(&text);
        }
        let left = self.eval(left, input, env)?;
        // Only these two may leave the right side out.
        match operator {
            Operator::And => {
                return Ok(Item::Bool(self.truth(&left)? && self.truth(&self.eval(right, input, env)?)?));
            }
            Operator::Or => {
                return Ok(Item::Bool(self.truth(&left)? || self.truth(&self.eval(right, input, env)?)?));
            }
            _ => {}
        }
        let right = self.eval(right, input, env)?;
        let result = match operator {
            Operator::Add
            | Operator::Subtract
            | Operator::Multiply
            | Operator::Divide
            | Operator::Remainder => self.arithmetic(operator, &left, &right),
            Operator::Equal | Operator::NotEqual => {
                // An undefined side makes both false.
                if left.is_undefined() || right.is_undefined() {
                    return Ok(Item::Bool(false));
                }
                let equal = self.equal(&left, &right)?;
                Ok(Item::Bool(equal == (operator == Operator::Equal)))
            }
            Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual => {
                self.comparison(operator, &left, &right)
            }
            Operator::Range => self.range(&left, &right),
            Operator::In => self.includes(&left, &right).map(Item::Bool),
            Operator::And | Operator::Or | Operator::Concatenate => Ok(Item::Undefined),
        };
        result.map_err(|error| error.token(operator.symbol()).at(code.position))
    }

    /// The number of a value, none for anything else.
    ///
    /// # Errors
    /// D1001 for an infinite number: it can't be worked with any further. "Not a number" is none.
    pub(crate) fn numeric(&self, item: &Item<'i>) -> Result<Option<f64>, Error> {
        match item.as_number() {
            Some(number) if number.is_finite() => Ok(Some(number)),
            Some(number) if number.is_nan() => Ok(None),
            // The text shows such a number as JSON does.
            Some(_) => Err(Error::new("D1001").value("null".to_owned())),
            None => Ok(None),
        }
    }

    fn arithmetic(&self, operator: Operator, left: &Item<'i>, right: &Item<'i>) -> Result<Item<'i>, Error> {
        let (one, other) = match (left, right) {
            (Item::Number(one), Item::Number(other)) if one.is_finite() && other.is_finite() => {
                (*one, *other)
            }
            _ => {
                let operand = |item: &Item<'i>, code: &'static str| match self.numeric(item)? {
                    Some(number) => Ok(Some(number)),
                    None if item.is_undefined() => Ok(None),
                    None => Err(Error::new(code).value(self.shown(item))),
                };
                let (left, right) = (operand(left, "T2001")?, operand(right, "T2002")?);
                match (left, right) {
                    (Some(left), Some(right)) => (left, right),
                    _ => return Ok(Item::Undefined),
                }
            }
        };
        Ok(Item::Number(match operator {
            Operator::Add => one + other,
            Operator::Subtract => one - other,
            Operator::Multiply => one * other,
            Operator::Divide => one / other,
            _ => one % other,
        }))
    }

    pub(super) fn negate(&self, item: Item<'i>, code: &'i Code) -> Result<Item<'i>, Error> {
        if item.is_undefined() {
            return Ok(Item::Undefined);
        }
        match self.numeric(&item) {
            Ok(Some(number)) => Ok(Item::Number(-number)),
            Ok(None) => Err(Error::new("D1002").token("-").value(self.shown(&item)).at(code.position)),
            Err(error) => Err(error.at(code.position)),
        }
    }

    fn comparison(&self, operator: Operator, left: &Item<'i>, right: &Item<'i>) -> Result<Item<'i>, Error> {
        let comparable =
            |item: &Item<'i>| item.is_undefined() || item.as_number().is_some() || item.as_str().is_some();
        if !comparable(left) || !comparable(right) {
            let culprit = if comparable(left) { right } else { left };
            return Err(Error::new("T2010").value(self.shown(culprit)));
        }
        let ordering = match (left.as_number(), right.as_number(), left.as_str(), right.as_str()) {
            (Some(left), Some(right), _, _) => left.partial_cmp(&right),
            (_, _, Some(left), Some(right)) => {
                self.step((left.len() + right.len()) / 32)?;
                Some(compare_texts(left, right))
            }
            _ if left.is_undefined() || right.is_undefined() => return Ok(Item::Undefined),
            _ => {
                return Err(Error::new("T2009").value(self.shown(left)).value2(self.shown(right)));
            }
        };
        let Some(ordering) = ordering else { return Ok(Item::Bool(false)) };
        Ok(Item::Bool(match operator {
            Operator::Less => ordering.is_lt(),
            Operator::LessEqual => ordering.is_le(),
            Operator::Greater => ordering.is_gt(),
            _ => ordering.is_ge(),
        }))
    }

    /// `x & y`: what stands left of it may be a concatenation too, and is written into the same text.
    fn write_concatenation(
        &self,
        left: &'i Code,
        right: &'i Code,
        code: &'i Code,
        input: &Item<'i>,
        env: &Env<'i>,
        out: &mut String,
    ) -> Result<(), Error> {
        let mut written = None;
        match &left.kind {
            CodeKind::Binary(Operator::Concatenate, inner, other) if left.is_bare() => {
                self.enter()?;
                let result = self.write_concatenation(inner, other, left, input, env, out);
                self.leave();
                result?;
            }
            _ => written = Some(self.eval(left, input, env)?),
        }
        // Both sides are evaluated before either is turned into text.
        let right = self.eval(right, input, env)?;
        for side in [written.as_ref(), Some(&right)].into_iter().flatten() {
            self.write_string(side, false, out)
                .map_err(|error| error.token(Operator::Concatenate.symbol()).at(code.position))?;
        }
        Ok(())
    }

    fn range(&self, left: &Item<'i>, right: &Item<'i>) -> Result<Item<'i>, Error> {
        let whole = |item: &Item<'i>, code: &'static str| match item.as_number() {
            Some(number) if number.is_finite() && number.fract() == 0.0 => Ok(Some(number)),
            None if item.is_undefined() => Ok(None),
            _ => Err(Error::new(code).value(self.shown(item))),
        };
        let (first, last) = match (whole(left, "T2003")?, whole(right, "T2004")?) {
            (Some(first), Some(last)) if first <= last => (first, last),
            _ => return Ok(Item::Undefined),
        };
        let count = last - first + 1.0;
        if count > RANGE_MAX {
            return Err(Error::new("D2014").value(crate::text::number::number_text(count)));
        }
        let count = count as usize;
        self.step(count)?;
        let mut list = self.sequence()?;
        list.reserve(count)?;
        for at in 0..count {
            list.push(Item::Number(first + at as f64))?;
        }
        Ok(list.into_item())
    }

    /// `x in y`: whether the very value is there. Arrays and objects are not compared by what is in them.
    fn includes(&self, left: &Item<'i>, right: &Item<'i>) -> Result<bool, Error> {
        if left.is_undefined() || right.is_undefined() {
            return Ok(false);
        }
        self.step(right.count())?;
        if let Some(text) = left.as_str() {
            self.step(right.count().saturating_mul(text.len() / 256))?;
        }
        Ok(right.elements().any(|element| match (&element, left) {
            (Item::InputArray(one), Item::InputArray(other)) => one.ptr_eq(other),
            (Item::List(one), Item::List(other)) => Rc::ptr_eq(one, other),
            (Item::InputObject(one), Item::InputObject(other)) => one.ptr_eq(other),
            (Item::Record(one), Item::Record(other)) => Rc::ptr_eq(one, other),
            (Item::Function(one), Item::Function(other)) => Rc::ptr_eq(one, other),
            (Item::Builtin(one), Item::Builtin(other)) => std::ptr::eq(*one, *other),
            _ => scalars_equal(&element, left).unwrap_or(false),
        }))
    }

    /// `[x, y]`
    pub(super) fn array(
        &self,
        items: &'i [Code],
        code: &'i Code,
        input: &Item<'i>,
        env: &Env<'i>,
    ) -> Result<Item<'i>, Error> {
        let mut result: Option<crate::item::List<'i>> = None;
        for item in items {
            let value = self.eval(item, input, env)?;
            if value.is_undefined() {
                continue;
            }
            // Only an array that is written here stays an element; any other adds its elements.
            let is_element = !value.is_array() || matches!(item.kind, CodeKind::Array(_));
            // The first of them, made just now, may become the result: a large range is not held twice.
            if let (None, false, Item::List(list)) = (&result, is_element, value.clone()) {
                drop(value);
                let mut list = match Rc::try_unwrap(list) {
                    Ok(list) => list,
                    Err(shared) => shared.copy()?,
                };
                *list.flags_mut() = Default::default();
                result = Some(list);
                continue;
            }
            let list = match &mut result {
                Some(list) => list,
                empty => empty.insert(self.list()?),
            };
            if is_element {
                list.push(value)?;
            } else {
                self.step(value.count())?;
                list.extend(&value)?;
            }
        }
        let mut list = match result {
            Some(list) => list,
            None => self.list()?,
        };
        list.flags_mut().constructed = code.constructs_array;
        Ok(list.into_item())
    }

    /// Whether a value counts as true.
    pub(crate) fn truth(&self, item: &Item<'i>) -> Result<bool, Error> {
        Ok(match item {
            Item::Undefined | Item::Null => false,
            // Functions count as true, unlike where they are given to `$boolean`; regular expressions do not.
            Item::Builtin(_) => true,
            Item::Function(function) => !matches!(**function, Function::Regex(_) | Function::NextMatch(_)),
            Item::Bool(value) => *value,
            Item::Number(number) => *number != 0.0 && !number.is_nan(),
            Item::Exact(number) => number.as_f64() != 0.0,
            Item::InputString(text) => !text.is_empty(),
            Item::Text(text) => !text.is_empty(),
            Item::InputObject(_) | Item::Record(_) => item.member_count() > 0,
            // An array is true when one of its elements is.
            Item::InputArray(_) | Item::List(_) | Item::Tuples(_) => {
                for element in item.elements() {
                    self.step(1)?;
                    if self.truth(&element)? {
                        return Ok(true);
                    }
                }
                false
            }
        })
    }

    /// Whether two values are equal, in depth.
    pub(crate) fn equal(&self, left: &Item<'i>, right: &Item<'i>) -> Result<bool, Error> {
        if let (Some(left), Some(_)) = (left.as_str(), right.as_str()) {
            self.step(left.len() / 256)?;
        }
        if let Some(equal) = scalars_equal(left, right) {
            return Ok(equal);
        }
        if left.is_array() && right.is_array() {
            if left.count() != right.count() {
                return Ok(false);
            }
            self.step(left.count())?;
            for at in 0..left.count() {
                if !self.equal(&left.element(at), &right.element(at))? {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        if left.is_object() && right.is_object() {
            if left.member_count() != right.member_count() {
                return Ok(false);
            }
            // Each is looked for in the other.
            self.step(left.member_count().saturating_mul(12))?;
            for (key, value) in left.members() {
                match right.member(&key) {
                    Some(other) if self.equal(&value, &other)? => {}
                    _ => return Ok(false),
                }
            }
            return Ok(true);
        }
        match (left, right) {
            (Item::Function(one), Item::Function(other)) => Ok(Rc::ptr_eq(one, other)),
            (Item::Builtin(one), Item::Builtin(other)) => Ok(std::ptr::eq(*one, *other)),
            _ => Ok(false),
        }
    }
}

/// Equality of values without parts; none when both have parts.
fn scalars_equal(left: &Item<'_>, right: &Item<'_>) -> Option<bool> {
    Some(match (left, right) {
        (Item::Number(left), Item::Number(right)) => left == right,
        (Item::Undefined, Item::Undefined) | (Item::Null, Item::Null) => true,
        (Item::Bool(left), Item::Bool(right)) => left == right,
        // Two whole numbers of the input that are too large for `f64` are compared as they are.
        (Item::Exact(left), Item::Exact(right)) => left == right,
        _ => match (left.as_str(), right.as_str()) {
            (Some(left), Some(right)) => left == right,
            (None, None) => match (left.as_number(), right.as_number()) {
                (Some(left), Some(right)) => left == right,
                (None, None) => {
                    let has_parts =
                        |item: &Item<'_>| item.is_array() || item.is_object() || item.is_function();
                    return if has_parts(left) && has_parts(right) { None } else { Some(false) };
                }
                _ => false,
            },
            _ => false,
        },
    })
}

/// The order of texts: by UTF-16 units, as in JavaScript and Java.
pub(super) fn compare_texts(left: &str, right: &str) -> Ordering {
    match left.bytes().zip(right.bytes()).find(|(one, other)| one != other) {
        // The orders of UTF-8 and UTF-16 differ where a character beyond U+FFFF (a first byte of F0 or more) meets one
        // from U+E000 to U+FFFF (EE or EF): surrogates come before those.
        Some((0xF0.., 0xEE | 0xEF)) => Ordering::Less,
        Some((0xEE | 0xEF, 0xF0..)) => Ordering::Greater,
        Some((one, other)) => one.cmp(&other),
        None => left.len().cmp(&right.len()),
    }
}
