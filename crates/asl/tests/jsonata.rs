//! JSONata in definitions: what is underlined, which variables are listed, and that the analysis stays linear.
//! `data/findings.json` has the findings themselves.

#![allow(clippy::unwrap_used)]

use std::fmt::Write;

use stepwell_asl::{Analysis, Options, analyse};

/// A machine with one Pass state; `output` is JSON text.
fn pass(output: &str) -> String {
    format!(
        r#"{{"QueryLanguage": "JSONata", "StartAt": "S", "States": {{"S": {{"Type": "Pass", "End": true, "Output": {output}}}}}}}"#
    )
}

/// The parts of the text that findings are about, each with its message.
fn underlined<'a>(text: &'a str, analysis: &Analysis) -> Vec<(&'a str, String)> {
    let found = analysis.diagnostics.iter();
    found.map(|finding| (&text[finding.span.clone().unwrap()], finding.message.clone())).collect()
}

#[test]
fn findings_underline_the_place_within_the_expression() {
    for (output, part) in [
        (r#""{% 1 + phone %}""#, "phone"),
        (r#""{% 'a\"\u00e9\ud83d\ude00' & phone %}""#, "phone"),
        (r#"["é", "{% é.$states.input %}"]"#, "é"),
        (r#""{%\n  $states.result\n%}""#, "$states.result"),
        (r#""{% $states . result %}""#, "$states"),
        (r#""{% 1 + $$ %}""#, "$$"),
        (r#""{% `odd \"name` + 1 %}""#, r#"`odd \"name`"#),
        (r#""{% $nobody %}""#, "$nobody"),
        (r#""{% (1 %}""#, "%}"),
        (r#""{% 1 + %}""#, "%}"),
        (r#""{% 1 %""#, r#""{% 1 %""#),
    ] {
        let text = pass(output);
        let analysis = analyse(&text, &Options::default());
        let found = underlined(&text, &analysis);
        assert_eq!(
            vec![part],
            found.iter().map(|(part, _)| *part).collect::<Vec<_>>(),
            "{output}: {found:?}"
        );
    }
}

#[test]
fn variables_that_expressions_read_are_listed_by_state() {
    let text = r#"{"StartAt": "A", "States": {
        "A": {"Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"x": 1, "y": "{% $states.input.y %}"}, "Next": "B"},
        "B": {"Type": "Choice", "QueryLanguage": "JSONata", "Default": "C",
              "Choices": [{"Condition": "{% $x > 1 %}", "Next": "C", "Output": "{% $map([1], function($v) { $v + $y }) %}"}]},
        "C": {"Type": "Pass", "InputPath": "$y.z", "End": true}}}"#;
    let analysis = analyse(text, &Options::default());
    assert!(analysis.is_runnable(), "{:?}", analysis.diagnostics);
    let listed: Vec<(&str, String)> =
        analysis.variable_references.iter().map(|(state, names)| (state.as_str(), names.join(" "))).collect();
    assert_eq!(vec![("B", "x y".to_owned()), ("C", "y".to_owned())], listed);
}

#[test]
fn variables_of_jsonata_states_obey_the_scopes() {
    let text = r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {
        "A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "M"},
        "M": {"Type": "Map", "Items": [1], "End": true, "ItemProcessor": {"StartAt": "I", "States": {
              "I": {"Type": "Pass", "Assign": {"x": 2}, "End": true}}}}}}"#;
    let messages: Vec<String> =
        analyse(text, &Options::default()).diagnostics.into_iter().map(|finding| finding.message).collect();
    assert_eq!(vec!["The variable 'x' is already assigned in an outer scope"], messages);
}

/// Shapes that would hurt an analysis that looks twice.
fn shapes(size: usize) -> Vec<(&'static str, String)> {
    let mut variables = String::from("\"{% 'é\\n'");
    let mut names = String::from("\"{% 'é\\n'");
    let mut fields = String::from("{\"k\": 0");
    for number in 0..size {
        let _ = write!(variables, " & $v{number}");
        let _ = write!(names, " & n{number}");
        let _ = write!(fields, ", \"f{number}\": [\"{{% $states.input.a{number} %}}\", 1]");
    }
    variables.push_str(" %}\"");
    names.push_str(" %}\"");
    fields.push('}');
    let deep_key = format!("{{\"{}\": {}}}", "k".repeat(size), fields.replace("$states", "$states.no"));
    vec![
        ("many variables", pass(&variables)),
        ("many names", pass(&names)),
        ("many expressions", pass(&fields)),
        ("many findings below a long key", pass(&deep_key)),
        ("a long array", pass(&format!("\"{{% [{}1] %}}\"", "1, ".repeat(size)))),
        ("open brackets", pass(&format!("\"{{% {} %}}\"", "[".repeat(size)))),
    ]
}

#[test]
#[allow(clippy::disallowed_methods)]
fn expressions_take_time_in_proportion() {
    for ((about, small), (_, large)) in shapes(1_000).into_iter().zip(shapes(8_000)) {
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
        let limit = short * 32 + std::time::Duration::from_millis(20);
        assert!(long < limit, "{about}: {short:?}, then {long:?}");
    }
}
