//! A container from its image to its removal, against the fake engine and, by hand, against a real one.

use std::collections::BTreeMap;
use std::time::Duration;

use super::common::{fake_engine, limits, read_all, run, script, text_of};
use serde_json::{Value, json};
use stepwell_docker_engine::fake::{FakeEngine, FakeImage};
use stepwell_docker_engine::{
    ContainerSpec, ContainerStatus, Engine, EngineError, LogPosition, LogSource, SocketSearch,
};

/// What every engine must do alike.
async fn live(engine: &Engine, image: &str) {
    let name = format!("stepwell-test-{}", std::process::id());
    engine.remove(&name).await.unwrap();
    engine.ensure_image(image, |_| ()).await.unwrap();
    let labels = BTreeMap::from([("stepwell.test".to_owned(), name.clone())]);
    let mut spec = ContainerSpec {
        name: Some(name.clone()),
        command: ["sh", "-c", "echo \"$WORD\"; pwd >&2; exit 7"].map(str::to_owned).to_vec(),
        environment: BTreeMap::from([("WORD".to_owned(), "two words = one".to_owned())]),
        working_directory: Some("/tmp".into()),
        labels: labels.clone(),
        memory_limit_bytes: Some(64 << 20),
        nano_cpus: Some(500_000_000),
        network: Some("none".into()),
        ..ContainerSpec::of_image(image)
    };
    let id = engine.create(&spec).await.unwrap();
    let taken = engine.create(&spec).await.unwrap_err();
    assert!(matches!(&taken, EngineError::NameTaken { name: taken, .. } if *taken == name), "{taken:?}");

    let made = engine.inspect(&name).await.unwrap();
    assert_eq!((&made.id, &made.name, made.state.status), (&id, &name, ContainerStatus::Created));
    assert_eq!(made.labels.get("stepwell.test"), Some(&name));
    assert_eq!(made.state.started_at_milliseconds, None);
    assert_eq!(engine.wait(&id).await, Err(EngineError::NotStarted { container: id.clone() }));
    engine.kill(&id).await.unwrap();

    engine.start(&id).await.unwrap();
    let entries = read_all(&mut engine.follow_logs(&id, LogPosition::START)).await.unwrap();
    assert_eq!(text_of(&entries, LogSource::Stdout), "two words = one\n");
    assert_eq!(text_of(&entries, LogSource::Stderr), "/tmp\n");

    let end = engine.wait(&id).await.unwrap();
    assert_eq!((end.status, end.exit_code, end.out_of_memory), (ContainerStatus::Exited, 7, false));
    let (started, finished) = (end.started_at_milliseconds.unwrap(), end.finished_at_milliseconds.unwrap());
    assert!(started <= finished, "{started} {finished}");

    engine.kill(&id).await.unwrap();
    engine.stop(&id, Duration::ZERO).await.unwrap();
    let listed = engine.list(&[("stepwell.test", &name)]).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].id, &listed[0].name, listed[0].status), (&id, &name, ContainerStatus::Exited));
    assert_eq!(engine.list(&[("stepwell.test", "another")]).await.unwrap(), []);

    engine.remove(&id).await.unwrap();
    engine.remove(&id).await.unwrap();
    let gone = EngineError::NoSuchContainer { container: id.clone() };
    assert_eq!(engine.inspect(&id).await, Err(gone.clone()));
    assert_eq!(engine.start(&id).await, Err(gone.clone()));
    assert_eq!(engine.wait(&id).await, Err(gone.clone()));
    assert_eq!(engine.kill(&id).await, Err(gone.clone()));
    assert_eq!(engine.stop(&id, Duration::ZERO).await, Err(gone.clone()));
    assert_eq!(engine.follow_logs(&id, LogPosition::START).next().await, Err(gone));

    spec.command = vec!["no-such-command".into()];
    let id = engine.create(&spec).await.unwrap();
    let refused = engine.start(&id).await.unwrap_err();
    assert!(refused.to_string().contains("no-such-command"), "{refused}");

    spec.image = "stepwell-no-such-image:1".into();
    spec.name = None;
    let absent = engine.create(&spec).await.unwrap_err();
    assert!(matches!(absent, EngineError::NoSuchImage { .. }), "{absent:?}");
    engine.remove(&id).await.unwrap();

    // A script that is told to end, and one that won't listen.
    for (trap, code) in [("trap 'exit 3' TERM", 3), ("trap '' TERM", 137)] {
        let spec = ContainerSpec {
            command: ["sh", "-c", &format!("{trap}; echo ready; while :; do sleep 0.1; done")]
                .map(str::to_owned)
                .to_vec(),
            network: Some("none".into()),
            ..ContainerSpec::of_image(image)
        };
        let id = engine.create(&spec).await.unwrap();
        engine.start(&id).await.unwrap();
        let mut logs = engine.follow_logs(&id, LogPosition::START);
        assert_eq!(logs.next().await.unwrap().unwrap().bytes, "ready\n");
        engine.stop(&id, Duration::from_millis(700)).await.unwrap();
        assert_eq!(engine.wait(&id).await.unwrap().exit_code, code);
        engine.remove(&id).await.unwrap();
    }
}

