//! `stepwell deploy` of templates that the CDK and the SAM CLI made, and of plain ones.

mod common;

use std::path::{Path, PathBuf};

use common::{PASS, Server, write};
use serde_json::{Value, json};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/deploy")
}

fn fixture(path: &str) -> String {
    fixtures().join(path).display().to_string()
}

/// A server in memory, in a directory with a mapping file.
fn server(mapping: &str) -> (tempfile::TempDir, Server) {
    let directory = tempfile::tempdir().expect("a directory");
    write(directory.path(), "map.toml", mapping);
    let server = Server::start(directory.path(), &["--memory"]);
    (directory, server)
}

const ORDERS_MAP: &str = "StageName = \"dev\"\n\"export:SharedBusArn\" = \"arn:aws:events:us-east-1:000000000000:event-bus/shared\"\n";

fn definition(server: &Server, name: &str) -> Value {
    let machine = server.client(&["describe", name, "--output", "json"]).expect(0).json();
    serde_json::from_str(machine["definition"].as_str().expect("a definition")).expect("JSON")
}

#[test]
fn a_cdk_app_is_deployed_and_then_unchanged() {
    let (_directory, server) = server(ORDERS_MAP);
    let cdk = fixture("cdk/cdk.out");
    let deployed = server.client(&["deploy", &cdk, "--map", "map.toml"]).expect(0);
    let report = "ReportC847FC22";
    let lines: Vec<String> = deployed.stdout.lines().map(str::to_owned).collect();
    let machines = ["bill", "orders", "return", "complaint", report, "Orders-approve"];
    let mut created: Vec<String> = machines.iter().map(|name| format!("{name}: created")).collect();
    created.push("version orders:1: published".to_owned());
    created.extend(["alias orders:live", "activity approval"].map(|name| format!("{name}: created")));
    assert_eq!(lines, created, "{deployed:?}");
    let orders = server.client(&["describe", "orders", "--output", "json"]).expect(0).json();
    assert_eq!(orders["loggingConfiguration"]["level"], "ERROR");
    assert_eq!(
        orders["loggingConfiguration"]["destinations"][0]["cloudWatchLogsLogGroup"]["logGroupArn"],
        "arn:aws:logs:us-east-1:000000000000:log-group:/orders:*"
    );
    assert_eq!(orders["tracingConfiguration"]["enabled"], true);
    assert!(
        orders["roleArn"].as_str().unwrap().starts_with("arn:aws:iam::000000000000:role/OrderMachineRole")
    );
    let definition_of_orders = definition(&server, "orders");
    assert_eq!(
        definition_of_orders["States"]["Charge card"]["Resource"],
        "arn:aws:lambda:us-east-1:000000000000:function:charge-card"
    );
    assert_eq!(
        definition_of_orders["States"]["Ask for a refund"]["Parameters"]["Payload"]["QueueUrl"],
        "https://sqs.us-east-1.amazonaws.com/000000000000/refunds"
    );
    assert_eq!(
        definition(&server, "Orders-approve")["States"]["Ask"]["Resource"],
        "arn:aws:states:us-east-1:000000000000:activity:approval"
    );
    let bill = server.client(&["describe", "bill", "--output", "json"]).expect(0).json();
    assert_eq!(bill["type"], "EXPRESS");
    let again = server.client(&["deploy", &cdk, "--map", "map.toml", "--output", "json"]).expect(0).json();
    for (kind, count) in [("stateMachines", 6), ("versions", 1), ("aliases", 1), ("activities", 1)] {
        let found = again[kind].as_array().unwrap();
        assert_eq!(found.len(), count, "{kind}");
        assert!(found.iter().all(|entry| entry["action"] == "unchanged"), "{again}");
    }
    // A stack within the stack gets what it is given, and gives back what it has.
    let message = &definition(&server, "return")["States"]["Send"]["Parameters"];
    assert_eq!(message["QueueUrl"], "https://sqs.us-east-1.amazonaws.com/000000000000/refunds");
    assert_eq!(
        message["MessageBody"]["orders"],
        "arn:aws:states:us-east-1:000000000000:stateMachine:orders:live"
    );
    assert_eq!(
        definition(&server, "complaint")["States"]["Start"]["Parameters"]["StateMachineArn"],
        "arn:aws:states:us-east-1:000000000000:stateMachine:return"
    );
    let report = definition(&server, report);
    assert_eq!(report["Comment"], "report of dev");
    assert!(
        report["States"]["Ship"]["Resource"].as_str().unwrap().contains(":function:ShipC2EE6D16"),
        "{report}"
    );
    server.client(&["deploy", &cdk, "--map", "map.toml", "--diff"]).expect(0);
}

