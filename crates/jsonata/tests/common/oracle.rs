//! jsonata-js 2.0.6 in a Node process, asked for what it makes of expressions

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use stepwell_json::{Object, Value};
use stepwell_jsonata::{Dialect, Evaluated, Expression, Limits};

use super::FixedHost;

/// What an engine makes of an expression
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Outcome {
    Value(Value),
    Nothing,
    Function,
    /// An error with JSONata's code
    Code(String),
    /// A bound was exceeded
    Limit,
    /// An error that is none of JSONata's
    Crash(String),
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Outcome::Value(value) => write!(formatter, "value {}", value.to_text()),
            Outcome::Nothing => formatter.write_str("nothing"),
            Outcome::Function => formatter.write_str("function"),
            Outcome::Code(code) => write!(formatter, "error {code}"),
            Outcome::Limit => formatter.write_str("limit"),
            Outcome::Crash(text) => write!(formatter, "crash {text}"),
        }
    }
}

/// One expression with what it is evaluated on
#[derive(Debug, Clone)]
pub(crate) struct Question {
    pub(crate) expression: String,
    /// Name of data given before; none for no input
    pub(crate) on: String,
    /// An object
    pub(crate) bindings: Value,
}

/// What our evaluator makes of a question.
pub(crate) fn ours(question: &Question, data: Option<&Value>, limits: &Limits) -> Outcome {
    let result = Expression::parse(&question.expression, Dialect::Plain).and_then(|expression| {
        expression.evaluate(data, &mut FixedHost::new(question.bindings.clone()), limits)
    });
    match result {
        Ok(Evaluated::Value(value)) => Outcome::Value(value),
        Ok(Evaluated::Nothing) => Outcome::Nothing,
        Ok(Evaluated::Function) => Outcome::Function,
        Err(error) => error.code().map_or(Outcome::Limit, |code| Outcome::Code(code.to_owned())),
    }
}

/// The Node process
pub(crate) struct Oracle {
    child: Child,
    requests: BufWriter<ChildStdin>,
    answers: Receiver<String>,
    folder: PathBuf,
    /// What was given under names, for a process that has to be started anew
    given: Vec<String>,
}

impl Drop for Oracle {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How long an answer may take: jsonata-js itself stops after two seconds, but not inside a regular expression.
const PATIENCE: Duration = Duration::from_secs(5);

impl Oracle {
    /// Starts it. None, after saying why, where Node or jsonata-js is not to be had; in CI that is a failure.
    pub(crate) fn start() -> Option<Oracle> {
        match installed() {
            Ok(folder) => {
                let (child, requests, answers) = spawn(&folder);
                Some(Oracle { child, requests, answers, folder, given: Vec::new() })
            }
            Err(reason) => {
                assert!(std::env::var_os("CI").is_none(), "{reason}");
                println!("skipped: {reason}");
                None
            }
        }
    }

    /// Gives data a name.
    pub(crate) fn give(&mut self, name: &str, data: &Value) {
        let members = vec![("name".into(), Value::from(name)), ("data".into(), data.clone())];
        let line = Value::Object(Object::from_entries(members)).to_text();
        writeln!(self.requests, "{line}").unwrap();
        self.given.push(line);
    }

    /// Forgets which data had names, so that a process started anew is not given all that was ever there.
    pub(crate) fn forget(&mut self) {
        self.given.clear();
    }

    /// The outcomes of some questions.
    pub(crate) fn ask(&mut self, questions: &[Question]) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        // Few enough that neither process waits for the other with a full pipe.
        for chunk in questions.chunks(16) {
            let first = outcomes.len();
            while outcomes.len() < first + chunk.len() {
                for question in &chunk[outcomes.len() - first..] {
                    let members = vec![
                        ("expression".into(), Value::from(&*question.expression)),
                        ("on".into(), Value::from(&*question.on)),
                        ("bindings".into(), question.bindings.clone()),
                    ];
                    writeln!(self.requests, "{}", Value::Object(Object::from_entries(members)).to_text())
                        .unwrap();
                }
                self.requests.flush().unwrap();
                while outcomes.len() < first + chunk.len() {
                    match self.answers.recv_timeout(PATIENCE) {
                        Ok(line) => outcomes.push(outcome(&line)),
                        Err(_) => {
                            println!(
                                "jsonata-js does not answer: {}",
                                chunk[outcomes.len() - first].expression
                            );
                            outcomes.push(Outcome::Limit);
                            self.start_anew();
                            break;
                        }
                    }
                }
            }
        }
        outcomes
    }

    fn start_anew(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        (self.child, self.requests, self.answers) = spawn(&self.folder);
        for line in &self.given {
            writeln!(self.requests, "{line}").unwrap();
        }
    }
}

fn outcome(line: &str) -> Outcome {
    let answer = match stepwell_json::parse(line) {
        Ok(answer) => answer,
        // Half a surrogate pair, or nesting that is too deep for our values
        Err(error) => return Outcome::Crash(format!("no JSON of ours: {error}")),
    };
    let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(value) = answer.get("value") {
        Outcome::Value(value.clone())
    } else if let Some(code) = text("code") {
        Outcome::Code(code)
    } else if let Some(crash) = text("crash") {
        Outcome::Crash(crash)
    } else if answer.get("function").is_some() {
        Outcome::Function
    } else if answer.get("limit").is_some() {
        Outcome::Limit
    } else {
        Outcome::Nothing
    }
}

fn spawn(folder: &Path) -> (Child, BufWriter<ChildStdin>, Receiver<String>) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/oracle.mjs");
    let mut child = Command::new("node")
        .args(["--stack-size=3000"])
        .args([script.as_os_str(), folder.as_os_str()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (requests, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (send, receive) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(answers).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                break;
            }
        }
    });
    (child, BufWriter::new(requests), receive)
}

/// The folder with jsonata-js, installed from the npm registry where it is missing.
fn installed() -> Result<PathBuf, String> {
    // Tests run at the same time; one of them installs.
    static INSTALLING: Mutex<()> = Mutex::new(());
    let _guard = INSTALLING.lock();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("jsonata-oracle");
    let runs = |program: &str| {
        Command::new(program).arg("--version").output().is_ok_and(|output| output.status.success())
    };
    if !runs("node") {
        return Err("node is not on this machine".to_owned());
    }
    if folder.join("node_modules/jsonata").is_dir() {
        return Ok(folder);
    }
    println!("Installing jsonata-js from the npm registry into {}", folder.display());
    std::fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/package.json");
    std::fs::copy(package, folder.join("package.json")).map_err(|error| error.to_string())?;
    let arguments = ["install", "--silent", "--no-audit", "--no-fund"];
    match Command::new("npm").args(arguments).current_dir(&folder).status() {
        Ok(status) if status.success() => Ok(folder),
        _ => Err("npm can't install jsonata 2.0.6".to_owned()),
    }
}
