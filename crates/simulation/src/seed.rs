//! One seed at the level of the interpreter: a random workflow, run exactly and with slices and reloads, against
//! the oracle and against itself.

use std::sync::Arc;

use stepwell_asl::{Options as AnalysisOptions, analyse};
use stepwell_interpreter::{
    Budget, Command, ErrorOutput, NewDefinition, Program, RedriveRequest, Status, compile,
};
use stepwell_json::{Object, Payload, Value};

use crate::{
    conduct::SeededOutside,
    generate::{self, Shape},
    oracle::{self, Foretold, Start, Verdict},
    random::Random,
    run::{self, Counts, Options, Ran, START},
};

/// A workflow that a seed makes.
#[derive(Debug)]
pub struct Workload {
    /// The definition's text.
    pub text: String,
    /// The definition.
    pub definition: stepwell_asl::Definition,
    /// The program.
    pub program: Arc<Program>,
    /// The input.
    pub input: Payload,
    /// Who answers calls.
    pub outside: SeededOutside,
}

impl Workload {
    /// Makes the workflow of a seed.
    ///
    /// # Errors
    /// When the generator made something that the validator or the compiler refuses.
    pub fn new(seed: u64, shape: &Shape) -> Result<Self, String> {
        let mut random = Random::named(seed, "workload");
        // Most workflows have no deliberate mistakes, or few would get far.
        let missing_percent = if random.percent(30) { shape.missing_percent } else { 0 };
        let text = generate::definition(&mut random, &Shape { missing_percent, ..shape.clone() }).to_string();
        let (definition, program) = compiled(&text)?;
        let input = Payload::from_value(generate::standard_value_of(&mut random, 2, 5));
        let failures_percent = *random.pick(&[0, 5, 15, 40]);
        let silence_percent = *random.pick(&[0, 0, 3, 15]);
        let outside =
            SeededOutside { seed, failures_percent, silence_percent, always_starts: false, is_healed: false };
        Ok(Self { text, definition, program, input, outside })
    }

    /// How the oracle sees it.
    #[must_use]
    pub fn foretold(&self, name: &str, exact: bool) -> Foretold {
        let start = Start {
            input: self.input.value().clone(),
            at_ms: START.0,
            context: context(name, self.input.value()),
        };
        oracle::foretell(&self.definition, &start, &self.outside, exact)
    }
}

/// A definition's text, analysed and compiled.
///
/// # Errors
/// The findings, when there are any that keep it from running.
pub fn compiled(text: &str) -> Result<(stepwell_asl::Definition, Arc<Program>), String> {
    let analysis = analyse(text, &AnalysisOptions::default());
    if !analysis.is_runnable() {
        return Err(format!("the definition was refused: {:?}\n{text}", analysis.diagnostics));
    }
    let definition = analysis.definition.ok_or("a valid definition has no model")?;
    let program = compile(definition.clone()).map_err(|error| error.to_string())?;
    Ok((definition, Arc::new(program)))
}

/// The context object without what depends on times and keys.
pub(crate) fn context(name: &str, input: &Value) -> Value {
    let about = run::about(name);
    let object = |entries: Vec<(&str, Value)>| {
        let entries = entries.into_iter().map(|(key, value)| (key.into(), value)).collect();
        Value::Object(Object::from_entries(entries))
    };
    object(vec![
        (
            "Execution",
            object(vec![
                ("Id", Value::from(&*about.execution_arn)),
                ("Input", input.clone()),
                ("Name", Value::from(name)),
                ("RoleArn", Value::from(&*about.role_arn)),
                ("RedriveCount", Value::from(0_i64)),
            ]),
        ),
        (
            "StateMachine",
            object(vec![
                ("Id", Value::from(&*about.state_machine_arn)),
                ("Name", Value::from(&*about.state_machine_name)),
            ]),
        ),
    ])
}

/// What a seed showed.
#[derive(Debug, Clone)]
pub struct Shown {
    /// How the execution ended.
    pub status: Status,
    /// Events of one run.
    pub events: usize,
    /// Whether the oracle was sure of the end.
    pub was_foretold: bool,
    /// Whether it was sure of the end of one that was stopped or failed, and redriven.
    pub was_redrive_foretold: bool,
    /// Rare things, over all runs of the seed.
    pub counts: Counts,
}

