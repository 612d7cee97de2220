//! Functions: built-in ones with their arguments, and made-up ones

use super::{Generator, Kind};

/// Built-in functions: name, what it gives, and the kinds of arguments: `s`tring, `n`umber, `b`ool, `a`rray, `o`bject,
/// `x` any, `p`attern, `u` number picture, `i` integer picture, `d`ate picture, `t`imestamp, `z` time zone, `1` to `4`
/// functions of so many parameters; those after `|` may be missing.
pub(super) const FUNCTIONS: &[(&str, Kind, &str)] = &[
    ("string", Kind::String, "x|b"),
    ("length", Kind::Number, "s"),
    ("substring", Kind::String, "sn|n"),
    ("substringBefore", Kind::String, "ss"),
    ("substringAfter", Kind::String, "ss"),
    ("uppercase", Kind::String, "s"),
    ("lowercase", Kind::String, "s"),
    ("trim", Kind::String, "s"),
    ("pad", Kind::String, "sn|s"),
    ("contains", Kind::Bool, "sp"),
    ("split", Kind::Array, "sp|n"),
    ("join", Kind::String, "a|s"),
    ("match", Kind::Array, "sr|n"),
    ("replace", Kind::String, "spS|n"),
    ("base64encode", Kind::String, "s"),
    ("base64decode", Kind::String, "s"),
    ("encodeUrlComponent", Kind::String, "s"),
    ("encodeUrl", Kind::String, "s"),
    ("decodeUrlComponent", Kind::String, "s"),
    ("decodeUrl", Kind::String, "s"),
    ("number", Kind::Number, "x"),
    ("abs", Kind::Number, "n"),
    ("floor", Kind::Number, "n"),
    ("ceil", Kind::Number, "n"),
    ("round", Kind::Number, "n|n"),
    ("power", Kind::Number, "nn"),
    ("sqrt", Kind::Number, "n"),
    ("formatNumber", Kind::String, "nu"),
    ("formatBase", Kind::String, "n|n"),
    ("formatInteger", Kind::String, "ni"),
    ("parseInteger", Kind::Number, "si"),
    ("sum", Kind::Number, "a"),
    ("max", Kind::Number, "a"),
    ("min", Kind::Number, "a"),
    ("average", Kind::Number, "a"),
    ("boolean", Kind::Bool, "x"),
    ("not", Kind::Bool, "x"),
    ("exists", Kind::Bool, "x"),
    ("count", Kind::Number, "a"),
    ("append", Kind::Array, "xx"),
    ("sort", Kind::Array, "a|2"),
    ("reverse", Kind::Array, "a"),
    ("distinct", Kind::Array, "a"),
    ("zip", Kind::Array, "a|aa"),
    ("keys", Kind::Array, "o"),
    ("lookup", Kind::Any, "os"),
    ("spread", Kind::Array, "o"),
    ("merge", Kind::Object, "a"),
    ("sift", Kind::Object, "o|2"),
    ("each", Kind::Array, "o2"),
    ("error", Kind::Any, "|s"),
    ("assert", Kind::Any, "b|s"),
    ("type", Kind::String, "x"),
    ("map", Kind::Array, "a1"),
    ("map", Kind::Array, "a3"),
    ("filter", Kind::Array, "a1"),
    ("filter", Kind::Array, "a2"),
    ("single", Kind::Any, "a|1"),
    ("reduce", Kind::Any, "a2|x"),
    ("reduce", Kind::Any, "a4|x"),
    ("toMillis", Kind::Number, "t|d"),
    ("fromMillis", Kind::String, "n|dz"),
    ("clone", Kind::Object, "o"),
];

