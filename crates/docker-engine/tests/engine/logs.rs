//! The output of containers, however it arrives.

use super::common::{Gate, client, fake_engine, limits, read_all, run, text, text_of};
use stepwell_docker_engine::fake::{FakeCall, Fault};
use stepwell_docker_engine::{EngineError, Limits, LogPosition, LogSource};

const BOTH: &str = "echo one; echo two >&2; printf 'three'; printf 'f\\0ur\\n' >&2; head -c 40000 /dev/zero | tr '\\0' x; echo";

#[tokio::test]
async fn frames_are_put_together_wherever_they_are_cut() {
    let (fake, engine) = fake_engine().await;
    let id = run(&engine, BOTH).await;
    engine.wait(&id).await.unwrap();
    for piece_bytes in [1, 2, 3, 7, 8, 9, 37, 38, 39, 4096, usize::MAX] {
        fake.set_log_piece_bytes(piece_bytes);
        let entries = read_all(&mut engine.follow_logs(&id, LogPosition::START)).await.unwrap();
        let stdout = text_of(&entries, LogSource::Stdout);
        assert_eq!(stdout, format!("one\nthree{}\n", "x".repeat(40_000)), "{piece_bytes}");
        assert_eq!(text_of(&entries, LogSource::Stderr), "two\nf\0ur\n", "{piece_bytes}");
        assert!(entries.iter().all(|entry| entry.bytes.len() <= 16 * 1024));
    }
}

#[tokio::test]
async fn entries_come_while_the_container_runs() {
    let (_fake, engine) = fake_engine().await;
    let gate = Gate::new();
    let id = run(&engine, &format!("echo before; cat {}; echo after", text(&gate.path()))).await;
    let mut logs = engine.follow_logs(&id, LogPosition::START);
    assert_eq!(logs.next().await.unwrap().unwrap().bytes, "before\n");
    gate.open().await;
    assert_eq!(logs.next().await.unwrap().unwrap().bytes, "after\n");
    assert_eq!(logs.next().await, Ok(None));
    assert_eq!(logs.next().await, Ok(None));
}

