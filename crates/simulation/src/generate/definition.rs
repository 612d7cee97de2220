//! Random valid definitions: every state type, nested, with loops that end.

use serde_json::{Map, Value, json};
use stepwell_interpreter::Timestamp;

use super::{choice, fields::Reads};
use crate::{random::Random, run::START};

/// What definitions may contain.
#[derive(Debug, Clone)]
pub struct Shape {
    /// States in all.
    pub states_max: u32,
    /// Levels of Parallel and Map.
    pub depth_max: u32,
    /// How often, in a hundred, an expression asks for what may not be there.
    pub missing_percent: u64,
    /// How often, in a hundred, a retrier has jitter.
    pub jitter_percent: u64,
    /// How often, in a hundred, the machine has a TimeoutSeconds.
    pub machine_timeout_percent: u64,
    /// How often, in a hundred, a state is a JSONata state. A machine of JSONata states alone is made as often as a
    /// state of ten.
    pub jsonata_percent: u64,
    /// Whether tasks may be activities, callbacks and jobs: Standard machines only.
    pub standard: bool,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            states_max: 30,
            depth_max: 4,
            missing_percent: 2,
            jitter_percent: 10,
            machine_timeout_percent: 5,
            jsonata_percent: 40,
            standard: true,
        }
    }
}

/// A random definition.
pub fn definition(random: &mut Random, shape: &Shape) -> Value {
    let machine_is_jsonata = random.percent(shape.jsonata_percent / 10);
    let mut generator = Generator {
        random,
        shape,
        machine_is_jsonata,
        states_left: shape.states_max,
        names: 0,
        variable_names: 0,
        variables: Vec::new(),
        assigned_here: Vec::new(),
        pending_variables: Vec::new(),
    };
    let mut machine = generator.scope(0);
    if machine_is_jsonata {
        machine.insert("QueryLanguage".to_owned(), json!("JSONata"));
    }
    if generator.random.percent(shape.machine_timeout_percent) {
        machine.insert("TimeoutSeconds".to_owned(), json!(generator.random.between(5, 60)));
    }
    Value::Object(machine)
}

pub(super) struct Generator<'a> {
    pub(super) random: &'a mut Random,
    pub(super) shape: &'a Shape,
    /// Whether the machine says that all its states are JSONata states.
    pub(super) machine_is_jsonata: bool,
    states_left: u32,
    names: u32,
    variable_names: u32,
    /// Variables that surely have a value here.
    pub(super) variables: Vec<String>,
    /// Those of them that belong to this scope.
    pub(super) assigned_here: Vec<String>,
    /// Assigned by the state at work: to be read by the states after it.
    pub(super) pending_variables: Vec<String>,
}

/// Where a state leads.
struct Way {
    next: Option<String>,
    /// States further on in the same scope, and ends made for this scope.
    targets: Vec<String>,
}

