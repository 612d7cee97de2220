//! Engines that aren't there, can't be used, or fail: what the user is told.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use super::common::{client, fake_engine, impatient};
use stepwell_docker_engine::fake::{FakeCall, FakeEngine, Fault};
use stepwell_docker_engine::{Engine, EngineError, SocketSearch};

#[tokio::test]
async fn places_without_an_engine_are_all_named() {
    let directory = tempfile::tempdir().unwrap();
    let (absent, stale) = (directory.path().join("absent.sock"), directory.path().join("stale.sock"));
    drop(UnixListener::bind(&stale).unwrap());
    let error = Engine::connect(&SocketSearch::only(&absent)).await.unwrap_err();
    assert!(matches!(error, EngineError::NoSocket { .. }), "{error:?}");
    assert!(
        error.to_string().contains(&format!("{} is not there. Start Docker", absent.display())),
        "{error}"
    );
    let error = Engine::connect(&SocketSearch::only(&stale)).await.unwrap_err();
    assert!(matches!(error, EngineError::Unreachable { .. }), "{error:?}");
    let both = SocketSearch { usual_places: vec![absent.clone(), stale.clone()], ..SocketSearch::default() };
    let error = Engine::connect(&both).await.unwrap_err();
    for part in
        [format!("{} is not there", absent.display()), format!("at {} can't be reached", stale.display())]
    {
        assert!(error.to_string().contains(&part), "{error}");
    }
}

#[tokio::test]
async fn the_first_engine_that_answers_is_taken() {
    let directory = tempfile::tempdir().unwrap();
    let stale = directory.path().join("stale.sock");
    drop(UnixListener::bind(&stale).unwrap());
    let (fake, _) = fake_engine().await;
    let usual_places = vec![directory.path().join("absent"), stale.clone(), fake.socket().to_owned()];
    let search = SocketSearch { usual_places, ..SocketSearch::default() };
    assert_eq!(Engine::connect(&search).await.unwrap().socket(), fake.socket());
    // What is given is used or fails: another engine would not have its images and containers.
    let address = format!("unix://{}", stale.display());
    let search = SocketSearch { docker_host: Some(address), ..search };
    let error = Engine::connect(&search).await.unwrap_err();
    assert!(matches!(error, EngineError::Unreachable { .. }), "{error:?}");
    let search = SocketSearch { configured: Some(fake.socket().display().to_string()), ..search };
    assert_eq!(Engine::connect(&search).await.unwrap().socket(), fake.socket());
}

#[tokio::test]
async fn addresses_that_are_none_of_a_unix_socket_are_refused() {
    for address in
        ["tcp://127.0.0.1:2375", "ssh://host", "npipe:////./pipe/docker", "docker.sock", "unix://a.sock", ""]
    {
        let search = SocketSearch { configured: Some(address.into()), ..SocketSearch::default() };
        let error = Engine::connect(&search).await.unwrap_err();
        let expected =
            EngineError::UnsupportedAddress { address: address.into(), origin: "the configuration" };
        assert_eq!(error, expected);
    }
    let search = SocketSearch { docker_host: Some("tcp://1.2.3.4:1".into()), ..SocketSearch::default() };
    let error = search.candidates().unwrap_err();
    assert!(error.to_string().contains("from DOCKER_HOST"), "{error}");
}

#[tokio::test]
async fn both_sides_settle_on_a_version() {
    for (newest, oldest, spoken) in
        [("1.40", "1.12", "1.40"), ("1.43", "1.24", "1.43"), ("1.99", "1.44", "1.51")]
    {
        let fake = FakeEngine::start().unwrap();
        fake.set_api_versions(newest, oldest);
        let engine = Engine::connect(&fake.search()).await.unwrap();
        assert_eq!(engine.about().await.unwrap().api_version, spoken);
    }
    let fake = FakeEngine::start().unwrap();
    fake.set_api_versions("1.39", "1.12");
    let error = Engine::connect(&fake.search()).await.unwrap_err();
    assert!(matches!(error, EngineError::TooOld { .. }), "{error:?}");
    fake.set_api_versions("none", "1.12");
    let error = Engine::connect(&fake.search()).await.unwrap_err();
    assert!(error.to_string().contains("this is no container engine"), "{error}");
}

#[tokio::test]
async fn a_version_that_the_engine_has_given_up_is_told_in_its_words() {
    let (fake, engine) = fake_engine().await;
    fake.set_api_versions("1.60", "1.55");
    let error = engine.inspect("x").await.unwrap_err();
    assert!(error.to_string().contains("client version 1.43 is too old"), "{error}");
}