#[tokio::test]
async fn dropping_the_future_loses_nothing() {
    let (fake, engine) = fake_engine().await;
    fake.set_log_piece_bytes(1);
    let id = run(&engine, "for i in 1 2 3 4 5 6 7 8 9; do echo $i; done").await;
    let mut logs = engine.follow_logs(&id, LogPosition::START);
    let mut told = String::new();
    let mut yields = 0;
    loop {
        // The future is dropped at whatever it waits for, and is given a little longer each time.
        yields += 1;
        tokio::select! {
            biased;
            entry = logs.next() => match entry.unwrap() {
                Some(entry) => told.push_str(std::str::from_utf8(&entry.bytes).unwrap()),
                None => break,
            },
            () = async { for _ in 0..yields { tokio::task::yield_now().await } } => {}
        }
    }
    assert_eq!(told, "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
}

#[tokio::test]
async fn nothing_is_lost_or_told_twice_when_connections_break() {
    let (fake, engine) = fake_engine().await;
    let id = run(&engine, "echo one; echo two >&2; head -c 33000 /dev/zero | tr '\\0' x; echo three").await;
    engine.wait(&id).await.unwrap();
    let whole = read_all(&mut engine.follow_logs(&id, LogPosition::START)).await.unwrap();
    assert_eq!(whole.len(), 5);
    // Everywhere in the two short entries, and at the ends of the long ones.
    for bytes in (0..90).chain([16_500, 16_507, 16_508, 16_509, 16_520, 32_930, 32_931, 32_932, 33_400]) {
        fake.fail(FakeCall::Logs, Fault::DropAfterBytes(bytes), 1);
        let entries = read_all(&mut engine.follow_logs(&id, LogPosition::START)).await.unwrap();
        assert!(entries == whole, "cut after {bytes} bytes: {} entries of {}", entries.len(), whole.len());
        fake.heal();
    }
}

#[tokio::test]
async fn a_stream_that_ends_within_an_entry_is_asked_for_again() {
    let (fake, engine) = fake_engine().await;
    let id = run(&engine, "echo one").await;
    engine.wait(&id).await.unwrap();
    fake.fail(FakeCall::Logs, Fault::Body("\u{1}\0\0\0\0\0\0\u{23}2026-01-01T00:00".into()), 1);
    let entries = read_all(&mut engine.follow_logs(&id, LogPosition::START)).await.unwrap();
    assert_eq!(text_of(&entries, LogSource::Stdout), "one\n");
}

#[tokio::test]
async fn an_engine_that_restarts_is_followed_on() {
    let (fake, engine) = fake_engine().await;
    let gate = Gate::new();
    let id =
        run(&engine, &format!("echo one; cat {0}; echo two; cat {0}; echo three", text(&gate.path()))).await;
    let mut logs = engine.follow_logs(&id, LogPosition::START);
    assert_eq!(logs.next().await.unwrap().unwrap().bytes, "one\n");
    fake.stop_listening().await;
    gate.open().await;
    fake.until_logged(&id, 2).await;
    let (entry, listening) = tokio::join!(logs.next(), async { fake.listen() });
    listening.unwrap();
    assert_eq!(entry.unwrap().unwrap().bytes, "two\n");
    fake.drop_connections().await.unwrap();
    gate.open().await;
    assert_eq!(logs.next().await.unwrap().unwrap().bytes, "three\n");
    assert_eq!(logs.next().await, Ok(None));
}

#[tokio::test]
async fn another_process_goes_on_from_a_position_that_was_noted() {
    let (_fake, engine) = fake_engine().await;
    // The parts of the long line share a time.
    let id = run(&engine, "echo one; echo two >&2; head -c 50000 /dev/zero | tr '\\0' x; echo; echo end >&2")
        .await;
    engine.wait(&id).await.unwrap();
    let whole = read_all(&mut engine.follow_logs(&id, LogPosition::START)).await.unwrap();
    assert_eq!(whole.len(), 7);
    for taken in 0..=whole.len() {
        let mut logs = engine.follow_logs(&id, LogPosition::START);
        for _ in 0..taken {
            logs.next().await.unwrap().unwrap();
        }
        let noted = serde_json::to_string(&logs.position()).unwrap();
        let position: LogPosition = serde_json::from_str(&noted).unwrap();
        let rest = read_all(&mut engine.follow_logs(&id, position)).await.unwrap();
        assert_eq!(rest, whole[taken..]);
    }
}

#[tokio::test]
async fn a_log_of_any_length_passes_through() {
    let (_fake, engine) = fake_engine().await;
    const LINES: usize = 300_000;
    let id = run(&engine, &format!("seq -f 'line %.0f of a log that is far longer than any buffer' {LINES}"))
        .await;
    let mut logs = engine.follow_logs(&id, LogPosition::START);
    let mut count = 0;
    while let Some(entry) = logs.next().await.unwrap() {
        count += 1;
        let expected = format!("line {count} of a log that is far longer than any buffer\n");
        assert_eq!(entry.bytes, expected.as_bytes());
    }
    assert_eq!(count, LINES);
}

#[tokio::test]
async fn the_log_of_a_container_that_is_removed_ends() {
    let (fake, engine) = fake_engine().await;
    let id = run(&engine, "echo one; sleep 60").await;
    let mut logs = engine.follow_logs(&id, LogPosition::START);
    assert_eq!(logs.next().await.unwrap().unwrap().bytes, "one\n");
    fake.remove(&id);
    assert_eq!(logs.next().await, Ok(None));
}

#[tokio::test]
async fn a_container_that_never_started_has_no_log() {
    let (_fake, engine) = fake_engine().await;
    let id = engine.create(&super::common::script("true")).await.unwrap();
    let error = engine.follow_logs(&id, LogPosition::START).next().await.unwrap_err();
    assert_eq!(error, EngineError::NotStarted { container: id });
}

#[tokio::test]
async fn streams_that_are_none_of_frames_are_errors() {
    let (fake, engine) = fake_engine().await;
    let id = run(&engine, "true").await;
    let entry = |header: &[u8], rest: &str| String::from_utf8([header, rest.as_bytes()].concat()).unwrap();
    for (stream, expected) in [
        ("plain text of a terminal\n".to_owned(), "isn't made of frames"),
        (entry(&[1, 0, 0, 0, 0, 0, 0, 5], "hello"), "does not begin with its time"),
        (entry(&[1, 0, 0, 0, 0, 0, 0, 11], "hello world"), "does not begin with its time"),
        (entry(&[1, 0, 0, 0, 0x7f, 0, 0, 0], "x"), "longer than 4194304 bytes"),
        (entry(&[3, 0, 0, 0, 0, 0, 0, 8], "disk bad"), "disk bad"),
    ] {
        fake.fail(FakeCall::Logs, Fault::Body(stream.clone()), 1);
        let error = engine.follow_logs(&id, LogPosition::START).next().await.unwrap_err();
        assert!(error.to_string().contains(expected), "{stream:?}: {error}");
    }
}

#[tokio::test]
async fn an_engine_that_stays_away_is_given_up() {
    let (fake, engine) = fake_engine().await;
    let id = run(&engine, "echo one; sleep 60").await;
    let engine = client(&fake, Limits { reconnect: std::time::Duration::from_millis(200), ..limits() }).await;
    let mut logs = engine.follow_logs(&id, LogPosition::START);
    assert_eq!(logs.next().await.unwrap().unwrap().bytes, "one\n");
    fake.stop_listening().await;
    let error = logs.next().await.unwrap_err();
    assert!(error.may_pass(), "{error:?}");
    // The engine is back, and the log goes on as if nothing had been.
    fake.listen().unwrap();
    engine.kill(&id).await.unwrap();
    assert_eq!(logs.next().await, Ok(None));
}

#[tokio::test]
async fn refusals_are_told_in_the_words_of_the_engine() {
    let (fake, engine) = fake_engine().await;
    let id = run(&engine, "true").await;
    let message = "configured logging driver does not support reading".to_owned();
    fake.fail(FakeCall::Logs, Fault::Status(500, message.clone()), 1);
    let error = engine.follow_logs(&id, LogPosition::START).next().await.unwrap_err();
    assert_eq!(
        error,
        EngineError::Refused { operation: "send the container's output", status: 500, message }
    );
}