#[tokio::test]
async fn a_container_lives_as_documented() {
    let fake = FakeEngine::start().unwrap();
    fake.add_to_registry("alpine:3", FakeImage::with_command(&["sh"]));
    let engine = Engine::connect_within(&fake.search(), limits()).await.unwrap();
    live(&engine, "docker.io/library/alpine:3").await;
    assert_eq!(fake.containers(), Vec::<String>::new());
}

/// `STEPWELL_TEST_IMAGE=… cargo test -p stepwell-docker-engine -- --ignored` where Docker or Podman is.
#[tokio::test]
#[ignore = "needs a container engine"]
async fn a_container_lives_as_documented_in_a_real_engine() {
    let image = std::env::var("STEPWELL_TEST_IMAGE").unwrap_or_else(|_| "docker.io/library/alpine:3".into());
    let engine = Engine::connect(&SocketSearch::from_environment(None)).await.unwrap();
    println!("{:?}", engine.about().await.unwrap());
    live(&engine, &image).await;
}

#[tokio::test]
async fn a_container_is_made_of_what_is_given_and_nothing_else() {
    let (fake, engine) = fake_engine().await;
    let id = engine.create(&ContainerSpec::of_image("shell")).await.unwrap();
    let sent: Value = serde_json::from_str(&fake.created_with(&id).unwrap()).unwrap();
    assert_eq!(sent, json!({ "Image": "shell", "Env": [], "Labels": {}, "HostConfig": {} }));

    let text = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let spec = ContainerSpec {
        name: Some("job.1_a-b".into()),
        image: "shell:latest".into(),
        entrypoint: text(&["/bin/sh", "-c"]),
        command: text(&["true"]),
        environment: BTreeMap::from([("A".into(), "x=y".into())]),
        working_directory: Some("/tmp".into()),
        user: Some("1000:1000".into()),
        labels: BTreeMap::from([("l".into(), "v".into())]),
        memory_limit_bytes: Some(6 << 20),
        nano_cpus: Some(250_000_000),
        network: Some("none".into()),
        extra_hosts: text(&["host.docker.internal:host-gateway"]),
        binds: text(&["/tmp:/data:ro"]),
    };
    let id = engine.create(&spec).await.unwrap();
    let sent: Value = serde_json::from_str(&fake.created_with(&id).unwrap()).unwrap();
    let expected = json!({
        "Image": "shell:latest",
        "Entrypoint": ["/bin/sh", "-c"],
        "Cmd": ["true"],
        "Env": ["A=x=y"],
        "WorkingDir": "/tmp",
        "User": "1000:1000",
        "Labels": { "l": "v" },
        "HostConfig": {
            "Memory": 6_291_456,
            "NanoCpus": 250_000_000,
            "NetworkMode": "none",
            "ExtraHosts": ["host.docker.internal:host-gateway"],
            "Binds": ["/tmp:/data:ro"],
        },
    });
    assert_eq!(sent, expected);
    assert_eq!(engine.inspect("job.1_a-b").await.unwrap().id, id);
}

