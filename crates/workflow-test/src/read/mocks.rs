//! `mocks`: what tasks answer.

use std::{collections::HashMap, sync::Arc};

use stepwell_interpreter::{ErrorOutput, event::StateIndex, program::StateKind};
use stepwell_json::{
    Object, Payload, Value,
    spanned::{Node, NodeKind},
};

use super::{Reader, a, start};
use crate::{
    case::{Answer, Heartbeats, Mock, Outcome},
    check::answers_with_payload,
};

/// Members of an answer.
pub(crate) const ANSWER_KEYS: [&str; 13] = [
    "comment",
    "result",
    "payload",
    "error",
    "cause",
    "never",
    "afterSeconds",
    "heartbeatEverySeconds",
    "heartbeatUntilSeconds",
    "item",
    "attempt",
    "when",
    "times",
];

impl Reader<'_> {
    pub(super) fn mocks(&mut self, node: &Node) -> HashMap<StateIndex, Arc<Mock>> {
        let mut mocks = HashMap::new();
        for member in self.faults.object(node, "\"mocks\"").unwrap_or_default() {
            let Some(state) = self.task(&member.key, member.key_span) else { continue };
            let nodes = match &member.value.kind {
                NodeKind::Array(items) => items.as_slice(),
                _ => std::slice::from_ref(&member.value),
            };
            if nodes.is_empty() {
                self.faults.note(member.value.span, "a mock needs at least one answer");
            }
            let mut answers: Vec<Answer> = nodes.iter().filter_map(|node| self.answer(node, state)).collect();
            // Answers for all calls: the only one answers them all, several answer one each.
            let is_plain = |answer: &Answer| {
                answer.items.is_none() && answer.attempts.is_none() && answer.when.is_none()
            };
            let is_sequence = answers.iter().filter(|answer| is_plain(answer)).count() > 1;
            for answer in answers.iter_mut().filter(|answer| is_sequence && is_plain(answer)) {
                answer.times.get_or_insert(1);
            }
            for answer in &mut answers {
                answer.times = answer.times.filter(|times| *times != ALWAYS);
            }
            mocks.insert(state, Arc::new(Mock { answers, span: member.key_span }));
        }
        mocks
    }

    fn answer(&mut self, node: &Node, state: StateIndex) -> Option<Answer> {
        let members = self.faults.known(node, "an answer", &ANSWER_KEYS)?;
        let problems_before = self.faults.problems.len();
        let mut answer = Answer {
            items: None,
            attempts: None,
            when: None,
            times: None,
            outcome: Outcome::Never,
            after_ms: 0,
            heartbeats: None,
            span: node.span,
        };
        let (mut every_ms, mut until_ms) = (None, None);
        for member in members {
            let value = &member.value;
            match &*member.key {
                "afterSeconds" => answer.after_ms = self.faults.seconds(value).unwrap_or(0),
                "heartbeatEverySeconds" => {
                    every_ms = self.faults.seconds(value);
                    if every_ms == Some(0) {
                        self.faults.note(value.span, "signs of life need some time between them");
                    }
                }
                "heartbeatUntilSeconds" => until_ms = self.faults.seconds(value),
                "item" => answer.items = self.range(value),
                "attempt" => answer.attempts = self.range(value),
                "when" => answer.when = Some(value.to_value()),
                "times" => answer.times = self.times(value),
                _ => {}
            }
        }
        if let Some(every_ms) = every_ms {
            answer.heartbeats = Some(Heartbeats { every_ms, until_ms });
        } else if node.get("heartbeatUntilSeconds").is_some() {
            self.faults.note(node.span, "\"heartbeatUntilSeconds\" needs \"heartbeatEverySeconds\"");
        }
        answer.outcome = self.outcome(node, state)?;
        (self.faults.problems.len() == problems_before).then_some(answer)
    }

    fn outcome(&mut self, node: &Node, state: StateIndex) -> Option<Outcome> {
        let fails = node.get("error").or_else(|| node.get("cause"));
        let never = match node.get("never") {
            Some(value) => self.faults.boolean(value)?.then_some(value),
            None => None,
        };
        let given: Vec<&Node> =
            [node.get("result"), node.get("payload"), fails, never].into_iter().flatten().collect();
        match given.as_slice() {
            [_] => {}
            [] => {
                let message = "an answer needs one of: result, payload, error, never: true";
                self.faults.note(start(node.span), message);
                return None;
            }
            [_, second, ..] => {
                let message = "an answer has only one of: result, payload, error (with cause), never";
                self.faults.note(second.span, message);
                return None;
            }
        }
        if let Some(result) = node.get("result") {
            return Some(Outcome::Result(Payload::from_value(result.to_value())));
        }
        if let Some(payload) = node.get("payload") {
            return self.payload(payload, state);
        }
        if fails.is_none() {
            return Some(Outcome::Never);
        }
        let error = match node.get("error") {
            Some(error) => Some(self.faults.text(error)?.clone().into()),
            None => None,
        };
        let cause = match node.get("cause") {
            // A Lambda function's cause is the text of an object.
            Some(Node { kind: NodeKind::Object(_), .. }) => {
                node.get("cause").map(|cause| cause.to_value().to_text().into())
            }
            Some(cause) => Some(self.faults.text(cause)?.clone().into()),
            None => None,
        };
        Some(Outcome::Failure(ErrorOutput { error, cause, timeout: false, heartbeat: false }))
    }

    /// What `lambda:invoke` gives for this answer of a function.
    fn payload(&mut self, node: &Node, state: StateIndex) -> Option<Outcome> {
        let state_kind = self.machine.program.get(state).map(|state| &state.kind);
        let is_invoke = matches!(state_kind, Some(StateKind::Task(task)) if answers_with_payload(task));
        if !is_invoke {
            let message = format!(
                "\"payload\" is for lambda:invoke, whose result has the function's answer as Payload; {} has another \
                 resource: use \"result\"",
                self.machine.name(state)
            );
            self.faults.note(node.span, message);
            return None;
        }
        let result = Value::Object(Object::from_entries(vec![
            ("ExecutedVersion".into(), Value::from("$LATEST")),
            ("Payload".into(), node.to_value()),
            ("StatusCode".into(), Value::from(200_i64)),
        ]));
        Some(Outcome::Result(Payload::from_value(result)))
    }

    /// A number, or `"1-3"`.
    fn range(&mut self, node: &Node) -> Option<(u32, u32)> {
        let number = |text: &str| text.trim().parse::<u32>().ok();
        let range = match &node.kind {
            NodeKind::Number(value) => {
                value.integral().and_then(|value| u32::try_from(value).ok()).map(|value| (value, value))
            }
            NodeKind::String(text) => match text.split_once('-') {
                Some((first, last)) => number(first).zip(number(last)).filter(|(first, last)| first <= last),
                None => number(text).map(|value| (value, value)),
            },
            _ => None,
        };
        if range.is_none() {
            let message =
                format!("a number from 0 up or a range such as \"1-3\" is expected, but this is {}", a(node));
            self.faults.note(node.span, message);
        }
        range
    }

    /// A number, or `"always"`.
    fn times(&mut self, node: &Node) -> Option<u32> {
        if node.as_str() == Some("always") {
            return Some(ALWAYS);
        }
        let times = match &node.kind {
            NodeKind::Number(value) => value.integral().and_then(|value| u32::try_from(value).ok()),
            _ => None,
        };
        let times = times.filter(|times| (1..ALWAYS).contains(times));
        if times.is_none() {
            let message = format!("a number from 1 up or \"always\" is expected, but this is {}", a(node));
            self.faults.note(node.span, message);
        }
        times
    }
}

/// `times: always`, until the answers of a mock are all known.
const ALWAYS: u32 = u32::MAX;