/// Runs one seed.
///
/// # Errors
/// What a checker found.
pub fn check(seed: u64, shape: &Shape) -> Result<Shown, String> {
    let work = Workload::new(seed, shape)?;
    let explain = |what: &str, error: String| {
        format!(
            "{what}: {error}\nSEED={seed}\n{}\ninput {}\n{:?}",
            work.text,
            work.input.text(),
            work.outside
        )
    };
    let once = |options: &Options| {
        run::run(&work.program, run::about("sim"), work.input.clone(), &work.outside, Vec::new(), options)
    };
    let exact = once(&Options::default()).map_err(|error| explain("exact run", error))?;
    let foretold = work.foretold("sim", true);
    agree(&exact, &foretold, true).map_err(|error| explain("oracle", error))?;

    let mut random = Random::named(seed, "options");
    let transitions = *random.pick(&[1, 2, 3, 7, 50]);
    let bytes = *random.pick(&[1, 100, 10_000]);
    let expression_steps = *random.pick(&[1, 30, 1_000_000]);
    let expression_steps_max = *random.pick(&[0, 3, 40, u64::MAX]);
    let options = Options {
        seed,
        budget: Budget { transitions, bytes, expression_steps, expression_steps_max },
        reload_percent: random.below(60),
        checks_steps: true,
    };
    let disturbed = once(&options)
        .map_err(|error| explain(&format!("run with slices and reloads, {options:?}"), error))?;
    agree(&disturbed, &foretold, true).map_err(|error| explain("oracle, after reloads", error))?;
    same_course(&exact, &disturbed).map_err(|error| explain(&format!("reloads show, {options:?}"), error))?;

    // Stopped at any moment, nothing runs on and nothing follows; run() and the checker look for both.
    let length_ms = (exact.ended_at().0 - START.0).clamp(0, 200_000);
    let stop = Command::Stop { error: ErrorOutput::default() };
    let calls = vec![(random.between(0, length_ms), stop)];
    let stopped =
        run::run(&work.program, run::about("sim"), work.input.clone(), &work.outside, calls, &options)
            .map_err(|error| explain("stopped run", error))?;
    if stopped.status != Status::Aborted && stopped.status != exact.status {
        let error = format!("{:?}, though it is {:?} when it is left alone", stopped.status, exact.status);
        return Err(explain("stopped run", error));
    }

    let mut counts = disturbed.counts.clone();
    let redriven = redriven(&work, &exact, &mut random, &options)
        .map_err(|error| explain(&format!("redriven run, {options:?}"), error))?;
    counts.redrives += redriven.redrives;
    counts.late_answers += exact.counts.late_answers;
    Ok(Shown {
        status: exact.status,
        events: exact.events.len(),
        was_foretold: !foretold.is_ambiguous,
        was_redrive_foretold: redriven.was_foretold,
        counts,
    })
}

/// What a redriven run showed.
struct Redriven {
    redrives: u64,
    was_foretold: bool,
}

/// Stops the execution at some moment unless it fails by itself, redrives it, and looks at the end: what had come to its
/// end is kept, the rest runs again, so it ends as one whose tasks never failed. Every other time the definition is
/// exchanged for one whose states have other numbers.
fn redriven(
    work: &Workload,
    exact: &Ran,
    random: &mut Random,
    options: &Options,
) -> Result<Redriven, String> {
    let length_ms = (exact.ended_at().0 - START.0).clamp(0, 200_000);
    let mut calls = Vec::new();
    let stops = exact.status == Status::Succeeded || random.percent(30);
    let mut end_ms = length_ms;
    if stops {
        end_ms = random.between(0, length_ms);
        calls.push((end_ms, Command::Stop { error: ErrorOutput::default() }));
    }
    let token = |number: i64| Some(format!("token {number}").as_str().into());
    let definition = match random.percent(50) {
        true => Some(NewDefinition { revision: 2, program: compiled(&renumbered(&work.text)?)?.1 }),
        false => None,
    };
    let later = |ms: i64| end_ms + ms;
    for (number, after_ms) in [(0, random.between(0, 20_000)), (0, 20_001), (1, random.between(0, 60_000))] {
        let definition = definition.clone().filter(|_| number == 0);
        let request = RedriveRequest { client_token: token(number), input: None, definition };
        calls.push((later(after_ms), Command::Redrive { request: Box::new(request) }));
    }
    let once = |options: &Options| {
        run::run(&work.program, run::about("sim"), work.input.clone(), &work.outside, calls.clone(), options)
    };
    let plain = once(&Options::default())?;
    let disturbed = once(options).map_err(|error| format!("with slices and reloads: {error}"))?;
    let outside = SeededOutside { is_healed: true, ..work.outside.clone() };
    let start = Start {
        input: work.input.value().clone(),
        at_ms: START.0,
        context: context("sim", work.input.value()),
    };
    let foretold = oracle::foretell(&work.definition, &start, &outside, false);
    let mut shown = Redriven { redrives: plain.counts.redrives, was_foretold: false };
    for ran in [&plain, &disturbed] {
        if ran.report.redrives == 0 || ran.report.was_rescued || ran.status == Status::Aborted {
            continue;
        }
        agree(ran, &foretold, false).map_err(|error| {
            let lines = crate::case::history_lines(&ran.programs, &ran.events);
            format!("oracle: {error}\n{}", lines.join("\n"))
        })?;
        shown.was_foretold |= !foretold.is_ambiguous;
    }
    Ok(shown)
}

