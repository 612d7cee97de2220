//! Versions and aliases: numbers, routing, lists, what refers to what, and what is left after a restart.
#![allow(clippy::unwrap_used, reason = "tests")]

mod common;

use std::{path::Path, sync::Arc};

use common::{ROLE, TestServer, parsed, pass, text, wait};
use serde_json::{Value, json};
use stepwell_server::Settings;
use stepwell_store::Store;
use stepwell_store_embedded::{EmbeddedStore, OpenError, Options};

const MACHINE: &str = "arn:aws:states:us-east-1:000000000000:stateMachine:m";

/// The definition of revision `number`: its output says which it is.
fn revision(number: u64) -> Value {
    json!({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": number, "End": true}}})
}

/// Machine `m` with versions 1 to `count`, whose outputs are their numbers.
async fn with_versions(server: &TestServer, count: u64) {
    let create = json!({
        "name": "m", "definition": revision(1).to_string(), "roleArn": ROLE, "publish": true
    });
    server.call("CreateStateMachine", create).await;
    for number in 2..=count {
        let update = json!({
            "stateMachineArn": MACHINE, "definition": revision(number).to_string(), "publish": true
        });
        let updated = server.call("UpdateStateMachine", update).await;
        assert_eq!(updated["stateMachineVersionArn"], format!("{MACHINE}:{number}"));
    }
}

fn route(routes: &[(u64, u64)]) -> Value {
    routes
        .iter()
        .map(|(version, weight)| {
            json!({"stateMachineVersionArn": format!("{MACHINE}:{version}"), "weight": weight})
        })
        .collect()
}

async fn alias(server: &TestServer, name: &str, routes: &[(u64, u64)]) -> Value {
    let request = json!({"name": name, "routingConfiguration": route(routes)});
    server.call("CreateStateMachineAlias", request).await
}

async fn versions(server: &TestServer) -> Vec<String> {
    let listed = server.call("ListStateMachineVersions", json!({"stateMachineArn": MACHINE})).await;
    let versions = listed["stateMachineVersions"].as_array().unwrap();
    versions.iter().map(|version| text(&version["stateMachineVersionArn"])).collect()
}

async fn aliases(server: &TestServer, of: &str) -> Vec<String> {
    let listed = server.call("ListStateMachineAliases", json!({"stateMachineArn": of})).await;
    let aliases = listed["stateMachineAliases"].as_array().unwrap();
    aliases.iter().map(|alias| text(&alias["stateMachineAliasArn"])).collect()
}

/// Starts an execution through an ARN and gives what describes its end.
async fn run(server: &TestServer, through: &str) -> Value {
    let execution = server.start_execution(through, json!({})).await;
    server.end(&execution).await
}

#[tokio::test]
async fn versions_are_numbered_immutable_and_never_numbered_again() {
    let server = TestServer::start().await;
    with_versions(&server, 3).await;
    assert_eq!(versions(&server).await, [3, 2, 1].map(|number| format!("{MACHINE}:{number}")));
    for number in 1..=3 {
        let arn = format!("{MACHINE}:{number}");
        let described = server.call("DescribeStateMachine", json!({"stateMachineArn": arn})).await;
        assert_eq!(described["stateMachineArn"], arn);
        assert_eq!(parsed(&described["definition"]), revision(number));
        assert_eq!(described.get("revisionId").is_some(), number > 1, "{described}");
        assert_eq!(run(&server, &arn).await["output"], number.to_string());
    }
    // The present revision is published: it is answered as it is, whatever the description.
    let again =
        server.call("PublishStateMachineVersion", json!({"stateMachineArn": MACHINE, "description": "x"}));
    assert_eq!(again.await["stateMachineVersionArn"], format!("{MACHINE}:3"));
    let version = json!({"stateMachineArn": format!("{MACHINE}:3")});
    assert!(server.call("DescribeStateMachine", version).await.get("description").is_none());
    // A deleted number is not given again, not even to the same revision.
    let delete = json!({"stateMachineVersionArn": format!("{MACHINE}:3")});
    assert_eq!(server.call("DeleteStateMachineVersion", delete.clone()).await, json!({}));
    assert_eq!(server.call("DeleteStateMachineVersion", delete).await, json!({}));
    let publish = json!({"stateMachineArn": MACHINE, "description": "fourth"});
    let published = server.call("PublishStateMachineVersion", publish).await;
    assert_eq!(published["stateMachineVersionArn"], format!("{MACHINE}:4"));
    let described =
        server.call("DescribeStateMachine", json!({"stateMachineArn": format!("{MACHINE}:4")})).await;
    assert_eq!(described["description"], "fourth");
    assert_eq!(described["creationDate"], published["creationDate"]);
    assert_eq!(versions(&server).await, [4, 2, 1].map(|number| format!("{MACHINE}:{number}")));
    server.stop().await;
}

#[tokio::test]
async fn a_creation_is_the_same_only_with_the_same_publication() {
    let server = TestServer::start().await;
    let create = json!({
        "name": "m", "definition": revision(1).to_string(), "roleArn": ROLE, "publish": true,
        "versionDescription": "first"
    });
    let created = server.call("CreateStateMachine", create.clone()).await;
    assert_eq!(created["stateMachineVersionArn"], format!("{MACHINE}:1"));
    assert_eq!(server.call("CreateStateMachine", create.clone()).await, created);
    for (member, value) in [("publish", Value::Null), ("versionDescription", json!("other"))] {
        let mut other = create.clone();
        other[member] = value;
        if member == "publish" {
            other["versionDescription"] = Value::Null;
        }
        assert_eq!(
            server.error("CreateStateMachine", other).await.0,
            "StateMachineAlreadyExists",
            "{member}"
        );
    }
    // Nothing changes: no revision, and the version there is (recorded).
    let update = json!({"stateMachineArn": MACHINE, "definition": revision(1).to_string(), "publish": true});
    let updated = server.call("UpdateStateMachine", update).await;
    assert_eq!(updated["stateMachineVersionArn"], format!("{MACHINE}:1"));
    assert!(updated.get("revisionId").is_none(), "{updated}");
    server.stop().await;
}

#[tokio::test]
async fn what_can_not_be_published_or_routed_is_refused_with_aws_texts() {
    let server = TestServer::start().await;
    with_versions(&server, 2).await;
    alias(&server, "live", &[(1, 100)]).await;
    let current = server.call("DescribeStateMachine", json!({"stateMachineArn": MACHINE})).await;
    let current = text(&current["revisionId"]);
    let long = "A".repeat(81);
    let pattern = r"^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$";
    let named = |name: &str| json!({"name": name, "routingConfiguration": route(&[(1, 100)])});
    let routed = |routing: Value| json!({"name": "other", "routingConfiguration": routing});
    let other = server.machine("other", pass(1)).await;
    server.call("PublishStateMachineVersion", json!({"stateMachineArn": other})).await;
    let invalid_name = |name: &str| {
        format!(
            "1 validation error detected: Value '{name}' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: {pattern}"
        )
    };
    for (operation, request, code, message) in [
        (
            "PublishStateMachineVersion",
            json!({"stateMachineArn": MACHINE, "revisionId": "stale"}),
            "ConflictException",
            format!("Failed to publish the State Machine version for revision stale. The current State Machine revision is {current}."),
        ),
        (
            "PublishStateMachineVersion",
            json!({"stateMachineArn": other, "revisionId": "stale"}),
            "ConflictException",
            "Failed to publish the State Machine version for revision stale. The current State Machine revision is INITIAL.".to_owned(),
        ),
        (
            "PublishStateMachineVersion",
            json!({"stateMachineArn": format!("{MACHINE}:1")}),
            "StateMachineDoesNotExist",
            format!("State Machine Does Not Exist: '{MACHINE}:1'"),
        ),
        (
            "UpdateStateMachine",
            json!({"stateMachineArn": format!("{MACHINE}:2"), "definition": revision(3).to_string()}),
            "StateMachineDoesNotExist",
            format!("State Machine Does Not Exist: '{MACHINE}:2'"),
        ),
        (
            "UpdateStateMachine",
            json!({"stateMachineArn": MACHINE, "roleArn": ROLE, "versionDescription": "d"}),
            "ValidationException",
            "Version description can only be set when publish is true".to_owned(),
        ),
        (
            "StartExecution",
            json!({"stateMachineArn": format!("{MACHINE}:3")}),
            "StateMachineDoesNotExist",
            format!("State Machine Does Not Exist: '{MACHINE}:3'"),
        ),
        (
            "StartExecution",
            json!({"stateMachineArn": format!("{MACHINE}:dead")}),
            "StateMachineDoesNotExist",
            format!("State Machine Does Not Exist: '{MACHINE}:dead'"),
        ),
        (
            "DeleteStateMachineVersion",
            json!({"stateMachineVersionArn": format!("{MACHINE}:1")}),
            "ConflictException",
            "Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [live]".to_owned(),
        ),
        ("CreateStateMachineAlias", named("123"), "ValidationException", invalid_name("123")),
        ("CreateStateMachineAlias", named("a b"), "ValidationException", invalid_name("a b")),
        (
            "CreateStateMachineAlias",
            named(&long),
            "ValidationException",
            format!("1 validation error detected: Value '{long}' at 'name' failed to satisfy constraint: Member must have length less than or equal to 80"),
        ),
        (
            "CreateStateMachineAlias",
            routed(json!([{"stateMachineVersionArn": MACHINE, "weight": 100}])),
            "ValidationException",
            format!("Routing configuration must contain state machine version ARNs. Received: [{MACHINE}]"),
        ),
        (
            "CreateStateMachineAlias",
            routed(route(&[(9, 100)])),
            "ValidationException",
            format!("Routing configuration must contain state machine version ARNs. Received: [{MACHINE}:9]"),
        ),
        (
            "CreateStateMachineAlias",
            routed(route(&[(1, 50), (1, 50)])),
            "ValidationException",
            format!("Routing configuration must contain distinct state machine version ARNs. Received: [{MACHINE}:1, {MACHINE}:1]"),
        ),
        (
            "CreateStateMachineAlias",
            routed(route(&[(1, 70), (2, 29)])),
            "ValidationException",
            "Sum of routing configuration weights must equal 100. Received: [70, 29]".to_owned(),
        ),
        (
            "CreateStateMachineAlias",
            routed(route(&[(1, 101)])),
            "ValidationException",
            "1 validation error detected: Value '101' at 'routingConfiguration.1.member.weight' failed to satisfy constraint: Member must have value less than or equal to 100".to_owned(),
        ),
        (
            "CreateStateMachineAlias",
            routed(json!([])),
            "ValidationException",
            "1 validation error detected: Value at 'routingConfiguration' failed to satisfy constraint: Member must have length greater than or equal to 1".to_owned(),
        ),
        (
            "CreateStateMachineAlias",
            json!({"name": "live", "description": "new", "routingConfiguration": route(&[(1, 100)])}),
            "ConflictException",
            "Failed to create alias because an alias with the same name and a different routing configuration already exists.".to_owned(),
        ),
        (
            "UpdateStateMachineAlias",
            json!({"stateMachineAliasArn": format!("{MACHINE}:dead"), "description": "d"}),
            "ResourceNotFound",
            "Request references a resource that does not exist.".to_owned(),
        ),
        (
            "UpdateStateMachineAlias",
            json!({"stateMachineAliasArn": format!("{MACHINE}:live")}),
            "ValidationException",
            "Either the description or the routing configuration must be specified".to_owned(),
        ),
        (
            "UpdateStateMachineAlias",
            json!({"stateMachineAliasArn": format!("{MACHINE}:live"), "routingConfiguration": [
                {"stateMachineVersionArn": format!("{other}:1"), "weight": 100}]}),
            "ValidationException",
            format!("An alias routes to versions of its own state machine, {MACHINE}. Received: [{other}:1]"),
        ),
        (
            "DescribeStateMachineAlias",
            json!({"stateMachineAliasArn": format!("{MACHINE}:dead")}),
            "ResourceNotFound",
            format!("Resource not found: '{MACHINE}:dead'"),
        ),
        (
            "TagResource",
            json!({"resourceArn": format!("{MACHINE}:1"), "tags": [{"key": "k", "value": "v"}]}),
            "ResourceNotFound",
            format!("Resource not found: '{MACHINE}:1'"),
        ),
        (
            "ListStateMachineVersions",
            json!({"stateMachineArn": MACHINE, "nextToken": "made up"}),
            "InvalidToken",
            "Invalid Token: 'Invalid token'".to_owned(),
        ),
    ] {
        let refused = server.error(operation, request.clone()).await;
        assert_eq!(refused, (code.to_owned(), message), "{operation} {request}");
    }
    // The first revision has a name of its own.
    let machine = server.machine("never-updated", pass(1)).await;
    let publish = json!({"stateMachineArn": machine, "revisionId": "INITIAL"});
    server.call("PublishStateMachineVersion", publish).await;
    server.stop().await;
}

#[tokio::test]
async fn an_alias_is_created_described_routed_anew_listed_and_deleted() {
    let server = TestServer::start().await;
    with_versions(&server, 2).await;
    let first = alias(&server, "one", &[(1, 100)]).await;
    assert_eq!(alias(&server, "one", &[(1, 100)]).await, first);
    alias(&server, "both", &[(1, 40), (2, 60)]).await;
    alias(&server, "both", &[(2, 60), (1, 40)]).await;
    let arns = ["one", "both"].map(|name| format!("{MACHINE}:{name}"));
    assert_eq!(aliases(&server, MACHINE).await, arns);
    assert_eq!(aliases(&server, &format!("{MACHINE}:2")).await, arns[1..]);

    let describe = json!({"stateMachineAliasArn": arns[0]});
    let described = server.call("DescribeStateMachineAlias", describe.clone()).await;
    assert_eq!(described["name"], "one");
    assert_eq!(described["routingConfiguration"], route(&[(1, 100)]));
    assert_eq!(described["creationDate"], described["updateDate"]);
    assert!(described.get("description").is_none());
    let update = json!({"stateMachineAliasArn": arns[0], "routingConfiguration": route(&[(2, 100)])});
    let updated = server.call("UpdateStateMachineAlias", update).await;
    let update = json!({"stateMachineAliasArn": arns[0], "description": "d"});
    server.call("UpdateStateMachineAlias", update).await;
    let described = server.call("DescribeStateMachineAlias", describe).await;
    assert_eq!(described["routingConfiguration"], route(&[(2, 100)]));
    assert_eq!(described["description"], "d");
    assert!(described["updateDate"].as_f64() >= updated["updateDate"].as_f64());

    // A machine asked for by an alias is the version that most executions get.
    let machine = server.call("DescribeStateMachine", json!({"stateMachineArn": arns[1]})).await;
    assert_eq!(machine["stateMachineArn"], arns[1]);
    assert_eq!(parsed(&machine["definition"]), revision(2));

    for arn in &arns {
        let delete = json!({"stateMachineAliasArn": arn});
        assert_eq!(server.call("DeleteStateMachineAlias", delete.clone()).await, json!({}));
        assert_eq!(server.call("DeleteStateMachineAlias", delete).await, json!({}));
    }
    assert!(aliases(&server, MACHINE).await.is_empty());
    server.stop().await;
}

#[tokio::test]
async fn executions_carry_version_and_alias_and_are_listed_by_them() {
    let server = TestServer::start().await;
    with_versions(&server, 2).await;
    alias(&server, "live", &[(1, 100)]).await;
    let (version, alias_arn) = (format!("{MACHINE}:1"), format!("{MACHINE}:live"));
    let mut started: Vec<(String, Vec<String>)> = Vec::new();
    for through in [MACHINE, &version, &alias_arn] {
        let mut executions = Vec::new();
        for _ in 0..5 {
            let ended = run(&server, through).await;
            let arn = text(&ended["executionArn"]);
            let details = server.history(&arn).await[0]["executionStartedEventDetails"].clone();
            for described in [&ended, &details] {
                let member = |key: &str| described.get(key).map(text);
                assert_eq!(member("stateMachineVersionArn"), (through != MACHINE).then(|| version.clone()));
                assert_eq!(
                    member("stateMachineAliasArn"),
                    (*through == alias_arn).then(|| alias_arn.clone())
                );
            }
            assert_eq!(ended["stateMachineArn"], MACHINE);
            assert_eq!(ended["output"], if through == MACHINE { "2" } else { "1" });
            executions.insert(0, arn);
        }
        started.push((through.to_owned(), executions));
    }
    // A version's list has those that came through an alias too; the machine's has all. Those that ended in the same
    // millisecond have an order of their own.
    let expected = |owner: &str| -> Vec<String> {
        let own = started.iter().filter(|(through, _)| {
            owner == MACHINE || through == owner || (owner == version && *through == alias_arn)
        });
        let mut own: Vec<String> = own.flat_map(|(_, executions)| executions.clone()).collect();
        own.sort();
        own
    };
    for owner in [MACHINE, &version, &alias_arn] {
        for filter in [None, Some("SUCCEEDED"), Some("RUNNING")] {
            let whole = executions_of(&server, owner, filter, 1000).await;
            assert_eq!(executions_of(&server, owner, filter, 2).await, whole, "{owner} {filter:?}");
            let mut sorted = whole;
            sorted.sort();
            let expected = if filter == Some("RUNNING") { Vec::new() } else { expected(owner) };
            assert_eq!(sorted, expected, "{owner} {filter:?}");
        }
    }
    server.stop().await;
}

/// The executions that ListExecutions gives in pages of a size.
async fn executions_of(server: &TestServer, owner: &str, filter: Option<&str>, size: u32) -> Vec<String> {
    let mut found = Vec::new();
    let mut request = json!({"stateMachineArn": owner, "maxResults": size, "statusFilter": filter});
    loop {
        let page = server.call("ListExecutions", request.clone()).await;
        let executions = page["executions"].as_array().unwrap();
        found.extend(executions.iter().map(|execution| text(&execution["executionArn"])));
        match page.get("nextToken") {
            Some(token) => request["nextToken"] = token.clone(),
            None => return found,
        }
    }
}

#[tokio::test]
async fn an_alias_draws_its_versions_as_its_weights_say() {
    let server = TestServer::start().await;
    with_versions(&server, 3).await;
    for (name, routes) in
        [("half", [(1, 50), (2, 50)]), ("mostly", [(2, 10), (3, 90)]), ("never", [(1, 0), (3, 100)])]
    {
        alias(&server, name, &routes).await;
        const RUNS: usize = 400;
        let mut counts = [0_usize; 4];
        for _ in 0..RUNS {
            let ended = run(&server, &format!("{MACHINE}:{name}")).await;
            counts[ended["output"].as_str().unwrap().parse::<usize>().unwrap()] += 1;
        }
        for (version, weight) in routes {
            let expected = RUNS * weight as usize / 100;
            let drawn = counts[version as usize];
            // Seven standard deviations of the fairest draw.
            assert!(drawn.abs_diff(expected) <= 70 && (weight > 0 || drawn == 0), "{name}: {counts:?}");
        }
        assert_eq!(counts.iter().sum::<usize>(), RUNS);
    }
    server.stop().await;
}

#[tokio::test]
async fn express_machines_have_versions_too() {
    let server = TestServer::start().await;
    let create = json!({
        "name": "m", "definition": revision(1).to_string(), "roleArn": ROLE, "publish": true, "type": "EXPRESS"
    });
    server.call("CreateStateMachine", create).await;
    let update = json!({"stateMachineArn": MACHINE, "definition": revision(2).to_string(), "publish": true});
    server.call("UpdateStateMachine", update).await;
    alias(&server, "live", &[(1, 100)]).await;
    for (through, output) in
        [(MACHINE.to_owned(), "2"), (format!("{MACHINE}:1"), "1"), (format!("{MACHINE}:live"), "1")]
    {
        let ran = server.call("StartSyncExecution", json!({"stateMachineArn": through})).await;
        assert_eq!((&ran["output"], &ran["stateMachineArn"]), (&json!(output), &json!(MACHINE)), "{through}");
        server.call("StartExecution", json!({"stateMachineArn": through})).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn tasks_start_versions_and_aliases() {
    let server = TestServer::start().await;
    with_versions(&server, 2).await;
    alias(&server, "live", &[(1, 100)]).await;
    let parent = server
        .machine(
            "parent",
            json!({"StartAt": "N", "States": {"N": {
                "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
                "Parameters": {"StateMachineArn": format!("{MACHINE}:live")}, "End": true
            }}}),
        )
        .await;
    let output = parsed(&run(&server, &parent).await["output"]);
    assert_eq!(output["Output"], 1);
    assert_eq!(output["StateMachineArn"], MACHINE);
    assert_eq!(output["StateMachineVersionArn"], format!("{MACHINE}:1"));
    assert_eq!(output["StateMachineAliasArn"], format!("{MACHINE}:live"));
    server.stop().await;
}

#[tokio::test]
async fn lists_go_on_where_they_stopped_although_entries_come_and_go() {
    let server = TestServer::start().await;
    with_versions(&server, 7).await;
    for number in 1..=7 {
        alias(&server, &format!("a{number}"), &[(number, 100)]).await;
    }
    for (operation, list, arn, expected) in [
        (
            "ListStateMachineVersions",
            "stateMachineVersions",
            "stateMachineVersionArn",
            ["7", "6", "5", "3", "2", "1"],
        ),
        (
            "ListStateMachineAliases",
            "stateMachineAliases",
            "stateMachineAliasArn",
            ["a1", "a2", "a3", "a5", "a6", "a7"],
        ),
    ] {
        let mut request = json!({"stateMachineArn": MACHINE, "maxResults": 3});
        let mut found: Vec<String> = Vec::new();
        loop {
            let page = server.call(operation, request.clone()).await;
            let items = page[list].as_array().unwrap();
            assert!(items.len() <= 3);
            found.extend(items.iter().map(|item| text(&item[arn])));
            // What lies ahead is deleted, and what is behind makes no difference.
            server
                .call("DeleteStateMachineAlias", json!({"stateMachineAliasArn": format!("{MACHINE}:a4")}))
                .await;
            server
                .call("DeleteStateMachineVersion", json!({"stateMachineVersionArn": format!("{MACHINE}:4")}))
                .await;
            match page.get("nextToken") {
                Some(token) => request["nextToken"] = token.clone(),
                None => break,
            }
        }
        assert_eq!(found, expected.map(|qualifier| format!("{MACHINE}:{qualifier}")));
    }
    server.stop().await;
}

#[tokio::test]
async fn quotas_of_versions_and_aliases_are_those_of_the_settings() {
    let mut settings = Settings::default();
    (settings.limits.versions_max, settings.limits.aliases_max) = (2, 1);
    let server = TestServer::with(settings, Arc::new(stepwell_store::MemoryStore::new())).await;
    with_versions(&server, 2).await;
    let update = json!({"stateMachineArn": MACHINE, "definition": revision(3).to_string()});
    server.call("UpdateStateMachine", update.clone()).await;
    let publish = json!({"stateMachineArn": MACHINE});
    assert_eq!(
        server.error("PublishStateMachineVersion", publish.clone()).await.0,
        "ServiceQuotaExceededException"
    );
    alias(&server, "a", &[(1, 100)]).await;
    let another = json!({"name": "b", "routingConfiguration": route(&[(1, 100)])});
    assert_eq!(server.error("CreateStateMachineAlias", another).await.0, "ServiceQuotaExceededException");
    // An update that can't be published does not happen at all.
    let update = json!({"stateMachineArn": MACHINE, "definition": revision(4).to_string(), "publish": true});
    assert_eq!(server.error("UpdateStateMachine", update).await.0, "ServiceQuotaExceededException");
    let described = server.call("DescribeStateMachine", json!({"stateMachineArn": MACHINE})).await;
    assert_eq!(parsed(&described["definition"]), revision(3));
    server.call("DeleteStateMachineVersion", json!({"stateMachineVersionArn": format!("{MACHINE}:2")})).await;
    assert_eq!(
        server.call("PublishStateMachineVersion", publish).await["stateMachineVersionArn"],
        format!("{MACHINE}:3")
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_writes_at_once_there_is_one_outcome() {
    let server = TestServer::start().await;
    with_versions(&server, 1).await;
    for round in 2..20_u64 {
        let update = json!({"stateMachineArn": MACHINE, "definition": revision(round).to_string()});
        server.call("UpdateStateMachine", update).await;
        let publish = || server.call("PublishStateMachineVersion", json!({"stateMachineArn": MACHINE}));
        let published = tokio::join!(publish(), publish(), publish());
        for version in [&published.0, &published.1, &published.2] {
            assert_eq!(version["stateMachineVersionArn"], format!("{MACHINE}:{round}"));
        }
        // Either the version goes, or an alias keeps it.
        let delete = json!({"stateMachineVersionArn": format!("{MACHINE}:{round}")});
        let create = json!({"name": format!("a{round}"), "routingConfiguration": route(&[(round, 100)])});
        let (deleted, created) = tokio::join!(
            server.client.send("DeleteStateMachineVersion", delete),
            server.client.send("CreateStateMachineAlias", create)
        );
        assert_ne!(deleted.0 == 200, created.0 == 200, "{deleted:?} {created:?}");
        let is_there = versions(&server).await.contains(&format!("{MACHINE}:{round}"));
        assert_eq!(is_there, created.0 == 200);
    }
    server.stop().await;
}

async fn open(directory: &Path, settings: Settings) -> TestServer {
    for _ in 0..500 {
        match EmbeddedStore::open(directory, Options::default()) {
            Ok(store) => return TestServer::with(settings, Arc::new(store) as Arc<dyn Store>).await,
            Err(OpenError::Locked { .. }) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
            Err(error) => panic!("{error}"),
        }
    }
    panic!("the store stays locked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn versions_aliases_and_numbers_are_as_they_were_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let server = open(directory.path(), Settings::default()).await;
    with_versions(&server, 3).await;
    let request =
        json!({"name": "live", "description": "d", "routingConfiguration": route(&[(1, 20), (2, 80)])});
    server.call("CreateStateMachineAlias", request).await;
    alias(&server, "later", &[(1, 100)]).await;
    server.call("DeleteStateMachineVersion", json!({"stateMachineVersionArn": format!("{MACHINE}:3")})).await;
    let ended = run(&server, &format!("{MACHINE}:later")).await;
    let listed = (versions(&server).await, aliases(&server, MACHINE).await);
    let described = |server: &TestServer| {
        let client = server.client.clone();
        async move {
            let arn = format!("{MACHINE}:live");
            (
                client.call("DescribeStateMachineAlias", json!({"stateMachineAliasArn": arn})).await,
                client.call("DescribeStateMachine", json!({"stateMachineArn": format!("{MACHINE}:1")})).await,
            )
        }
    };
    let before = described(&server).await;
    server.stop().await;

    let server = open(directory.path(), Settings::default()).await;
    assert_eq!((versions(&server).await, aliases(&server, MACHINE).await), listed);
    assert_eq!(described(&server).await, before);
    let listed = server.call("ListExecutions", json!({"stateMachineArn": format!("{MACHINE}:later")})).await;
    assert_eq!(listed["executions"][0]["executionArn"], ended["executionArn"]);
    assert_eq!(run(&server, &format!("{MACHINE}:later")).await["output"], "1");
    // The number of the deleted version stays used.
    let published = server.call("PublishStateMachineVersion", json!({"stateMachineArn": MACHINE})).await;
    assert_eq!(published["stateMachineVersionArn"], format!("{MACHINE}:4"));
    server.call("DeleteStateMachine", json!({"stateMachineArn": MACHINE})).await;
    for (operation, request) in [
        ("DescribeStateMachine", json!({"stateMachineArn": format!("{MACHINE}:1")})),
        ("DescribeStateMachineAlias", json!({"stateMachineAliasArn": format!("{MACHINE}:live")})),
    ] {
        assert_eq!(server.client.send(operation, request).await.0, 400, "{operation}");
    }
    server.stop().await;

    // A machine of the same name is another one: it begins anew.
    let server = open(directory.path(), Settings::default()).await;
    assert!(versions(&server).await.is_empty());
    with_versions(&server, 1).await;
    assert!(aliases(&server, MACHINE).await.is_empty());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_execution_keeps_the_revision_of_its_deleted_version() {
    let directory = tempfile::tempdir().unwrap();
    let server = open(directory.path(), Settings::default()).await;
    let create = json!({"name": "m", "definition": wait(2).to_string(), "roleArn": ROLE, "publish": true});
    server.call("CreateStateMachine", create).await;
    let execution = server.start_execution(&format!("{MACHINE}:1"), json!({})).await;
    let update = json!({"stateMachineArn": MACHINE, "definition": revision(2).to_string()});
    server.call("UpdateStateMachine", update).await;
    server.call("DeleteStateMachineVersion", json!({"stateMachineVersionArn": format!("{MACHINE}:1")})).await;
    server.stop().await;

    let server = open(directory.path(), Settings::default()).await;
    let ended = server.end(&execution).await;
    assert_eq!(
        (&ended["status"], &ended["stateMachineVersionArn"]),
        (&json!("SUCCEEDED"), &json!(format!("{MACHINE}:1")))
    );
    let machine = server.call("DescribeStateMachineForExecution", json!({"executionArn": execution})).await;
    assert_eq!(parsed(&machine["definition"]), wait(2));
    server.stop().await;
}