impl Generator {
    pub(super) fn function(&mut self, parameters: usize, depth: usize) -> String {
        if self.random.percent(15) {
            let name = FUNCTIONS[self.random.below(FUNCTIONS.len())].0;
            return format!("${name}");
        }
        let scope = self.variables.len();
        let names: Vec<String> = (0..parameters).map(|_| self.new_variable()).collect();
        for name in &names {
            let kind = match self.random.below(3) {
                0 => Kind::Number,
                _ => Kind::Any,
            };
            self.variables.push((name.clone(), kind));
        }
        let body_kind = self.any_kind();
        let body = if self.random.percent(20) && parameters >= 2 {
            let operator = self.random.pick(&["+", "&", "<", ">", "=", "*"]);
            format!("${} {operator} ${}", names[0], names[1])
        } else {
            self.make(body_kind, depth.saturating_sub(1))
        };
        self.variables.truncate(scope);
        let list: Vec<String> = names.iter().map(|name| format!("${name}")).collect();
        let signature = if self.random.percent(7) {
            let types: Vec<&str> = (0..parameters)
                .map(|_| {
                    self.random.pick(&[
                        "n", "s", "x", "a", "o", "j", "b", "n?", "s-", "a<n>", "x+", "(ns)", "f", "a<s>?",
                        "n-",
                    ])
                })
                .collect();
            format!("<{}:{}>", types.concat(), self.random.pick(&["n", "s", "x", "a"]))
        } else {
            String::new()
        };
        let word = if self.random.percent(10) { "λ" } else { "function" };
        format!("{word}({}){signature}{{{body}}}", list.join(", "))
    }

    pub(super) fn argument(&mut self, kind: char, depth: usize) -> String {
        if self.random.percent(6) {
            return self.make(Kind::Any, depth);
        }
        match kind {
            's' => self.make(Kind::String, depth),
            'n' => self.make(Kind::Number, depth),
            'b' => self.make(Kind::Bool, depth),
            'a' => self.make(Kind::Array, depth),
            'o' => self.make(Kind::Object, depth),
            'p' if self.random.percent(50) => self.make(Kind::String, depth),
            'p' | 'r' => self
                .random
                .pick(&[
                    "/a/",
                    "/[a-z]+/",
                    "/\\d+/",
                    "/(b)(c)?/",
                    "/L/i",
                    "/\\s+/",
                    "/^./m",
                    "/(a)|(b)/",
                    "/o.*?o/",
                    "/,/",
                    "/[^,]+/",
                    "/(?:l)+/",
                    "/\\w$/",
                    "/é/",
                    "/[A-Z]/",
                    "/x*y/",
                ])
                .to_owned(),
            'S' if self.random.percent(25) => {
                let name = self.new_variable();
                self.random
                    .pick(&[
                        "function($m){$uppercase($m.match)}",
                        "function($m){$m.groups[0]}",
                        "function($m){\"<\" & $m.index & \">\"}",
                        "function($m){1}",
                    ])
                    .replace("$m", &format!("${name}"))
            }
            'S' => match self.random.below(3) {
                0 => self.make(Kind::String, depth),
                _ => format!(
                    "\"{}\"",
                    self.random.pick(&["$1", "[$0]", "$$", "$2$1", "x", "", "$", "$10", "a$b"])
                ),
            },
            'u' => format!(
                "\"{}\"",
                self.random.pick(&[
                    "#,##0.00",
                    "0",
                    "00.000",
                    "#",
                    "#0.0#",
                    "0%",
                    "#,###",
                    "(0)",
                    "$#,##0.00;($0)",
                    "##,##,##0",
                    "0‰",
                    "a0b",
                    "0.#",
                    "x",
                    "0,0",
                    "#.##",
                    "1",
                    "001",
                    "9,999.99",
                ])
            ),
            'i' => format!(
                "\"{}\"",
                self.random.pick(&[
                    "0", "1", "w", "W", "Ww", "I", "i", "A", "a", "#,##0", "w;o", "0;o", "001", "1;o", "W;o",
                    "#", "٠", "000,000", "Ww;o", "##0", "", "x", "A;o", "*",
                ])
            ),
            'd' => format!(
                "\"{}\"",
                self.random.pick(&[
                    "[Y]-[M]-[D]",
                    "[Y0001]-[M01]-[D01]",
                    "[D1o] [MNn], [Y]",
                    "[FNn,*-3], [D01] [MNn,*-3] [Y,*-2]",
                    "[h]:[m01]:[s01] [P]",
                    "[H01]:[m01]:[s01].[f001]",
                    "[Y]-W[W01]-[F1]",
                    "[d]",
                    "[w]",
                    "[X]-[x]",
                    "[YI]",
                    "[Yw]",
                    "[D1]/[M1]/[Y]",
                    "[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01][Z]",
                    "[Z0101t]",
                    "[z]",
                    "[C]",
                    "[E]",
                    "[FN]",
                    "[Mw]",
                    "[Y,4-4]",
                    "[[]",
                    "[Dwo]",
                    "[MA]",
                    "[HI]",
                    "[f,3-3]",
                    "[PN]",
                    "[Y9,999]",
                    "[Q]",
                    "[Y",
                    "plain",
                ])
            ),
            't' if self.random.percent(80) => format!(
                "\"{}\"",
                self.random.pick(&[
                    "2024-02-29T12:34:56.789Z",
                    "2023-12-31",
                    "2018-04-01T00:00:00+02:00",
                    "1970-01-01T00:00:00Z",
                    "2024",
                    "2024-13-01",
                    "29/2/2024",
                    "2024-02-29",
                    "12:30:01",
                    "3rd March, 2018",
                    "MMXX",
                    "2018-W09-3",
                    "1:05:07 PM",
                ])
            ),
            't' => self.make(Kind::String, depth),
            'z' => format!(
                "\"{}\"",
                self.random.pick(&["+0000", "+0530", "-0800", "0100", "Z", "+1", "x", "-1130", "+05:00"])
            ),
            '1'..='4' => {
                let parameters = kind.to_digit(10).unwrap_or(1) as usize;
                let parameters = if self.random.percent(80) { parameters } else { 1 + self.random.below(3) };
                self.function(parameters, depth)
            }
            _ => self.make(Kind::Any, depth),
        }
    }

