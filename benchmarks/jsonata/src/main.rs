//! Measures JSONata transforms in this engine, jsonata-js and jsonata-core; see `../README.md`

mod engines;
mod inputs;
mod transforms;

use std::collections::BTreeSet;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{anyhow, ensure};
use clap::Parser;
use engines::{Core, Interface, JavaScript, Ours, timed};
use jsonata_core::value::JValue;
use stepwell_json::Value;
use transforms::{SMALL, TRANSFORMS, Transform};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures JSONata transforms in three engines, by turns.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only transforms whose name contains this
    #[arg(long)]
    only: Option<String>,
    /// Milliseconds of one turn
    #[arg(long, default_value_t = 150)]
    turn: u64,
    /// Turns of each engine
    #[arg(long, default_value_t = 9)]
    turns: usize,
    /// Milliseconds that jsonata-js runs before, for its compiler
    #[arg(long, default_value_t = 1500)]
    warm_up: u64,
    /// Exit with 1 where a goal is missed
    #[arg(long)]
    strict: bool,
}

/// Nanoseconds of one transform in each engine, and the ratios of the others to ours
struct Figures {
    ours: f64,
    javascript: f64,
    core: Option<(f64, Interface)>,
    to_javascript: f64,
    to_core: Option<f64>,
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => values[length / 2],
        length => f64::midpoint(values[length / 2 - 1], values[length / 2]),
    }
}

/// `expected`, with numbers rounded as engines that add in another order differ in the last digits.
fn rounded(value: &Value) -> Value {
    match value {
        Value::Number(number) => {
            let rounded: f64 = format!("{:.11e}", number.as_f64()).parse().unwrap_or_default();
            Value::from(stepwell_json::Number::from_f64(rounded).unwrap_or_else(|| number.clone()))
        }
        Value::Array(array) => Value::Array(array.items().iter().map(rounded).collect()),
        Value::Object(object) => Value::Object(stepwell_json::Object::from_entries(
            object.iter().map(|(key, value)| (key.clone(), rounded(value))).collect(),
        )),
        other => other.clone(),
    }
}

fn measure(
    at: usize,
    transform: &Transform,
    states: Option<&str>,
    javascript: &mut JavaScript,
    arguments: &Arguments,
) -> anyhow::Result<Figures> {
    let input = inputs::text(transform.input);
    let ours = Ours::new(transform, &input, states)?;
    let core = Core::new(transform, &input, states);
    let expected = rounded(&javascript.result(at)?);
    let result = rounded(&ours.evaluate()?);
    ensure!(result == expected, "{}: {}\nagainst {}", transform.name, result.to_text(), expected.to_text());
    let agrees = |core: &Core, interface: Interface| -> anyhow::Result<bool> {
        let value = stepwell_json::parse(&core.text(interface)?).map_err(|error| anyhow!("{error}"))?;
        Ok(rounded(&value) == expected)
    };
    // Where jsonata-core gives something else, there is nothing to compare.
    let probe = Duration::from_millis(arguments.turn / 2);
    let core = core.ok().and_then(|core| {
        let interfaces = [Interface::Bytecode, Interface::Tree];
        let fit: Vec<Interface> =
            interfaces.into_iter().filter(|interface| agrees(&core, *interface).unwrap_or(false)).collect();
        let fastest = fit
            .into_iter()
            .min_by(|left, right| core.time(*left, probe).total_cmp(&core.time(*right, probe)))?;
        Some((core, fastest))
    });
    javascript.time(at, Duration::from_millis(arguments.warm_up))?;
    let turn = Duration::from_millis(arguments.turn);
    let (mut own, mut script, mut other) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..arguments.turns {
        own.push(ours.time(turn));
        script.push(javascript.time(at, turn)?);
        if let Some((core, interface)) = &core {
            other.push(core.time(*interface, turn));
        }
    }
    let ratio = |others: &[f64]| median(others.iter().zip(&own).map(|(other, own)| other / own).collect());
    Ok(Figures {
        to_javascript: ratio(&script),
        to_core: core.as_ref().map(|_| ratio(&other)),
        ours: median(own),
        javascript: median(script),
        core: core.map(|(_, interface)| (median(other), interface)),
    })
}

