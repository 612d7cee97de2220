//! Docker's own client against the fake engine, so that the fake is judged by somebody else than by the client that it is for.

use std::process::{Output, Stdio};

use stepwell_docker_engine::fake::{FakeEngine, FakeImage};
use tokio::process::Command;

async fn docker(fake: &FakeEngine, arguments: &str) -> Output {
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", &format!("exec docker {arguments}")]).stdin(Stdio::null());
    command.env("DOCKER_HOST", format!("unix://{}", fake.socket().display())).env("HOME", home.path());
    command.output().await.unwrap()
}

#[tokio::test]
#[ignore = "needs the docker command"]
async fn dockers_own_client_finds_nothing_amiss() {
    let fake = FakeEngine::start().unwrap();
    fake.add_to_registry("alpine:3", FakeImage::with_command(&["sh"]));
    let script = "sh -c 'echo out; echo err >&2; exit 3'";
    // The arguments, the exit code, what is in standard output and what is in standard error.
    for (arguments, code, stdout, stderr) in [
        ("version --format '{{.Server.Version}} {{.Server.APIVersion}}'", 0, "24.0.0 1.43\n", ""),
        ("pull alpine:3", 0, "Downloaded newer image for alpine:3", ""),
        ("pull alpine:4", 1, "", "pull access denied for alpine"),
        ("image inspect alpine:3 --format '{{.Config.Cmd}}'", 0, "[sh]\n", ""),
        (
            &format!("run -d --name job --label job=1 -m 64m --cpus 0.5 -e A=b -w /tmp alpine:3 {script}"),
            0,
            "\n",
            "",
        ),
        ("wait job", 0, "3\n", ""),
        ("logs job", 0, "out\n", "err\n"),
        ("logs -t --since 10s job", 0, "Z out\n", "Z err\n"),
        (
            "inspect job --format '{{.State.Status}} {{.State.ExitCode}} {{.HostConfig.Memory}}'",
            0,
            "exited 3 67108864\n",
            "",
        ),
        ("ps -a --filter label=job=1 --format '{{.Names}} {{.State}}'", 0, "job exited\n", ""),
        ("ps --filter label=job=1 --format '{{.Names}}'", 0, "", ""),
        ("ps -a --filter label=job=2 --format '{{.Names}}'", 0, "", ""),
        ("kill job", 1, "", "is not running"),
        ("stop job", 0, "job\n", ""),
        (
            &format!("run -d --name job alpine:3 {script}"),
            125,
            "",
            "The container name \"/job\" is already in use",
        ),
        ("run -d --name late alpine:3 sleep 60", 0, "\n", ""),
        ("rm late", 1, "", "container is running"),
        ("stop -t 1 late", 0, "late\n", ""),
        ("wait late", 0, "143\n", ""),
        ("run -d --name lost alpine:3 no-such-command", 127, "\n", "executable file not found in $PATH"),
        ("rm -f job late lost", 0, "job\nlate\nlost\n", ""),
        ("inspect job", 1, "[]\n", "No such"),
    ] {
        let output = docker(&fake, arguments).await;
        let told = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (out, err) = (told(output.stdout), told(output.stderr));
        let fits = |told: &str, expected: &str| {
            if expected.is_empty() { told.is_empty() } else { told.contains(expected) }
        };
        let good =
            output.status.code() == Some(code) && fits(&out, stdout) && (code != 0 || fits(&err, stderr));
        assert!(good && err.contains(stderr), "docker {arguments}: {:?}\n{out}\n{err}", output.status.code());
    }
}