type Check = fn(&EngineError) -> bool;

#[tokio::test]
async fn answers_of_every_wrong_kind_are_told_apart() {
    let (fake, patient) = fake_engine().await;
    let engine = client(&fake, impatient()).await;
    let id = patient.create(&super::common::script("true")).await.unwrap();
    let cases: Vec<(Fault, Check)> = vec![
        (Fault::Status(500, "disk full".into()), |error| {
            error.to_string().ends_with("(status 500): disk full")
        }),
        (Fault::Status(404, "page not found".into()), |error| {
            matches!(error, EngineError::Refused { status: 404, .. })
        }),
        (Fault::Status(409, "busy".into()), |error| {
            matches!(error, EngineError::Refused { status: 409, .. })
        }),
        (Fault::Hang, |error| matches!(error, EngineError::TimedOut { .. })),
        (Fault::HangAfterBytes(0), |error| matches!(error, EngineError::TimedOut { .. })),
        (Fault::HangAfterBytes(10), |error| matches!(error, EngineError::TimedOut { .. })),
        (Fault::Drop, |error| matches!(error, EngineError::ConnectionLost { .. })),
        (Fault::DropAfterBytes(0), |error| matches!(error, EngineError::ConnectionLost { .. })),
        (Fault::DropAfterBytes(10), |error| matches!(error, EngineError::ConnectionLost { .. })),
        (Fault::Body("<html>".into()), |error| matches!(error, EngineError::BadAnswer { .. })),
        (Fault::Body("{}".into()), |error| matches!(error, EngineError::BadAnswer { .. })),
        (Fault::Body(" ".repeat(5 << 20)), |error| matches!(error, EngineError::TooLarge { .. })),
    ];
    for (fault, is_expected) in cases {
        fake.fail(FakeCall::Inspect, fault.clone(), 1);
        let engine = if matches!(fault, Fault::Hang | Fault::HangAfterBytes(_)) { &engine } else { &patient };
        let error = engine.inspect(&id).await.unwrap_err();
        assert!(is_expected(&error), "{error:?} for {:.60}", format!("{fault:?}"));
        patient.inspect(&id).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_so_already_is_no_failure_but_other_refusals_are() {
    let (fake, engine) = fake_engine().await;
    let id = engine.create(&super::common::script("true")).await.unwrap();
    fake.fail(
        FakeCall::Remove,
        Fault::Status(409, "removal of container x is already in progress".into()),
        1,
    );
    engine.remove(&id).await.unwrap();
    fake.fail(FakeCall::Remove, Fault::Status(409, "container is used by another".into()), 1);
    engine.remove(&id).await.unwrap_err();
    fake.fail(FakeCall::Remove, Fault::Status(500, "device busy".into()), 1);
    engine.remove(&id).await.unwrap_err();
    // As Podman says that it doesn't run.
    fake.fail(FakeCall::Kill, Fault::Status(500, "can only kill running containers".into()), 1);
    engine.kill(&id).await.unwrap();
    engine.start(&id).await.unwrap();
    engine.wait(&id).await.unwrap();
    fake.fail(FakeCall::Create, Fault::Status(404, "network x not found".into()), 1);
    let error = engine.create(&super::common::script("true")).await.unwrap_err();
    assert!(matches!(error, EngineError::Refused { status: 404, .. }), "{error:?}");
    // As Podman has said it.
    let message = "the container name \"x\" is already in use by 0123";
    fake.fail(FakeCall::Create, Fault::Status(500, message.into()), 1);
    let mut spec = super::common::script("true");
    spec.name = Some("x".into());
    let error = engine.create(&spec).await.unwrap_err();
    assert!(matches!(error, EngineError::NameTaken { .. }), "{error:?}");
}

#[tokio::test]
async fn a_kill_that_is_refused_while_the_container_runs_is_an_error() {
    let (fake, engine) = fake_engine().await;
    let id = super::common::run(&engine, "sleep 60").await;
    for status in [409, 500] {
        fake.fail(FakeCall::Kill, Fault::Status(status, "permission denied".into()), 1);
        let error = engine.kill(&id).await.unwrap_err();
        assert!(matches!(error, EngineError::Refused { .. }), "{error:?}");
    }
}

#[test]
fn the_usual_places_are_dockers_then_podmans() {
    let search = SocketSearch::from_environment(None);
    assert_eq!(search.usual_places.first(), Some(&PathBuf::from("/var/run/docker.sock")));
    assert_eq!(search.usual_places.last(), Some(&PathBuf::from("/run/podman/podman.sock")));
}
