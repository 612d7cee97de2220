//! Definitions about as large as they may be: some mean no good, some are merely large.

/// What a definition is about, and its text.
pub(crate) struct Large {
    pub(crate) about: &'static str,
    pub(crate) text: String,
    /// Whether it is good.
    pub(crate) is_valid: bool,
}

/// Bytes that are filled.
const BYTES: usize = 1_000_000;

/// Entries up to so many bytes, with commas between.
fn fill(bytes: usize, entry: impl Fn(usize) -> String) -> String {
    let mut text = entry(0);
    for number in 1.. {
        if text.len() >= bytes {
            break;
        }
        text.push(',');
        text.push_str(&entry(number));
    }
    text
}

fn machine(states: &str) -> String {
    format!(r#"{{"StartAt":"s","States":{{{states}}}}}"#)
}

/// A machine of one state, with these fields besides its type and end.
fn one(state_type: &str, fields: &str) -> String {
    machine(&format!(r#""s":{{"Type":"{state_type}","End":true,{fields}}}"#))
}

fn task(fields: &str) -> String {
    let function = "arn:aws:lambda:us-east-1:123456789012:function:f";
    one("Task", &format!(r#""Resource":"{function}",{fields}"#))
}

fn choice(rules: &str) -> String {
    machine(&format!(r#""s":{{"Type":"Choice","Choices":[{rules}]}},"e":{{"Type":"Succeed"}}"#))
}

fn jsonata(output: &str) -> String {
    one("Pass", &format!(r#""QueryLanguage":"JSONata","Output":{output}"#))
}

/// One expression of this many bytes.
fn expression(part: &str) -> String {
    jsonata(&format!(r#""{{% [{}] %}}""#, fill(BYTES, |_| part.to_owned())))
}

/// All of them: the refused ones first.
pub(crate) fn definitions() -> Vec<Large> {
    let long = "x".repeat(BYTES * 9 / 10);
    let large = |is_valid| move |(about, text)| Large { about, text, is_valid };
    let refused = vec![
        ("20,000 states without an end", {
            let states: Vec<String> =
                (0..20_000).map(|number| format!(r#""s{number}":{{"Type":"Pass","Next":"x"}}"#)).collect();
            machine(&states.join(","))
        }),
        ("states that are empty", machine(&fill(BYTES, |number| format!(r#""{number}":{{}}"#)))),
        ("one name for all states", machine(&fill(BYTES, |_| r#""s":{}"#.to_owned()))),
        ("states that nothing leads to", {
            machine(&fill(BYTES, |number| format!(r#""{number}":{{"Type":"Succeed"}}"#)))
        }),
        ("unknown fields", one("Pass", &fill(BYTES, |number| format!(r#""{number}":1"#)))),
        ("fields that repeat", format!("{{{}}}", fill(BYTES, |_| r#""":1"#.to_owned()))),
        ("unknown numbers", format!(r#"{{"StartAt":"s","x":[{}]}}"#, fill(BYTES, |_| "1".to_owned()))),
        ("arrays within arrays", format!(r#"{{"x":[{}]}}"#, fill(BYTES, |_| "[[[[]]]]".to_owned()))),
        ("towers of arrays", format!(r#"{{"x":[{}]}}"#, fill(BYTES, |_| "[".repeat(125) + &"]".repeat(125)))),
        ("deep nesting", "[".repeat(BYTES / 2) + &"]".repeat(BYTES / 2)),
        ("an array that does not end", format!("[{}", fill(BYTES, |_| "1".to_owned()))),
        ("empty Choice rules", choice(&fill(BYTES, |_| "{}".to_owned()))),
        ("Choice rules of no comparison", choice(&fill(BYTES, |_| r#"{"Next":"e"}"#.to_owned()))),
        (
            "Choice rules to states that are missing",
            choice(&fill(BYTES, |_| r#"{"Variable":"$","IsNull":true,"Next":"x"}"#.to_owned())),
        ),
        (
            "Choice rules within a bad one",
            choice(&format!(
                r#"{{"And":[{}]}}"#,
                fill(BYTES, |_| r#"{"Variable":"$","IsNull":true}"#.to_owned())
            )),
        ),
        ("a long string in the place of a number", one("Pass", &format!(r#""TimeoutSeconds":"{long}""#))),
        ("a long name", machine(&format!(r#""{long}":{{"Type":"Pass"}}"#))),
        (
            "a long name in the locations of many findings",
            machine(&format!(
                r#""{long}":{{"Type":"Pass","End":true,"Parameters":{{{}}}}}"#,
                fill(BYTES / 10, |number| format!(r#""{number}":"$.a""#))
            )),
        ),
        (
            "branches that are empty",
            one("Parallel", &format!(r#""Branches":[{}]"#, fill(BYTES, |_| "{}".to_owned()))),
        ),
        (
            "branches that are good, of a state that is not",
            machine(&format!(
                r#""s":{{"Type":"Parallel","Branches":[{}]}}"#,
                fill(BYTES, |n| format!(r#"{{"StartAt":"{n}","States":{{"{n}":{{"Type":"Succeed"}}}}}}"#))
            )),
        ),
        (
            "retriers without end",
            task(&format!(
                r#""Retry":[{}]"#,
                fill(BYTES, |_| r#"{"ErrorEquals":["States.ALL"]}"#.to_owned())
            )),
        ),
        (
            "names of errors",
            task(&format!(
                r#""Next":"s","Retry":[{{"ErrorEquals":[{}]}}]"#,
                fill(BYTES, |_| r#""a""#.to_owned())
            )),
        ),
        (
            "JSONPaths, one of them wrong",
            one(
                "Pass",
                &format!(
                    r#""InputPath":"$.[","Parameters":{{{}}}"#,
                    fill(BYTES, |n| format!(r#""{n}.$":"$.a""#))
                ),
            ),
        ),
        (
            "a call of many arguments",
            one(
                "Pass",
                &format!(r#""Parameters":{{"a.$":"States.Array({})"}}"#, fill(BYTES, |_| "$.a".to_owned())),
            ),
        ),
        (
            "a call of many placeholders",
            one("Pass", &format!(r#""Parameters":{{"a.$":"States.Format('{}')"}}"#, "{}".repeat(BYTES / 2))),
        ),
        ("a long JSONPath", one("Pass", &format!(r#""InputPath":"${}""#, ".a".repeat(BYTES / 2)))),
        (
            "JSONata expressions, one of them wrong",
            jsonata(&format!(r#"["{{% ( %}}",{}]"#, fill(BYTES, |n| format!(r#""{{%{n}%}}""#)))),
        ),
        ("JSONata expressions that are wrong", {
            jsonata(&format!("[{}]", fill(BYTES, |_| r#""{%(%}""#.to_owned())))
        }),
        ("one JSONata expression of names", expression("a")),
        ("one JSONata expression of numbers", expression("1")),
        ("one JSONata expression of variables", expression("$a")),
        ("one JSONata expression of calls", expression("$f()")),
        ("resources that can't be run yet", {
            machine(&fill(BYTES, |n| {
                format!(r#""{n}":{{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:ec{n}:x","Next":"s"}}"#)
            }))
        }),
        ("Maps that can't be run yet", {
            machine(&fill(BYTES, |n| {
                let mode = r#""ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED"}}"#;
                format!(r#""{n}":{{"Type":"Map","Next":"s",{mode}}}"#)
            }))
        }),
    ];
    let valid = vec![
        ("a chain of states", {
            let states = fill(BYTES, |number| {
                let name = if number == 0 { "s".to_owned() } else { number.to_string() };
                format!(r#""{name}":{{"Type":"Pass","Next":"{}"}}"#, number + 1)
            });
            let last = states.matches("Pass").count();
            machine(&format!(r#"{states},"{last}":{{"Type":"Succeed"}}"#))
        }),
        (
            "Choice rules",
            choice(&fill(BYTES, |_| r#"{"Variable":"$.a","IsNull":true,"Next":"e"}"#.to_owned())),
        ),
        (
            "a pattern of stars",
            choice(&format!(r#"{{"Variable":"$.a","StringMatches":"{}","Next":"e"}}"#, "*".repeat(BYTES))),
        ),
        ("one long string", one("Pass", &format!(r#""Result":"{long}""#))),
        (
            "strings with escapes",
            one("Pass", &format!(r#""Result":[{}]"#, fill(BYTES, |_| r#""\n""#.to_owned()))),
        ),
        ("a comment", one("Pass", &format!(r#""Comment":"{long}""#))),
        ("numbers", one("Pass", &format!(r#""Result":[{}]"#, fill(BYTES, |_| "1".to_owned())))),
        (
            "JSONPaths",
            one("Pass", &format!(r#""Parameters":{{{}}}"#, fill(BYTES, |n| format!(r#""{n}.$":"$.a""#)))),
        ),
        ("JSONata expressions", jsonata(&format!("[{}]", fill(BYTES, |n| format!(r#""{{%{n}%}}""#))))),
        ("tasks", {
            let tasks = fill(BYTES, |number| {
                let name = if number == 0 { "s".to_owned() } else { number.to_string() };
                let next = number + 1;
                format!(
                    r#""{name}":{{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
                    "Parameters":{{"FunctionName":"f","Payload.$":"$"}},"ResultPath":"$.r","Next":"{next}",
                    "Retry":[{{"ErrorEquals":["States.TaskFailed"],"MaxAttempts":2}}],
                    "Catch":[{{"ErrorEquals":["States.ALL"],"Next":"{next}"}}]}}"#
                )
            });
            let last = tasks.matches("lambda:invoke").count();
            machine(&format!(r#"{tasks},"{last}":{{"Type":"Succeed"}}"#))
        }),
    ];
    refused.into_iter().map(large(false)).chain(valid.into_iter().map(large(true))).collect()
}