#[test]
fn a_stack_of_an_assembly_can_be_chosen() {
    let (_directory, server) = server("");
    let cdk = fixture("cdk/cdk.out");
    let unknown = server.client(&["deploy", &cdk, "--stack", "Other"]).expect(2);
    assert!(unknown.stderr.contains("has no stack Other; it has Production-Billing, Orders"), "{unknown:?}");
    let deployed = server.client(&["deploy", &cdk, "--stack", "Production-Billing"]).expect(0);
    assert_eq!(deployed.stdout, "bill: created\n");
    let described = server.client(&["describe", "bill", "--output", "json"]).expect(0).json();
    let tags = list_tags(&server, described["stateMachineArn"].as_str().unwrap());
    assert_eq!(tags, json!([{"key": "team", "value": "billing"}]));
}

fn list_tags(server: &Server, arn: &str) -> Value {
    server.call("ListTagsForResource", &json!({"resourceArn": arn}))["tags"].clone()
}

#[test]
fn sam_templates_are_deployed_before_and_after_their_build() {
    let (_directory, server) = server("");
    let template = fixture("sam/template.yaml");
    let deployed = server.client(&["deploy", &template]).expect(0);
    assert_eq!(
        deployed.stdout,
        "orders-dev: created\nQuick: created\nNotify: created\nversion Quick:1: published\nalias Quick:live: created\n"
    );
    assert!(
        deployed.stderr.contains("OnlyInProduction is left out: its condition IsProduction does not hold"),
        "{deployed:?}"
    );
    assert!(
        deployed.stderr.contains("Table = Table (from its logical id, as it has no TableName)"),
        "{deployed:?}"
    );
    assert!(deployed.stderr.contains("Events of Quick is left out: nothing"), "{deployed:?}");
    let built = server.client(&["deploy", &fixture("sam/built/template.yaml")]).expect(0);
    assert_eq!(built.stdout, "orders-dev: unchanged\nQuick: unchanged\nNotify: unchanged\n");
    let orders = server.client(&["describe", "orders-dev", "--output", "json"]).expect(0).json();
    assert_eq!(orders["loggingConfiguration"]["level"], "ALL");
    assert_eq!(orders["roleArn"], "arn:aws:iam::000000000000:role/OrdersRole");
    let orders = definition(&server, "orders-dev");
    assert_eq!(orders["States"]["Pause"]["Seconds"], 5);
    assert_eq!(orders["States"]["Charge"]["Retry"][0]["MaxAttempts"], 3);
    assert_eq!(orders["States"]["Charge"]["Parameters"], json!({"table": "Table", "priority": "high"}));
    assert_eq!(
        orders["States"]["Charge"]["Resource"],
        "arn:aws:lambda:us-east-1:000000000000:function:charge-dev"
    );
    let notify = definition(&server, "Notify");
    assert_eq!(
        notify["States"]["Notify"]["Parameters"],
        json!({"account": "000000000000", "literal": "${Unknown}"}),
        "an account stays a text, and an unknown placeholder stays"
    );
    let quick = server.client(&["describe", "Quick"]).expect(0).stdout;
    assert!(
        quick.find("\"Zulu\": {").unwrap() < quick.find("\"Alpha\": {").unwrap(),
        "order is kept: {quick}"
    );
    assert!(quick.contains("type: EXPRESS"), "{quick}");

    // A change of a parameter is a difference, shown before it is made.
    let production = ["deploy", &template, "--parameter", "Stage=production"];
    let unknown = server.client(&production).expect(2).stderr;
    assert!(unknown.contains("s3://elsewhere/only.asl.json: a definition that is in S3"), "{unknown}");
}

