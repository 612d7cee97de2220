//! How many cases of a test file run in a second, reading and reporting apart.
//!
//! `cargo run --release -p stepwell-workflow-test --example cases_per_second`

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use stepwell_asl::{Options, analyse};
use stepwell_interpreter::compile;
use stepwell_json::Payload;
use stepwell_mock::TestCase;
use stepwell_workflow_test::{Coverage, Files, Machine, check, header, read, run};

const TEST: &str = r#"{
    "mocks": {
        "ReserveStock": {"result": {"reservationId": "r-1"}}, "ChargeCard": {"payload": {"chargeId": "c-1"}},
        "ShipOrder": {"error": "AddressUnknown", "cause": "no address"}, "RefundCard": {"result": {}}, "ReleaseStock": {"result": {}}},
    "cases": [{
        "name": "an order that can't be shipped", "input": {"order": 1, "amount": 35, "card": "4242"},
        "expect": {"error": "AddressUnknown", "path": ["...", "ShipOrder", "RefundCard", "ReleaseStock", "RejectOrder"], "calls": {"RefundCard": 1}}}]}"#;

struct Nothing;

impl Files for Nothing {
    fn input(&self, path: &str) -> Result<Payload, String> {
        Err(format!("no {path}"))
    }

    fn mock_case(&self, name: &str) -> Result<Arc<TestCase>, String> {
        Err(format!("no {name}"))
    }
}

fn main() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/order-saga/order-saga.asl.json");
    let definition = std::fs::read_to_string(path).expect("the example is there");
    let analysis = analyse(&definition, &Options::default());
    let program = compile(analysis.definition.expect("the example is valid")).expect("it compiles");
    let machine = Machine::new(Arc::new(program), &definition);
    let (root, header) = header(TEST).expect("a test file");
    let suite = read(&root, header.machine_type, &machine, "order-saga", &Nothing).expect("a test file");
    let mut coverage = Coverage::new(&machine);
    let (started, mut cases, mut transitions) = (Instant::now(), 0_u32, 0);
    while started.elapsed() < Duration::from_secs(3) {
        for case in &suite.cases {
            let ran = run(&machine, suite.machine_type, case, &mut coverage);
            assert!(check(&machine, case, &ran).is_empty(), "the case passes");
            cases += 1;
            transitions += ran.path.len();
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{:.0} cases and {:.0} transitions a second, on one core",
        f64::from(cases) / seconds,
        transitions as f64 / seconds
    );
}
