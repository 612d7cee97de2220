//! What handlers print is in the server's log, with the execution that it belongs to.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use common::{EXECUTION, call, failure, has, lambda, python};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

type Fields = BTreeMap<&'static str, String>;

/// Keeps the fields of the events of one target.
struct Keep(Arc<Mutex<Vec<Fields>>>);

struct Collect(Fields);

impl Visit for Collect {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.into());
    }
}

impl Subscriber for Keep {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "stepwell::lambda" && *metadata.level() <= tracing::Level::INFO
    }
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut collect = Collect(Fields::new());
        event.record(&mut collect);
        self.0.lock().unwrap().push(collect.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_carry_execution_function_and_request() {
    if !has("python3") {
        return;
    }
    let lines = Arc::new(Mutex::new(Vec::new()));
    tracing::subscriber::set_global_default(Keep(lines.clone())).unwrap();
    let lambda = lambda([("reserve", python("app.reserve"))]);
    let mut requests = Vec::new();
    for quantity in [1, 2, 99] {
        let event = format!(r#"{{"sku":"pen-{quantity}","quantity":{quantity}}}"#);
        if quantity < 10 {
            call(&lambda, "reserve", &event).await.unwrap();
        } else {
            assert_eq!(failure(&lambda, "reserve", &event).await.0, "OutOfStock");
        }
        // All lines of a call are there when its answer is.
        let lines = std::mem::take(&mut *lines.lock().unwrap());
        let find = |text: &str| lines.iter().find(|line| line["message"].contains(text)).cloned();
        let printed = find(&format!("reserving pen-{quantity} for reserve")).unwrap();
        assert_eq!((printed["stream"].as_str(), printed["execution"].as_str()), ("stdout", EXECUTION));
        assert_eq!(printed["function"], "arn:aws:lambda:us-east-1:000000000000:function:reserve");
        let warning = find("warning").unwrap();
        assert_eq!(warning["message"], "\\u{1b}[31mwarning\\u{1b}[0m", "nothing can colour the log");
        assert_eq!(
            (&warning["stream"], &warning["request_id"]),
            (&"stderr".to_owned(), &printed["request_id"])
        );
        assert_eq!(find("app.OutOfStock: only 10").is_some(), quantity > 10, "a traceback is in the log");
        requests.push(printed["request_id"].clone());
    }
    requests.dedup();
    assert_eq!(requests.len(), 3);
    lambda.shutdown().await;
}