#[test]
fn a_difference_is_shown_and_changes_nothing() {
    let (directory, server) =
        server("\"Worker.Arn\" = \"arn:aws:lambda:us-east-1:000000000000:function:worker\"\n");
    let deploy = |arguments: &[&str]| {
        let template = fixture("cloudformation/template.json");
        let given = ["deploy", &template, "--map", "map.toml", "--parameter", "Stage=one"];
        server.client(&[&given, arguments].concat())
    };
    assert_eq!(deploy(&["--diff"]).expect(1).stdout, "plain-one: would be created\n");
    server.client(&["describe", "plain-one"]).expect(3);
    assert_eq!(deploy(&[]).expect(0).stdout, "plain-one: created\n");
    assert_eq!(deploy(&["--diff"]).expect(0).stdout, "plain-one: unchanged\n");
    let machine = server.client(&["describe", "plain-one", "--output", "json"]).expect(0).json();
    let text = machine["definition"].as_str().unwrap();
    assert!(text.contains("\"b\": 1.5,\n") && text.contains("\"a\": 12345678901234567890\n"), "{text}");

    write(
        directory.path(),
        "map.toml",
        "\"Worker.Arn\" = \"arn:aws:lambda:us-east-1:000000000000:function:other\"\n",
    );
    let arn = machine["stateMachineArn"].as_str().unwrap();
    server.call("TagResource", &json!({"resourceArn": arn, "tags": [{"key": "extra", "value": "x"}]}));
    let difference = deploy(&["--diff"]).expect(1).stdout;
    let expected = "plain-one: would be updated (definition, tags)
  definition
    line 11:
          },
          \"Alpha\": {
            \"Type\": \"Task\",
    -       \"Resource\": \"arn:aws:lambda:us-east-1:000000000000:function:worker\",
    +       \"Resource\": \"arn:aws:lambda:us-east-1:000000000000:function:other\",
            \"End\": true
          }
        }
  tags
    line 1:
    - extra=x
      stage=one
";
    assert_eq!(difference, expected);
    let answer = deploy(&["--diff", "--output", "json"]).expect(1).json();
    assert_eq!(answer["stateMachines"][0]["action"], "update");
    assert_eq!(answer["stateMachines"][0]["changes"][1]["what"], "tags");
    assert_eq!(deploy(&[]).expect(0).stdout, "plain-one: updated (definition, tags)\n");
    assert_eq!(deploy(&[]).expect(0).stdout, "plain-one: unchanged\n");
    assert_eq!(list_tags(&server, arn), json!([{"key": "stage", "value": "one"}]));
}

#[test]
fn plain_templates_in_yaml_have_their_functions_evaluated() {
    let (directory, server) =
        server("\"s3://definitions/order.asl.json\" = \"order.asl.json\"\n\"FromS3.Name\" = \"mapped\"\n");
    write(directory.path(), "order.asl.json", PASS);
    let deployed =
        server.client(&["deploy", &fixture("cloudformation/template.yaml"), "--map", "map.toml"]).expect(0);
    assert_eq!(deployed.stdout, "from-string: created\nmapped: created\nversion from-string:1: published\n");
    let machine = server.client(&["describe", "from-string", "--output", "json"]).expect(0).json();
    assert_eq!(machine["roleArn"], "arn:aws:iam::000000000000:role/r");
    let handler = "arn:aws:lambda:us-east-1:000000000000:function:handler";
    assert_eq!(
        definition(&server, "from-string"),
        json!({"Comment": "${NotReplaced}", "StartAt": "Work", "States": {
            "Work": {"Type": "Task", "Resource": handler, "Next": "Again"},
            "Again": {"Type": "Task", "Resource": format!("{handler}:live"), "End": true}
        }})
    );
}

/// A machine whose Comment is `${Text}`, and what is said of its versions and aliases.
fn versioned(text: &str, more: &str) -> String {
    format!(
        "Resources:\n  M:\n    Type: AWS::StepFunctions::StateMachine\n    Properties:\n      StateMachineName: m\n      \
         DefinitionString: '{{\"Comment\": \"{text}\", \"StartAt\": \"P\", \"States\": {{\"P\": {{\"Type\": \"Succeed\"}}}}}}'\n{more}"
    )
}

