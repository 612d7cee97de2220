//! The three engines, each with its expressions parsed and its inputs in its own values

use std::ffi::OsStr;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use jsonata_core::evaluator::{Context as CoreContext, Evaluator};
use jsonata_core::value::JValue;
use stepwell_json::Value;
use stepwell_jsonata::{Dialect, Evaluated, Expression, Host, Limits};

use crate::transforms::Transform;

/// Nanoseconds that one call takes: the mean over at least this time.
pub(crate) fn timed(duration: Duration, mut work: impl FnMut()) -> f64 {
    let start = Instant::now();
    let mut rounds = 0_u32;
    loop {
        work();
        rounds += 1;
        let elapsed = start.elapsed();
        if elapsed >= duration {
            return elapsed.as_nanos() as f64 / f64::from(rounds);
        }
    }
}

/// Answers for `$states` alone, as an engine does.
struct States<'a>(Option<&'a Value>);

impl Host for States<'_> {
    fn variable(&mut self, name: &str) -> Option<Value> {
        if name == "states" { self.0.cloned() } else { None }
    }

    fn now_millis(&mut self) -> i64 {
        1_700_000_000_000
    }

    fn random_u64(&mut self) -> u64 {
        4
    }
}

/// Ours
pub(crate) struct Ours {
    expression: Expression,
    input: Option<Value>,
    states: Option<Value>,
}

impl Ours {
    pub(crate) fn new(transform: &Transform, input: &str, states: Option<&str>) -> anyhow::Result<Ours> {
        let read = |text: &str| stepwell_json::parse(text).map_err(|error| anyhow!("{error}"));
        let expression = Expression::parse(transform.expression, Dialect::Plain)
            .map_err(|error| anyhow!("{}: {error}", transform.name))?;
        let states = states.map(read).transpose()?;
        let input = if states.is_some() { None } else { Some(read(input)?) };
        Ok(Ours { expression, input, states })
    }

    /// Evaluates, making a JSON value.
    pub(crate) fn evaluate(&self) -> anyhow::Result<Value> {
        let mut host = States(self.states.as_ref());
        match self.expression.evaluate(self.input.as_ref(), &mut host, &Limits::PLAIN) {
            Ok(Evaluated::Value(value)) => Ok(value),
            Ok(_) => bail!("no value"),
            Err(error) => bail!("{error}"),
        }
    }

    pub(crate) fn time(&self, duration: Duration) -> f64 {
        timed(duration, || drop(black_box(self.evaluate())))
    }
}

/// jsonata-core: by its bytecode where it gives the same result, by its tree walker, whichever is faster
pub(crate) struct Core {
    expression: jsonata_core::Expression,
    input: JValue,
    states: Option<JValue>,
}

/// A way into jsonata-core
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interface {
    Bytecode,
    Tree,
}

impl Core {
    pub(crate) fn new(transform: &Transform, input: &str, states: Option<&str>) -> anyhow::Result<Core> {
        let read = |text: &str| JValue::from_json_str(text).map_err(|error| anyhow!("{error}"));
        let expression = jsonata_core::Expression::compile(transform.expression)
            .map_err(|error| anyhow!("{}: jsonata-core: {error}", transform.name))?;
        Ok(Core { expression, input: read(input)?, states: states.map(read).transpose()? })
    }

    fn result(&self, interface: Interface) -> anyhow::Result<JValue> {
        let result = match (interface, &self.states) {
            (Interface::Bytecode, None) => self.expression.evaluate(&self.input),
            (_, states) => {
                let mut context = CoreContext::new();
                if let Some(states) = states {
                    context.bind("states".to_owned(), states.clone());
                }
                Evaluator::with_context(context).evaluate(self.expression.ast(), &self.input)
            }
        };
        result.map_err(|error| anyhow!("jsonata-core: {error}"))
    }

    /// The JSON text of the result.
    pub(crate) fn text(&self, interface: Interface) -> anyhow::Result<String> {
        Ok(self.result(interface)?.to_json_string()?)
    }

    pub(crate) fn time(&self, interface: Interface, duration: Duration) -> f64 {
        timed(duration, || drop(black_box(self.result(interface))))
    }
}

/// jsonata-js in a Node process
pub(crate) struct JavaScript {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Drop for JavaScript {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl JavaScript {
    /// Starts Node with a workload, installing jsonata-js where it is missing.
    pub(crate) fn start(workload: &Value) -> anyhow::Result<JavaScript> {
        let folder = installed()?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/javascript.mjs");
        let mut child = Command::new("node")
            .args([script.as_os_str(), folder.as_os_str()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("can't run node")?;
        let (Some(requests), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("node has no pipes");
        };
        let mut javascript = JavaScript { child, requests, answers: BufReader::new(answers) };
        writeln!(javascript.requests, "{}", workload.to_text())?;
        Ok(javascript)
    }

    fn ask(&mut self, request: &str) -> anyhow::Result<Value> {
        writeln!(self.requests, "{request}")?;
        self.requests.flush()?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        stepwell_json::parse(&line).map_err(|error| anyhow!("node: {error}"))
    }

    fn nanoseconds(&mut self, request: &str) -> anyhow::Result<f64> {
        self.ask(request)?.get("nanoseconds").and_then(Value::as_f64).context("node gave no time")
    }

    /// The result of a transform.
    pub(crate) fn result(&mut self, transform: usize) -> anyhow::Result<Value> {
        self.ask(&format!(r#"{{"result":{transform}}}"#))?
            .get("result")
            .cloned()
            .context("node gave no result")
    }

    /// Nanoseconds of an evaluation.
    pub(crate) fn time(&mut self, transform: usize, duration: Duration) -> anyhow::Result<f64> {
        self.nanoseconds(&format!(r#"{{"evaluate":{transform},"milliseconds":{}}}"#, duration.as_millis()))
    }

    /// Nanoseconds of a conversion, `read` or `write`, of an input.
    pub(crate) fn convert(&mut self, what: &str, input: &str, duration: Duration) -> anyhow::Result<f64> {
        self.nanoseconds(&format!(r#"{{"{what}":"{input}","milliseconds":{}}}"#, duration.as_millis()))
    }
}

/// The folder that has jsonata-js: the one that the tests of `crates/jsonata` install too.
fn installed() -> anyhow::Result<PathBuf> {
    let program = std::env::current_exe()?;
    let target =
        program.ancestors().find(|folder| folder.join("release").is_dir()).context("no target folder")?;
    let folder = target.join("tmp/jsonata-oracle");
    if folder.join("node_modules/jsonata").is_dir() {
        return Ok(folder);
    }
    eprintln!("Installing jsonata-js from the npm registry into {}", folder.display());
    std::fs::create_dir_all(&folder)?;
    let package =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/jsonata/tests/oracle/package.json");
    std::fs::copy(package, folder.join("package.json"))?;
    let arguments = ["install", "--silent", "--no-audit", "--no-fund"].map(OsStr::new);
    let status =
        Command::new("npm").args(arguments).current_dir(&folder).status().context("can't run npm")?;
    if !status.success() {
        bail!("npm install failed");
    }
    Ok(folder)
}
