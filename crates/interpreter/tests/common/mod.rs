//! What the tests share: running an execution to its end, tasks answered at once, time passing when nothing else does.

#![allow(dead_code)]

use serde_json::Value;
use stepwell_interpreter::{
    About, Budget, Command, Effect, Environment, ErrorOutput, Event, Execution, Outcome, Program,
    Surroundings, TaskId, Timestamp, compile, step,
};
use stepwell_json::Payload;

struct Nothing;

impl Environment for Nothing {
    fn activity_exists(&self, _: &str) -> bool {
        false
    }

    fn task_token(&self, _: TaskId) -> String {
        "token".to_owned()
    }
}

/// What a task does with what it is sent: a result, or an error and a cause.
pub(crate) type Answer<'a> = dyn Fn(&Value) -> Result<Value, (String, String)> + 'a;

/// An execution that has ended.
pub(crate) struct Ran {
    pub(crate) execution: Execution,
    pub(crate) events: Vec<Event>,
    /// How often a step was given up as heavy.
    pub(crate) heavy_steps: usize,
}

pub(crate) fn run(definition: &Value, input: &Value) -> Execution {
    run_with(definition, input, &|parameters| Ok(parameters.clone())).execution
}

pub(crate) fn run_with(definition: &Value, input: &Value, answer: &Answer<'_>) -> Ran {
    run_program(&compiled(definition), input, answer)
}

pub(crate) fn compiled(definition: &Value) -> Program {
    let analysis = stepwell_asl::analyse(&definition.to_string(), &Default::default());
    let Some(definition) = analysis.definition else { panic!("{:?} in {definition}", analysis.diagnostics) };
    compile(definition).expect("states that exist")
}

pub(crate) fn run_program(program: &Program, input: &Value, answer: &Answer<'_>) -> Ran {
    run_within(Budget::default(), program, input, answer)
}

/// Where the budget is too small for a state, the step goes on with one that is not.
pub(crate) fn run_within(budget: Budget, program: &Program, input: &Value, answer: &Answer<'_>) -> Ran {
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
        version_arn: None,
        alias_arn: None,
        log: None,
        mock: None,
    };
    let input = Payload::from_text(input.to_string()).expect("JSON");
    let mut commands = vec![Command::Start { about: about.into(), input }];
    let mut timers = Vec::new();
    let mut execution = Execution::default();
    let mut events = Vec::new();
    let mut now = Timestamp(0);
    let mut heavy_steps = 0;
    let mut is_alone = false;
    while execution.is_running() || events.is_empty() {
        let command = commands.pop().unwrap_or_else(|| {
            timers.sort_by_key(|timer: &stepwell_interpreter::Timer| std::cmp::Reverse(timer.at));
            let timer = timers.pop().expect("something to wait for");
            now = now.max(timer.at);
            Command::TimerFired { timer: timer.id }
        });
        let mut outcome = Outcome::default();
        let surroundings = Surroundings {
            now,
            seed: [0; 32],
            budget: match std::mem::take(&mut is_alone) {
                true => Budget { expression_steps: budget.expression_steps, ..budget.alone() },
                false => budget,
            },
            wait_scale: 1.0,
            environment: &Nothing,
            inspection: None,
        };
        // A timer that is no longer wanted is rejected.
        let _ = step(program, &mut execution, command, &surroundings, &mut outcome);
        events.extend(outcome.events);
        timers.extend(outcome.timers);
        if outcome.unfinished {
            commands.push(Command::Continue);
        }
        if let Some(command) = outcome.heavy {
            heavy_steps += 1;
            is_alone = true;
            commands.push(command);
        }
        for effect in outcome.effects {
            if let Effect::InvokeTask { task, parameters, .. } = effect {
                let parameters = serde_json::from_str(parameters.text()).expect("JSON");
                commands.push(match answer(&parameters) {
                    Ok(result) => {
                        let output = Payload::from_text(result.to_string()).expect("JSON");
                        Command::TaskSucceeded { task, output }
                    }
                    Err((error, cause)) => {
                        Command::TaskFailed { task, error: ErrorOutput::new(&error, cause) }
                    }
                });
            }
        }
    }
    Ran { execution, events, heavy_steps }
}