const FOLLOWING: &str = "  V:
    Type: AWS::StepFunctions::StateMachineVersion
    Properties: {StateMachineArn: !Ref M, StateMachineRevisionId: !GetAtt M.StateMachineRevisionId, Description: of now}
";

fn alias_of(server: &Server, name: &str) -> Value {
    let arn = format!("arn:aws:states:us-east-1:000000000000:stateMachine:{name}");
    server.call("DescribeStateMachineAlias", &json!({"stateMachineAliasArn": arn}))
}

#[test]
fn a_version_follows_each_revision_and_an_alias_the_version() {
    let (directory, server) = server("");
    let alias = "  A:
    Type: AWS::StepFunctions::StateMachineAlias
    Properties: {Name: live, Description: d, RoutingConfiguration: [{StateMachineVersionArn: !Ref V, Weight: 100}]}
";
    let deploy = |text: &str, alias: &str, arguments: &[&str]| {
        write(directory.path(), "t.yaml", &versioned(text, &format!("{FOLLOWING}{alias}")));
        server.client(&[&["deploy", "t.yaml"], arguments].concat())
    };
    assert_eq!(
        deploy("one", alias, &["--diff"]).expect(1).stdout,
        "m: would be created\nversion of m: would be published\nalias m:live: would be created\n"
    );
    server.client(&["describe", "m"]).expect(3);
    assert_eq!(
        deploy("one", alias, &[]).expect(0).stdout,
        "m: created\nversion m:1: published\nalias m:live: created\n"
    );
    assert_eq!(deploy("one", alias, &[]).expect(0).stdout, "m: unchanged\n");
    deploy("one", alias, &["--diff"]).expect(0);
    let difference = deploy("two", alias, &["--diff"]).expect(1).stdout;
    let end = "version of m: would be published
alias m:live: would be updated (routing)
  routing
    line 1:
    - 100% arn:aws:states:us-east-1:000000000000:stateMachine:m:1
    + 100% arn:aws:states:us-east-1:000000000000:stateMachine:m:(the new version)
";
    assert!(difference.ends_with(end), "{difference}");
    assert_eq!(
        deploy("two", alias, &[]).expect(0).stdout,
        "m: updated (definition)\nversion m:2: published\nalias m:live: updated (routing)\n"
    );
    let described = alias_of(&server, "m:live");
    assert_eq!(described["description"], "d");
    assert_eq!(
        described["routingConfiguration"],
        json!([{"stateMachineVersionArn": "arn:aws:states:us-east-1:000000000000:stateMachine:m:2", "weight": 100}])
    );
    // A version that is there already may have a share; the order in which routes are written says nothing.
    let shared = "  A:
    Type: AWS::StepFunctions::StateMachineAlias
    Properties:
      Name: live
      RoutingConfiguration:
        - {StateMachineVersionArn: !GetAtt V.Arn, Weight: 10}
        - {StateMachineVersionArn: !Sub '${M}:1', Weight: '90'}
";
    assert_eq!(
        deploy("two", shared, &[]).expect(0).stdout,
        "m: unchanged\nalias m:live: updated (description, routing)\n"
    );
    assert_eq!(deploy("two", shared, &[]).expect(0).stdout, "m: unchanged\n");
    // Tags are no part of a revision.
    let arn = "arn:aws:states:us-east-1:000000000000:stateMachine:m";
    server.call("TagResource", &json!({"resourceArn": arn, "tags": [{"key": "a", "value": "b"}]}));
    assert_eq!(deploy("two", shared, &[]).expect(0).stdout, "m: updated (tags)\n");
    // What DeploymentPreference does step by step is done at once.
    let gradual = "  A:
    Type: AWS::StepFunctions::StateMachineAlias
    Properties:
      Name: live
      DeploymentPreference: {StateMachineVersionArn: !Ref V, Type: CANARY, Percentage: 5, Interval: 10, Alarms: [a]}
";
    let deployed = deploy("two", gradual, &[]).expect(0);
    assert_eq!(deployed.stdout, "m: unchanged\nalias m:live: updated (routing)\n");
    assert!(
        deployed.stderr.contains("warning: DeploymentPreference CANARY of A is followed at once"),
        "{deployed:?}"
    );
}

