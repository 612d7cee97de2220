//! Whatever the text is, the analysis ends, does not panic, and takes time in proportion to the text.

#![allow(clippy::unwrap_used)]

mod common;

use std::fmt::Write;

use proptest::prelude::*;
use stepwell_asl::{Analysis, MachineType, Options, Severity, analyse};

/// A definition with one of almost everything.
const RICH: &str = include_str!("data/rich.json");

fn check(text: &str) -> Analysis {
    let mut last = Analysis::default();
    for machine_type in [MachineType::Standard, MachineType::Express] {
        last = analyse(text, &Options { machine_type });
        assert_eq!(last.diagnostics, stepwell_asl::check(text, &Options { machine_type }), "{text}");
        for finding in &last.diagnostics {
            let span = finding.span.clone().unwrap();
            assert!(text.get(span.clone()).is_some(), "{finding:?} in {text}");
        }
        assert_eq!(last.is_runnable(), last.definition.is_some(), "{text}");
        let _ = stepwell_asl::invalid_definition_message(&last.diagnostics);
    }
    last
}

#[test]
fn the_rich_definition_is_good() {
    let analysis = analyse(RICH, &Options::default());
    assert!(analysis.is_runnable(), "{:#?}", analysis.diagnostics);
}

/// Pieces that definitions are made of.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "{",
        "}",
        "[",
        "]",
        ":",
        ",",
        "null",
        "true",
        "1",
        "-1",
        "1e400",
        "\"\"",
        "\"$.a[*]\"",
        "\"$$\"",
        "\"$x\"",
        "\"States\"",
        "\"StartAt\"",
        "\"Type\"",
        "\"Task\"",
        "\"Next\"",
        "\"End\"",
        "\"Choices\"",
        "\"a.$\"",
        "\"States.Format('{}', $.a)\"",
        "\"{% 1 %}\"",
        "\"QueryLanguage\"",
        "\"JSONata\"",
        "\"\\ud800\"",
        "é",
    ];
    prop_oneof![prop::sample::select(words.to_vec()).prop_map(str::to_owned), "\\PC{0,3}"]
}

/// A value to put in the place of another.
fn replacement() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        "\\PC{0,12}".prop_map(serde_json::Value::from),
        "[$.@\\[\\]()'*?,:a-c0-2 ]{0,12}".prop_map(|text| format!("${text}").into()),
        "[a-zA-Z.('$\\\\{}), 0-9]{0,20}".prop_map(|text| format!("States.{text}").into()),
        Just(serde_json::json!([])),
        Just(serde_json::json!({})),
        Just(serde_json::json!([{}, 1, "x"])),
    ]
}

/// Replaces the value with this number in document order, and gives the number of values passed.
fn replace(value: &mut serde_json::Value, number: &mut usize, new: &serde_json::Value) {
    if *number == 0 {
        *value = new.clone();
        *number = usize::MAX;
        return;
    }
    if *number == usize::MAX {
        return;
    }
    *number -= 1;
    match value {
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| replace(item, number, new)),
        serde_json::Value::Object(members) => {
            members.values_mut().for_each(|item| replace(item, number, new))
        }
        _ => {}
    }
}

proptest! {
    #[test]
    fn arbitrary_texts_are_analysed(text in "\\PC*") {
        check(&text);
    }

    #[test]
    fn texts_of_plausible_pieces_are_analysed(pieces in prop::collection::vec(piece(), 0..60)) {
        check(&pieces.concat());
    }

    #[test]
    fn cut_definitions_are_analysed(at in 0..RICH.len(), length in 0..40_usize) {
        let mut text = RICH.to_owned();
        let end = (at + length).min(text.len());
        if text.is_char_boundary(at) && text.is_char_boundary(end) {
            text.replace_range(at..end, "");
            check(&text);
        }
    }

    #[test]
    fn definitions_with_a_value_replaced_are_analysed(
        number in 0..400_usize,
        new in replacement(),
    ) {
        let mut definition: serde_json::Value = serde_json::from_str(RICH).unwrap();
        let mut left = number;
        replace(&mut definition, &mut left, &new);
        check(&definition.to_string());
    }
}

