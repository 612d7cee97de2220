//! Details in which jsonata-js 2.0.6 is not what one would think, found by the differential test.

#![allow(clippy::disallowed_methods, clippy::unwrap_used)]

mod common;

use common::oracle::{Question, ours};
use stepwell_json::Value;
use stepwell_jsonata::Limits;

#[test]
fn details_are_those_of_jsonata_js() {
    for (expression, expected) in [
        // What an array of objects without members is spread to is an array; nothing is spread to nothing.
        ("$spread([{}, {}])", "value []"),
        ("$spread([])", "nothing"),
        ("$spread([{\"a\": 1}])", "value [{\"a\":1}]"),
        // A place that is no number is the first.
        ("$substring(\"abc\", $round(1, 0.5))", "value \"abc\""),
        ("$substring(\"abc\", $round(1, 0.5), 2)", "value \"\""),
        // An optional parameter that matched nothing takes the next argument, but its letter is still to be matched.
        ("(function($a, $b, $c)<a<s>?a<n>s:s>{true})(true, nothing)", "error T0412"),
        ("(function($a, $b, $c)<a<s>?a<b>s:x>{[$a, $c]})(true, nothing)", "value [true]"),
    ] {
        let bindings = Value::empty_object();
        let question = Question { expression: expression.to_owned(), on: String::new(), bindings };
        assert_eq!(ours(&question, None, &Limits::PLAIN).to_string(), expected, "{expression}");
    }
}
