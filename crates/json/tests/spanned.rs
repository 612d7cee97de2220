//! The parser for definitions: places, recovery, duplicate keys

use stepwell_json::parse;
use stepwell_json::spanned::{self, LineIndex, Node};

/// Text, what is left of it as a value (if anything), and where errors are (line, column) with the start of each message.
type Case = (&'static str, Option<&'static str>, &'static [(u32, u32, &'static str)]);

const BROKEN: &[Case] = &[
    ("", None, &[(1, 0, "No content")]),
    ("nope", None, &[(1, 5, "Unrecognized token 'nope'")]),
    (
        "{\"a\":1,}",
        Some("{\"a\":1}"),
        &[(1, 9, "Unexpected character ('}' (code 125)): was expecting double-quote")],
    ),
    ("[1,2,]", Some("[1,2]"), &[(1, 7, "Unexpected character (']' (code 93)): expected a value")]),
    (
        "{\"a\":1 \"b\":2}",
        Some("{\"a\":1,\"b\":2}"),
        &[(1, 9, "Unexpected character ('\"' (code 34)): was expecting comma")],
    ),
    (
        "{\"a\" 1, \"b\" 2}",
        Some("{\"a\":1,\"b\":2}"),
        &[(1, 7, "Unexpected character ('1'"), (1, 14, "Unexpected character ('2'")],
    ),
    ("{a: 1, \"b\": 2}", Some("{\"b\":2}"), &[(1, 3, "Unexpected character ('a'")]),
    (
        "{\"a\": x, \"b\": y, \"c\": 3}",
        Some("{\"c\":3}"),
        &[(1, 8, "Unrecognized token 'x'"), (1, 16, "Unrecognized token 'y'")],
    ),
    ("{\"a\": tru, \"c\": 3}", Some("{\"c\":3}"), &[(1, 10, "Unrecognized token 'tru'")]),
    ("{\"a\": 01, \"c\": 3}", Some("{\"c\":3}"), &[(1, 9, "Invalid numeric value")]),
    ("{\"a\": , \"c\": 3}", Some("{\"c\":3}"), &[(1, 8, "Unexpected character (','")]),
    (
        "{\"a\": \"bad \\x escape\", \"c\": 3}",
        Some("{\"c\":3}"),
        &[(1, 14, "Unrecognized character escape 'x'")],
    ),
    (
        "{\"a\": \"open,\n \"c\": 3}",
        Some("{\"c\":3}"),
        &[(2, 1, "Illegal unquoted character"), (2, 3, "Unexpected character ('\"'")],
    ),
    ("{\"a\": {\"b\": [1, 2", Some("{\"a\":{\"b\":[1,2]}}"), &[(1, 18, "Unexpected end-of-input")]),
    ("{\"a\": [1, 2}", Some("{\"a\":[1,2]}"), &[(1, 13, "Unexpected close marker '}'")]),
    ("{} {}", Some("{}"), &[(1, 5, "Trailing token")]),
    (
        "{'a': 1, 'b': 2}",
        Some("{}"),
        &[(1, 3, "Unexpected character ('''"), (1, 11, "Unexpected character ('''")],
    ),
];

#[test]
fn broken_text_leaves_what_can_be_read() {
    for (text, left, errors) in BROKEN {
        let (node, found) = spanned::parse(text);
        assert_eq!(node.map(|node| node.to_value().to_text()).as_deref(), *left, "{text}");
        assert_eq!(found.first(), parse(text).err().as_ref(), "the first error is the strict one: {text}");
        let found: Vec<_> =
            found.iter().map(|error| (error.line, error.column, error.message.as_str())).collect();
        assert_eq!(found.len(), errors.len(), "{text}: {found:?}");
        for ((line, column, message), (expected_line, expected_column, start)) in found.iter().zip(*errors) {
            assert_eq!((line, column), (expected_line, expected_column), "{text}: {found:?}");
            assert!(message.starts_with(start), "{text}: {found:?}");
        }
    }
}

fn check_spans(text: &str, node: &Node) {
    let own = &text[node.span.start..node.span.end];
    assert_eq!(parse(own).as_ref(), Ok(&node.to_value()), "{own}");
    for member in node.members().unwrap_or_default() {
        let key = &text[member.key_span.start..member.key_span.end];
        assert_eq!(parse(key).expect("a key is JSON").as_str(), Some(&*member.key));
        check_spans(text, &member.value);
    }
    for item in node.items().unwrap_or_default() {
        check_spans(text, item);
    }
}

#[test]
fn spans_are_the_bytes_of_keys_and_values() {
    let text = " { \"é\\n\" : [ 1.5 , \"x\" , { } ],\n\"a\":{\"b\":null,\"c\":true} , \"a\" : -3 }  ";
    let (node, errors) = spanned::parse(text);
    assert!(errors.is_empty());
    let node = node.unwrap();
    check_spans(text, &node);
    assert_eq!(node.to_value(), parse(text).unwrap());
    let duplicates: Vec<_> = node.duplicates().iter().map(|member| member.key_span.start).collect();
    assert_eq!(duplicates, [text.rfind("\"a\"").unwrap()]);
    assert_eq!(node.get("a").map(|value| value.to_value().to_text()).as_deref(), Some("-3"));
}

#[test]
fn offsets_become_lines_and_columns() {
    let text = "ab\ncé\r\n\rd";
    let lines = LineIndex::new(text);
    let expected = [
        (0, (1, 1)),
        (2, (1, 3)),
        (3, (2, 1)),
        (4, (2, 2)),
        (6, (2, 3)),
        (8, (3, 1)),
        (9, (4, 1)),
        (99, (4, 2)),
    ];
    for (offset, place) in expected {
        assert_eq!(lines.line_and_column(offset), place, "offset {offset}");
    }
    assert_eq!(LineIndex::new("").line_and_column(0), (1, 1));
}

#[test]
fn the_number_of_errors_and_the_time_for_them_are_bounded() {
    for text in [
        "[x,".repeat(20_000),
        "{\"a\" x ".repeat(20_000),
        "x\"".repeat(50_000),
        "{,".repeat(50_000),
        "\"\n".repeat(9_000),
    ] {
        let (_, errors) = spanned::parse(&text);
        assert!(!errors.is_empty() && errors.len() <= spanned::ERRORS_MAX);
    }
}
