//! The path of an execution, told line by line from its history: states entered and left, calls, retries, waits, errors.
//!
//! Each event names the one before it in its chain, so that branches and iterations, which run at once, can be told
//! apart: every event inherits the place of the one before it.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use serde_json::Value;

use crate::output::{BOLD, FAINT, GREEN, RED, YELLOW, styled};
use crate::wait_times::WaitTimes;

/// Characters of a cause that a line has room for.
const CAUSE_WIDTH: usize = 300;

/// A branch, an iteration or the machine itself.
#[derive(Debug)]
struct Scope {
    parent: Option<Place>,
    depth: usize,
    /// The iterations that lead here, such as `[2]`.
    label: String,
    is_map: bool,
    /// The Parallel or Map state that opened it.
    name: Rc<str>,
}

/// Where an event happened.
#[derive(Debug, Clone)]
struct Place {
    scope: Rc<Scope>,
    /// The state that is running.
    state: Rc<str>,
    entered_seconds: f64,
    /// How often its call has failed.
    failures: u32,
}

/// A Wait state that an execution is in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Waiting {
    /// Name of the state, with its iteration.
    pub(crate) name: String,
    /// When it ends, in seconds since 1970.
    pub(crate) until_seconds: f64,
}

/// Turns events into lines.
#[derive(Debug)]
pub(crate) struct PathView {
    places: HashMap<u64, Place>,
    start: Place,
    started_seconds: Option<f64>,
    wait_times: WaitTimes,
    /// Values as JSON text, as they were assigned last; scopes are not told apart, as this only tells a duration.
    variables: HashMap<String, String>,
    /// By scope and state, so that the end of the wait finds its entry.
    waits: BTreeMap<String, (Waiting, Place)>,
}

impl PathView {
    /// A view of one execution. With `wait_times` it can say how long a Wait state takes.
    pub(crate) fn new(wait_times: WaitTimes) -> PathView {
        let scope = Rc::new(Scope {
            parent: None,
            depth: 0,
            label: String::new(),
            is_map: false,
            name: Rc::from(""),
        });
        let start = Place { scope, state: Rc::from(""), entered_seconds: 0.0, failures: 0 };
        PathView {
            places: HashMap::new(),
            start,
            started_seconds: None,
            wait_times,
            variables: HashMap::new(),
            waits: BTreeMap::new(),
        }
    }

    /// The Wait states that are entered and not left, as far as it is known when they end.
    pub(crate) fn waiting(&self) -> Vec<Waiting> {
        self.waits.values().map(|(waiting, _)| waiting.clone()).collect()
    }

    /// Takes the next event of a history (an event of GetExecutionHistory) and tells it, if it is worth a line.
    pub(crate) fn line(&mut self, event: &Value) -> Option<String> {
        let number = |key: &str| event.get(key).and_then(Value::as_u64).unwrap_or_default();
        let seconds = event.get("timestamp").and_then(Value::as_f64).unwrap_or_default();
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
        let started = *self.started_seconds.get_or_insert(seconds);
        let before = self.places.get(&number("previousEventId")).unwrap_or(&self.start).clone();
        let details = details(event);
        let (place, text) = self.tell(kind, &details, before, seconds);
        let line = text.map(|text| {
            let time = styled(FAINT, format_args!("{:>9.3}", (seconds - started).max(0.0)));
            format!("{time}  {}{text}", "  ".repeat(place.scope.depth))
        });
        self.places.insert(number("id"), place);
        line
    }