#[test]
fn a_version_without_a_revision_is_published_once() {
    let (directory, server) = server("");
    let version = |name: &str, description: &str| {
        format!(
            "  {name}: {{Type: AWS::StepFunctions::StateMachineVersion, Properties: {{StateMachineArn: !Ref M{description}}}}}\n"
        )
    };
    let deploy = |text: &str, more: &str| {
        write(directory.path(), "t.yaml", &versioned(text, more));
        server.client(&["deploy", "t.yaml"]).expect(0).stdout
    };
    assert_eq!(deploy("one", &version("V", "")), "m: created\nversion m:1: published\n");
    assert_eq!(deploy("two", &version("V", "")), "m: updated (definition)\n");
    let both = version("V", ", Description: first") + &version("W", ", Description: second");
    assert_eq!(
        deploy("two", &version("V", ", Description: first")),
        "m: unchanged\nversion m:2: published\n"
    );
    assert_eq!(deploy("three", &both), "m: updated (definition)\nversion m:3: published\n");
    assert_eq!(deploy("three", &both), "m: unchanged\n");
}

#[test]
fn sam_publishes_versions_and_leads_an_alias_to_them() {
    let (directory, server) = server("");
    write(directory.path(), "pass.asl.json", PASS);
    let deploy = |seconds: &str| {
        let template = format!(
            "Resources:\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties:\n      Name: m\n      AutoPublishAlias: live\n      \
             DeploymentPreference: {{Type: LINEAR, Percentage: 10, Interval: 1}}\n      Definition: {{Comment: \"{seconds}\", StartAt: P, States: {{P: {{Type: Succeed}}}}}}\n"
        );
        write(directory.path(), "t.yaml", &template);
        server.client(&["deploy", "t.yaml"]).expect(0)
    };
    let deployed = deploy("one");
    assert_eq!(deployed.stdout, "m: created\nversion m:1: published\nalias m:live: created\n");
    assert!(deployed.stderr.contains("DeploymentPreference LINEAR of M is followed at once"), "{deployed:?}");
    assert_eq!(deploy("one").stdout, "m: unchanged\n");
    assert_eq!(
        deploy("two").stdout,
        "m: updated (definition)\nversion m:2: published\nalias m:live: updated (routing)\n"
    );
}