impl Generator<'_> {
    fn name(&mut self) -> String {
        self.names += 1;
        format!("s{}", self.names)
    }

    pub(super) fn variable_name(&mut self) -> String {
        self.variable_names += 1;
        format!("v{}", self.variable_names)
    }

    /// A machine, branch or processor: a chain of states, with side ways to later states and extra ends.
    fn scope(&mut self, depth: u32) -> Map<String, Value> {
        let known = self.variables.len();
        let outer = std::mem::take(&mut self.assigned_here);
        let length = 1 + self.random.below(if depth == 0 { 6 } else { 4 }) as usize;
        let names: Vec<String> = (0..length).map(|_| self.name()).collect();
        let ends = [self.name(), self.name()];
        let mut states = Map::new();
        for (at, name) in names.iter().enumerate() {
            let mut targets: Vec<String> = names[at + 1..].to_vec();
            targets.extend(ends.iter().cloned());
            let way = Way { next: names.get(at + 1).cloned(), targets };
            self.element(&mut states, name, way, depth);
            for variable in std::mem::take(&mut self.pending_variables) {
                // A side way may have come past the state, unless it is the first one.
                if at == 0 {
                    self.variables.push(variable.clone());
                    self.assigned_here.push(variable);
                }
            }
        }
        // The extra ends exist only when something leads there: states that can't be reached are refused.
        let text = Value::Object(states.clone()).to_string();
        for (end, is_fail) in ends.iter().zip([false, true]) {
            if text.contains(&format!("\"{end}\"")) {
                let state = if is_fail { self.fail() } else { json!({ "Type": "Succeed" }) };
                states.insert(end.clone(), state);
            }
        }
        self.variables.truncate(known);
        self.assigned_here = outer;
        Map::from_iter([
            ("StartAt".to_owned(), json!(names[0])),
            ("States".to_owned(), Value::Object(states)),
        ])
    }

    fn element(&mut self, states: &mut Map<String, Value>, name: &str, way: Way, depth: u32) {
        self.states_left = self.states_left.saturating_sub(1);
        let can_nest = depth < self.shape.depth_max && self.states_left > 3;
        let state = match self.random.below(100) {
            0..20 => self.pass(&way),
            20..50 => self.task(&way),
            50..60 if way.next.is_some() => self.choice(&way),
            60..68 => self.wait(&way),
            68..73 if way.next.is_some() && self.states_left > 6 => {
                self.counted_loop(states, name, way, depth);
                return;
            }
            73..86 if can_nest => self.parallel(&way, depth),
            86..99 if can_nest => self.map(&way, depth),
            99 if way.next.is_none() => self.fail(),
            _ if way.next.is_none() && self.random.percent(30) => json!({ "Type": "Succeed" }),
            _ => self.task(&way),
        };
        states.insert(name.to_owned(), state);
    }

    /// `name` sets a counter; a body runs until the counter has reached a bound.
    fn counted_loop(&mut self, states: &mut Map<String, Value>, name: &str, way: Way, depth: u32) {
        let variable = self.variable_name();
        let [body, test, count] = [self.name(), self.name(), self.name()];
        let start = json!({ "Type": "Pass", "Assign": { variable.clone(): 0 }, "Next": body.clone() });
        states.insert(name.to_owned(), start);
        let inner = Way { next: Some(test.clone()), targets: vec![test.clone()] };
        let state = match self.random.below(4) {
            0 if depth < self.shape.depth_max => self.parallel(&inner, depth),
            1 => self.wait(&inner),
            _ => self.task(&inner),
        };
        // What the body assigns is there after the first round only.
        self.pending_variables.clear();
        states.insert(body.clone(), state);
        let bound = self.random.between(1, 3);
        let mut choice = Self::begin("Choice");
        let rule = if self.is_jsonata(&mut choice) {
            json!({ "Condition": format!("{{% ${variable} < {bound} %}}"), "Next": count.clone() })
        } else {
            json!({ "Variable": format!("${variable}"), "NumericLessThan": bound, "Next": count.clone() })
        };
        choice.insert("Choices".to_owned(), json!([rule]));
        choice.insert("Default".to_owned(), json!(way.next));
        states.insert(test, Value::Object(choice));
        let mut next = Self::begin("Pass");
        let assign = if self.is_jsonata(&mut next) {
            json!({ variable.clone(): format!("{{% ${variable} + 1 %}}") })
        } else {
            json!({ format!("{variable}.$"): format!("States.MathAdd(${variable}, 1)") })
        };
        next.insert("Assign".to_owned(), assign);
        next.insert("Next".to_owned(), json!(body));
        states.insert(count, Value::Object(next));
    }

    fn go_on(state: &mut Map<String, Value>, way: &Way) {
        match &way.next {
            Some(next) => state.insert("Next".to_owned(), json!(next)),
            None => state.insert("End".to_owned(), json!(true)),
        };
    }

    fn begin(kind: &str) -> Map<String, Value> {
        Map::from_iter([("Type".to_owned(), json!(kind))])
    }

    fn pass(&mut self, way: &Way) -> Value {
        let mut state = Self::begin("Pass");
        if self.is_jsonata(&mut state) {
            self.output(&mut state, Reads::Standard, 60);
            self.jsonata_assign(&mut state, Reads::Standard, 25);
            Self::go_on(&mut state, way);
            return Value::Object(state);
        }
        self.paths(&mut state);
        match self.random.below(4) {
            0 => {
                let result =
                    json!({ "n": 1, "s": "r", "f": true, "w": 1, "items": [], "o": {}, "x.$": "$.n" });
                state.insert("Result".to_owned(), result);
            }
            1 | 2 => {
                let template = self.template(Reads::Standard);
                state.insert("Parameters".to_owned(), template);
            }
            _ => {}
        }
        self.result_path(&mut state, 40);
        self.assign(&mut state, Reads::Standard, 25);
        Self::go_on(&mut state, way);
        Value::Object(state)
    }

    fn task(&mut self, way: &Way) -> Value {
        let mut state = Self::begin("Task");
        let is_jsonata = self.is_jsonata(&mut state);
        let kinds = if self.shape.standard { 6 } else { 2 };
        let (resource, is_slow) = match self.random.below(kinds) {
            0 => ("arn:aws:lambda:us-east-1:000000000000:function:work", false),
            1 | 2 => ("arn:aws:states:::lambda:invoke", false),
            3 => ("arn:aws:states:us-east-1:000000000000:activity:bench", true),
            4 => ("arn:aws:states:::lambda:invoke.waitForTaskToken", true),
            _ => ("arn:aws:states:::states:startExecution.sync:2", false),
        };
        state.insert("Resource".to_owned(), json!(resource));
        // Without parameters every attempt of a state with the same input would have the same answer.
        let mut template = if is_jsonata {
            self.jsonata_template(Reads::Retryable)
        } else {
            self.paths(&mut state);
            self.template(Reads::Retryable)
        };
        if resource.contains(":::lambda:invoke") {
            template = json!({ "FunctionName": "work", "Payload": template });
        } else if resource.contains("startExecution") {
            let arn = "arn:aws:states:us-east-1:000000000000:stateMachine:child";
            template = json!({ "StateMachineArn": arn, "Input": template });
        }
        state.insert(if is_jsonata { "Arguments" } else { "Parameters" }.to_owned(), template);
        if self.random.percent(85) {
            let seconds = self.random.between(30, 90);
            let is_worked_out = is_jsonata && self.random.percent(30);
            let seconds =
                if is_worked_out { json!(format!("{{% {seconds} + 0 %}}")) } else { json!(seconds) };
            state.insert("TimeoutSeconds".to_owned(), seconds);
        }
        if is_slow && self.random.percent(40) {
            state.insert("HeartbeatSeconds".to_owned(), json!(self.random.between(6, 9)));
        }
        if is_jsonata {
            self.output(&mut state, Reads::Standard, 40);
            self.jsonata_assign(&mut state, Reads::Standard, 20);
        } else {
            if self.random.percent(25) {
                let template = self.template(Reads::Standard);
                state.insert("ResultSelector".to_owned(), template);
            }
            self.result_path(&mut state, 50);
            self.assign(&mut state, Reads::Standard, 20);
        }
        self.handlers(&mut state, &way.targets, is_jsonata);
        Self::go_on(&mut state, way);
        Value::Object(state)
    }

    fn choice(&mut self, way: &Way) -> Value {
        let mut state = Self::begin("Choice");
        let is_jsonata = self.is_jsonata(&mut state);
        if !is_jsonata {
            self.paths(&mut state);
        }
        let count = 1 + self.random.below(3);
        let mut choices = Vec::new();
        for _ in 0..count {
            let mut rule = if is_jsonata {
                self.condition()
            } else {
                choice::rule(self.random, 2, self.shape.missing_percent * 3)
            };
            rule.insert("Next".to_owned(), json!(self.random.pick(&way.targets)));
            self.leave_choice(&mut rule, is_jsonata);
            choices.push(Value::Object(rule));
        }
        state.insert("Choices".to_owned(), Value::Array(choices));
        state.insert("Default".to_owned(), json!(way.next));
        self.leave_choice(&mut state, is_jsonata);
        Value::Object(state)
    }

    /// What a rule, or Default, does besides leading on. Later states can't count on its variables.
    fn leave_choice(&mut self, rule: &mut Map<String, Value>, is_jsonata: bool) {
        let pending = self.pending_variables.len();
        if is_jsonata {
            self.output(rule, Reads::Standard, 20);
            self.jsonata_assign(rule, Reads::Standard, 15);
        } else {
            self.assign(rule, Reads::Standard, 15);
        }
        self.pending_variables.truncate(pending);
    }

    fn wait(&mut self, way: &Way) -> Value {
        let mut state = Self::begin("Wait");
        if self.is_jsonata(&mut state) {
            let (field, value) = self.jsonata_until();
            state.insert(field.to_owned(), value);
            self.output(&mut state, Reads::Standard, 20);
            self.jsonata_assign(&mut state, Reads::Standard, 15);
            Self::go_on(&mut state, way);
            return Value::Object(state);
        }
        self.paths(&mut state);
        let (field, value) = match self.random.below(5) {
            0 => ("SecondsPath", json!("$.w")),
            1 => {
                let at = Timestamp(START.0 + self.random.between(-10, 60) * 1000);
                ("Timestamp", json!(at.to_iso()))
            }
            _ => ("Seconds", json!(self.random.between(0, 30))),
        };
        state.insert(field.to_owned(), value);
        self.assign(&mut state, Reads::Standard, 15);
        Self::go_on(&mut state, way);
        Value::Object(state)
    }

    fn parallel(&mut self, way: &Way, depth: u32) -> Value {
        let mut state = Self::begin("Parallel");
        let is_jsonata = self.is_jsonata(&mut state);
        if !is_jsonata {
            self.paths(&mut state);
        }
        if self.random.percent(50) {
            let (field, template) = if is_jsonata {
                ("Arguments", self.jsonata_template(Reads::Retryable))
            } else {
                ("Parameters", self.template(Reads::Retryable))
            };
            state.insert(field.to_owned(), template);
        }
        let count = 1 + self.random.below(3);
        let branches: Vec<Value> = (0..count).map(|_| Value::Object(self.scope(depth + 1))).collect();
        state.insert("Branches".to_owned(), Value::Array(branches));
        self.after_fork(&mut state, way, is_jsonata);
        Value::Object(state)
    }

    fn map(&mut self, way: &Way, depth: u32) -> Value {
        let mut state = Self::begin("Map");
        let is_jsonata = self.is_jsonata(&mut state);
        let is_plain = self.random.percent(95);
        if is_jsonata {
            let items = if is_plain { "{% $states.input.items %}" } else { "{% $states.input.o.items %}" };
            state.insert("Items".to_owned(), json!(items));
        } else {
            self.paths(&mut state);
            state.insert("ItemsPath".to_owned(), json!(if is_plain { "$.items" } else { "$.o.items" }));
        }
        if self.random.percent(40) {
            let (mut selector, item) = if is_jsonata {
                let item = [
                    ("index", "{% $states.context.Map.Item.Index %}"),
                    ("item", "{% $states.context.Map.Item.Value %}"),
                ];
                (self.jsonata_template(Reads::Retryable), item)
            } else {
                let item = [("index.$", "$$.Map.Item.Index"), ("item.$", "$$.Map.Item.Value")];
                (self.template(Reads::Retryable), item)
            };
            if let Some(members) = selector.as_object_mut() {
                members.extend(item.map(|(key, value)| (key.to_owned(), json!(value))));
            }
            state.insert("ItemSelector".to_owned(), selector);
        }
        if self.random.percent(50) {
            state.insert("MaxConcurrency".to_owned(), json!(self.random.between(0, 3)));
        }
        let processor = self.scope(depth + 1);
        state.insert("ItemProcessor".to_owned(), Value::Object(processor));
        self.after_fork(&mut state, way, is_jsonata);
        Value::Object(state)
    }

    fn after_fork(&mut self, state: &mut Map<String, Value>, way: &Way, is_jsonata: bool) {
        if is_jsonata {
            self.output(state, Reads::Outputs, 95);
            self.jsonata_assign(state, Reads::Outputs, 20);
        } else {
            if self.random.percent(30) {
                let template = self.template(Reads::Outputs);
                state.insert("ResultSelector".to_owned(), template);
            }
            self.result_path(state, 90);
            self.assign(state, Reads::Outputs, 20);
        }
        self.handlers(state, &way.targets, is_jsonata);
        Self::go_on(state, way);
    }

    fn fail(&mut self) -> Value {
        let mut state = Self::begin("Fail");
        if self.is_jsonata(&mut state) {
            state.insert("Error".to_owned(), json!("{% 'Broken' & $states.input.s %}"));
            state.insert("Cause".to_owned(), json!("{% $string($states.input.n) %}"));
            return Value::Object(state);
        }
        match self.random.below(4) {
            0 => json!({ "Type": "Fail" }),
            1 => json!({ "Type": "Fail", "ErrorPath": "$.s", "CausePath": "States.JsonToString($.n)" }),
            _ => json!({ "Type": "Fail", "Error": "Broken", "Cause": "on purpose" }),
        }
    }
}