    fn tell(
        &mut self,
        kind: &str,
        details: &Details<'_>,
        mut place: Place,
        seconds: f64,
    ) -> (Place, Option<String>) {
        if let Some(state_type) = kind.strip_suffix("StateEntered") {
            place.state = Rc::from(details.text("name"));
            place.entered_seconds = seconds;
            place.failures = 0;
            let wait =
                if state_type == "Wait" { self.enter_wait(&place, details, seconds) } else { String::new() };
            let state_type = styled(FAINT, state_type);
            let text = format!("{} {} {state_type}{wait}", styled(FAINT, ">"), place.shown());
            return (place, Some(text));
        }
        if kind.ends_with("StateExited") {
            // What comes before the end of a Parallel or Map state can be the last event of a branch.
            let name = details.text("name");
            if name != &*place.state
                && let Some(opened) = place.enclosing(|scope| &*scope.name == name)
                && let Some(parent) = &opened.scope.parent
            {
                place = parent.clone();
            }
            self.waits.remove(&place.key());
            let assigned = details.0.and_then(|details| details.get("assignedVariables"));
            for (name, value) in assigned.and_then(Value::as_object).into_iter().flatten() {
                self.variables.insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
            }
            let took = seconds - place.entered_seconds;
            let took = if took >= 0.001 { format!(" {took:.3} s") } else { String::new() };
            let text = format!("{} {}{}", styled(GREEN, "<"), place.shown(), styled(FAINT, took));
            return (place, Some(text));
        }
        if let Some(state) = kind.strip_prefix("MapIteration") {
            return self.tell_iteration(state, details, place);
        }
        for (container, is_map) in [("MapState", true), ("ParallelState", false)] {
            if let Some(what) = kind.strip_prefix(container) {
                if what != "Started"
                    && let Some(opened) = place.opened(is_map)
                {
                    // Branches that are stopped say nothing.
                    let is_inside =
                        |place: &Place| place.enclosing(|scope| std::ptr::eq(scope, &*opened.scope));
                    self.waits.retain(|_, (_, place)| is_inside(place).is_none());
                }
                return tell_container(what, is_map, details, place);
            }
        }
        if kind == "EvaluationFailed" && details.text("state") != &*place.state {
            // Its previous event is the one before the state was entered.
            place.state = Rc::from(details.text("state"));
            place.entered_seconds = seconds;
            place.failures = 0;
        }
        if let Some(what) = kind.strip_prefix("Execution") {
            return (self.start.clone(), Some(tell_execution(what, details)));
        }
        tell_call(kind, details, place)
    }

    fn enter_wait(&mut self, place: &Place, details: &Details<'_>, seconds: f64) -> String {
        let Some(until_seconds) =
            self.wait_times.end(&place.state, details.text("input"), &self.variables, seconds)
        else {
            return String::new();
        };
        let waiting = Waiting { name: place.shown_plain(), until_seconds };
        self.waits.insert(place.key(), (waiting, place.clone()));
        styled(FAINT, format_args!(" for {}", duration((until_seconds - seconds).max(0.0))))
    }

    fn tell_iteration(&mut self, what: &str, details: &Details<'_>, place: Place) -> (Place, Option<String>) {
        let name = details.text("name");
        let index = details.number("index");
        let Some(map) = place.enclosing(|scope| scope.is_map && &*scope.name == name) else {
            return (place, None);
        };
        let label =
            format!("{}[{index}]", map.scope.parent.as_ref().map_or("", |parent| &parent.scope.label));
        if what == "Started" {
            let scope = Rc::new(Scope {
                parent: Some(map.clone()),
                depth: map.scope.depth,
                label,
                is_map: false,
                name: Rc::from(""),
            });
            return (Place { scope, ..map }, None);
        }
        let text = match what {
            "Failed" => Some(format!("{} {name}{label} failed", styled(RED, "!"))),
            "Aborted" => Some(format!("{} {name}{label} was stopped", styled(YELLOW, "!"))),
            _ => None,
        };
        (map, text)
    }
}

impl Place {
    /// The innermost place that has the wanted scope, this one included.
    fn enclosing(&self, wanted: impl Fn(&Scope) -> bool) -> Option<Place> {
        let mut place = self.clone();
        while !wanted(&place.scope) {
            let parent = place.scope.parent.clone()?;
            place = parent;
        }
        Some(place)
    }

    /// The innermost Parallel or Map state.
    fn opened(&self, is_map: bool) -> Option<Place> {
        self.enclosing(|scope| scope.is_map == is_map && !scope.name.is_empty())
    }

    fn shown(&self) -> String {
        format!("{}{}", styled(BOLD, plain(&self.state)), styled(FAINT, &self.scope.label))
    }

    fn shown_plain(&self) -> String {
        format!("{}{}", plain(&self.state), self.scope.label)
    }

    fn key(&self) -> String {
        format!("{}/{}", self.scope.label, self.state)
    }
}

