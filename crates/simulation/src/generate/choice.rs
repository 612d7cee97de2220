//! Random Choice rules of every operator family.

use serde_json::{Map, Value, json};

use crate::random::Random;

const RELATIONS: [&str; 5] = ["Equals", "LessThan", "GreaterThan", "LessThanEquals", "GreaterThanEquals"];
const VARIABLES: [&str; 9] =
    ["$.n", "$.s", "$.f", "$$.Execution.Name", "$.o", "$$.State.Name", "$.o.n", "$.w", "$.items"];
const PRESENT: [&str; 4] = ["$.n", "$.nowhere", "$.o.s", "$.items[0]"];

/// One rule without `Next`. `missing_percent`: how often it asks for something that may not be there.
pub(super) fn rule(random: &mut Random, depth: u32, missing_percent: u64) -> Map<String, Value> {
    if depth > 0 && random.percent(25) {
        let inner = |random: &mut Random| Value::Object(rule(random, depth - 1, missing_percent));
        let (name, operand) = match random.below(3) {
            0 => ("And", json!([inner(random), inner(random)])),
            1 => ("Or", json!([inner(random), inner(random)])),
            _ => ("Not", inner(random)),
        };
        return Map::from_iter([(name.to_owned(), operand)]);
    }
    comparison(random, missing_percent)
}

fn comparison(random: &mut Random, missing_percent: u64) -> Map<String, Value> {
    let is_type = ["IsNull", "IsNumeric", "IsString", "IsBoolean", "IsTimestamp"];
    // The last ones may be missing.
    let known = if random.percent(missing_percent) { VARIABLES.len() } else { 6 };
    let mut variable = *random.pick(&VARIABLES[..known]);
    let flag = random.percent(70);
    let (operator, operand) = match random.below(12) {
        0 => {
            variable = *random.pick(&PRESENT);
            ("IsPresent".to_owned(), json!(flag))
        }
        1 => ((*random.pick(&is_type)).to_owned(), json!(flag)),
        2 => ("StringMatches".to_owned(), json!(*random.pick(&["*", "a*", "*t*", "é*t", "b", "\\*"]))),
        3 => ("BooleanEquals".to_owned(), json!(flag)),
        4 => ("BooleanEqualsPath".to_owned(), json!("$.f")),
        5 => (relation(random, "Timestamp", ""), json!("2020-06-01T00:00:00Z")),
        6 => (relation(random, "Timestamp", "Path"), json!("$.s")),
        7 => (relation(random, "String", ""), json!(*random.pick(&["a", "b", "", "état"]))),
        8 => (relation(random, "String", "Path"), json!("$.s")),
        9 => (relation(random, "Numeric", "Path"), json!(*random.pick(&["$.n", "$.w"]))),
        10 => {
            variable = "$.n";
            (relation(random, "Numeric", ""), json!(random.between(0, 5)))
        }
        _ => {
            variable = "$.n";
            (relation(random, "Numeric", ""), json!(2.5))
        }
    };
    Map::from_iter([("Variable".to_owned(), json!(variable)), (operator, operand)])
}

fn relation(random: &mut Random, family: &str, suffix: &str) -> String {
    format!("{family}{}{suffix}", random.pick(&RELATIONS))
}
