//! Random JSON values

use super::Generator;

pub(super) const NAMES: &[&str] = &["a", "b", "c", "n", "s", "items", "sub", "tags", "id"];
pub(super) const STRINGS: &[&str] = &[
    "",
    "a",
    "b",
    "abc",
    "hello world",
    "Hello, World",
    " x  y ",
    "10",
    "-3.5",
    "1e3",
    "true",
    "é",
    "a😀b",
    "z|y",
    "1,2,3",
    "2024-02-29T12:34:56.789Z",
    "2023-12-31",
    "a%20b",
    "YWJj",
    "ÄÖÜ",
    "x\\ny",
    "aaa",
];
pub(super) const NUMBERS: &[&str] = &[
    "0",
    "1",
    "2",
    "3",
    "5",
    "10",
    "42",
    "100",
    "-1",
    "-2",
    "0.5",
    "1.5",
    "-2.5",
    "2.345",
    "1e3",
    "1e-7",
    "12345.678",
    "1e21",
    "0.1",
    "255",
    "1700000000000",
];

impl Generator {
    /// The JSON text of a random value with members that expressions look for.
    pub(crate) fn data(&mut self) -> String {
        let mut text = String::from("{");
        for (at, name) in NAMES.iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            let value = match *name {
                "n" => self.random.pick(NUMBERS).to_owned(),
                "s" => format!("\"{}\"", self.random.pick(STRINGS)),
                "items" => {
                    let count = self.random.below(5);
                    let items: Vec<String> = (0..count).map(|_| self.record()).collect();
                    format!("[{}]", items.join(","))
                }
                "sub" => self.record(),
                _ => self.value(3),
            };
            text.push_str(&format!("\"{name}\":{value}"));
        }
        text.push('}');
        text
    }

    pub(super) fn record(&mut self) -> String {
        let (id, number) = (self.random.below(6), self.random.pick(NUMBERS));
        let (string, more) = (self.random.pick(STRINGS), self.value(2));
        let tags: Vec<String> =
            (0..self.random.below(4)).map(|_| format!("\"{}\"", self.random.pick(STRINGS))).collect();
        let name = self.random.pick(&["a", "b", "c"]);
        format!(r#"{{"id":{id},"n":{number},"s":"{string}","tags":[{}],"{name}":{more}}}"#, tags.join(","))
    }

    pub(super) fn value(&mut self, depth: usize) -> String {
        match self.random.below(if depth == 0 { 5 } else { 8 }) {
            0 => self.random.pick(&["null", "true", "false"]).to_owned(),
            1 | 2 => self.random.pick(NUMBERS).to_owned(),
            3 | 4 => format!("\"{}\"", self.random.pick(STRINGS)),
            5 => {
                let kind = self.random.below(3);
                let items: Vec<String> = (0..self.random.below(5))
                    .map(|_| match kind {
                        0 => self.random.pick(NUMBERS).to_owned(),
                        1 => format!("\"{}\"", self.random.pick(STRINGS)),
                        _ => self.value(depth - 1),
                    })
                    .collect();
                format!("[{}]", items.join(","))
            }
            6 => {
                let items: Vec<String> = (0..self.random.below(4)).map(|_| self.record()).collect();
                format!("[{}]", items.join(","))
            }
            _ => {
                let mut names: Vec<&str> = NAMES.to_vec();
                let members: Vec<String> = (0..self.random.below(4))
                    .map(|_| {
                        let name = names.remove(self.random.below(names.len()));
                        format!("\"{name}\":{}", self.value(depth - 1))
                    })
                    .collect();
                format!("{{{}}}", members.join(","))
            }
        }
    }
}
