//! `stepwell logs EXECUTION|JOB`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};

use super::{ServerArgument, block_on, names, text};
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{self, FAINT, Format, styled};

/// Between two looks at logs that are followed.
const POLL: Duration = Duration::from_millis(500);
/// What is read of a log at once, in bytes.
const CHUNK_BYTES: usize = 64 * 1024;
/// A line of a log that is longer is shown in several.
const LINE_MAX_BYTES: usize = 1024 * 1024;

/// Arguments of `logs`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  stepwell logs report:run-1               what the jobs of an execution printed, all attempts
  stepwell logs report:run-1 --follow      the same while they print it, until the execution has ended
  stepwell logs 0f3c…-9a1e                 one job, by its id or ARN; with :7 behind an array job's id, one child
  stepwell logs report:run-1 --paths       the files, which can be read with any tool

The logs are files of the server's machine, so the command has to be run there, by a user who may read them. What the
jobs printed goes to standard output and where it comes from to standard error. With --output json each line is a line
of JSON.")]
pub(crate) struct LogsArguments {
    /// The execution, as MACHINE:EXECUTION or its ARN, or the id or ARN of a Batch job or ECS task
    #[arg(value_name = "EXECUTION|JOB")]
    name: String,
    /// Go on until the jobs, and the execution, have ended
    #[arg(long, short)]
    follow: bool,
    /// Print the jobs and where their logs are, and not what is in them
    #[arg(long, conflicts_with = "follow")]
    paths: bool,
    #[command(flatten)]
    server: ServerArgument,
}

/// Prints the logs.
pub(crate) fn run(arguments: &LogsArguments, format: Format) -> Result<(), Failure> {
    let client = arguments.server.client()?;
    block_on(async {
        let wanted = Wanted::of(&client, &arguments.name).await?;
        if arguments.paths {
            let answer = wanted.jobs(&client).await?;
            match format {
                Format::Json => output::json(&answer),
                Format::Text => output::table(&["JOB", "NAME", "STATUS", "ATTEMPT", "LOG"], &rows(&answer)),
            }
            return Ok(());
        }
        let mut printer = Printer { format, read: HashMap::new(), last: None };
        loop {
            // First what there is, then what is in it: of a job that has ended nothing is missed.
            let has_ended = wanted.has_ended(&client).await?;
            let answer = wanted.jobs(&client).await?;
            let mut all_ended = has_ended;
            for job in answer["jobs"].as_array().into_iter().flatten() {
                all_ended &= job["hasEnded"] == true;
                for log in job["logs"].as_array().into_iter().flatten() {
                    printer.print(job, log)?;
                }
            }
            if all_ended || !arguments.follow {
                printer.finish();
                return Ok(());
            }
            tokio::time::sleep(POLL).await;
        }
    })
}

/// Whose logs are asked for.
enum Wanted {
    Execution(String),
    Job(String),
}

impl Wanted {
    async fn of(client: &Client, name: &str) -> Result<Wanted, Failure> {
        let is_arn_of_job = name.starts_with("arn:") && !name.contains(":states:");
        if is_arn_of_job || is_job_id(name) {
            return Ok(Wanted::Job(name.to_owned()));
        }
        Ok(Wanted::Execution(names::execution(client, name).await?))
    }

    /// What the server knows of the jobs.
    async fn jobs(&self, client: &Client) -> Result<Value, Failure> {
        let (request, missing) = match self {
            Wanted::Execution(arn) => (json!({"executionArn": arn}), None),
            Wanted::Job(id) => (json!({"jobId": id}), Some(id)),
        };
        let answer = client.job_logs(&request).await?;
        match missing {
            Some(id) if answer["jobs"].as_array().is_none_or(Vec::is_empty) => {
                Err(Failure::Refused(format!(
                    "no job {id:?} is known on the server's machine; those that have ended are kept for 7 days"
                )))
            }
            _ => Ok(answer),
        }
    }

    /// Whether no other jobs come.
    async fn has_ended(&self, client: &Client) -> Result<bool, Failure> {
        match self {
            // An Express execution can't be described.
            Wanted::Execution(arn) if arn.contains(":execution:") => {
                let described = client.call("DescribeExecution", &json!({"executionArn": arn})).await?;
                Ok(described["status"] != "RUNNING")
            }
            _ => Ok(true),
        }
    }
}