#[test]
fn stacks_within_a_stack_are_deployed_with_it() {
    let (directory, server) = server("\"https://elsewhere/there.yaml\" = \"inner.yaml\"\n");
    let inner = "Parameters: {Text: {Type: String}, Name: {Type: String, Default: inner}}
Resources:
  M:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: !Ref Name
      DefinitionString: !Sub '{\"Comment\": \"${Text} ${AWS::StackName}\", \"StartAt\": \"P\", \"States\": {\"P\": {\"Type\": \"Succeed\"}}}'
Outputs: {Arn: {Value: !Ref M}}
";
    write(directory.path(), "inner.yaml", inner);
    let outer = |more: &str| {
        format!(
            "Resources:
  One: {{Type: AWS::CloudFormation::Stack, Properties: {{TemplateURL: ./inner.yaml, Parameters: {{Text: one}}}}}}
  Two:
    Type: AWS::Serverless::Application
    Properties:
      Location: https://elsewhere/there.yaml
      Parameters: {{Text: !GetAtt One.Outputs.Arn, Name: second}}
{more}"
        )
    };
    write(directory.path(), "outer.yaml", &outer(""));
    let deployed = server.client(&["deploy", "outer.yaml", "--map", "map.toml"]).expect(0);
    assert_eq!(deployed.stdout, "inner: created\nsecond: created\n", "{deployed:?}");
    assert_eq!(definition(&server, "inner")["Comment"], "one outer-One");
    assert_eq!(
        definition(&server, "second")["Comment"],
        "arn:aws:states:us-east-1:000000000000:stateMachine:inner outer-Two"
    );
    let deployed = server.client(&["deploy", "outer.yaml"]).expect(0);
    assert_eq!(deployed.stdout, "inner: unchanged\n");
    assert!(
        deployed
            .stderr
            .contains("Two (AWS::Serverless::Application) is left out: its template is at https://elsewhere"),
        "{deployed:?}"
    );
    let catalogue = "  Three: {Type: AWS::Serverless::Application, Properties: {Location: {ApplicationId: a, SemanticVersion: 1.0.0}}}\n";
    write(directory.path(), "outer.yaml", &outer(catalogue));
    let deployed = server.client(&["deploy", "outer.yaml"]).expect(0);
    assert!(deployed.stderr.contains("Three (AWS::Serverless::Application) is left out: applications of"));
    let unknown = "  Q: {Type: AWS::SQS::Queue, Properties: {QueueName: !GetAtt One.Outputs.None}}
  M: {Type: AWS::StepFunctions::StateMachine, Properties: {StateMachineName: !Ref Q, DefinitionString: x}}\n";
    write(directory.path(), "outer.yaml", &outer(unknown));
    let refused = server.client(&["deploy", "outer.yaml"]).expect(2).stderr;
    assert!(refused.contains("inner.yaml, the template of One, has no output None"), "{refused}");
    write(
        directory.path(),
        "outer.yaml",
        "Resources: {Self: {Type: AWS::CloudFormation::Stack, Properties: {TemplateURL: outer.yaml}}}\n",
    );
    let refused = server.client(&["deploy", "outer.yaml"]).expect(2).stderr;
    assert!(refused.contains("stacks lie within each other more than 8 deep"), "{refused}");
}

#[test]
fn everything_that_is_not_known_is_asked_for_at_once() {
    let (_directory, server) = server("Stagname = \"x\"\n");
    let asked = server.client(&["deploy", &fixture("cdk/cdk.out"), "--map", "map.toml"]).expect(2).stderr;
    for part in [
        "error: 2 values are not known:\n  StageName: a parameter without a default\n      used by Report",
        "Orders.template.json:",
        "\n  export:SharedBusArn: the export of another stack\n",
        "warning: nothing that is deployed uses the given value of \"Stagname\"; did you mean \"StageName\"?\n",
        "\nWrite them into a file and name it with --map FILE:\n  \"StageName\" = \"…\"\n  \"export:SharedBusArn\" = \"…\"\n",
        "(parameters also as --parameter StageName=VALUE)",
    ] {
        assert!(asked.contains(part), "{part}\nnot in\n{asked}");
    }
    let asked = server
        .client(&["deploy", &fixture("cloudformation/template.json"), "--parameter", "Stage=a"])
        .expect(2);
    assert!(asked.stderr.contains("Worker.Arn: an attribute of Custom::Worker"), "{asked:?}");
    assert!(
        asked.stderr.contains("\"Worker.Arn\" = \"arn:aws:service:us-east-1:000000000000:name\""),
        "{asked:?}"
    );
    assert_eq!(server.client(&["list", "machines"]).expect(0).stdout, "", "nothing was created");
}

