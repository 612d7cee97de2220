//! The limit of all variables of an execution counts what they hold, not what was ever assigned.

use serde_json::{Value, json};
use stepwell_interpreter::{
    About, Command, Environment, Execution, Outcome, Status, Surroundings, TaskId, Timestamp, compile, step,
};
use stepwell_json::Payload;

struct Nothing;

impl Environment for Nothing {
    fn activity_exists(&self, _: &str) -> bool {
        false
    }

    fn task_token(&self, _: TaskId) -> String {
        String::new()
    }
}

fn run(definition: &Value, input: &Value) -> Execution {
    let analysis = stepwell_asl::analyse(&definition.to_string(), &Default::default());
    let program = compile(analysis.definition.expect("a valid definition")).expect("states that exist");
    let about = About {
        execution_arn: "arn:aws:states:us-east-1:000000000000:execution:m:n".into(),
        name: "n".into(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:m".into(),
        state_machine_name: "m".into(),
        role_arn: "arn:aws:iam::000000000000:role/r".into(),
        region: "us-east-1".into(),
        start_time: Timestamp(0),
        express: false,
        synchronous: false,
        revision: 1,
        trace_header: None,
    };
    let input = Payload::from_text(input.to_string()).expect("JSON");
    let mut command = Command::Start { about: Box::new(about), input };
    let mut execution = Execution::default();
    loop {
        let mut outcome = Outcome::default();
        let surroundings = Surroundings {
            now: Timestamp(0),
            seed: [0; 32],
            budget: Default::default(),
            wait_scale: 1.0,
            environment: &Nothing,
        };
        step(&program, &mut execution, command, &surroundings, &mut outcome).expect("a command that fits");
        if !outcome.unfinished {
            return execution;
        }
        command = Command::Continue;
    }
}

#[test]
fn a_variable_that_is_assigned_again_counts_once() {
    let definition = json!({"StartAt": "Begin", "States": {
        "Begin": {"Type": "Pass", "Assign": {"n": 0}, "Next": "Again"},
        "Again": {"Type": "Pass", "Next": "More",
            "Assign": {"big.$": "$.text", "n.$": "States.MathAdd($n, 1)"}},
        "More": {"Type": "Choice", "Default": "Done",
            "Choices": [{"Variable": "$n", "NumericLessThan": 60, "Next": "Again"}]},
        "Done": {"Type": "Succeed"}
    }});
    let execution = run(&definition, &json!({"text": "x".repeat(200_000)}));
    assert_eq!(execution.status, Status::Succeeded);
}

#[test]
fn variables_of_more_than_ten_mebibytes_together_are_refused() {
    let mut states = serde_json::Map::new();
    for number in 0..60 {
        let next = format!("S{}", number + 1);
        let state = json!({"Type": "Pass", "Next": next, "Assign": {format!("v{number}.$"): "$.text"}});
        states.insert(format!("S{number}"), state);
    }
    states.insert("S60".to_owned(), json!({"Type": "Succeed"}));
    let execution = run(&json!({"StartAt": "S0", "States": states}), &json!({"text": "x".repeat(200_000)}));
    assert_eq!(execution.status, Status::Failed);
    let failure = execution.failure.expect("an error");
    assert_eq!(failure.error.as_deref(), Some("States.DataLimitExceeded"));
}
