//! Waiting for the end of a container while the engine has troubles of its own.

use std::time::Duration;

use super::common::{Gate, client, fake_engine, limits, run, script, text};
use stepwell_docker_engine::fake::{FakeCall, Fault};
use stepwell_docker_engine::{EngineError, Limits, LogPosition};

#[tokio::test]
async fn the_end_is_told_when_it_comes() {
    let (fake, engine) = fake_engine().await;
    let gate = Gate::new();
    let id = run(&engine, &format!("cat {}; exit 5", text(&gate.path()))).await;
    let waiting = tokio::spawn({
        let (engine, id) = (engine.clone(), id.clone());
        async move { engine.wait(&id).await }
    });
    fake.until_called(FakeCall::Wait, 1).await;
    assert!(!waiting.is_finished());
    gate.open().await;
    assert_eq!(waiting.await.unwrap().unwrap().exit_code, 5);
    assert_eq!(fake.calls(FakeCall::Wait), 1);
    assert_eq!(engine.wait(&id).await.unwrap().exit_code, 5);
    assert_eq!(fake.calls(FakeCall::Wait), 1, "what has ended is not waited for");
}

#[tokio::test]
async fn who_gives_up_waiting_leaves_nothing_behind() {
    let (fake, engine) = fake_engine().await;
    let id = run(&engine, "echo one; sleep 60").await;
    let mut logs = engine.follow_logs(&id, LogPosition::START);
    logs.next().await.unwrap().unwrap();
    // Once after the head of the answer, once before.
    for calls in [1, 2] {
        tokio::select! {
            end = engine.wait(&id) => panic!("{end:?}"),
            entry = logs.next() => panic!("{entry:?}"),
            () = fake.until_called(FakeCall::Wait, calls) => {}
        }
        fake.fail(FakeCall::Wait, Fault::Hang, 1);
    }
    drop(logs);
    fake.until_disconnected().await;
}

#[tokio::test]
async fn connections_that_break_are_made_anew() {
    for fault in [Fault::Drop, Fault::DropAfterBytes(0), Fault::DropAfterBytes(5), Fault::Body("{}".into())] {
        let (fake, engine) = fake_engine().await;
        let gate = Gate::new();
        let id = run(&engine, &format!("cat {}; exit 6", text(&gate.path()))).await;
        fake.fail(FakeCall::Wait, fault.clone(), 1);
        let (end, ()) = tokio::join!(engine.wait(&id), async {
            // A part of the answer is there only at the end of the container.
            let first = if fault == Fault::DropAfterBytes(5) { 1 } else { 2 };
            fake.until_called(FakeCall::Wait, first).await;
            gate.open().await;
        });
        assert_eq!(end.unwrap().exit_code, 6, "{fault:?}");
    }
}

#[tokio::test]
async fn an_engine_that_restarts_is_waited_for() {
    let (fake, engine) = fake_engine().await;
    let gate = Gate::new();
    let id = run(&engine, &format!("cat {}; exit 8", text(&gate.path()))).await;
    let (end, ()) = tokio::join!(engine.wait(&id), async {
        fake.until_called(FakeCall::Wait, 1).await;
        fake.stop_listening().await;
        // The container ends while nobody can tell.
        gate.open().await;
        fake.until_ended(&id).await;
        fake.listen().unwrap();
    });
    assert_eq!(end.unwrap().exit_code, 8);
}

#[tokio::test]
async fn an_engine_that_forgets_to_tell_of_the_end_is_asked() {
    let (fake, _) = fake_engine().await;
    let engine = client(&fake, Limits { wait_round: Duration::from_millis(100), ..limits() }).await;
    let gate = Gate::new();
    let id = run(&engine, &format!("cat {}; exit 9", text(&gate.path()))).await;
    fake.fail(FakeCall::Wait, Fault::Hang, usize::MAX);
    let (end, ()) = tokio::join!(engine.wait(&id), async {
        fake.until_called(FakeCall::Wait, 1).await;
        gate.open().await;
    });
    assert_eq!(end.unwrap().exit_code, 9);
}

#[tokio::test]
async fn an_engine_that_stays_away_is_given_up_and_can_be_waited_for_again() {
    let (fake, _) = fake_engine().await;
    let engine = client(&fake, Limits { reconnect: Duration::from_millis(200), ..limits() }).await;
    let id = run(&engine, "sleep 60").await;
    let (end, ()) = tokio::join!(engine.wait(&id), async {
        fake.until_called(FakeCall::Wait, 1).await;
        fake.stop_listening().await;
    });
    let error = end.unwrap_err();
    assert!(matches!(error, EngineError::NoSocket { .. }), "{error:?}");
    fake.kill_all();
    fake.until_ended(&id).await;
    fake.listen().unwrap();
    assert_eq!(engine.wait(&id).await.unwrap().exit_code, 137);
}

#[tokio::test]
async fn an_engine_that_shuts_down_is_waited_for() {
    let (fake, engine) = fake_engine().await;
    let id = run(&engine, "exit 4").await;
    fake.fail(FakeCall::Inspect, Fault::Status(503, "the daemon is shutting down".into()), 2);
    assert_eq!(engine.wait(&id).await.unwrap().exit_code, 4);
}

#[tokio::test]
async fn a_refusal_ends_the_wait() {
    let (fake, engine) = fake_engine().await;
    let id = run(&engine, "sleep 60").await;
    fake.fail(FakeCall::Wait, Fault::Status(500, "disk full".into()), 1);
    let error = engine.wait(&id).await.unwrap_err();
    let message = "the container engine failed to wait for the container (status 500): disk full";
    assert_eq!(error.to_string(), message);
}

#[tokio::test]
async fn a_container_that_is_removed_meanwhile_is_gone() {
    let (fake, engine) = fake_engine().await;
    let id = run(&engine, "sleep 60").await;
    let (end, ()) = tokio::join!(engine.wait(&id), async {
        fake.until_called(FakeCall::Wait, 1).await;
        fake.remove(&id);
    });
    assert_eq!(end, Err(EngineError::NoSuchContainer { container: id }));
}

#[tokio::test]
async fn a_container_that_could_not_be_started_is_not_waited_for() {
    let (_fake, engine) = fake_engine().await;
    let mut spec = script("");
    spec.command = vec!["no-such-command".into()];
    let id = engine.create(&spec).await.unwrap();
    engine.start(&id).await.unwrap_err();
    assert_eq!(engine.wait(&id).await, Err(EngineError::NotStarted { container: id }));
}
