//! Templates that `stepwell deploy` refuses, and what it says of them.

mod common;

use common::{PASS, Server, stepwell, write};

/// Template, its file name, and a part of what is told.
const REFUSED: &[(&str, &str, &str)] = &[
    ("a.yaml", "Resources:\n  M: !Nonsense x\n", "a.yaml:2:6:"),
    ("a.yaml", "Resources:\n  M: !Nonsense\n  N: 1\n", "a.yaml:2:6:"),
    ("a.yaml", "Resources:\n  M: !Nonsense [a]\n", "a.yaml:2:6:"),
    ("a.yaml", "Resources:\n  M: !Nonsense x\n", "the tag !Nonsense has no meaning in a template"),
    ("a.yaml", "Parameters: {}\n", "is not a CloudFormation template"),
    ("a.yaml", "Resources: {Q: {Type: AWS::SQS::Queue}}\n", "has no state machines"),
    ("a.json", "{\"Resources\": \n", "a.json:2:1: this is not JSON"),
    (
        "a.yaml",
        "Resources:\n  M:\n    Type: AWS::StepFunctions::StateMachine\n    Properties: {}\n",
        "a.yaml:3:5: M has no definition; it needs one of DefinitionString, Definition, DefinitionS3Location",
    ),
    (
        "a.yaml",
        "Resources:\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties:\n      DefinitionUri: none.asl.json\n",
        "can't read none.asl.json: no such file",
    ),
    (
        "a.yaml",
        "Resources:\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties:\n      Type: FAST\n      DefinitionUri: pass.asl.json\n",
        "a.yaml:5:13: \"FAST\" is neither STANDARD nor EXPRESS",
    ),
    (
        "a.yaml",
        "Resources:\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties:\n      Name: !Cidr [a]\n      DefinitionUri: pass.asl.json\n",
        "a.yaml:5:",
    ),
    // A finding in an object of the template is shown there.
    (
        "a.yaml",
        "Resources:\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties:\n      Definition:\n        StartAt: First\n        States:\n          First: {Type: Pass, Next: Secnd}\n          Second: {Type: Succeed}\n",
        "a.yaml:8:37: error: Missing 'Next' target: Secnd",
    ),
    // In a text of the template, the place in the text is shown.
    (
        "a.yaml",
        "Resources:\n  M:\n    Type: AWS::StepFunctions::StateMachine\n    Properties:\n      DefinitionString: !Sub |\n        {\"Comment\": \"${AWS::StackName} ${!x}\", \"StartAt\": \"First\",\n        \"States\": {\"First\": {\"Type\": \"Pass\", \"Next\": \"Secnd\"},\n        \"Second\": {\"Type\": \"Succeed\"}}}\n",
        "a.yaml:7:54: error: Missing 'Next' target: Secnd",
    ),
    (
        "a.json",
        "{\"Resources\": {\"M\": {\"Type\": \"AWS::StepFunctions::StateMachine\", \"Properties\": {\n\"DefinitionString\": \"{\\\"StartAt\\\": \\\"é\\\",\\n\\\"States\\\": {\\\"P\\\": {\\\"Type\\\": \\\"Succeed\\\"}}}\"}}}}\n",
        "a.json:2:36: error: ",
    ),
    // One in a file is shown there, where it is before placeholders are replaced.
    (
        "a.yaml",
        "Resources:\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties:\n      DefinitionUri: typo.asl.json\n      DefinitionSubstitutions: {Long: a long long comment}\n",
        "typo.asl.json:1:89: error: Missing 'Next' target: Secnd",
    ),
    (
        "a.yaml",
        "Resources:\n  A: &m\n    Type: AWS::Serverless::StateMachine\n    Properties: {Name: same, DefinitionUri: pass.asl.json}\n  B: *m\n",
        "A of a and B of a would both be the state machine same",
    ),
    // What the server would refuse, when a part of the template was deployed.
    (
        "a.yaml",
        "Resources:\n  M:\n    Type: AWS::StepFunctions::StateMachine\n    Properties:\n      StateMachineName: two words\n      DefinitionString: x\n",
        "a.yaml:5:25: \"two words\" can't be a name: a name has up to 80 characters",
    ),
    (
        "a.yaml",
        "Resources:\n  A: {Type: AWS::StepFunctions::Activity, Properties: {Name: a/b}}\n",
        "a.yaml:2:62: \"a/b\" can't be a name",
    ),
    (
        "a.yaml",
        "Resources:\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties: {Role: admin, DefinitionUri: pass.asl.json}\n",
        "a.yaml:4:24: \"admin\" is not the ARN of a role",
    ),
    (
        "a.yaml",
        "Resources:\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties: {Tags: x, DefinitionUri: pass.asl.json}\n",
        "a.yaml:4:24: tags are a list of Key and Value",
    ),
    (
        "a.yaml",
        "Resources:\n  A:\n    Type: AWS::StepFunctions::Activity\n    Properties: {Tags: [{Key: 'a!', Value: b}]}\n",
        "a.yaml:4:24: The tag 'a!' has the character '!'",
    ),
    (
        "a.yaml",
        "Resources:\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties: {AutoPublishAlias: a b, DefinitionUri: pass.asl.json}\n",
        "a.yaml:4:36: \"a b\" can't be the name of an alias",
    ),
    (
        "a.yaml",
        "Resources:\n  M:\n    Type: AWS::StepFunctions::StateMachine\n    Properties: {Definition: {}, DefinitionString: x}\n",
        "a.yaml:4:30: M has DefinitionString and Definition; only one of them can be its definition",
    ),
    (
        "a.yaml",
        "Parameters:\n  Stage: {Type: String, AllowedValues: [dev, prod], Default: test}\nResources:\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties: {Name: !Ref Stage, DefinitionUri: pass.asl.json}\n",
        "a.yaml:2:10: the parameter Stage is \"test\", which is none of its AllowedValues: dev, prod",
    ),
    (
        "a.yaml",
        "Conditions: {No: !Equals [a, b]}\nResources:\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties: {Name: !Select [0, [!Ref AWS::NoValue]], DefinitionUri: pass.asl.json}\n",
        "a.yaml:4:5: M can't be read: a part that it needs is AWS::NoValue",
    ),
    (
        "a.yaml",
        "Resources:\n  A:\n    Type: AWS::StepFunctions::StateMachineAlias\n    Properties:\n      Name: live\n      RoutingConfiguration: [{StateMachineVersionArn: 'arn:1', Weight: 90}]\n",
        "a.yaml:6:29: the weights of the versions must be 100 together, and are 90",
    ),
    (
        "a.yaml",
        "Resources:\n  A:\n    Type: AWS::StepFunctions::StateMachineAlias\n    Properties:\n      Name: 12\n      RoutingConfiguration: [{StateMachineVersionArn: 'arn:1', Weight: 100}]\n",
        "a.yaml:5:13: \"12\" can't be the name of an alias",
    ),
    // Versions and aliases.
    (
        "a.yaml",
        "Resources:\n  V: {Type: AWS::StepFunctions::StateMachineVersion, Properties: {Description: x}}\n",
        "a.yaml:2:6: V has no StateMachineArn",
    ),
    (
        "a.yaml",
        "Resources:\n  V:\n    Type: AWS::StepFunctions::StateMachineVersion\n    Properties:\n      StateMachineArn: arn\n      StateMachineRevisionId: abc\n",
        "a.yaml:6:31: only Fn::GetAtt of a state machine's StateMachineRevisionId can be used here",
    ),
    (
        "a.yaml",
        "Resources:\n  V:\n    Type: AWS::StepFunctions::StateMachineVersion\n    Properties: {StateMachineArn: 'arn:aws:states:us-east-1:000000000000:stateMachine:none'}\n",
        "V is a version of arn:aws:states:us-east-1:000000000000:stateMachine:none, which is neither in the template nor on the server",
    ),
    (
        "a.yaml",
        "Resources:\n  A: {Type: AWS::StepFunctions::StateMachineAlias, Properties: {Name: live}}\n",
        "A needs RoutingConfiguration or DeploymentPreference, and not both",
    ),
    (
        "a.yaml",
        "Resources:\n  A:\n    Type: AWS::StepFunctions::StateMachineAlias\n    Properties:\n      RoutingConfiguration: [{StateMachineVersionArn: arn, Weight: all}]\n",
        "a.yaml:5:55: \"arn\" is not the ARN of a version",
    ),
    (
        "a.yaml",
        "Resources:\n  A:\n    Type: AWS::StepFunctions::StateMachineAlias\n    Properties:\n      RoutingConfiguration: [{StateMachineVersionArn: 'arn:1', Weight: all}]\n",
        "\"all\" is no weight: a whole number is needed here",
    ),
    (
        "a.yaml",
        "Resources:\n  A: {Type: AWS::SQS::Queue, Properties: {QueueName: !Ref B}}\n  B: {Type: AWS::SNS::Topic, Properties: {TopicName: !Ref A}}\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties: {Name: !Ref A, DefinitionUri: pass.asl.json}\n",
        "these references lead in a circle",
    ),
    (
        "a.yaml",
        "Resources:\n  M:\n    Type: AWS::Serverless::StateMachine\n    Properties: {Name: !Ref Nmae, DefinitionUri: pass.asl.json}\nParameters: {Name: {Type: String}}\n",
        "Nmae: the template has nothing of this name; did you mean Name?",
    ),
];

