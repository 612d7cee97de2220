//! Random data: most of it of one shape, so that most paths of a random definition lead somewhere.

use std::sync::Arc;

use stepwell_json::{Array, Object, Value};

use crate::random::Random;

const TEXTS: [&str; 7] = ["", "a", "b", "état", "\u{1F600} x", "2020-01-01T00:00:00Z", "a\"quoted\\text"];

/// An object with the members `n`, `s`, `f`, `w`, `items` and `o`; the last two hold such objects again while
/// `depth` allows it.
pub fn standard_value(random: &mut Random, depth: u32) -> Value {
    standard_value_of(random, depth, 4)
}

/// As [`standard_value`], with up to `items_max` items.
pub fn standard_value_of(random: &mut Random, depth: u32, items_max: u64) -> Value {
    let count = if depth == 0 { 0 } else { random.below(items_max + 1) };
    let items: Vec<Value> = (0..count).map(|_| standard_value(random, depth - 1)).collect();
    let inner = if depth == 0 { Value::empty_object() } else { standard_value(random, depth - 1) };
    let text = *random.pick(&TEXTS);
    let members: Vec<(Arc<str>, Value)> = vec![
        ("n".into(), Value::from(random.between(-1, 6))),
        ("s".into(), Value::from(text)),
        ("f".into(), Value::from(random.percent(50))),
        ("w".into(), Value::from(random.between(0, 5))),
        ("items".into(), Value::Array(Array::new(items))),
        ("o".into(), inner),
    ];
    Value::Object(Object::from_entries(members))
}
