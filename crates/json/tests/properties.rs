//! Properties of values, payloads and both parsers

use proptest::prelude::*;
use std::sync::Arc;
use stepwell_json::path_edit::{self, SetError, Step};
use stepwell_json::{
    Array, Number, Object, Payload, Value,
    document::{self, Document},
    escaped_size, parse, spanned, write_escaped_str, write_text,
};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{0,3}",
        any::<String>(),
        proptest::collection::vec(
            prop_oneof![Just('"'), Just('\\'), Just('\n'), Just('\u{1}'), Just('é'), Just('x')],
            0..12
        )
        .prop_map(|characters| characters.into_iter().collect::<String>()),
    ]
}

fn number() -> impl Strategy<Value = Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        (-20i64..20).prop_map(Number::from),
        "-?[1-9][0-9]{17,30}".prop_filter_map("integer", |text| Number::from_integer_text(&text)),
        any::<f64>().prop_filter_map("finite", Number::from_f64),
        (-1e8f64..1e8).prop_filter_map("finite", Number::from_f64),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        number().prop_map(Value::Number),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 80, 24, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(|items| Value::Array(Array::new(items))),
            proptest::collection::vec((text(), inner.clone()), 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            proptest::collection::vec(("[a-e]{1,2}", inner), 0..30)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// Depth counted without what the value remembers.
fn depth(value: &Value) -> u32 {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Text that looks like JSON with something wrong.
fn near_json() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("{"),
        Just("}"),
        Just("["),
        Just("]"),
        Just(","),
        Just(":"),
        Just("\""),
        Just("\"a\""),
        Just("\\"),
        Just("1"),
        Just("-"),
        Just("."),
        Just("e5"),
        Just("true"),
        Just("nul"),
        Just(" "),
        Just("\n"),
        Just("é"),
        Just("😀"),
        Just("\\ud8"),
        Just("\\u00e9"),
        Just("\u{1}"),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

/// Whether a document and a tree have the same at the same places.
fn is_same(read: document::Node<'_>, built: &spanned::Node) -> bool {
    let members = built.members().map(|built| {
        let read: Vec<_> = read.members().into_iter().flatten().collect();
        read.len() == built.len()
            && read.iter().zip(built).all(|(read, built)| {
                *read.key == *built.key
                    && read.key_span == built.key_span
                    && read.value.document().is_text_at(read.start(), &built.key)
                    && !read.value.document().is_text_at(read.start(), "no key of any test")
                    && is_same(read.value, &built.value)
                    && read.value.document().member_at(read.start()).value.span() == built.value.span
            })
    });
    let items = built.items().map(|built| {
        let read: Vec<_> = read.items().into_iter().flatten().collect();
        read.len() == built.len() && read.iter().zip(built).all(|(read, built)| is_same(*read, built))
    });
    read.span() == built.span
        && read.as_str() == built.as_str()
        && members.unwrap_or_else(|| read.members().is_none())
        && items.unwrap_or_else(|| read.items().is_none())
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(value in value()) {
        let text = value.to_text();
        let again = parse(&text).unwrap();
        prop_assert_eq!(&again, &value);
        prop_assert_eq!(again.to_text(), text.clone());
        prop_assert_eq!(parse(&value.to_pretty_text()).unwrap(), value.clone());
        let mut bytes = Vec::new();
        write_text(&value, &mut bytes);
        prop_assert_eq!(bytes, text.into_bytes());
    }

    #[test]
    fn size_and_depth_are_those_of_the_text(value in value()) {
        let text = value.to_text();
        prop_assert_eq!(value.text_size(), text.len());
        prop_assert_eq!(value.depth(), depth(&value));
        let parsed = parse(&value.to_pretty_text()).unwrap();
        prop_assert_eq!(parsed.text_size(), text.len());
        prop_assert_eq!(parsed.depth(), depth(&value));
    }

    #[test]
    fn payloads_keep_text_and_value(value in value()) {
        let made = Payload::from_value(value.clone());
        prop_assert_eq!(made.size(), made.text().len());
        let pretty = value.to_pretty_text();
        let read = Payload::from_text(pretty.as_str()).unwrap();
        prop_assert_eq!(&**read.text(), pretty.as_str());
        let trusted = Payload::from_trusted_text(pretty.into());
        prop_assert_eq!(trusted.size(), read.size());
        prop_assert_eq!(trusted.value(), &value);
        prop_assert_eq!(&made, &read);
        prop_assert_eq!(&trusted, &made);
    }

    #[test]
    fn all_parsers_agree_on_valid_text(value in value()) {
        let text = value.to_pretty_text();
        let (node, errors) = spanned::parse(&text);
        prop_assert!(errors.is_empty());
        let node = node.unwrap();
        for text in [&text, &value.to_text()] {
            let document = Document::parse(text).unwrap();
            prop_assert_eq!(&document.root().to_value(), &value);
            prop_assert!(is_same(document.root(), &spanned::parse(text).0.unwrap()));
        }
        prop_assert_eq!(node.to_value(), value);
    }

    #[test]
    fn any_text_is_read_or_refused_by_all_alike(text in prop_oneof![any::<String>(), near_json()]) {
        let strict = parse(&text);
        let (node, errors) = spanned::parse(&text);
        prop_assert_eq!(strict.is_ok(), errors.is_empty());
        prop_assert_eq!(strict.as_ref().err(), errors.first());
        let document = Document::parse(&text);
        prop_assert_eq!(document.as_ref().err(), errors.first());
        if let (Ok(document), Some(node)) = (&document, &node) {
            prop_assert!(is_same(document.root(), node));
            prop_assert_eq!(document.root().to_value(), node.to_value());
        }
        if let (Ok(value), Some(node)) = (&strict, &node) {
            prop_assert_eq!(&node.to_value(), value);
        }
        if let Err(error) = strict {
            prop_assert!(error.offset <= text.len());
            let _ = error.with_source(&text);
        }
    }

    #[test]
    fn mutilated_documents_never_panic(value in value(), at in any::<prop::sample::Index>(), piece in near_json()) {
        let mut text = value.to_text();
        let mut place = at.index(text.len() + 1);
        while !text.is_char_boundary(place) {
            place -= 1;
        }
        text.insert_str(place, &piece);
        let (node, errors) = spanned::parse(&text);
        prop_assert_eq!(parse(&text).is_ok(), errors.is_empty());
        prop_assert!(node.is_none_or(|node| node.span.end <= text.len()));
    }

    #[test]
    fn escaped_strings_are_json(text in text()) {
        let mut bytes = Vec::new();
        write_escaped_str(&text, &mut bytes);
        prop_assert_eq!(bytes.len(), escaped_size(&text));
        let written = String::from_utf8(bytes).unwrap();
        let read = parse(&written).unwrap();
        prop_assert_eq!(read.as_str(), Some(text.as_str()));
    }

    #[test]
    fn order_of_numbers_is_total(left in number(), middle in number(), right in number()) {
        prop_assert_eq!(left.cmp(&right), right.cmp(&left).reverse());
        if left <= middle && middle <= right {
            prop_assert!(left <= right);
        }
        prop_assert_eq!(left.text_size(), left.to_string().len());
    }

    #[test]
    fn setting_a_place_changes_that_place_only(value in value(), names in proptest::collection::vec("[a-e]", 1..4), new in value()) {
        let steps: Vec<Step> = names.iter().map(|name| Step::Name(name.as_str().into())).collect();
        let Ok(result) = path_edit::set(&value, &steps, new.clone()) else { return Ok(()) };
        let reached = names.iter().try_fold(&result, |value, name| value.get(name));
        prop_assert_eq!(reached, Some(&new));
        prop_assert_eq!(result.text_size(), result.to_text().len());
        prop_assert_eq!(result.depth(), depth(&result));
        let (old, new) = (value.as_object().unwrap(), result.as_object().unwrap());
        for (key, kept) in old.iter().filter(|(key, _)| ***key != *names[0]) {
            prop_assert_eq!(new.get(key), Some(kept));
        }
    }
}

/// A value that holds a part many times: its text would fill any memory, and no count of bytes holds its length.
#[test]
fn the_beginning_of_a_text_costs_no_more_than_it_shows() {
    let mut value = Value::from("é");
    for _ in 0..70 {
        let pair = vec![("l".into(), value.clone()), ("r".into(), Value::from(vec![value.clone(), value]))];
        value = Value::Object(Object::from_entries(pair));
    }
    assert_eq!(value.text_size(), usize::MAX);
    assert_eq!(value.to_text_up_to(10), "{\"l\":{\"l\":");
    assert!(value.to_text_up_to(2_000).len() <= 2_000);
    let small = Value::from(vec![Value::from("éé"), Value::Null]);
    assert_eq!(small.to_text_up_to(100), small.to_text());
    assert_eq!(small.to_text_up_to(3), "[\"");
}

#[test]
fn setting_follows_the_rules_of_result_path() {
    let steps = |path: &str| -> Vec<Step> {
        path.split_terminator('.')
            .map(|part| part.parse().map_or_else(|_| Step::Name(part.into()), Step::Index))
            .collect()
    };
    let cases: [(&str, &str, Result<&str, SetError>); 11] = [
        ("{}", "", Ok("9")),
        ("1", "", Ok("9")),
        ("{}", "a", Ok("{\"a\":9}")),
        ("{\"a\":1,\"b\":2}", "a", Ok("{\"a\":9,\"b\":2}")),
        ("{\"a\":1}", "x.y.z", Ok("{\"a\":1,\"x\":{\"y\":{\"z\":9}}}")),
        ("{\"a\":[1,{\"b\":2}]}", "a.1.b", Ok("{\"a\":[1,{\"b\":9}]}")),
        ("\"text\"", "a", Err(SetError::NotAnObject { at: 0 })),
        ("{\"a\":null}", "a.b", Err(SetError::NotAnObject { at: 1 })),
        ("{\"a\":[1]}", "a.1", Err(SetError::IndexOutOfRange { at: 1 })),
        ("{\"a\":{}}", "a.0", Err(SetError::NotAnArray { at: 1 })),
        ("{}", "a.0", Err(SetError::NotAnArray { at: 1 })),
    ];
    for (root, path, expected) in cases {
        let result = path_edit::set(&parse(root).unwrap(), &steps(path), Value::from(9));
        assert_eq!(result.map(|value| value.to_text()), expected.map(str::to_owned), "{root} {path}");
    }
    let many: Vec<Step> = (0..128).map(|_| Step::Name("a".into())).collect();
    assert_eq!(path_edit::set(&Value::empty_object(), &many, Value::Null), Err(SetError::TooDeep));
}

#[test]
fn setting_shares_what_is_not_on_the_way() {
    let root = parse("{\"a\":{\"big\":[1,2,3]},\"b\":[4]}").unwrap();
    let result =
        path_edit::set(&root, &[Step::Name("a".into()), Step::Name("new".into())], Value::Null).unwrap();
    let array = |value: &Value, path: [&str; 2]| {
        value.get(path[0]).and_then(|value| value.get(path[1])).and_then(Value::as_array).cloned().unwrap()
    };
    assert!(array(&root, ["a", "big"]).ptr_eq(&array(&result, ["a", "big"])));
}

#[test]
fn values_can_be_shared_between_threads() {
    fn shared<T: Send + Sync + Clone>() {}
    shared::<Value>();
    shared::<Payload>();
    shared::<Object>();
    assert_eq!(std::mem::size_of::<Value>(), 24);
    let text: Arc<str> = "x".into();
    assert_eq!(Value::from(&text), Value::from("x"));
}