fn tell_container(what: &str, is_map: bool, details: &Details<'_>, place: Place) -> (Place, Option<String>) {
    if what == "Started" {
        let scope = Rc::new(Scope {
            depth: place.scope.depth + 1,
            label: place.scope.label.clone(),
            is_map,
            name: place.state.clone(),
            parent: Some(place.clone()),
        });
        let retry = (place.failures > 0).then(|| retry_text(&place));
        let length = is_map.then(|| format!("{} items", details.number("length")));
        let text = match (retry, length) {
            (Some(retry), Some(length)) => Some(format!("{retry}, {length}")),
            (retry, length) => retry.or(length),
        };
        return (Place { scope, ..place.clone() }, text.map(|text| styled(FAINT, text)));
    }
    // The last event of a branch comes before the end of the whole.
    let mut place = place.opened(is_map).and_then(|opened| opened.scope.parent.clone()).unwrap_or(place);
    let text = match what {
        "Failed" => {
            place.failures += 1;
            Some(failure_text(&place, "failed", details))
        }
        "Aborted" => Some(format!("{} {} was stopped", styled(YELLOW, "!"), place.shown())),
        _ => None,
    };
    (place, text)
}

fn tell_execution(what: &str, details: &Details<'_>) -> String {
    match what {
        "Started" => styled(FAINT, "execution started"),
        "Succeeded" => styled(GREEN, "execution succeeded"),
        "Failed" => format!("{}{}", styled(RED, "execution failed"), details.error_and_cause()),
        "TimedOut" => format!("{}{}", styled(RED, "execution timed out"), details.error_and_cause()),
        "Aborted" => format!("{}{}", styled(YELLOW, "execution was stopped"), details.error_and_cause()),
        "Redriven" => format!("execution redriven (redrive {})", details.number("redriveCount")),
        other => format!("execution: {other}"),
    }
}

/// Events of Lambda functions, activities and other tasks.
fn tell_call(kind: &str, details: &Details<'_>, mut place: Place) -> (Place, Option<String>) {
    let text =
        if kind.ends_with("ScheduleFailed") || kind.ends_with("StartFailed") || kind.ends_with("Failed") {
            place.failures += 1;
            failure_text(&place, "failed", details)
        } else if kind.ends_with("TimedOut") {
            place.failures += 1;
            failure_text(&place, "timed out", details)
        } else if kind.ends_with("Scheduled") {
            let target = call_target(kind, details);
            let retry = if place.failures > 0 { format!("{}: ", retry_text(&place)) } else { String::new() };
            styled(FAINT, format_args!("  {retry}{target}"))
        } else if kind == "TaskSubmitted" {
            let waits =
                if details.text("resource").ends_with("waitForTaskToken") { "its token" } else { "its end" };
            styled(FAINT, format_args!("  {} waits for {waits}", place.shown_plain()))
        } else {
            return (place, None);
        };
    (place, Some(text))
}

fn retry_text(place: &Place) -> String {
    format!("retry {} of {}", place.failures, place.shown_plain())
}

fn failure_text(place: &Place, what: &str, details: &Details<'_>) -> String {
    format!("{} {} {what}{}", styled(RED, "!"), place.shown(), details.error_and_cause())
}

fn call_target(kind: &str, details: &Details<'_>) -> String {
    let resource = details.text("resource");
    match kind {
        "LambdaFunctionScheduled" => format!("calls {}", last_part(resource, "function:")),
        "ActivityScheduled" => format!("waits for a worker of {}", last_part(resource, "activity:")),
        _ => {
            let parameters: Value = serde_json::from_str(details.text("parameters")).unwrap_or_default();
            let target =
                ["FunctionName", "StateMachineArn"].iter().find_map(|key| parameters.get(*key)?.as_str());
            let target =
                target.map(|arn| format!(" {}", last_part(last_part(arn, "function:"), "stateMachine:")));
            plain(&format!("calls {}:{resource}{}", details.text("resourceType"), target.unwrap_or_default()))
        }
    }
}

fn last_part<'a>(arn: &'a str, kind: &str) -> &'a str {
    arn.split_once(kind).map_or(arn, |(_, name)| name)
}

/// The members of an event that say what it is about.
struct Details<'a>(Option<&'a Value>);

fn details(event: &Value) -> Details<'_> {
    let object = event.as_object();
    Details(object.and_then(|members| {
        members.iter().find(|(key, _)| key.ends_with("EventDetails")).map(|(_, value)| value)
    }))
}

impl<'a> Details<'a> {
    fn text(&self, key: &str) -> &'a str {
        self.0.and_then(|details| details.get(key)).and_then(Value::as_str).unwrap_or_default()
    }

    fn number(&self, key: &str) -> u64 {
        self.0.and_then(|details| details.get(key)).and_then(Value::as_u64).unwrap_or_default()
    }

    fn error_and_cause(&self) -> String {
        error_and_short_cause(self.text("error"), self.text("cause"))
    }
}