/// An argument of a call: good ones, and some that fit nowhere.
fn argument() -> impl Strategy<Value = String> {
    let words = [
        "$",
        "$.a",
        "$.b",
        "$.c[0]",
        "$.no",
        "$$.x",
        "$v",
        "'text'",
        "'{} {}'",
        "''",
        "',;'",
        "'MD5'",
        "false",
        "null",
        "0",
        "1",
        "-1",
        "2.5",
        "-0.5",
        "2147483647",
        "-2147483648",
        "9223372036854775807",
        "-9223372036854775808",
        "99999999999999999999",
        "1e300",
        "States.Array()",
        "States.Array(1, 'a', $.b)",
        "States.UUID()",
    ];
    prop::sample::select(words.to_vec()).prop_map(str::to_owned)
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(serde_json::Value::from),
        any::<i64>().prop_map(serde_json::Value::from),
        (-4_i64..4).prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        "\\PC{0,6}".prop_map(serde_json::Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
            prop::collection::hash_map("[a-c]", inner, 0..3)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

const FUNCTIONS: [&str; 17] = [
    "Format",
    "StringToJson",
    "JsonToString",
    "Array",
    "ArrayPartition",
    "ArrayContains",
    "ArrayRange",
    "ArrayGetItem",
    "ArrayLength",
    "ArrayUnique",
    "Base64Encode",
    "Base64Decode",
    "Hash",
    "JsonMerge",
    "MathRandom",
    "MathAdd",
    "StringSplit",
];

/// What `StringMatches` means, the slow way: tokens are characters, none stands for a wildcard.
fn matches_slowly(pattern: &[Option<char>], text: &[char]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((None, rest)) => (0..=text.len()).any(|skipped| matches_slowly(rest, &text[skipped..])),
        Some((Some(wanted), rest)) => text.first() == Some(wanted) && matches_slowly(rest, &text[1..]),
    }
}

proptest! {
    #[test]
    fn calls_give_a_value_or_an_error(
        function in prop::sample::select(FUNCTIONS.to_vec()),
        arguments in prop::collection::vec(argument(), 0..4),
        input in json(),
        random in any::<u64>(),
    ) {
        let call = format!("States.{function}({})", arguments.join(", "));
        let analysis = common::pass_with(&serde_json::json!({"r.$": call}));
        if let Some(definition) = &analysis.definition {
            let mut roots = common::roots(&serde_json::json!({"input": input, "variables": {"v": input}}));
            roots.random = random;
            match common::parameters_of(definition).evaluate(&mut roots) {
                Ok(value) => prop_assert!(stepwell_json::parse(&value.to_text()).is_ok()),
                Err(error) => prop_assert!(!error.cause().is_empty()),
            }
        }
    }

    #[test]
    fn patterns_match_what_they_mean(pattern in "[ab*]{0,8}", text in "[ab]{0,10}") {
        let tokens: Vec<Option<char>> =
            pattern.chars().map(|character| (character != '*').then_some(character)).collect();
        let characters: Vec<char> = text.chars().collect();
        prop_assert_eq!(
            matches_slowly(&tokens, &characters),
            stepwell_asl::choice::Pattern::parse(&pattern).unwrap().matches(&text)
        );
    }

    #[test]
    fn times_are_printed_and_read_alike(milliseconds in -62_167_219_200_000_i64..253_402_300_800_000) {
        let text = stepwell_asl::timestamp::format_millis(milliseconds);
        let read = stepwell_asl::timestamp::parse(&text).map(|instant| instant.nanoseconds);
        prop_assert_eq!(Some(i128::from(milliseconds) * 1_000_000), read);
    }
}

/// Shapes that would hurt an analysis that looks twice.
fn shapes(size: usize) -> Vec<(&'static str, String)> {
    let mut shapes = Vec::new();
    let mut chain = String::from("{\"StartAt\":\"s0\",\"States\":{");
    for number in 0..size {
        let _ = write!(chain, "\"s{number}\":{{\"Type\":\"Pass\",\"Next\":\"s{}\"}},", number + 1);
    }
    let _ = write!(chain, "\"s{size}\":{{\"Type\":\"Succeed\"}}}}}}");
    shapes.push(("a chain", chain.clone()));
    shapes.push(("missing targets", chain.replace("\"Next\":\"s", "\"Next\":\"t")));
    shapes.push((
        "one name for all",
        format!("{{\"StartAt\":\"s\",\"States\":{{{}\"s\":{{}}}}}}", "\"s\":{},".repeat(size)),
    ));
    let mut unknown = String::from("{\"StartAt\":\"s\",\"States\":{\"s\":{\"Type\":\"Succeed\"");
    let mut template = String::from(
        "{\"StartAt\":\"s\",\"States\":{\"s\":{\"Type\":\"Pass\",\"End\":true,\"Parameters\":{\"k\":0",
    );
    let mut assign = String::from(
        "{\"StartAt\":\"s\",\"States\":{\"s\":{\"Type\":\"Pass\",\"End\":true,\"Assign\":{\"k\":0",
    );
    for number in 0..size {
        let _ = write!(unknown, ",\"f{number}\":1");
        let _ = write!(template, ",\"f{number}.$\":\"$.a.b{number}\"");
        let _ = write!(assign, ",\"f{number}.$\":\"$g{number}\"");
    }
    unknown.push_str("}}}");
    template.push_str("}}}}");
    assign.push_str("}}}}");
    shapes.push(("unknown fields", unknown));
    shapes.push(("a wide template", template));
    shapes.push(("many variables", assign));
    let call = format!("States.Array({}1)", "$.a, ".repeat(size));
    shapes.push(("a long call", common_pass(&call)));
    shapes.push(("a long path", common_pass(&format!("${}", ".a".repeat(size)))));
    shapes.push(("an open string", common_pass(&format!("States.Array('{}", "a".repeat(size * 10)))));
    shapes.push(("open brackets", common_pass(&"$.a[?(".repeat(size))));
    shapes.push(("deep text", "[".repeat(size * 10)));
    shapes
}

fn common_pass(expression: &str) -> String {
    serde_json::json!({
        "StartAt": "s",
        "States": {"s": {"Type": "Pass", "Parameters": {"a.$": expression}, "End": true}}
    })
    .to_string()
}

#[test]
#[allow(clippy::disallowed_methods)]
fn large_definitions_take_time_in_proportion() {
    for ((about, small), (_, large)) in shapes(2_000).into_iter().zip(shapes(16_000)) {
        // The least of three runs, as other work on the machine only ever adds time.
        let time = |text: &str| {
            (0..3)
                .map(|_| {
                    let start = std::time::Instant::now();
                    analyse(text, &Options::default());
                    start.elapsed()
                })
                .min()
                .unwrap()
        };
        let (short, long) = (time(&small), time(&large));
        println!("{about}: {short:?} for {} bytes, {long:?} for {}", small.len(), large.len());
        // Eight times the text; quadratic work would take sixty-four times as long.
        let limit = short * 32 + std::time::Duration::from_millis(20);
        assert!(long < limit, "{about}: {short:?}, then {long:?}");
    }
}

#[test]
fn findings_are_limited() {
    let (_, text) = shapes(5_000).into_iter().find(|(about, _)| *about == "missing targets").unwrap();
    let analysis = analyse(&text, &Options::default());
    assert_eq!(1_000, analysis.diagnostics.iter().filter(|f| f.severity == Severity::Error).count());
}

#[test]
fn what_cannot_be_run_is_not_run_after_a_thousand_other_warnings() {
    let fields: Vec<String> = (0..1_500).map(|number| format!(r#""f{number}":"$.a""#)).collect();
    let text = format!(
        r#"{{"StartAt":"p","States":{{"p":{{"Type":"Pass","Next":"t","Parameters":{{{}}}}},
        "t":{{"Type":"Wait","End":true,"Seconds":"${{Seconds}}"}}}}}}"#,
        fields.join(",")
    );
    let analysis = analyse(&text, &Options::default());
    assert!(analysis.is_valid(), "{:?}", analysis.diagnostics.first());
    assert!(analysis.definition.is_none());
}

