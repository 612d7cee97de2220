//! The context object of an evaluation that is given none: that of TestState.

use stepwell_json::{Object, Value};

use super::surroundings::now_millis;
use crate::commands::client::create::ROLE_DEFAULT;
use crate::environment::Environment;

/// TestState's name of a state that stands alone.
pub(super) const STATE_NAME: &str = "StateName";
const MACHINE_NAME: &str = "eval";

/// The context object of a state that is tested alone, now.
pub(super) fn default(input: &Value) -> Value {
    let environment = Environment::of_process();
    let region = environment.region();
    let account = environment.get("AWS_ACCOUNT_ID").unwrap_or("000000000000");
    let name = uuid::Uuid::new_v4().to_string();
    let arn = |resource: String| format!("arn:aws:states:{region}:{account}:{resource}");
    let now = text(&time(now_millis()));
    object([
        (
            "Execution",
            object([
                ("Id", text(&arn(format!("express:{MACHINE_NAME}:{name}")))),
                ("Input", input.clone()),
                ("StartTime", now.clone()),
                ("Name", text(&name)),
                ("RoleArn", text(ROLE_DEFAULT)),
            ]),
        ),
        (
            "StateMachine",
            object([
                ("Id", text(&arn(format!("stateMachine:{MACHINE_NAME}")))),
                ("Name", text(MACHINE_NAME)),
            ]),
        ),
        ("State", object([("Name", text(STATE_NAME)), ("EnteredTime", now)])),
    ])
}

/// A time as Step Functions writes it: `2025-08-27T10:04:42.001Z`, without a fraction where it is 0.
fn time(millis: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
    if millis % 1000 == 0 { format!("{time:.0}") } else { format!("{time:.3}") }
}

fn text(text: &str) -> Value {
    Value::String(text.into())
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value::Object(Object::from_entries(members.map(|(name, value)| (name.into(), value)).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_step_functions_writes_them() {
        assert_eq!(time(1_756_289_082_000), "2025-08-27T10:04:42Z");
        assert_eq!(time(1_756_289_082_100), "2025-08-27T10:04:42.100Z");
    }
}