fn microseconds(nanoseconds: f64) -> String {
    let value = nanoseconds / 1000.0;
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

fn row(transform: &Transform, figures: &Figures) -> String {
    let (core, interface) = match figures.core {
        Some((time, Interface::Bytecode)) => (microseconds(time), " (bytecode)"),
        Some((time, Interface::Tree)) => (microseconds(time), ""),
        None => ("differs".to_owned(), ""),
    };
    format!(
        "| {:<25} | {:<15} | {:>8} | {:>10} | {:>19} | {:>10.1} | {:>12} |",
        transform.name,
        transform.input,
        microseconds(figures.ours),
        microseconds(figures.javascript),
        format!("{core}{interface}"),
        figures.to_javascript,
        figures.to_core.map_or("-".to_owned(), |ratio| format!("{ratio:.2}")),
    )
}

/// The workload for Node: inputs by name and all transforms, the small one last.
fn workload() -> Value {
    let object = |entries: Vec<(&str, Value)>| {
        Value::Object(stepwell_json::Object::from_entries(
            entries.into_iter().map(|(key, value)| (key.into(), value)).collect(),
        ))
    };
    let names: BTreeSet<&str> = TRANSFORMS.iter().map(|transform| transform.input).collect();
    let inputs = names.iter().map(|name| (*name, Value::from(inputs::text(name).as_str()))).collect();
    let mut transforms: Vec<Value> = TRANSFORMS
        .iter()
        .map(|transform| {
            object(vec![("input", transform.input.into()), ("expression", transform.expression.into())])
        })
        .collect();
    let state = stepwell_json::parse(&states()).unwrap_or_default();
    let bindings = object(vec![("states", state)]);
    transforms.push(object(vec![
        ("input", SMALL.input.into()),
        ("expression", SMALL.expression.into()),
        ("bindings", bindings),
    ]));
    object(vec![("inputs", object(inputs)), ("transforms", Value::Array(transforms.into_iter().collect()))])
}

/// `$states` of the small evaluation.
fn states() -> String {
    format!(r#"{{"input":{}}}"#, inputs::text(SMALL.input))
}

/// Reading and writing JSON text, for each input.
fn conversions(javascript: &mut JavaScript, arguments: &Arguments) -> anyhow::Result<()> {
    println!();
    println!(
        "| JSON text       | bytes   | read: ours | jsonata-js | jsonata-core | write: ours | jsonata-js | jsonata-core |"
    );
    println!(
        "| --------------- | ------- | ---------- | ---------- | ------------ | ----------- | ---------- | ------------ |"
    );
    let turn = Duration::from_millis(arguments.turn);
    let names: BTreeSet<&str> = TRANSFORMS.iter().map(|transform| transform.input).collect();
    for name in names {
        let text = inputs::text(name);
        let value = stepwell_json::parse(&text).map_err(|error| anyhow!("{error}"))?;
        let core = JValue::from_json_str(&text)?;
        let mut columns = vec![Vec::new(); 6];
        for _ in 0..arguments.turns.div_ceil(2) {
            columns[0].push(timed(turn, || drop(black_box(stepwell_json::parse(&text)))));
            columns[1].push(javascript.convert("read", name, turn)?);
            columns[2].push(timed(turn, || drop(black_box(JValue::from_json_str(&text)))));
            columns[3].push(timed(turn, || drop(black_box(value.to_text()))));
            columns[4].push(javascript.convert("write", name, turn)?);
            columns[5].push(timed(turn, || drop(black_box(core.to_json_string()))));
        }
        let figures: Vec<String> = columns.into_iter().map(|column| microseconds(median(column))).collect();
        println!(
            "| {name:<15} | {:>7} | {:>10} | {:>10} | {:>12} | {:>11} | {:>10} | {:>12} |",
            text.len(),
            figures[0],
            figures[1],
            figures[2],
            figures[3],
            figures[4],
            figures[5],
        );
    }
    Ok(())
}

fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let mut javascript = JavaScript::start(&workload())?;
    println!("Medians in microseconds; the ratios say how many times as long as ours the others take.");
    println!();
    println!(
        "| transform                 | input           | ours     | jsonata-js | jsonata-core        | jsonata-js | jsonata-core |"
    );
    println!(
        "| ------------------------- | --------------- | -------- | ---------- | ------------------- | ---------- | ------------ |"
    );
    let (mut to_javascript, mut to_core) = (Vec::new(), Vec::new());
    for (at, transform) in TRANSFORMS.iter().enumerate() {
        if arguments.only.as_ref().is_some_and(|only| !transform.name.contains(only.as_str())) {
            continue;
        }
        let figures = measure(at, transform, None, &mut javascript, arguments)?;
        println!("{}", row(transform, &figures));
        to_javascript.push(figures.to_javascript);
        to_core.extend(figures.to_core);
    }
    let slowest = to_core.iter().copied().fold(f64::INFINITY, f64::min);
    let (to_javascript, to_core) = (median(to_javascript), median(to_core));
    if arguments.only.is_none() {
        println!();
        let small = measure(TRANSFORMS.len(), &SMALL, Some(&states()), &mut javascript, arguments)?;
        println!("one small evaluation: {}", row(&SMALL, &small));
        conversions(&mut javascript, arguments)?;
    }
    let goals = [
        ("median of the ratios to jsonata-js", to_javascript, 10.0),
        ("median of the ratios to jsonata-core", to_core, 1.0),
        ("smallest ratio to jsonata-core", slowest, 1.0 / 1.2),
    ];
    println!();
    for (name, value, goal) in goals {
        let verdict = if value >= goal { "holds" } else { "does NOT hold" };
        println!("{name}: {value:.2}; at least {goal:.2}: {verdict}");
    }
    Ok(goals.iter().all(|(_, value, goal)| value >= goal))
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(holds) if holds || !arguments.strict => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(1),
        Err(error) => {
            eprintln!("jsonata-bench: {error:#}");
            ExitCode::from(2)
        }
    }
}