    pub(super) fn arguments(&mut self, kinds: &str, depth: usize) -> Vec<String> {
        let (must, may) = kinds.split_once('|').unwrap_or((kinds, ""));
        let mut count = must.len() + self.random.below(may.len() + 1);
        if self.random.percent(7) {
            count = count.saturating_sub(1);
        }
        let kinds: Vec<char> = must.chars().chain(may.chars()).take(count).collect();
        let mut arguments: Vec<String> =
            kinds.into_iter().map(|kind| self.argument(kind, depth.saturating_sub(1))).collect();
        if self.random.percent(2) {
            arguments.push(self.leaf(Kind::Any));
        }
        arguments
    }

    pub(super) fn call(&mut self, depth: usize) -> String {
        let (name, _, kinds) = FUNCTIONS[self.random.below(FUNCTIONS.len())];
        format!("${name}({})", self.arguments(kinds, depth).join(", "))
    }

    pub(super) fn call_of(&mut self, kind: Kind, depth: usize) -> String {
        let fitting: Vec<_> = FUNCTIONS.iter().filter(|(_, gives, _)| *gives == kind).collect();
        let (name, _, kinds) = fitting[self.random.below(fitting.len())];
        format!("${name}({})", self.arguments(kinds, depth).join(", "))
    }

    pub(super) fn partial(&mut self, depth: usize) -> String {
        let (name, _, kinds) = FUNCTIONS[self.random.below(FUNCTIONS.len())];
        let mut arguments = self.arguments(kinds, depth);
        if arguments.is_empty() {
            arguments.push(String::new());
        }
        let at = self.random.below(arguments.len());
        arguments[at] = "?".to_owned();
        let value = self.make(Kind::Any, depth - 1);
        format!("(${name}({}))({value})", arguments.join(", "))
    }

    pub(super) fn chain(&mut self, depth: usize) -> String {
        let mut text = self.make(Kind::Any, depth - 1);
        for _ in 0..1 + self.random.below(2) {
            let (name, _, kinds) = FUNCTIONS[self.random.below(FUNCTIONS.len())];
            let next = match self.random.below(5) {
                0 => format!("${name}"),
                1 => self.function(1, depth - 1),
                2 => {
                    let transform = self.transform_operator(depth - 1);
                    transform.unwrap_or_else(|| "$string".to_owned())
                }
                _ => {
                    let mut arguments = self.arguments(kinds, depth);
                    if !arguments.is_empty() {
                        arguments.remove(0);
                    }
                    format!("${name}({})", arguments.join(", "))
                }
            };
            text = format!("{text} ~> {next}");
        }
        if self.random.percent(70) { format!("({text})") } else { text }
    }
}
