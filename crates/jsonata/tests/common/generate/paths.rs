//! Paths, and the transforms that they are the patterns of

use super::data::NAMES;
use super::{Generator, Kind};

impl Generator {
    pub(super) fn transform_operator(&mut self, depth: usize) -> Option<String> {
        if depth == 0 {
            return None;
        }
        let pattern = if self.random.percent(50) { self.path(depth) } else { self.leaf(Kind::Object) };
        let update = self.object(depth);
        Some(if self.random.percent(40) {
            let delete = self.random.pick(&["\"a\"", "[\"a\", \"s\"]", "\"n\"", "[]", "tags", "1"]);
            format!("|{pattern}|{update}, {delete}|")
        } else {
            format!("|{pattern}|{update}|")
        })
    }

    pub(super) fn transform(&mut self, depth: usize) -> String {
        match self.transform_operator(depth) {
            Some(operator) => {
                format!("({} ~> {operator})", self.random.pick(&["$", "sub", "items", "$$", "items[0]"]))
            }
            None => self.leaf(Kind::Object),
        }
    }

    pub(super) fn predicate(&mut self, depth: usize) -> String {
        match self.random.below(10) {
            0..=2 => format!("[{}]", self.random.pick(&["0", "1", "-1", "2", "1.5", "-2", "10"])),
            3..=6 => format!("[{}]", self.make(Kind::Bool, depth)),
            7 => format!(
                "[{}]",
                self.random.pick(&["[0,1]", "[0..1]", "[-1,0]", "[[0]]", "id", "n", "s", "tags", "$"])
            ),
            8 => "[]".to_owned(),
            _ => format!("[{}]", self.make(Kind::Any, depth)),
        }
    }

    /// A path with predicates, bindings, sorting and grouping
    pub(super) fn path(&mut self, depth: usize) -> String {
        let scope = self.variables.len();
        let mut text = match self.random.below(20) {
            0 => "$".to_owned(),
            1 => "$$".to_owned(),
            2 => "**".to_owned(),
            3 => "*".to_owned(),
            4 => format!("({})", self.make(Kind::Any, depth - 1)),
            5 => format!("[{}]", self.make(Kind::Any, depth - 1)),
            6..=10 => "items".to_owned(),
            11 => self.leaf(Kind::Any),
            _ => self.random.pick(NAMES).to_owned(),
        };
        let steps = self.random.below(4);
        let mut step_count = 1;
        for step in 0..=steps {
            if step > 0 {
                step_count += 1;
                text.push('.');
                let next = match self.random.below(30) {
                    0 => "*".to_owned(),
                    1 => "**".to_owned(),
                    2 | 3 if step_count > 2 => "%".to_owned(),
                    4 => "%.%".to_owned(),
                    5 => "$".to_owned(),
                    6 => format!("`{}`", self.random.pick(NAMES)),
                    7 => format!("\"{}\"", self.random.pick(NAMES)),
                    8 | 9 => format!("({})", self.make(Kind::Any, depth - 1)),
                    10 | 11 => self.object(depth),
                    12 => format!("[{}]", self.make(Kind::Any, depth - 1)),
                    13 | 14 => self.call(depth.saturating_sub(1)),
                    _ => self.random.pick(NAMES).to_owned(),
                };
                text.push_str(&next);
            }
            if self.random.percent(8) {
                let name = self.new_variable();
                text.push_str(&format!("@${name}"));
                self.variables.push((name, Kind::Object));
            }
            if self.random.percent(8) {
                let name = self.new_variable();
                text.push_str(&format!("#${name}"));
                self.variables.push((name, Kind::Number));
            }
            if self.random.percent(22) {
                text.push_str(&self.predicate(depth - 1));
                if self.random.percent(15) {
                    text.push_str(&self.predicate(depth - 1));
                }
            }
            if self.random.percent(7) {
                let of = if self.random.percent(50) { Kind::Number } else { Kind::String };
                let direction = self.random.pick(&["", "<", ">"]);
                let first = self.make(of, depth - 1);
                if self.random.percent(25) {
                    let second = self.leaf(Kind::Number);
                    text.push_str(&format!("^({direction}{first}, {second})"));
                } else {
                    text.push_str(&format!("^({direction}{first})"));
                }
            }
        }
        if self.random.percent(8) {
            let key =
                self.random.pick(&["s", "$string(id)", "\"all\"", "$type($)", "$string(n)", "tags", "a"]);
            let value = self.make(Kind::Any, depth - 1);
            text.push_str(&format!("{{{key}: {value}}}"));
        }
        self.variables.truncate(scope);
        text
    }
}
