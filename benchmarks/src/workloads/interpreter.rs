//! interpreter: pass10 in this process, without HTTP and disk: decide, apply, encode.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use anyhow::{Context, anyhow};
use stepwell_interpreter::{
    About, Budget, Command, Environment, Execution, Outcome, Program, Status, Surroundings, TaskId,
    Timestamp, compile, event::codec::encode_record, step,
};
use stepwell_json::Payload;

use super::Bench;
use crate::{machines, measure::median, report::figure};

const STATES: u64 = 10;

struct NoFacts;

impl Environment for NoFacts {
    fn activity_exists(&self, _: &str) -> bool {
        false
    }

    fn task_token(&self, _: TaskId) -> String {
        String::new()
    }
}

pub(super) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let text = machines::pass_chain(STATES as usize).to_string();
    let definition = stepwell_asl::analyse(&text, &stepwell_asl::Options::default())
        .definition
        .context("the definition of pass10 is not valid")?;
    let program = compile(definition)?;
    let length = Duration::from_millis(if bench.quick { 200 } else { 1_000 });
    let mut rates = Vec::new();
    for _ in 0..5 {
        let begun = Instant::now();
        let (mut executions, mut bytes) = (0_u64, 0_usize);
        while begun.elapsed() < length {
            for _ in 0..64 {
                bytes += execute(&program)?;
            }
            executions += 64;
        }
        black_box(bytes);
        rates.push((executions * STATES) as f64 / begun.elapsed().as_secs_f64());
    }
    let rate = median(&rates);
    let detail = format!("{} ns each: step, apply, encode", figure(1e9 / rate));
    bench.report.at_least("interpreter alone, pass10", rate, "transitions/s", 1_000_000.0, &detail);
    Ok(())
}

/// Runs one execution from its start to its end; gives the bytes that a store would keep.
fn execute(program: &Program) -> anyhow::Result<usize> {
    let about = About {
        execution_arn: "arn:aws:states:us-east-1:000000000000:execution:pass10:e".into(),
        name: "e".into(),
        state_machine_arn: "arn:aws:states:us-east-1:000000000000:stateMachine:pass10".into(),
        state_machine_name: "pass10".into(),
        role_arn: machines::ROLE.into(),
        region: "us-east-1".into(),
        start_time: Timestamp(1_700_000_000_000),
        express: false,
        synchronous: false,
        revision: 1,
        trace_header: None,
        version_arn: None,
        alias_arn: None,
        log: None,
        mock: None,
    };
    let input = Payload::from_text(machines::INPUT).map_err(|error| anyhow!(error.message))?;
    let surroundings = Surroundings {
        now: about.start_time,
        seed: [7; 32],
        budget: Budget::default(),
        wait_scale: 1.0,
        environment: &NoFacts,
        inspection: None,
    };
    let mut execution = Execution::default();
    let mut outcome = Outcome::default();
    let command = Command::Start { about: about.into(), input };
    let number = command.number();
    step(program, &mut execution, command, &surroundings, &mut outcome)?;
    anyhow::ensure!(execution.status == Status::Succeeded, "pass10 ended as {:?}", execution.status);
    let mut chunk = Vec::with_capacity(1024);
    encode_record(&outcome.events, number, &mut chunk);
    Ok(black_box(chunk).len())
}
