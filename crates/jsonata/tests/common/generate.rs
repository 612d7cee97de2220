//! Random JSON values and random expressions over them
//!
//! Expressions are made of pieces that mostly fit together, so that most of them reach deep into the evaluator, and
//! sometimes don't, so that errors are reached too.

/// SplitMix64
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// True this many times out of a hundred.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const NAMES: &[&str] = &["a", "b", "c", "n", "s", "items", "sub", "tags", "id"];
const STRINGS: &[&str] = &[
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
const NUMBERS: &[&str] = &[
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

/// Built-in functions: name, what it gives, and the kinds of arguments: `s`tring, `n`umber, `b`ool, `a`rray, `o`bject,
/// `x` any, `p`attern, `u` number picture, `i` integer picture, `d`ate picture, `t`imestamp, `z` time zone, `1` to `4`
/// functions of so many parameters; those after `|` may be missing.
const FUNCTIONS: &[(&str, Kind, &str)] = &[
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
    pub(crate) fn new(seed: u64) -> Generator {
        Generator { random: Random::new(seed), variables: Vec::new(), names: 0 }
    }

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

    fn record(&mut self) -> String {
        let (id, number) = (self.random.below(6), self.random.pick(NUMBERS));
        let (string, more) = (self.random.pick(STRINGS), self.value(2));
        let tags: Vec<String> =
            (0..self.random.below(4)).map(|_| format!("\"{}\"", self.random.pick(STRINGS))).collect();
        let name = self.random.pick(&["a", "b", "c"]);
        format!(r#"{{"id":{id},"n":{number},"s":"{string}","tags":[{}],"{name}":{more}}}"#, tags.join(","))
    }

    fn value(&mut self, depth: usize) -> String {
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

    fn function(&mut self, parameters: usize, depth: usize) -> String {
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

    fn argument(&mut self, kind: char, depth: usize) -> String {
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

    fn arguments(&mut self, kinds: &str, depth: usize) -> Vec<String> {
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

    fn call(&mut self, depth: usize) -> String {
        let (name, _, kinds) = FUNCTIONS[self.random.below(FUNCTIONS.len())];
        format!("${name}({})", self.arguments(kinds, depth).join(", "))
    }

    fn call_of(&mut self, kind: Kind, depth: usize) -> String {
        let fitting: Vec<_> = FUNCTIONS.iter().filter(|(_, gives, _)| *gives == kind).collect();
        let (name, _, kinds) = fitting[self.random.below(fitting.len())];
        format!("${name}({})", self.arguments(kinds, depth).join(", "))
    }

    fn partial(&mut self, depth: usize) -> String {
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

    fn chain(&mut self, depth: usize) -> String {
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

    fn transform_operator(&mut self, depth: usize) -> Option<String> {
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

    fn transform(&mut self, depth: usize) -> String {
        match self.transform_operator(depth) {
            Some(operator) => {
                format!("({} ~> {operator})", self.random.pick(&["$", "sub", "items", "$$", "items[0]"]))
            }
            None => self.leaf(Kind::Object),
        }
    }

    fn predicate(&mut self, depth: usize) -> String {
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
    fn path(&mut self, depth: usize) -> String {
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
