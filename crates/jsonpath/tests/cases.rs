//! Paths with their answers from `cases.json`, roots, reference paths and limits

use stepwell_json::{Value, parse};
use stepwell_jsonpath::{Path, PathError, ReferencePath, Root, SetError, Step};

#[test]
fn paths_answer_as_listed() {
    let data = parse(include_str!("cases.json")).unwrap();
    let mut differences = Vec::new();
    for area in data.get("cases").and_then(Value::as_array).unwrap() {
        let name = area.get("document").and_then(Value::as_str).unwrap();
        let document = data.get("documents").and_then(|documents| documents.get(name)).unwrap();
        for answer in area.get("answers").and_then(Value::as_array).unwrap() {
            let text = answer.index(0).and_then(Value::as_str).unwrap();
            let expected = answer.index(1).unwrap();
            let actual = match Path::parse(text) {
                Err(error) => Value::Object([("syntax", error.offset)].into_iter().collect()),
                Ok(path) => match path.evaluate(document) {
                    Ok(value) => value,
                    Err(error) => Value::Object([("error", error.to_string())].into_iter().collect()),
                },
            };
            if actual != *expected {
                differences.push(format!("{name} {text}\n  expected {expected}\n  actual   {actual}"));
            }
        }
    }
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn the_root_is_input_context_or_a_variable() {
    let root = |text: &str| Path::parse(text).map(|path| path.root().clone()).ok();
    let variable = |name: &str| Some(Root::Variable(name.into()));
    let cases = [
        ("$", Some(Root::Input)),
        ("$.a", Some(Root::Input)),
        ("$['a']", Some(Root::Input)),
        ("$$", Some(Root::Context)),
        ("$$.Execution.Input", Some(Root::Context)),
        ("$$['State']", Some(Root::Context)),
        ("$x", variable("x")),
        ("$x.a[0]", variable("x")),
        ("$x['a']", variable("x")),
        ("$_x1", variable("_x1")),
        ("$été", variable("été")),
        ("$x-y", None),
        ("$1x", None),
    ];
    for (text, expected) in cases {
        assert_eq!(root(text), expected, "{text}");
    }
    assert_eq!(root(&format!("${}", "x".repeat(80))), variable(&"x".repeat(80)));
    assert_eq!(root(&format!("${}", "x".repeat(81))), None);
    let context = parse("{\"a\":{}}").unwrap();
    let error = Path::parse("$$.a.b").unwrap().evaluate(&context).expect_err("missing");
    assert_eq!(error.to_string(), "No results for path: $['a']['b']");
}

#[test]
fn reference_paths_name_one_place() {
    let accepted: [(&str, &[Step]); 11] = [
        ("$", &[]),
        ("$.store.book", &[Step::Name("store".into()), Step::Name("book".into())]),
        ("$.store\\.book", &[Step::Name("store.book".into())]),
        ("$.\\stor\\e.boo\\k", &[Step::Name("store".into()), Step::Name("book".into())]),
        ("$.foo.\\.bar", &[Step::Name("foo".into()), Step::Name(".bar".into())]),
        ("$['a,b'][\"c:d\"]", &[Step::Name("a,b".into()), Step::Name("c:d".into())]),
        ("$.a[0]", &[Step::Name("a".into()), Step::Index(0)]),
        ("$[0][22].r", &[Step::Index(0), Step::Index(22), Step::Name("r".into())]),
        ("$.&Ж中", &[Step::Name("&Ж中".into())]),
        ("$.a\\:b\\,c\\?\\@\\*", &[Step::Name("a:b,c?@*".into())]),
        ("$$.State.Name", &[Step::Name("State".into()), Step::Name("Name".into())]),
    ];
    for (text, steps) in accepted {
        let path = ReferencePath::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(path.steps(), steps, "{text}");
        assert_eq!((path.text(), path.path().is_definite()), (text, true));
    }
    for text in [
        "$.a[*]",
        "$.*",
        "$..a",
        "$.a[-1]",
        "$.a[0,1]",
        "$.a[1:]",
        "$.a[?(@.b)]",
        "$['a','b']",
        "$.a@b",
        "$.a,b",
        "$.a:b",
        "$.a?",
        "$.list.length()",
        "$.a*",
    ] {
        let error = ReferencePath::parse(text).expect_err(text);
        assert_eq!(error.message, "Value is not a Reference Path", "{text}");
        assert!(!Path::parse(text).unwrap().is_reference());
    }
    assert!(ReferencePath::parse("$.").is_err());
}

#[test]
fn reference_paths_write() {
    let set = |root: &str, path: &str| {
        let result = ReferencePath::parse(path).unwrap().set(&parse(root).unwrap(), Value::from(9));
        result.map(|value| value.to_text())
    };
    assert_eq!(set("{\"a\":1}", "$").as_deref(), Ok("9"));
    assert_eq!(set("{\"a\":1}", "$.b.c").as_deref(), Ok("{\"a\":1,\"b\":{\"c\":9}}"));
    assert_eq!(set("{\"a\":[1,2]}", "$.a[1]").as_deref(), Ok("{\"a\":[1,9]}"));
    assert_eq!(set("\"text\"", "$.x"), Err(SetError::NotAnObject { at: 0 }));
    assert_eq!(set("{\"a\":[1,2]}", "$.a[2]"), Err(SetError::IndexOutOfRange { at: 1 }));
}

#[test]
fn work_and_length_are_bounded() {
    let nest = |levels: usize| format!("{}1{}", "{\"a\":".repeat(levels), "}".repeat(levels));
    let deep = parse(&nest(120)).unwrap();
    let scans = Path::parse(&format!("${}", "..a".repeat(12))).unwrap();
    assert_eq!(scans.evaluate(&deep), Err(PathError::TooMuchWork));
    assert_eq!(PathError::TooMuchWork.to_string(), "The path selects too many values");
    let deepest = parse(&nest(127)).unwrap();
    assert_eq!(Path::parse("$[?(@.a)]").unwrap().evaluate(&deepest), Err(PathError::TooDeep));
    assert!(Path::parse("$[*]").unwrap().evaluate(&deepest).is_ok());
    let wide = Value::from((0..5_000).map(Value::from).collect::<Vec<_>>());
    let quadratic = Path::parse("$[?(@ in $[*])]").unwrap();
    assert_eq!(quadratic.evaluate(&wide), Err(PathError::TooMuchWork));
    assert!(Path::parse(&format!("${}", ".a".repeat(256))).is_ok());
    assert!(Path::parse(&format!("${}", ".a".repeat(257))).is_err());
    for nested in ["(", "!", "[", "{'a':", "@[?("] {
        assert!(Path::parse(&format!("$[?({}", nested.repeat(100_000))).is_err());
    }
    assert!(Path::parse(&format!("$[?(@ =~ /{}/)]", "(".repeat(100_000))).is_err());
    assert!(Path::parse("$[?(@ =~ /(((x{99}){99}){99}){99}/)]").is_err());
    assert!(Path::parse(&format!("$[?(@ =~ /{}/)]", "\\Q\\E".repeat(50_000))).is_ok());
}
