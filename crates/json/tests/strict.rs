//! The strict parser: what it reads, what it refuses and in which words

use stepwell_json::document::Document;
use stepwell_json::{DEPTH_MAX, Number, Payload, Value, check, parse, parse_text, without_source};

/// Text and the compact text it becomes.
const ACCEPTED: &[(&str, &str)] = &[
    ("null", "null"),
    (" true ", "true"),
    ("\tfalse\r\n", "false"),
    ("0", "0"),
    ("-0", "0"),
    ("-0.0", "-0.0"),
    ("0.0", "0.0"),
    ("1", "1"),
    ("1.0", "1.0"),
    ("1.50", "1.5"),
    ("-12", "-12"),
    ("9223372036854775807", "9223372036854775807"),
    ("-9223372036854775808", "-9223372036854775808"),
    ("9223372036854775808", "9223372036854775808"),
    ("-9223372036854775809", "-9223372036854775809"),
    ("123456789012345678901234567890", "123456789012345678901234567890"),
    ("999999999999999999", "999999999999999999"),
    ("1e2", "100.0"),
    ("1E+2", "100.0"),
    ("1e-2", "0.01"),
    ("0.001", "0.001"),
    ("0.0012", "0.0012"),
    ("0.00099", "9.9E-4"),
    ("9999999.0", "9999999.0"),
    ("9999999.5", "9999999.5"),
    ("10000000.0", "1.0E7"),
    ("12345678.9", "1.23456789E7"),
    ("-12345678.9", "-1.23456789E7"),
    ("1e10", "1.0E10"),
    ("1.5e300", "1.5E300"),
    ("5e-324", "5.0E-324"),
    ("0.1", "0.1"),
    ("100.25", "100.25"),
    ("123456.789", "123456.789"),
    ("1e-400", "0.0"),
    (r#""""#, r#""""#),
    (r#""a\/b""#, r#""a/b""#),
    (r#""\u0041\u00e9\ud83d\ude00""#, r#""Aé😀""#),
    (r#""\b\f\n\r\t\"\\""#, r#""\b\f\n\r\t\"\\""#),
    (r#""\u0000\u001f\u000B\u007f""#, "\"\\u0000\\u001F\\u000B\u{7f}\""),
    ("[]", "[]"),
    ("[ ]", "[]"),
    ("{ }", "{}"),
    ("[1, [2, {}], \"x\"]", "[1,[2,{}],\"x\"]"),
    (r#"{"b": 1, "a": [true, null]}"#, r#"{"b":1,"a":[true,null]}"#),
    (r#"{"a":1,"b":2,"a":{"c":3}}"#, r#"{"a":{"c":3},"b":2}"#),
    (r#"{"a":1,"a":2,"a":3}"#, r#"{"a":3}"#),
    (r#"[{"a":"\n","a":1},{"":0}]"#, r#"[{"a":1},{"":0}]"#),
];

/// Text, message, line and column.
const REFUSED: &[(&str, &str, u32, u32)] = &[
    (
        "not a definition",
        "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        1,
        4,
    ),
    ("", "No content to map due to end-of-input", 1, 0),
    ("  \n", "No content to map due to end-of-input", 1, 0),
    ("{'a':1}", "Unexpected character (''' (code 39)): was expecting double-quote to start field name", 1, 3),
    ("{a:1}", "Unexpected character ('a' (code 97)): was expecting double-quote to start field name", 1, 3),
    (
        "{\"a\" 1}",
        "Unexpected character ('1' (code 49)): was expecting a colon to separate field name and value",
        1,
        7,
    ),
    (
        "{\"a\":1\n \"b\":2}",
        "Unexpected character ('\"' (code 34)): was expecting comma to separate Object entries",
        2,
        3,
    ),
    ("[1 2]", "Unexpected character ('2' (code 50)): was expecting comma to separate Array entries", 1, 5),
    ("[1,]", "Unexpected character (']' (code 93)): expected a value", 1, 5),
    ("{\"a\":}", "Unexpected character ('}' (code 125)): expected a value", 1, 7),
    (
        "{\"a\":1,}",
        "Unexpected character ('}' (code 125)): was expecting double-quote to start field name",
        1,
        9,
    ),
    (
        "[1}",
        "Unexpected close marker '}': expected ']' (for Array starting at [Source: (String)\"[1}\"; line: 1, column: 1])",
        1,
        4,
    ),
    (
        "{",
        "Unexpected end-of-input: expected close marker for Object (start marker at [Source: (String)\"{\"; line: 1, column: 1])",
        1,
        2,
    ),
    (
        "[[1]",
        "Unexpected end-of-input: expected close marker for Array (start marker at [Source: (String)\"[[1]\"; line: 1, column: 1])",
        1,
        5,
    ),
    ("[1,", "Unexpected end-of-input within/between Array entries", 1, 4),
    ("{\"a\":", "Unexpected end-of-input within/between Object entries", 1, 6),
    ("{\"a", "Unexpected end-of-input in field name", 1, 4),
    ("\"abc", "Unexpected end-of-input: was expecting closing quote for a string value", 1, 5),
    ("\"ab\\", "Unexpected end-of-input in character escape sequence", 1, 5),
    (
        "\"a\nb\"",
        "Illegal unquoted character ((CTRL-CHAR, code 10)): has to be escaped using backslash to be included in string value",
        2,
        1,
    ),
    ("\"\\x\"", "Unrecognized character escape 'x' (code 120)", 1, 4),
    (
        "\"\\u12g4\"",
        "Unexpected character ('g' (code 103)): expected a hex-digit for character escape sequence",
        1,
        7,
    ),
    ("\"\\ud800\"", "Unpaired surrogate escape \\uD800", 1, 8),
    ("\"\\ud800\\u0041\"", "Unpaired surrogate escape \\uD800", 1, 14),
    ("\"\\udc00\"", "Unpaired surrogate escape \\uDC00", 1, 8),
    ("01", "Invalid numeric value: Leading zeroes not allowed", 1, 3),
    ("-01", "Invalid numeric value: Leading zeroes not allowed", 1, 4),
    (
        "-a",
        "Unexpected character ('a' (code 97)) in numeric value: expected digit (0-9) to follow minus sign, for valid numeric value",
        1,
        3,
    ),
    ("1.", "Unexpected end-of-input in a Number value", 1, 3),
    (
        "[1.]",
        "Unexpected character (']' (code 93)) in numeric value: Decimal point not followed by a digit",
        1,
        5,
    ),
    (
        "[1e]",
        "Unexpected character (']' (code 93)) in numeric value: Exponent indicator not followed by a digit",
        1,
        5,
    ),
    ("1e400", "Numeric value (1e400) out of range of double", 1, 6),
    (
        "+1",
        "Unexpected character ('+' (code 43)): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        1,
        2,
    ),
    (
        "nulls",
        "Unrecognized token 'nulls': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        1,
        6,
    ),
    ("NaN", "Non-standard token 'NaN': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow", 1, 4),
    ("1x", "Unexpected character ('x' (code 120)): Expected space separating root-level values", 1, 3),
    ("{} {}", "Trailing token (of type START_OBJECT) found after value: only one value is allowed", 1, 5),
    (
        "{} x",
        "Unrecognized token 'x': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        1,
        5,
    ),
    (
        "[\"😀\", 😀]",
        "Unexpected character ('😀' (code 128512 / 0x1f600)): expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        1,
        10,
    ),
    (
        "\r\n\r[x",
        "Unrecognized token 'x': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
        3,
        3,
    ),
];

#[test]
fn valid_text_is_read_and_written_compactly() {
    for (text, compact) in ACCEPTED {
        let value = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(value.to_text(), *compact, "{text}");
        assert_eq!(value.text_size(), compact.len(), "size of {text}");
        assert_eq!(parse(compact).as_ref(), Ok(&value), "{compact} read again");
        assert_eq!(check(text), Ok(()), "{text}");
        assert_eq!(Payload::from_text(*text).unwrap().value(), &value, "{text}");
    }
}

#[test]
fn invalid_text_is_refused_in_the_words_of_jackson() {
    for (text, message, line, column) in REFUSED {
        let error = parse(text).expect_err(text);
        assert_eq!((error.message.as_str(), error.line, error.column), (*message, *line, *column), "{text}");
        assert_eq!(check(text), Err(error), "{text}");
    }
}

#[test]
fn an_error_with_its_source_reads_as_recorded() {
    let source = "not a definition";
    let error = parse(source).expect_err("not JSON");
    assert_eq!(
        error.with_source(source),
        "Unrecognized token 'not': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or \
         'false')\n at [Source: (String)\"not a definition\"; line: 1, column: 4]"
    );
    assert_eq!(error.source_location(source), "[Source: (String)\"not a definition\"; line: 1, column: 4]");
}

/// A text that is not JSON, and what is told to those who have it before them.
const TOLD: &[(&str, &str)] = &[
    ("", "No content to map due to end-of-input"),
    ("{", "Unexpected end-of-input: expected close marker for Object (start marker at line 1, column 1)"),
    ("\n [1}", "Unexpected close marker '}': expected ']' (for Array starting at line 2, column 2)"),
    (
        "[\"; line: 7, column: 7]\", x",
        "Unrecognized token 'x': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')",
    ),
];

#[test]
fn an_error_can_be_told_without_its_source() {
    for (source, told) in TOLD {
        let error = parse(source).expect_err("not JSON");
        assert_eq!(without_source(&error.message, source), *told);
        assert_eq!(without_source(&error.with_source(source), source), *told);
    }
    for text in ["", "no place", "at [Source: (String)\"\"; line: x"] {
        assert_eq!(without_source(text, ""), text);
    }
}

#[test]
fn a_long_source_is_cut_after_500_characters() {
    let source = format!("x{}", "é".repeat(519));
    let error = parse(&source).expect_err("not JSON");
    let location = error.source_location(&source);
    assert!(location.starts_with("[Source: (String)\"xé"), "{location}");
    assert!(location.ends_with("é\"[truncated 20 chars]; line: 1, column: 257]"), "{location}");
}

#[test]
fn nesting_is_bounded_on_a_small_stack() {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let objects = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    let run = move || {
        let most = DEPTH_MAX as usize;
        for text in [deep(most), objects(most)] {
            let value = parse(&text).unwrap();
            assert_eq!(value.depth(), DEPTH_MAX);
            assert_eq!(value.to_text(), text);
            assert_eq!(parse(&value.to_pretty_text()).unwrap(), value);
            assert_eq!(Document::parse(&text).unwrap().root().to_value(), value);
            assert!(stepwell_json::spanned::parse(&text).1.is_empty());
        }
        for text in [deep(most + 1), objects(most + 1), "[".repeat(1_000_000), "{\"a\":[".repeat(500_000)] {
            let error = parse(&text).expect_err("too deep");
            assert_eq!(Document::parse(&text).err().as_ref(), Some(&error));
            assert_eq!(check(&text).err().as_ref(), Some(&error));
            assert_eq!(error.message, "Document nesting depth (128) exceeds the maximum allowed (127)");
            assert!(!stepwell_json::spanned::parse(&text).1.is_empty());
        }
    };
    std::thread::Builder::new().stack_size(512 * 1024).spawn(run).unwrap().join().unwrap();
}

#[test]
fn numbers_compare_by_exact_value() {
    let number = |text: &str| parse(text).unwrap().as_number().cloned().unwrap();
    let rising = [
        "-1e300",
        "-9223372036854775809",
        "-9223372036854775808",
        "-2",
        "-1.5",
        "-1",
        "0",
        "0.5",
        "1",
        "9007199254740992",
        "9007199254740993",
        "9223372036854775807",
        "9223372036854775808",
        "9223372036854775809",
        "18446744073709551615",
        "18446744073709551616",
        "1e300",
    ];
    for (left_at, left) in rising.iter().enumerate() {
        for (right_at, right) in rising.iter().enumerate() {
            assert_eq!(number(left).cmp(&number(right)), left_at.cmp(&right_at), "{left} and {right}");
        }
    }
    for (left, right) in
        [("1", "1.0"), ("1", "1e0"), ("0", "-0.0"), ("9223372036854775808", "9223372036854775808.0")]
    {
        assert_eq!(number(left), number(right));
    }
    assert_ne!(number("9007199254740993"), number("9007199254740992.0"));
    assert_eq!(number("1.0").as_i64(), None);
    assert_eq!(number("1.0").integral(), Some(1));
    assert_eq!(number("1.5").integral(), None);
    assert_eq!(number("1e19").integral(), None);
    assert_eq!(Number::from(u64::MAX).to_string(), "18446744073709551615");
    assert_eq!(Number::from_f64(f64::NAN), None);
    assert_eq!(Value::from(2.5), parse("2.5").unwrap());
}

#[test]
fn objects_compare_without_order_and_find_members_at_any_size() {
    for count in [0usize, 1, 16, 17, 18, 300] {
        let entry = |at: usize| (format!("key{at}"), at);
        let rising: stepwell_json::Object = (0..count).map(entry).collect();
        let falling: stepwell_json::Object = (0..count).rev().map(entry).collect();
        assert_eq!(rising, falling);
        for at in 0..count {
            assert_eq!(rising.get(&format!("key{at}")).and_then(Value::as_i64), Some(at as i64));
        }
        assert_eq!(rising.get("key"), None);
        // The same key twice: last value, first place.
        let doubled: stepwell_json::Object =
            (0..count).map(entry).chain((0..count).map(|at| (format!("key{at}"), at + 1))).collect();
        assert_eq!(doubled.len(), count);
        assert_eq!(
            doubled.keys().map(|key| key.to_string()).collect::<Vec<_>>(),
            (0..count).map(|at| format!("key{at}")).collect::<Vec<_>>()
        );
        assert!(doubled.values().enumerate().all(|(at, value)| value.as_i64() == Some(at as i64 + 1)));
        assert_eq!(doubled.text_size(), Value::from(doubled.clone()).to_text().len());
    }
}

#[test]
fn one_string_is_read_as_the_parser_reads_it_and_nothing_else_is() {
    for (text, _) in ACCEPTED {
        let expected = parse(text).unwrap();
        match expected.as_str() {
            Some(string) => assert_eq!(parse_text(text).as_deref(), Ok(string), "{text}"),
            None => assert!(parse_text(text).is_err(), "{text}"),
        }
    }
    for (text, message, ..) in REFUSED.iter().filter(|(text, ..)| text.starts_with('"')) {
        // What stands behind the string is not looked at.
        if let Err(error) = parse_text(text) {
            assert_eq!(error.message, *message, "{text}");
        }
    }
    assert!(parse_text(r#""half \ud800""#).is_err());
}