/// Maps within Maps as deep as JSON may nest, read in a thread with a small stack.
#[test]
#[allow(clippy::disallowed_methods)]
fn deep_definitions_do_not_overflow_a_small_stack() {
    let mut text = r#"{"StartAt":"s","States":{"s":{"Type":"Succeed"}}}"#.to_owned();
    for level in 0..41 {
        text = format!(
            r#"{{"StartAt":"m{level}","States":{{"m{level}":{{"Type":"Map","End":true,"Iterator":{text}}}}}}}"#
        );
    }
    let deep_rule = format!(
        r#"{{"StartAt":"c","States":{{"c":{{"Type":"Choice","Choices":[{}]}},"s":{{"Type":"Succeed"}}}}}}"#,
        format!("{}{{\"Variable\":\"$\",\"IsNull\":true}}{}", "{\"Not\":".repeat(110), "}".repeat(110))
            .replacen("{\"Not\"", "{\"Next\":\"s\",\"Not\"", 1)
    );
    let thread = std::thread::Builder::new().stack_size(1024 * 1024).spawn(move || {
        for text in [&text, &deep_rule] {
            let analysis = analyse(text, &Options::default());
            assert!(analysis.is_runnable(), "{:?}", analysis.diagnostics);
        }
    });
    thread.unwrap().join().unwrap();
}
