//! Random JSON values and random expressions over them
//!
//! Expressions are made of pieces that mostly fit together, so that most of them reach deep into the evaluator, and
//! sometimes don't, so that errors are reached too.

mod calls;
mod data;
mod paths;
mod random;

pub(crate) use random::Random;

use data::{NAMES, NUMBERS, STRINGS};

/// Makes values and expressions
pub(crate) struct Generator {
    pub(crate) random: Random,
    /// Variables in scope, and what they are likely to hold
    variables: Vec<(String, Kind)>,
    names: usize,
}

/// What a piece should give
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Any,
    Number,
    String,
    Bool,
    Array,
    Object,
    Function,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Generator {
        Generator { random: Random::new(seed), variables: Vec::new(), names: 0 }
    }

    /// A random expression.
    pub(crate) fn expression(&mut self) -> String {
        self.variables = vec![("p".to_owned(), Kind::Any), ("q".to_owned(), Kind::Array)];
        self.names = 0;
        let depth = 1 + self.random.below(4);
        self.make(Kind::Any, depth)
    }

    /// A piece that mostly gives this kind.
    fn make(&mut self, kind: Kind, depth: usize) -> String {
        if depth == 0 {
            return self.leaf(kind);
        }
        if self.random.percent(6) {
            return self.any(depth);
        }
        let chance = self.random.below(100);
        match kind {
            Kind::Any => self.any(depth),
            Kind::Number => match chance {
                0..=24 => self.leaf(kind),
                25..=44 => {
                    let operator = self.random.pick(&["+", "-", "*", "/", "%"]);
                    let (left, right) = (self.make(kind, depth - 1), self.make(kind, depth - 1));
                    let text = format!("{left} {operator} {right}");
                    if self.random.percent(80) { format!("({text})") } else { text }
                }
                45..=49 => format!("-{}", self.make(kind, depth - 1)),
                50..=64 => self.path(depth),
                65..=94 => self.call_of(kind, depth),
                _ => self.any(depth),
            },
            Kind::String => match chance {
                0..=24 => self.leaf(kind),
                25..=39 => {
                    let (left, right) = (self.make(kind, depth - 1), self.make(Kind::Any, depth - 1));
                    format!("({left} & {right})")
                }
                40..=59 => self.path(depth),
                60..=94 => self.call_of(kind, depth),
                _ => self.any(depth),
            },
            Kind::Bool => match chance {
                0..=9 => self.leaf(kind),
                10..=44 => {
                    let operator = self.random.pick(&["=", "!=", "<", "<=", ">", ">="]);
                    let of = if self.random.percent(70) { Kind::Number } else { Kind::String };
                    format!("{} {operator} {}", self.make(of, depth - 1), self.make(of, depth - 1))
                }
                45..=54 => {
                    format!("{} in {}", self.make(Kind::Any, depth - 1), self.make(Kind::Array, depth - 1))
                }
                55..=69 => {
                    let operator = self.random.pick(&["and", "or"]);
                    format!("({} {operator} {})", self.make(kind, depth - 1), self.make(kind, depth - 1))
                }
                70..=94 => self.call_of(kind, depth),
                _ => self.any(depth),
            },
            Kind::Array => match chance {
                0..=24 => {
                    let count = self.random.below(4);
                    let of = self.element_kind();
                    let items: Vec<String> = (0..count).map(|_| self.make(of, depth - 1)).collect();
                    format!("[{}]", items.join(", "))
                }
                25..=34 => {
                    let (from, to) = (self.random.below(5), self.random.below(8));
                    format!("[{from}..{to}]")
                }
                35..=69 => self.path(depth),
                70..=94 => self.call_of(kind, depth),
                _ => self.any(depth),
            },
            Kind::Object => match chance {
                0..=39 => self.object(depth),
                40..=69 => self.path(depth),
                70..=94 => self.call_of(kind, depth),
                _ => self.any(depth),
            },
            Kind::Function => {
                let parameters = 1 + self.random.below(3);
                self.function(parameters, depth)
            }
        }
    }

    fn element_kind(&mut self) -> Kind {
        match self.random.below(6) {
            0 | 1 => Kind::Number,
            2 | 3 => Kind::String,
            4 => Kind::Object,
            _ => Kind::Any,
        }
    }

    fn any_kind(&mut self) -> Kind {
        match self.random.below(9) {
            0 | 1 => Kind::Number,
            2 | 3 => Kind::String,
            4 => Kind::Bool,
            5 | 6 => Kind::Array,
            7 => Kind::Object,
            _ => Kind::Any,
        }
    }

    fn leaf(&mut self, kind: Kind) -> String {
        if self.random.percent(35) {
            let fitting: Vec<String> = self
                .variables
                .iter()
                .filter(|(_, of)| *of == kind || kind == Kind::Any)
                .map(|(name, _)| format!("${name}"))
                .collect();
            if !fitting.is_empty() {
                return fitting[self.random.below(fitting.len())].clone();
            }
        }
        match kind {
            Kind::Number => match self.random.below(5) {
                0 => "n".to_owned(),
                1 => "id".to_owned(),
                _ => self.random.pick(NUMBERS).to_owned(),
            },
            Kind::String => match self.random.below(4) {
                0 => "s".to_owned(),
                _ => format!("\"{}\"", self.random.pick(STRINGS)),
            },
            Kind::Bool => self.random.pick(&["true", "false"]).to_owned(),
            Kind::Array => self
                .random
                .pick(&["items", "tags", "[]", "[1,2,3]", "$q", "[3,1,2]", "[\"b\",\"a\"]"])
                .to_owned(),
            Kind::Object => self.random.pick(&["sub", "{}", "{\"a\":1}", "$", "$$", "items[0]"]).to_owned(),
            Kind::Function => self
                .random
                .pick(&["$string", "$sum", "$uppercase", "$count", "$not", "$number", "$append"])
                .to_owned(),
            Kind::Any => match self.random.below(14) {
                0 => "null".to_owned(),
                1 => "$".to_owned(),
                2 => "$$".to_owned(),
                3 => "*".to_owned(),
                4 => "missing".to_owned(),
                5 => self.leaf(Kind::Number),
                6 => self.leaf(Kind::String),
                7 => self.leaf(Kind::Bool),
                8 => self.leaf(Kind::Array),
                9 => self.leaf(Kind::Object),
                _ => self.random.pick(NAMES).to_owned(),
            },
        }
    }

    fn any(&mut self, depth: usize) -> String {
        match self.random.below(100) {
            0..=29 => self.path(depth),
            30..=54 => {
                let kind = self.any_kind();
                if kind == Kind::Any { self.leaf(kind) } else { self.make(kind, depth) }
            }
            55..=59 => {
                let (condition, then) = (self.make(Kind::Bool, depth - 1), self.make(Kind::Any, depth - 1));
                if self.random.percent(70) {
                    let otherwise = self.make(Kind::Any, depth - 1);
                    format!("({condition} ? {then} : {otherwise})")
                } else {
                    format!("({condition} ? {then})")
                }
            }
            60..=66 => self.block(depth),
            67..=76 => self.call(depth),
            77..=81 => self.chain(depth),
            82..=84 => self.transform(depth),
            85..=86 => {
                // A function that is called at once
                let parameters = 1 + self.random.below(2);
                let function = self.function(parameters, depth - 1);
                let arguments: Vec<String> =
                    (0..self.random.below(parameters + 1)).map(|_| self.make(Kind::Any, depth - 1)).collect();
                format!("({function})({})", arguments.join(", "))
            }
            87..=88 => self.function(2, depth - 1),
            89..=91 => self.partial(depth),
            92..=94 => format!("{}[]", self.make(Kind::Any, depth - 1)),
            95..=96 => format!("({}){}", self.make(Kind::Any, depth - 1), self.predicate(depth - 1)),
            _ => format!("({})", self.make(Kind::Any, depth - 1)),
        }
    }

    fn object(&mut self, depth: usize) -> String {
        let count = self.random.below(4);
        let mut members = Vec::new();
        for at in 0..count {
            let key = match self.random.below(8) {
                0 => "s".to_owned(),
                1 => "$string(id)".to_owned(),
                2 => self.make(Kind::String, depth.saturating_sub(2)),
                _ => format!("\"{}\"", NAMES[(at + self.random.below(3)) % NAMES.len()]),
            };
            members.push(format!("{key}: {}", self.make(Kind::Any, depth - 1)));
        }
        format!("{{{}}}", members.join(", "))
    }

    fn new_variable(&mut self) -> String {
        self.names += 1;
        format!("v{}", self.names)
    }

    fn block(&mut self, depth: usize) -> String {
        let scope = self.variables.len();
        let mut expressions = Vec::new();
        for _ in 0..self.random.below(3) {
            if self.random.percent(15) {
                expressions.push(self.make(Kind::Any, depth - 1));
                continue;
            }
            let kind = if self.random.percent(25) { Kind::Function } else { self.any_kind() };
            let value = self.make(kind, depth - 1);
            let name = self.new_variable();
            expressions.push(format!("${name} := {value}"));
            self.variables.push((name, kind));
        }
        let functions: Vec<String> = self.variables[scope..]
            .iter()
            .filter(|(_, kind)| *kind == Kind::Function)
            .map(|(name, _)| name.clone())
            .collect();
        if let (Some(function), true) = (functions.last(), self.random.percent(60)) {
            let arguments: Vec<String> =
                (0..1 + self.random.below(2)).map(|_| self.make(Kind::Any, depth - 1)).collect();
            expressions.push(format!("${function}({})", arguments.join(", ")));
        } else {
            expressions.push(self.make(Kind::Any, depth - 1));
        }
        self.variables.truncate(scope);
        format!("({})", expressions.join("; "))
    }
}
