//! Properties of paths: nothing panics, and definite paths agree with a naive evaluator

use proptest::prelude::*;
use stepwell_json::{Array, Value};
use stepwell_jsonpath::{Path, PathError, ReferencePath};

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        (-3i64..3).prop_map(Value::from),
        "[a-c]{0,2}".prop_map(Value::from),
        any::<bool>().prop_map(Value::from)
    ];
    leaf.prop_recursive(5, 60, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(|items| Value::Array(Array::new(items))),
            proptest::collection::vec(("[a-c]", inner), 0..5)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Text that is often a path.
fn near_path() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("."),
        Just(".."),
        Just("["),
        Just("]"),
        Just(".a"),
        Just(".b"),
        Just("['a']"),
        Just("['a','b']"),
        Just("[0]"),
        Just("[-1]"),
        Just("[0,1]"),
        Just("[1:]"),
        Just("[:2]"),
        Just("[-2:1]"),
        Just("[*]"),
        Just(".*"),
        Just("[?(@.a)]"),
        Just("[?(@.a == 'b')]"),
        Just("[?(@ > 0 && !@.b)]"),
        Just("[?(@..a in [1,'a'])]"),
        Just("[?(@ =~ /a.*/i)]"),
        Just("[?("),
        Just(")]"),
        Just("@"),
        Just("$"),
        Just(" || "),
        Just("!"),
        Just("\\"),
        Just("'"),
        Just("é"),
        Just("/"),
        Just("\\u00"),
        Just("1"),
        Just("{"),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| format!("${}", pieces.concat()))
}

/// A definite step, as text and as what it means.
fn step() -> impl Strategy<Value = (String, Result<String, i32>)> {
    prop_oneof![
        "[a-c]".prop_map(|name| (format!(".{name}"), Ok(name))),
        "[a-c]".prop_map(|name| (format!("['{name}']"), Ok(name))),
        (-4i32..4).prop_map(|index| (format!("[{index}]"), Err(index))),
    ]
}

fn naive<'a>(value: &'a Value, steps: &[(String, Result<String, i32>)]) -> Option<&'a Value> {
    steps.iter().try_fold(value, |value, (_, step)| match step {
        Ok(name) => value.as_object()?.iter().find(|(key, _)| ***key == **name).map(|(_, value)| value),
        Err(index) => {
            let items = value.as_array()?;
            let at = if *index < 0 { items.len() as i64 + i64::from(*index) } else { i64::from(*index) };
            items.get(usize::try_from(at).ok()?)
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn nothing_panics(text in prop_oneof![any::<String>(), near_path()], value in value()) {
        match Path::parse(&text) {
            Ok(path) => {
                let answer = path.evaluate(&value);
                if !path.is_definite() {
                    let is_list = answer.as_ref().is_ok_and(|answer| answer.as_array().is_some());
                    let is_refused = matches!(answer, Err(PathError::FilterOnPrimitive { .. }));
                    prop_assert!(is_list || is_refused);
                }
                if let Ok(reference) = ReferencePath::try_from(path.clone()) {
                    prop_assert!(path.is_definite());
                    if let Ok(changed) = reference.set(&value, Value::from(77)) {
                        prop_assert_eq!(reference.evaluate(&changed).ok(), Some(Value::from(77)));
                    }
                }
            }
            Err(error) => prop_assert!(error.offset <= text.len()),
        }
    }

    #[test]
    fn definite_paths_agree_with_a_naive_evaluator(steps in proptest::collection::vec(step(), 0..5), value in value()) {
        let text: String = std::iter::once("$").chain(steps.iter().map(|(text, _)| text.as_str())).collect();
        let path = Path::parse(&text).unwrap();
        prop_assert!(path.is_definite());
        prop_assert_eq!(path.evaluate(&value).ok(), naive(&value, &steps).cloned());
        prop_assert_eq!(Path::parse(&path.bracket_notation()).unwrap().evaluate(&value), path.evaluate(&value));
    }

    #[test]
    fn scanning_everything_visits_every_value_once(value in value()) {
        fn count(value: &Value) -> usize {
            match value {
                Value::Array(items) => items.iter().map(|item| 1 + count(item)).sum(),
                Value::Object(object) => object.values().map(|member| 1 + count(member)).sum(),
                _ => 0,
            }
        }
        let found = Path::parse("$..*").unwrap().evaluate(&value).unwrap();
        prop_assert_eq!(found.as_array().unwrap().len(), count(&value));
    }
}