/// Ids of jobs are UUIDs and those of tasks 32 digits; a child of an array job has its index behind a colon.
fn is_job_id(name: &str) -> bool {
    let id = name.split_once(':').map_or(name, |(id, _)| id);
    let digits = id.bytes().filter(u8::is_ascii_hexdigit).count();
    digits == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// A row for each log; one for a job that has none.
fn rows(answer: &Value) -> Vec<Vec<String>> {
    let jobs = answer["jobs"].as_array().into_iter().flatten();
    jobs.flat_map(|job| {
        let row = |attempt: String, path: &str| {
            let known = ["jobId", "name", "status"].map(|key| text(job, key).to_owned());
            known.into_iter().chain([attempt, path.to_owned()]).collect()
        };
        let logs = job["logs"].as_array().map(Vec::as_slice).unwrap_or_default();
        let mut rows: Vec<Vec<String>> =
            logs.iter().map(|log| row(log["attempt"].to_string(), text(log, "path"))).collect();
        if rows.is_empty() {
            rows.push(row("-".to_owned(), "-"));
        }
        rows
    })
    .collect()
}

/// Prints what was not printed yet.
struct Printer {
    format: Format,
    read: HashMap<PathBuf, LogRead>,
    /// The log that was printed last.
    last: Option<PathBuf>,
}

/// How far a log was printed.
struct LogRead {
    position: u64,
    /// Says which log it is: the members of a line of JSON.
    source: Value,
    /// A line that has not ended yet.
    rest: Vec<u8>,
}

impl Printer {
    fn print(&mut self, job: &Value, log: &Value) -> Result<(), Failure> {
        let path = PathBuf::from(text(log, "path"));
        let read = self.read.entry(path.clone()).or_insert_with(|| LogRead {
            position: 0,
            source: json!({"jobId": job["jobId"], "attempt": log["attempt"], "container": log["container"]}),
            rest: Vec::new(),
        });
        let unreadable = |error: std::io::Error| {
            Failure::Internal(format!(
                "{} can't be read: {error}; the logs are on the server's machine",
                path.display()
            ))
        };
        let mut file = match File::open(&path) {
            // The container was not started, or is just about to be.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(unreadable)?,
        };
        file.seek(SeekFrom::Start(read.position)).map_err(unreadable)?;
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let length = file.read(&mut chunk).map_err(unreadable)?;
            let Some(bytes) = chunk.get(..length).filter(|bytes| !bytes.is_empty()) else { return Ok(()) };
            read.position += length as u64;
            match self.format {
                Format::Json => read.tell_lines(bytes),
                Format::Text => {
                    if self.last.as_ref() != Some(&path) {
                        let (name, id) = (text(job, "name"), text(job, "jobId"));
                        let (attempt, container) = (&log["attempt"], text(log, "container"));
                        let place = path.display();
                        let heading = format!("{name} {id}, attempt {attempt}, {container}: {place}");
                        output::note(styled(FAINT, heading));
                        self.last = Some(path.clone());
                    }
                    write(bytes);
                }
            }
        }
    }

    /// Prints last lines that have no end.
    fn finish(&mut self) {
        for read in self.read.values_mut().filter(|read| !read.rest.is_empty()) {
            read.tell_lines(b"\n");
        }
    }
}

impl LogRead {
    fn tell_lines(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(piece);
            let has_end = self.rest.last() == Some(&b'\n');
            if has_end || self.rest.len() >= LINE_MAX_BYTES {
                let line = self.rest.get(..self.rest.len() - usize::from(has_end)).unwrap_or_default();
                self.source["line"] = String::from_utf8_lossy(line).into();
                output::followed_line(&self.source);
                self.rest.clear();
            }
        }
    }
}

/// Writes to standard output as [`output::followed_line`] does, bytes as they are.
fn write(bytes: &[u8]) {
    let mut output = std::io::stdout().lock();
    if output.write_all(bytes).and_then(|()| output.flush()).is_err() {
        std::process::exit(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_jobs_are_told_from_executions() {
        for (name, expected) in [
            ("0f3c8a5e-1111-4222-8333-444455556666", true),
            ("0f3c8a5e-1111-4222-8333-444455556666:7", true),
            ("0f3c8a5e111142228333444455556666", true),
            ("report:run-1", false),
            ("report:0f3c8a5e-1111-4222-8333-444455556666", false),
            ("cafe:beef", false),
        ] {
            assert_eq!(is_job_id(name), expected, "{name}");
        }
    }
}