#[test]
fn what_can_not_be_deployed_is_refused_with_its_place() {
    let directory = tempfile::tempdir().expect("a directory");
    let server = Server::start(directory.path(), &["--memory"]);
    write(directory.path(), "pass.asl.json", PASS);
    write(
        directory.path(),
        "typo.asl.json",
        r#"{"Comment": "${Long}", "StartAt": "First", "States": {"First": {"Type": "Pass", "Next": "Secnd"}, "Second": {"Type": "Succeed"}}}"#,
    );
    for (name, template, expected) in REFUSED {
        write(directory.path(), name, template);
        let refused = server.client(&["deploy", name]).expect(2);
        assert!(refused.stderr.contains(expected), "{expected}\nnot in\n{}\n{template}", refused.stderr);
    }
    assert_eq!(server.client(&["list", "machines"]).expect(0).stdout, "", "nothing was created");
    let outside =
        stepwell(directory.path(), &["deploy", "pass.asl.json", "--endpoint-url", "http://127.0.0.1:1"]);
    assert!(outside.expect(2).stderr.contains("is not a CloudFormation template"));
    let empty = tempfile::tempdir().unwrap();
    let nothing = stepwell(empty.path(), &["deploy"]).expect(2).stderr;
    assert!(
        nothing.contains("has no template: looked for manifest.json, cdk.out/manifest.json"),
        "{nothing}"
    );
}
