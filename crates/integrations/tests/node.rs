//! Node handlers under the embedded bootstrap.

#![allow(clippy::unwrap_used)]

mod common;

use common::{call, failure, has, json, lambda, member, node};
use stepwell_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn es_modules_answer_and_fail() {
    if !has("node") {
        return;
    }
    let mut about = node("app.about");
    about.env.insert("STAGE".into(), "dev".into());
    let lambda = lambda([
        ("reserve", node("app.reserve")),
        ("about", about),
        ("text", node("app.thrown_text")),
        ("rejects", node("app.rejects_later")),
        ("nested", node("app.nested.deep.handler")),
    ]);
    let result = call(&lambda, "reserve", r#"{"sku":"pen","quantity":2}"#).await.unwrap();
    assert_eq!(result, r#"{"sku":"pen","reserved":2}"#);
    let (error, cause) = failure(&lambda, "reserve", r#"{"sku":"pen","quantity":20}"#).await;
    assert_eq!(error, "OutOfStock");
    assert!(cause.starts_with(
        r#"{"errorType":"OutOfStock","errorMessage":"only 10 of pen left","trace":["OutOfStock: only 10 of pen left","#
    ));
    let about = json(&call(&lambda, "about", "{}").await.unwrap());
    assert_eq!(member(&about, "arn"), "arn:aws:lambda:us-east-1:000000000000:function:about");
    assert_eq!((member(&about, "stage"), about.get("remaining")), ("dev", Some(&Value::from(true))));
    assert_eq!(call(&lambda, "nested", "[1]").await.unwrap(), "[1]");
    let (error, cause) = failure(&lambda, "text", "{}").await;
    assert_eq!((error.as_str(), member(&json(&cause), "errorMessage")), ("string", "just text"));
    let (error, cause) = failure(&lambda, "rejects", "{}").await;
    assert_eq!(error, "Runtime.UnhandledPromiseRejection");
    assert_eq!(member(&json(&cause), "errorMessage"), "Error: nobody listens");
    lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn common_js_answers_by_callback() {
    if !has("node") {
        return;
    }
    let lambda = lambda([
        ("later", node("legacy.later")),
        ("fails", node("legacy.fails")),
        ("succeeds", node("legacy.succeeds")),
        ("forgets", node("legacy.forgets")),
        ("crashes", node("legacy.crashes")),
        ("circular", node("legacy.circular")),
    ]);
    assert_eq!(call(&lambda, "later", "7").await.unwrap(), r#"{"later":7}"#);
    let (error, cause) = failure(&lambda, "fails", "{}").await;
    assert_eq!((error.as_str(), member(&json(&cause), "errorMessage")), ("TypeError", "not this"));
    assert_eq!(call(&lambda, "succeeds", "{}").await.unwrap(), "\"done\"");
    for _ in 0..3 {
        assert_eq!(
            call(&lambda, "forgets", "{}").await.unwrap(),
            "null",
            "as on AWS, without a promise or callback"
        );
    }
    for _ in 0..2 {
        let (error, cause) = failure(&lambda, "crashes", "{}").await;
        assert_eq!((error.as_str(), member(&json(&cause), "errorMessage")), ("RangeError", "out of reach"));
    }
    let (error, _) = failure(&lambda, "circular", "{}").await;
    assert_eq!(error, "Runtime.MarshalError");
    lambda.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_can_not_be_loaded_says_why() {
    if !has("node") {
        return;
    }
    let cases = [
        ("missing", "no_such.handler", "Runtime.ImportModuleError"),
        ("function", "app.nothing", "Runtime.HandlerNotFound"),
        ("name", "app", "Runtime.MalformedHandlerName"),
    ];
    let lambda = lambda(cases.map(|(name, handler, _)| (name, node(handler))));
    for (name, _, error) in cases {
        let (actual, cause) = failure(&lambda, name, "{}").await;
        assert_eq!(actual, error, "{cause}");
    }
    lambda.shutdown().await;
}