#[test]
fn properties_that_are_no_value_are_as_if_they_were_absent() {
    let (directory, server) = server("");
    write(
        directory.path(),
        "t.yaml",
        "{Conditions: {No: !Equals [a, b]}, Resources: {
  Named: {Type: AWS::Serverless::StateMachine, Properties: {
    Name: !If [No, other, !Ref AWS::NoValue],
    Type: !If [No, EXPRESS, !Ref AWS::NoValue],
    Role: !If [No, x, !Ref AWS::NoValue],
    Tags: !If [No, x, {team: orders, none: !Ref AWS::NoValue}],
    Logging: !Ref AWS::NoValue,
    DefinitionUri: !Ref AWS::NoValue,
    DefinitionSubstitutions: {A: !Ref AWS::NoValue},
    Definition: {StartAt: P, States: {P: {Type: Succeed}}}}},
  Work: {Type: AWS::StepFunctions::Activity, Properties: {
    Name: !Ref AWS::NoValue,
    Tags: [!If [No, {Key: a, Value: b}, !Ref AWS::NoValue], {Key: team, Value: work}]}}}}",
    );
    let deployed = server.client(&["deploy", "t.yaml"]).expect(0);
    assert_eq!(deployed.stdout, "Named: created\nactivity Work: created\n", "{deployed:?}");
    let named = server.client(&["describe", "Named", "--output", "json"]).expect(0).json();
    assert_eq!(named["type"], "STANDARD");
    assert_eq!(named["roleArn"], "arn:aws:iam::000000000000:role/NamedRole");
    let arn = "arn:aws:states:us-east-1:000000000000";
    for (resource, team) in [("stateMachine:Named", "orders"), ("activity:Work", "work")] {
        let tags = list_tags(&server, &format!("{arn}:{resource}"));
        assert_eq!(tags, json!([{"key": "team", "value": team}]), "{resource}");
    }
    assert_eq!(server.client(&["deploy", "t.yaml"]).expect(0).stdout, "Named: unchanged\n");
}

#[test]
fn activities_become_what_the_template_says() {
    let (directory, server) = server("");
    let deploy = |more: &str| {
        let text = format!(
            "Resources:\n  Work: {{Type: AWS::StepFunctions::Activity, Properties: {{Name: work{more}}}}}\n"
        );
        write(directory.path(), "t.yaml", &text);
        server.client(&["deploy", "t.yaml"])
    };
    let arn = "arn:aws:states:us-east-1:000000000000:activity:work";
    let encrypted = ", EncryptionConfiguration: {Type: CUSTOMER_MANAGED_KMS_KEY, KmsKeyId: alias/a, KmsDataKeyReusePeriodSeconds: 300}";
    let tagged = format!("{encrypted}, Tags: [{{Key: a, Value: b}}]");
    assert_eq!(deploy(&tagged).expect(0).stdout, "activity work: created\n");
    assert_eq!(list_tags(&server, arn), json!([{"key": "a", "value": "b"}]));
    assert_eq!(deploy(&tagged).expect(0).stdout, "");
    assert_eq!(deploy(encrypted).expect(0).stdout, "activity work: updated (tags)\n");
    assert_eq!(list_tags(&server, arn), json!([]));
    let refused = deploy("").expect(2).stderr;
    assert!(refused.contains("the activity work is to be encrypted otherwise than it is"), "{refused}");
}

#[test]
fn what_has_no_effect_is_told() {
    let (directory, server) = server("");
    write(
        directory.path(),
        "t.yaml",
        "Resources:
  M:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineTyp: EXPRESS
      Colour: red
      Definition: {StartAt: P, States: {P: {Type: Succeed}}}
  Fn::ForEach::All: [Name, [A, B], {'${Name}': {Type: AWS::StepFunctions::Activity}}]
",
    );
    let told = server.client(&["deploy", "t.yaml", "--diff"]).expect(1).stderr;
    for line in [
        "warning: StateMachineTyp of M is not known and has no effect; did you mean StateMachineType?\n",
        "warning: Colour of M is not known and has no effect\n",
        "warning: Fn::ForEach::All is left out: what makes resources is not evaluated; write them themselves\n",
    ] {
        assert!(told.contains(line), "{line}\nnot in\n{told}");
    }
}

#[test]
fn the_type_of_a_machine_can_not_be_changed() {
    let (directory, server) = server("");
    write(directory.path(), "pass.asl.json", PASS);
    let template = |kind: &str| {
        format!(
            "Resources:\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties: {{Type: {kind}, DefinitionUri: pass.asl.json}}\n"
        )
    };
    write(directory.path(), "a.yaml", &template("STANDARD"));
    server.client(&["deploy", "a.yaml"]).expect(0);
    write(directory.path(), "a.yaml", &template("EXPRESS"));
    let refused = server.client(&["deploy", "a.yaml"]).expect(2).stderr;
    assert!(refused.contains("M is to be EXPRESS, but the server has it as STANDARD"), "{refused}");
}