/// The same workflow with a state more at the beginning, which nothing that runs already gets to.
fn renumbered(text: &str) -> Result<String, String> {
    let mut definition: serde_json::Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let start = definition["StartAt"].clone();
    let states = definition["States"].as_object_mut().ok_or("there are no states")?;
    let mut renumbered = serde_json::Map::new();
    renumbered.insert("one more".to_owned(), serde_json::json!({"Type": "Pass", "Next": start}));
    renumbered.append(states);
    *states = renumbered;
    definition["StartAt"] = "one more".into();
    Ok(definition.to_string())
}

/// Whether a run ended as the oracle said.
///
/// # Errors
/// The difference.
pub fn agree(ran: &Ran, foretold: &Foretold, exact: bool) -> Result<(), String> {
    if foretold.is_ambiguous {
        return Ok(());
    }
    let error = ran.failure.as_ref().and_then(|failure| failure.error.as_deref());
    let cause = ran.failure.as_ref().and_then(|failure| failure.cause.as_deref());
    let is_same = match (&foretold.verdict, ran.status) {
        (Verdict::Succeeded(output), Status::Succeeded) => ran.output.as_ref() == Some(output),
        (Verdict::Failed { error: foretold, cause: told }, Status::Failed) => {
            error == foretold.as_deref() && told.as_ref().is_none_or(|told| cause == told.as_deref())
        }
        (Verdict::TimedOut, Status::TimedOut) => true,
        _ => false,
    };
    let has_jitter = ran.counts.retries > 0;
    if is_same && (!exact || has_jitter || ran.ended_at().0 == foretold.at_ms) {
        return Ok(());
    }
    let ended = ran.ended_at().0 - START.0;
    let output = ran.output.as_ref().map(Value::to_text);
    Err(format!(
        "foretold {:?} after {} ms, but it was {:?} {output:?} {:?} after {ended} ms",
        foretold.verdict,
        foretold.at_ms.saturating_sub(START.0),
        ran.status,
        ran.failure
    ))
}

/// Whether two runs of one workflow took the same course, chain by chain. After a failed fork it is a matter of
/// time how far siblings got.
pub(crate) fn same_course(one: &Ran, other: &Ran) -> Result<(), String> {
    if one.report.has_failed_fork || other.report.has_failed_fork || one.status == Status::TimedOut {
        return Ok(());
    }
    if one.status == Status::Failed && one.report.chains.len() > 1 {
        return Ok(());
    }
    // A token may be answered before the call that carries it is: there is no TaskSubmitted then.
    let without_submissions = |events: Option<&Vec<String>>| -> Vec<String> {
        let events = events.into_iter().flatten();
        events.filter(|line| !line.starts_with("TaskSubmitted")).cloned().collect()
    };
    for path in one.report.chains.keys() {
        let events = without_submissions(one.report.chains.get(path));
        let others = without_submissions(other.report.chains.get(path));
        let differs = events.iter().zip(&others).find(|(one, other)| one != other);
        if differs.is_some() || events.len() != others.len() {
            let lengths = (events.len(), others.len());
            return Err(format!("chain {path}, with {lengths:?} events: {differs:?}"));
        }
    }
    if one.report.chains.len() == other.report.chains.len() {
        Ok(())
    } else {
        Err("there are further chains".to_owned())
    }
}
