//! How the world outside behaves when a task calls it: decided by the seed, the state and what was sent.
//!
//! The same call always gets the same answer, so an oracle that knows nothing of frames, attempts or histories
//! can ask for it too.

use stepwell_interpreter::{ErrorOutput, Program, TaskId, program::StateKind};
use stepwell_json::{Number, Object, Value};

use crate::random::Random;

/// What a target, a worker or a job does with one call.
#[derive(Debug, Clone, PartialEq)]
pub struct Conduct {
    /// Milliseconds until a worker takes the task, or until the call that submits the work is answered; `None`:
    /// never. Calls that answer with their result have no such stage.
    pub start_ms: Option<i64>,
    /// The answer of the call that submits the work.
    pub submitted: Value,
    /// Signs of life, in milliseconds after the start.
    pub heartbeats_ms: Vec<i64>,
    /// Milliseconds after the start until the end, and how it ends; `None`: never.
    pub end: Option<(i64, Result<Value, ErrorOutput>)>,
    /// Whether the end is reported twice.
    pub twice: bool,
}

impl Conduct {
    /// A call that succeeds.
    #[must_use]
    pub fn success(after_ms: i64, output: Value) -> Self {
        Self {
            start_ms: Some(0),
            submitted: Value::Null,
            heartbeats_ms: Vec::new(),
            end: Some((after_ms, Ok(output))),
            twice: false,
        }
    }
}

/// Whoever answers calls.
pub trait Outside {
    /// How the call of a Task state with these parameters goes. `attempt` is the same for all stages of one call;
    /// the oracle knows none. `redrives`: how often its execution was redriven before.
    fn conduct(&self, state: &str, parameters: &Value, attempt: Option<TaskId>, redrives: u32) -> Conduct;
}

/// Answers that a seed decides.
#[derive(Debug, Clone)]
pub struct SeededOutside {
    /// The seed.
    pub seed: u64,
    /// How many calls in a hundred fail.
    pub failures_percent: u64,
    /// How many calls in a hundred get no answer in time.
    pub silence_percent: u64,
    /// Whether workers take every task and every submission is answered; silence comes after it.
    pub always_starts: bool,
    /// Whether nobody fails or keeps silent any more. So it is after a redrive; what went well goes as before.
    pub is_healed: bool,
}

/// Error names that targets give; the generator writes Retry and Catch for some of them.
pub const ERRORS: [&str; 4] = ["Broken", "Busy", "States.TaskFailed", "Custom.Error"];

impl Outside for SeededOutside {
    fn conduct(&self, state: &str, parameters: &Value, _: Option<TaskId>, redrives: u32) -> Conduct {
        let is_healed = self.is_healed || redrives > 0;
        // A caught error's cause may be among the parameters.
        let parameters = without_event_ids(&parameters.to_text());
        let mut random = Random::named(self.seed, &format!("{state} {parameters}"));
        let start = random.between(0, 9_000);
        let starts = !random.percent(self.silence_percent) || self.always_starts || is_healed;
        let start_ms = starts.then_some(start);
        let end = (!random.percent(self.silence_percent) || is_healed).then(|| {
            let after = random.between(0, 9_000);
            let fails = random.percent(self.failures_percent);
            let result = if fails && !is_healed {
                Err(failure(&mut random))
            } else {
                Ok(crate::generate::standard_value(&mut random, 1))
            };
            (after, result)
        });
        // Workers give a sign of life every five seconds, and some stop before their work is done.
        let beats_until = match &end {
            Some((after, _)) => *after,
            None => random.between(0, 4) * 5_000,
        };
        let heartbeats_ms = (1..).map(|beat| beat * 5_000).take_while(|at| *at <= beats_until).collect();
        let submitted =
            Value::Object(Object::from_entries(vec![("job".into(), Value::from(random.below(100) as i64))]));
        Conduct { start_ms, submitted, heartbeats_ms, end, twice: random.percent(10) }
    }
}

/// Causes name the event that entered a state, by an id that other chains have a part in.
pub(crate) fn without_event_ids(text: &str) -> String {
    let mut parts = text.split("event id #");
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        result.push_str("event id #");
        result.push_str(part.trim_start_matches(|character: char| character.is_ascii_digit()));
    }
    result
}

fn failure(random: &mut Random) -> ErrorOutput {
    let error = (!random.percent(10)).then(|| (*random.pick(&ERRORS)).into());
    let cause = random.percent(50).then(|| format!("cause {}", random.below(10)).into());
    ErrorOutput { error, cause, timeout: false, heartbeat: false }
}

/// A number value.
#[must_use]
pub fn number(value: i64) -> Value {
    Number::from_integer_text(&value.to_string()).map_or(Value::Null, Value::Number)
}

/// How a task's call goes on after it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The answer is the result.
    Direct,
    /// A worker takes the task, then ends it.
    Worker,
    /// The answer says that the work was submitted; its end is told later.
    Submission,
}

/// The stage that a Task state of a program has; `None` for other states.
#[must_use]
pub fn stage(program: &Program, state: u32) -> Option<Stage> {
    match &program.get(state)?.kind {
        StateKind::Task(task) if task.is_activity() => Some(Stage::Worker),
        StateKind::Task(task) if task.waits_for_token() || task.waits_for_job() => Some(Stage::Submission),
        StateKind::Task(_) => Some(Stage::Direct),
        _ => None,
    }
}