#[tokio::test]
async fn values_that_cannot_be_sent_are_refused_before_anything_is_asked() {
    let (fake, engine) = fake_engine().await;
    let spec = ContainerSpec { name: Some("../x".into()), ..ContainerSpec::of_image("shell") };
    let bad_name = engine.create(&spec).await.unwrap_err();
    let variable = ContainerSpec {
        environment: BTreeMap::from([("A=B".into(), String::new())]),
        ..ContainerSpec::of_image("shell")
    };
    let bad_variable = engine.create(&variable).await.unwrap_err();
    let bad_image = engine.create(&ContainerSpec::of_image("a b")).await.unwrap_err();
    let bad_id = engine.inspect("a?b").await.unwrap_err();
    let no_id = engine.remove("").await.unwrap_err();
    for error in [bad_name, bad_variable, bad_image, bad_id, no_id] {
        assert!(matches!(error, EngineError::InvalidValue { .. }), "{error:?}");
    }
    assert_eq!(fake.containers(), Vec::<String>::new());
}

#[tokio::test]
async fn a_container_that_used_too_much_memory_says_so() {
    let (fake, engine) = fake_engine().await;
    let id = run(&engine, "echo ready; sleep 60").await;
    fake.until_logged(&id, 1).await;
    fake.run_out_of_memory(&id);
    let end = engine.wait(&id).await.unwrap();
    assert_eq!((end.exit_code, end.out_of_memory), (137, true));
}

#[tokio::test]
async fn starting_twice_is_starting_once() {
    let (fake, engine) = fake_engine().await;
    let id = run(&engine, "echo started; sleep 60").await;
    engine.start(&id).await.unwrap();
    fake.until_logged(&id, 1).await;
    engine.kill(&id).await.unwrap();
    assert_eq!(engine.wait(&id).await.unwrap().exit_code, 137);
    let entries = read_all(&mut engine.follow_logs(&id, LogPosition::START)).await.unwrap();
    assert_eq!(text_of(&entries, LogSource::Stdout), "started\n");
}

#[tokio::test]
async fn containers_are_listed_by_all_their_labels() {
    let (_fake, engine) = fake_engine().await;
    let mut ids = Vec::new();
    for (job, kind) in [("1", "batch"), ("2", "batch"), ("1", "ecs é\"&=")] {
        let labels = BTreeMap::from([("job".into(), job.into()), ("kind".into(), kind.into())]);
        ids.push(engine.create(&ContainerSpec { labels, ..script("true") }).await.unwrap());
    }
    let found = async |labels: &[(&str, &str)]| {
        let mut found: Vec<usize> = engine
            .list(labels)
            .await
            .unwrap()
            .iter()
            .map(|summary| ids.iter().position(|id| *id == summary.id).unwrap())
            .collect();
        found.sort_unstable();
        found
    };
    assert_eq!(found(&[]).await, [0, 1, 2]);
    assert_eq!(found(&[("job", "1")]).await, [0, 2]);
    assert_eq!(found(&[("job", "1"), ("kind", "batch")]).await, [0]);
    assert_eq!(found(&[("kind", "ecs é\"&=")]).await, [2]);
    assert_eq!(found(&[("kind", "")]).await, [0; 0]);
}

#[tokio::test]
async fn an_engine_tells_what_it_is() {
    let (_fake, engine) = fake_engine().await;
    let about = engine.about().await.unwrap();
    assert_eq!((about.name.as_str(), about.api_version.as_str()), ("Fake Engine", "1.43"));
}
