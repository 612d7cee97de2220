//! Reading what strace wrote: system calls with the place in the log where they began and ended.

use std::{collections::HashMap, path::Path};

use anyhow::Context;

/// One system call. Places are line numbers: what ended at a lower place than another began came before it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Call {
    /// Thread.
    pub(crate) thread: u32,
    /// Name of the call.
    pub(crate) name: String,
    /// What it was called on (the first argument), as strace shows it with `-y`: `7</data/journal/1>`, `12<socket:[345]>`.
    pub(crate) target: String,
    /// All arguments and the data, escaped as strace does it.
    pub(crate) text: String,
    /// What it returned; `None` when it did not return.
    pub(crate) result: Option<i64>,
    /// The line on which it began.
    pub(crate) began: usize,
    /// The line on which it returned; the end of the log if it did not.
    pub(crate) ended: usize,
    /// Seconds since 1970 at which it began, if the log was written with `-ttt`.
    pub(crate) seconds: f64,
}

/// Whether strace can be run, and may trace.
pub(crate) fn is_available() -> bool {
    let tried = std::process::Command::new("strace").args(["-e", "trace=none", "true"]).output();
    tried.is_ok_and(|output| output.status.success())
}

/// Reads a log written with `-f -y -ttt`.
///
/// # Errors
/// When the file can't be read.
pub(crate) fn read(path: &Path) -> anyhow::Result<Vec<Call>> {
    let text = std::fs::read(path).with_context(|| path.display().to_string())?;
    Ok(parse(&String::from_utf8_lossy(&text)))
}

fn parse(log: &str) -> Vec<Call> {
    let end = log.lines().count();
    let mut calls: Vec<Call> = Vec::new();
    let mut unfinished: HashMap<u32, usize> = HashMap::new();
    for (line_number, line) in log.lines().enumerate() {
        let Some((thread, rest)) = line.trim_start().split_once(' ') else { continue };
        let Ok(thread) = thread.parse::<u32>() else { continue };
        let rest = rest.trim_start();
        let Some((time, rest)) = rest.split_once(' ') else { continue };
        let seconds = time.parse().unwrap_or(0.0);
        if let Some(resumed) = rest.strip_prefix("<... ") {
            // `<... fdatasync resumed>) = 0`: the arguments that come only at the end (data that was read) stand here.
            if let Some(place) = unfinished.remove(&thread)
                && let Some((_, tail)) = resumed.split_once(" resumed>")
            {
                let call = &mut calls[place];
                call.text.push_str(tail);
                call.result = result_of(tail);
                call.ended = line_number;
            }
            continue;
        }
        let Some((name, arguments)) = rest.split_once('(') else { continue };
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            continue;
        }
        let target = arguments.split([',', ')', ' ']).next().unwrap_or_default().to_owned();
        let is_unfinished = arguments.ends_with("<unfinished ...>");
        if is_unfinished {
            unfinished.insert(thread, calls.len());
        }
        calls.push(Call {
            thread,
            name: name.to_owned(),
            target,
            text: arguments.to_owned(),
            result: if is_unfinished { None } else { result_of(arguments) },
            began: line_number,
            ended: if is_unfinished { end } else { line_number },
            seconds,
        });
    }
    calls
}

/// What stands after the last ` = `.
fn result_of(text: &str) -> Option<i64> {
    let (_, result) = text.rsplit_once(" = ")?;
    result.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = r#"10 1700000000.000001 recvfrom(12<socket:[5]>, "POST / name = 1", 8192, 0, NULL, NULL) = 15
11 1700000000.000002 pwrite64(7</d/journal/1>, "abc", 3, 0) = 3
11 1700000000.000003 fdatasync(7</d/journal/1> <unfinished ...>
10 1700000000.000004 sendto(12<socket:[5]>, "HTTP/1.1 200 OK", 15, MSG_NOSIGNAL, NULL, 0) = 15
11 1700000000.000005 <... fdatasync resumed>) = 0
11 1700000000.000006 fdatasync(7</d/journal/1>) = -1 EIO (Input/output error) (INJECTED)
10 1700000000.000007 recvfrom(12<socket:[5]>,  <unfinished ...>
11 1700000000.000008 --- SIGCHLD {si_signo=SIGCHLD} ---
10 1700000000.000009 <... recvfrom resumed>"late", 8192, 0, NULL, NULL) = 4
11 1700000000.000010 write(2</dev/pts/0>, "x", 1 <unfinished ...>
"#;

    #[test]
    fn calls_are_put_together_again() {
        let calls = parse(LOG);
        let names: Vec<_> =
            calls.iter().map(|call| (call.name.as_str(), call.result, call.began, call.ended)).collect();
        assert_eq!(
            names,
            [
                ("recvfrom", Some(15), 0, 0),
                ("pwrite64", Some(3), 1, 1),
                ("fdatasync", Some(0), 2, 4),
                ("sendto", Some(15), 3, 3),
                ("fdatasync", Some(-1), 5, 5),
                ("recvfrom", Some(4), 6, 8),
                ("write", None, 9, 10),
            ]
        );
        assert_eq!(
            (calls[0].target.as_str(), calls[2].target.as_str()),
            ("12<socket:[5]>", "7</d/journal/1>")
        );
        assert!(calls[5].text.contains("late"));
    }
}
