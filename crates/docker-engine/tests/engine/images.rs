//! Images: looking for them and pulling them.

use super::common::{client, fake_engine, impatient};
use stepwell_docker_engine::fake::{FakeCall, FakeImage, Fault};
use stepwell_docker_engine::{EngineError, Limits, PullProgress, RegistryLogins};

#[tokio::test]
async fn an_image_is_pulled_only_if_it_is_not_there() {
    let (fake, engine) = fake_engine().await;
    fake.add_to_registry("registry.example:5000/team/tool", FakeImage::with_command(&["sh"]));
    let image = "registry.example:5000/team/tool";
    assert!(matches!(engine.image(image).await, Err(EngineError::NoSuchImage { .. })));
    let mut steps = Vec::new();
    engine.ensure_image(image, |step| steps.push(step)).await.unwrap();
    assert_eq!(steps[0].subject, "latest", "a port is no tag");
    let downloaded = PullProgress {
        subject: "2f1a3c5e7d90".into(),
        status: "Downloading".into(),
        current_bytes: Some(4_000_000),
        total_bytes: Some(4_000_000),
    };
    assert!(steps.contains(&downloaded), "{steps:?}");
    assert!(steps.last().unwrap().status.contains("Downloaded newer image"), "{steps:?}");
    assert!(engine.image(image).await.unwrap().id.starts_with("sha256:"));
    engine.ensure_image(image, |step| panic!("{step:?}")).await.unwrap();
    assert_eq!(fake.calls(FakeCall::ImagePull), 1);
}

#[tokio::test]
async fn an_image_that_no_registry_has_says_so() {
    let (_fake, engine) = fake_engine().await;
    let error = engine.ensure_image("nowhere:1", |_| ()).await.unwrap_err();
    assert!(matches!(&error, EngineError::PullFailed { image, .. } if image == "nowhere:1"), "{error:?}");
    assert!(error.to_string().contains("pull access denied for nowhere"), "{error}");
}

#[tokio::test]
async fn a_private_image_is_pulled_with_the_login_of_its_registry() {
    let (fake, engine) = fake_engine().await;
    fake.add_to_registry("r.example/tool:1", FakeImage::default());
    fake.require_login("r.example/tool:1", "user", "pass:word");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.json");
    let path = file.display();
    // "user:pass:word" and "user:other".
    let good = r#"{"auths": {"r.example": {"auth": "dXNlcjpwYXNzOndvcmQ="}}}"#;
    let bad = r#"{"auths": {"r.example": {"auth": "dXNlcjpvdGhlcg=="}}}"#;
    for (text, part) in [
        (None, "is denied".to_owned()),
        (Some("{"), format!("is denied. The logins in {path} can't be used: EOF while parsing")),
        (Some(r#"{"auths": {"other.example": {}}}"#), "is denied".to_owned()),
        (
            Some(r#"{"auths": {"r.example": {}}, "credsStore": "desktop"}"#),
            "docker-credential-desktop".to_owned(),
        ),
        (Some(bad), "is denied".to_owned()),
        (Some(good), String::new()),
    ] {
        if let Some(text) = text {
            std::fs::write(&file, text).unwrap();
        }
        let engine = engine.clone().with_logins(RegistryLogins::in_file(&file));
        let message = match engine.pull("r.example/tool:1", |_| ()).await {
            Ok(()) => String::new(),
            Err(EngineError::PullFailed { message, .. }) => message,
            Err(error) => panic!("{error}"),
        };
        assert_eq!(message.is_empty(), part.is_empty(), "{text:?}: {message}");
        assert!(message.contains(&part), "{text:?}: {message}");
        assert!(!message.contains("other") && !message.contains("dXNl"), "{message}");
    }
}

#[tokio::test]
async fn errors_amid_the_progress_are_errors() {
    let (fake, engine) = fake_engine().await;
    for (stream, expected) in [
        (
            "{\"status\":\"Pulling from a\",\"id\":\"1\"}\r\n{\"errorDetail\":{\"message\":\"no space left\"},\"error\":\"no space left\"}\r\n",
            "no space left",
        ),
        ("\n\n{\"error\":\"unexpected EOF\"}", "unexpected EOF"),
        ("{\"status\":\"Pulling\"}\n<html>", "not as documented"),
    ] {
        fake.fail(FakeCall::ImagePull, Fault::Body(stream.into()), 1);
        let error = engine.pull("a:1", |_| ()).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{stream}: {error}");
    }
    fake.fail(FakeCall::ImagePull, Fault::Status(500, "registry is down".into()), 1);
    let error = engine.pull("a:1", |_| ()).await.unwrap_err();
    assert_eq!(error, EngineError::PullFailed { image: "a:1".into(), message: "registry is down".into() });
}

#[tokio::test]
async fn a_step_without_end_is_too_large() {
    let (fake, engine) = fake_engine().await;
    fake.fail(FakeCall::ImagePull, Fault::Body(format!("{{\"status\":\"{}", "x".repeat(1 << 20))), 1);
    let error = engine.pull("a:1", |_| ()).await.unwrap_err();
    assert!(matches!(error, EngineError::TooLarge { .. }), "{error:?}");
}

#[tokio::test]
async fn a_pull_that_breaks_off_or_falls_silent_is_an_error() {
    let (fake, engine) = fake_engine().await;
    fake.add_to_registry("a:1", FakeImage::default());
    fake.fail(FakeCall::ImagePull, Fault::DropAfterBytes(60), 1);
    let error = engine.pull("a:1", |_| ()).await.unwrap_err();
    assert!(matches!(error, EngineError::ConnectionLost { .. }), "{error:?}");
    let engine = client(&fake, impatient()).await;
    for fault in [Fault::Hang, Fault::HangAfterBytes(60)] {
        fake.fail(FakeCall::ImagePull, fault.clone(), 1);
        let error = engine.pull("a:1", |_| ()).await.unwrap_err();
        assert!(matches!(error, EngineError::TimedOut { .. }), "{fault:?}: {error:?}");
    }
    // The whole may last for no longer than its own limit, however talkative the engine is.
    let limits = Limits { pull_silence: std::time::Duration::from_secs(3600), ..impatient() };
    fake.fail(FakeCall::ImagePull, Fault::HangAfterBytes(60), 1);
    let error = client(&fake, limits).await.pull("a:1", |_| ()).await.unwrap_err();
    assert!(matches!(error, EngineError::TimedOut { .. }), "{error:?}");
}

#[tokio::test]
async fn references_that_cannot_be_meant_are_refused() {
    let (fake, engine) = fake_engine().await;
    let long = "a".repeat(513);
    for reference in ["", "a b", "a?b", "a#b", "a%2fb", "/a", "a/", "a//b", "../a", "a/../b", "é", &long] {
        let error = engine.pull(reference, |_| ()).await.unwrap_err();
        assert!(matches!(error, EngineError::InvalidValue { .. }), "{reference:?}: {error:?}");
    }
    assert_eq!(fake.calls(FakeCall::ImagePull), 0);
    for reference in ["a", "a:1", "localhost:5000/a", "a@sha256:0123", "a.b/c_d-e:V1.2_3"] {
        let error = engine.image(reference).await.unwrap_err();
        assert!(matches!(error, EngineError::NoSuchImage { .. }), "{reference:?}: {error:?}");
    }
}