/// `: Error: cause` in one line, as far as there is any.
pub(crate) fn error_and_cause(error: &str, cause: &str) -> String {
    let mut text = String::new();
    for part in [error, cause] {
        if !part.is_empty() {
            text.push_str(": ");
            text.push_str(&plain(part));
        }
    }
    text
}

/// As [`error_and_cause`], short enough for a line: of the JSON that Lambda functions fail with, only the message.
pub(crate) fn error_and_short_cause(error: &str, cause: &str) -> String {
    let document: Option<Value> = serde_json::from_str(cause).ok();
    let message = document.as_ref().and_then(|document| document.get("errorMessage")).and_then(Value::as_str);
    let text = error_and_cause(error, message.unwrap_or(cause));
    if text.chars().count() <= CAUSE_WIDTH {
        return text;
    }
    text.chars().take(CAUSE_WIDTH).chain("…".chars()).collect()
}

/// What a workflow says must not move the cursor.
fn plain(text: &str) -> String {
    text.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// A time span for people.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 1.0 {
        return format!("{seconds:.3} s");
    }
    if seconds < 60.0 {
        return format!("{:.1} s", seconds);
    }
    // Truncation is meant: a display of at most a few thousand years.
    let whole = seconds.round() as u64;
    let (days, hours, minutes, rest) = (whole / 86_400, whole / 3_600 % 24, whole / 60 % 60, whole % 60);
    let units = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")];
    let shown: Vec<String> =
        units.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}")).collect();
    shown.join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The lines for some events, given as id, previous id, type and details.
    fn lines(wait_times: WaitTimes, events: &[(u64, u64, &str, Value)]) -> Vec<String> {
        let mut view = PathView::new(wait_times);
        events
            .iter()
            .filter_map(|(id, previous, kind, details)| {
                let event = json!({
                    "id": id, "previousEventId": previous, "timestamp": 1000.0 + *id as f64, "type": kind,
                    "someEventDetails": details,
                });
                let line = view.line(&event)?;
                Some(anstream::adapter::strip_str(&line).to_string())
            })
            .collect()
    }

    #[test]
    fn iterations_and_retries_are_told_apart() {
        let failed = json!({"error": "Busy", "cause": "{\"errorMessage\": \"later\\nplease\"}"});
        let lambda = json!({"resource": "arn:aws:lambda:r:1:function:price"});
        let events = [
            (1, 0, "ExecutionStarted", json!({})),
            (2, 0, "MapStateEntered", json!({"name": "All"})),
            (3, 2, "MapStateStarted", json!({"length": 2})),
            (4, 3, "MapIterationStarted", json!({"name": "All", "index": 0})),
            (5, 4, "TaskStateEntered", json!({"name": "One"})),
            (6, 5, "LambdaFunctionScheduled", lambda.clone()),
            (7, 3, "MapIterationStarted", json!({"name": "All", "index": 1})),
            (8, 7, "PassStateEntered", json!({"name": "One"})),
            (9, 6, "LambdaFunctionFailed", failed),
            (10, 9, "LambdaFunctionScheduled", lambda),
            (11, 10, "TaskStateExited", json!({"name": "One"})),
            (12, 11, "MapIterationSucceeded", json!({"name": "All", "index": 0})),
            (13, 8, "MapIterationFailed", json!({"name": "All", "index": 1})),
            (14, 13, "MapStateFailed", json!({})),
            (15, 14, "ExecutionFailed", json!({"error": "E", "cause": "c"})),
        ];
        let expected = [
            "    0.000  execution started",
            "    1.000  > All Map",
            "    2.000    2 items",
            "    4.000    > One[0] Task",
            "    5.000      calls price",
            "    7.000    > One[1] Pass",
            "    8.000    ! One[0] failed: Busy: later please",
            "    9.000      retry 1 of One[0]: calls price",
            "   10.000    < One[0] 6.000 s",
            "   12.000    ! All[1] failed",
            "   13.000  ! All failed",
            "   14.000  execution failed: E: c",
        ];
        assert_eq!(lines(WaitTimes::default(), &events), expected);
    }

    #[test]
    fn a_parallel_state_is_left_from_its_last_branch() {
        let events = [
            (1, 0, "ExecutionStarted", json!({})),
            (2, 0, "ParallelStateEntered", json!({"name": "Both"})),
            (3, 2, "ParallelStateStarted", json!({})),
            (4, 3, "PassStateEntered", json!({"name": "A"})),
            (5, 4, "PassStateExited", json!({"name": "A"})),
            (6, 5, "ParallelStateSucceeded", json!({})),
            (7, 5, "ParallelStateExited", json!({"name": "Both"})),
            (8, 7, "PassStateEntered", json!({"name": "Next"})),
        ];
        let expected = [
            "    0.000  execution started",
            "    1.000  > Both Parallel",
            "    3.000    > A Pass",
            "    4.000    < A 1.000 s",
            "    6.000  < Both 5.000 s",
            "    7.000  > Next Pass",
        ];
        assert_eq!(lines(WaitTimes::default(), &events), expected);
    }

    #[test]
    fn a_failed_evaluation_belongs_to_its_state_although_it_points_past_it() {
        let error = json!({"state": "B", "error": "States.QueryEvaluationError", "cause": "no", "location": "Output"});
        let events = [
            (1, 0, "ExecutionStarted", json!({})),
            (2, 0, "PassStateEntered", json!({"name": "A"})),
            (3, 2, "PassStateExited", json!({"name": "A"})),
            (4, 3, "TaskStateEntered", json!({"name": "B"})),
            (5, 3, "EvaluationFailed", error.clone()),
            (6, 5, "EvaluationFailed", error),
            (7, 6, "TaskStateExited", json!({"name": "B"})),
        ];
        let told = lines(WaitTimes::default(), &events);
        assert_eq!(told[4], "    4.000  ! B failed: States.QueryEvaluationError: no");
        assert_eq!(told[6], "    6.000  < B 2.000 s");
    }

    #[test]
    fn a_wait_says_how_long_it_takes() {
        let waits = r#"{"States": {"W": {"Type": "Wait", "Seconds": 90}, "V": {"Type": "Wait", "SecondsPath": "$v"}}}"#;
        let events = [
            (1, 0, "ExecutionStarted", json!({})),
            (2, 0, "WaitStateEntered", json!({"name": "W", "input": "{}"})),
            (3, 2, "WaitStateExited", json!({"name": "W", "assignedVariables": {"v": "7"}})),
            (4, 3, "WaitStateEntered", json!({"name": "V", "input": "{}"})),
        ];
        let told = lines(WaitTimes::of(waits, 1.0), &events);
        assert_eq!(told[1], "    1.000  > W Wait for 1 min 30 s");
        assert_eq!(told[3], "    3.000  > V Wait for 7.0 s");
    }

    #[test]
    fn a_wait_in_a_branch_that_was_stopped_is_over() {
        let waits = r#"{"States": {"P": {"Type": "Parallel", "Branches": [
            {"States": {"W": {"Type": "Wait", "Seconds": 90}}}]}}}"#;
        let mut view = PathView::new(WaitTimes::of(waits, 1.0));
        let mut tell = |id: u64, kind: &str, name: &str| {
            view.line(&json!({"id": id, "previousEventId": id - 1, "timestamp": 0, "type": kind,
                              "stateEnteredEventDetails": {"name": name, "input": "{}"}}));
            view.waiting().len()
        };
        tell(1, "ExecutionStarted", "");
        tell(2, "ParallelStateEntered", "P");
        tell(3, "ParallelStateStarted", "");
        assert_eq!(tell(4, "WaitStateEntered", "W"), 1);
        assert_eq!(tell(5, "ParallelStateFailed", ""), 0);
    }

    #[test]
    fn odd_events_are_no_trouble() {
        for event in
            [json!(null), json!({}), json!({"id": "x", "type": 3}), json!({"type": "MapStateSucceeded"})]
        {
            let mut view = PathView::new(WaitTimes::default());
            let _ = view.line(&event);
            let _ = view.line(&json!({"type": "MapIterationStarted", "id": 1, "previousEventId": 9}));
        }
    }

    #[test]
    fn durations_are_for_people() {
        for (seconds, text) in [
            (0.0, "0.000 s"),
            (0.25, "0.250 s"),
            (5.0, "5.0 s"),
            (61.0, "1 min 1 s"),
            (90_061.0, "1 d 1 h 1 min 1 s"),
            (604_800.0, "7 d"),
        ] {
            assert_eq!(duration(seconds), text);
        }
    }
}
