//! The null server and the load driver, together: what is compared with Stepwell must itself be right.

use std::{net::TcpStream, rc::Rc, time::Duration};

use serde_json::json;
use stepwell_benchmarks::{
    client::{Client, free_address},
    load::{Connection, Script, Until, run},
    null_server::{SYNC_DURATIONS, serve},
    wire::text_member,
};

struct StartAndDescribe;

impl Script for StartAndDescribe {
    async fn once(&self, connection: &mut Connection, _: u64) -> anyhow::Result<()> {
        connection.call("StartExecution", b"{}").await?;
        let answer = connection.call("DescribeExecution", b"{}").await?;
        anyhow::ensure!(text_member(answer, "status") == Some("SUCCEEDED"));
        Ok(())
    }
}

#[test]
fn every_start_is_synced_and_syncs_are_shared() {
    let place = tempfile::tempdir().unwrap();
    let address = free_address().unwrap();
    let directory = place.path().to_owned();
    std::thread::spawn(move || serve(address, &directory, None).unwrap());
    while TcpStream::connect(address).is_err() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut client = Client::new(address);
    let syncs = |client: &mut Client| {
        let page = String::from_utf8(client.get("/metrics").unwrap().body).unwrap();
        page.trim().rsplit(' ').next().unwrap().parse::<u64>().unwrap()
    };

    let alone = run(address, 1, Until::Count(20), &Rc::new(StartAndDescribe)).unwrap();
    assert_eq!((alone.count, alone.latencies_ms.len()), (20, 20));
    assert_eq!(syncs(&mut client), 20, "one connection shares no sync");
    let durations = String::from_utf8(client.get(SYNC_DURATIONS).unwrap().body).unwrap();
    assert_eq!(durations.lines().count(), 20);

    let many = run(address, 16, Until::Count(200), &Rc::new(StartAndDescribe)).unwrap();
    assert_eq!(many.count, 200);
    let shared = syncs(&mut client) - 20;
    assert!((1..=200).contains(&shared), "{shared} syncs for 200 starts");

    // A refusal stops the driver instead of being counted.
    assert_eq!(client.call("NoSuchOperation", &json!({})).unwrap().error_name(), "UnknownOperationException");
    struct Refused;
    impl Script for Refused {
        async fn once(&self, connection: &mut Connection, _: u64) -> anyhow::Result<()> {
            connection.call("NoSuchOperation", b"{}").await.map(|_| ())
        }
    }
    let error = run(address, 2, Until::Count(2), &Rc::new(Refused)).unwrap_err();
    assert!(format!("{error:#}").contains("NoSuchOperation was refused (400)"), "{error:#}");
}

#[test]
fn a_handler_answers_what_it_is_called_with() {
    let place = tempfile::tempdir().unwrap();
    let address = free_address().unwrap();
    let directory = place.path().to_owned();
    let handler = "def handle(event, context):\n    return {\"twice\": 2 * event[\"n\"]}\n";
    std::fs::write(directory.join("double.py"), handler).unwrap();
    std::thread::spawn(move || serve(address, &directory, Some("double.handle")).unwrap());
    while TcpStream::connect(address).is_err() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let mut client = Client::new(address);
    for number in 1..4 {
        let answer = client.call("Invoke", &json!({"n": number})).unwrap();
        assert_eq!((answer.status, answer.json()), (200, json!({"twice": 2 * number})));
    }
}
