//! CloudFormation's intrinsic functions.

use std::sync::Arc;

use stepwell_json::spanned::{Member, Node, NodeKind};
use stepwell_json::{Array, Value};

use super::edit::Edit;
use super::resolve::{CHAIN_MAX, Resolver, scalar_text};

/// The value of a function; none when it is not known, which is noted then.
pub(super) fn call(resolver: &mut Resolver<'_>, function: &str, argument: &Node) -> Option<Value> {
    match function {
        "Ref" => match argument.as_str() {
            Some(name) => resolver.reference(name, argument),
            None => resolver.error(argument, "Ref needs a name"),
        },
        "Fn::GetAtt" => get_att(resolver, argument),
        "Fn::Sub" => sub(resolver, argument),
        "Fn::Join" => join(resolver, argument),
        "Fn::Select" => select(resolver, argument),
        "Fn::Split" => split(resolver, argument),
        "Fn::If" => {
            let chosen = chosen(resolver, argument)?;
            resolver.resolve(chosen)
        }
        "Fn::FindInMap" => find_in_map(resolver, argument),
        "Fn::ImportValue" => {
            let name = resolver.text(argument)?;
            let key = format!("export:{name}");
            let value = resolver.given(&key);
            value.or_else(|| resolver.ask(&key, "the export of another stack", None, argument))
        }
        "Fn::ToJsonString" => Some(text(&resolver.resolve(argument)?.to_text())),
        _ => resolver.error(
            argument,
            &format!(
                "{function} is not evaluated here; write the value itself, or a parameter, in its place"
            ),
        ),
    }
}

/// The value of `Fn::If` that its condition chooses; none when that is not known, which is noted then.
pub(super) fn chosen<'n>(resolver: &mut Resolver<'_>, argument: &'n Node) -> Option<&'n Node> {
    let Some([condition, yes, no]) = list(argument) else {
        return resolver.error(argument, "Fn::If needs a condition and two values");
    };
    let Some(name) = condition.as_str() else {
        return resolver.error(condition, "Fn::If needs the name of a condition");
    };
    Some(if named_condition(resolver, name, condition)? { yes } else { no })
}

fn text(text: &str) -> Value {
    Value::String(Arc::from(text))
}

/// The items of a list of a known length.
fn list<const N: usize>(node: &Node) -> Option<&[Node; N]> {
    node.items()?.try_into().ok()
}

fn get_att(resolver: &mut Resolver<'_>, argument: &Node) -> Option<Value> {
    if let Some((name, attribute)) = argument.as_str().and_then(|text| text.split_once('.')) {
        return resolver.attribute(name, attribute, argument);
    }
    let Some([name, attribute]) = list(argument) else {
        return resolver.error(argument, "Fn::GetAtt needs a logical id and an attribute");
    };
    let attribute = resolver.text(attribute)?;
    match name.as_str() {
        Some(name) => resolver.attribute(name, &attribute, argument),
        None => resolver.error(name, "Fn::GetAtt needs a logical id and an attribute"),
    }
}

fn sub(resolver: &mut Resolver<'_>, argument: &Node) -> Option<Value> {
    sub_with_edits(resolver, argument).map(|(result, _)| text(&result))
}

/// The text of `Fn::Sub`, which stands alone or before values of its own.
pub(super) fn sub_text(argument: &Node) -> &Node {
    list(argument).map_or(argument, |[text, _]| text)
}

/// Replaces `${Name}`, `${Name.Attribute}` and names of its own, and `${!Text}` by `${Text}`; tells where.
pub(super) fn sub_with_edits(resolver: &mut Resolver<'_>, argument: &Node) -> Option<(String, Vec<Edit>)> {
    let template = sub_text(argument);
    let own = list(argument).and_then(|[_, own]| own.members()).unwrap_or_default();
    let Some(whole) = template.as_str() else {
        return resolver.error(argument, "Fn::Sub needs a text, or a text and an object of values");
    };
    let mut rest = whole;
    let mut result = String::new();
    let mut edits = Vec::new();
    let mut is_known = true;
    while let Some(start) = rest.find("${") {
        let (before, behind) = rest.split_at(start);
        let Some(end) = behind.find('}') else { break };
        result.push_str(before);
        let name = &behind["${".len()..end];
        rest = &behind[end + 1..];
        let start = result.len();
        match name.strip_prefix('!') {
            Some(literal) => result.push_str(&format!("${{{literal}}}")),
            None => match sub_value(resolver, template, own, name.trim()).as_ref().map(scalar_text) {
                Some(Some(value)) => result.push_str(&value),
                Some(None) => {
                    return resolver.error(template, &format!("the value of ${{{name}}} is not a text"));
                }
                None => is_known = false,
            },
        }
        let old = whole.len() - behind.len()..whole.len() - rest.len();
        edits.push(Edit { new: start..result.len(), old });
    }
    result.push_str(rest);
    is_known.then_some((result, edits))
}

fn sub_value(resolver: &mut Resolver<'_>, template: &Node, own: &[Member], name: &str) -> Option<Value> {
    if let Some(member) = own.iter().rev().find(|member| &*member.key == name) {
        return resolver.resolve(&member.value);
    }
    match name.split_once('.') {
        Some((name, attribute)) => resolver.attribute(name, attribute, template),
        None => resolver.reference(name, template),
    }
}

fn join(resolver: &mut Resolver<'_>, argument: &Node) -> Option<Value> {
    let Some([separator, parts]) = list(argument) else {
        return resolver.error(argument, "Fn::Join needs a separator and a list");
    };
    let separator = resolver.text(separator)?;
    // Each part is looked at, so that all that is unknown is told.
    let texts: Option<Vec<String>> = match &parts.kind {
        NodeKind::Array(parts) => {
            let mut texts = Vec::new();
            for part in parts {
                texts.extend(resolver.present(part).map(|part| resolver.text(part)));
            }
            texts.into_iter().collect()
        }
        _ => {
            let value = resolver.resolve(parts)?;
            let Some(items) = value.as_array() else { return resolver.error(parts, "Fn::Join needs a list") };
            items.items().iter().map(scalar_text).collect()
        }
    };
    Some(text(&texts?.join(&separator)))
}

fn select(resolver: &mut Resolver<'_>, argument: &Node) -> Option<Value> {
    let Some([index, items]) = list(argument) else {
        return resolver.error(argument, "Fn::Select needs an index and a list");
    };
    let index = resolver.text(index)?;
    // Only the chosen item has to be known.
    if let (Some(items), Ok(index)) = (items.items(), index.parse::<usize>())
        && let Some(item) = items.get(index)
    {
        return resolver.resolve(item);
    }
    let value = resolver.resolve(items)?;
    let item = index.parse().ok().and_then(|index: usize| value.index(index).cloned());
    item.or_else(|| resolver.error(argument, &format!("Fn::Select: the list has no item {index}")))
}

fn split(resolver: &mut Resolver<'_>, argument: &Node) -> Option<Value> {
    let Some([separator, whole]) = list(argument) else {
        return resolver.error(argument, "Fn::Split needs a separator and a text");
    };
    let separator = resolver.text(separator)?;
    let whole = resolver.text(whole)?;
    Some(Value::Array(Array::new(whole.split(&separator).map(text).collect())))
}

fn find_in_map(resolver: &mut Resolver<'_>, argument: &Node) -> Option<Value> {
    let Some([map, first, second]) = list(argument) else {
        return resolver.error(argument, "Fn::FindInMap needs a map and two keys");
    };
    let keys = [resolver.text(map)?, resolver.text(first)?, resolver.text(second)?];
    let [map, first, second] = &keys;
    let template = resolver.template;
    match template.entry("Mappings", map).and_then(|map| map.get(first)?.get(second)) {
        Some(found) => resolver.resolve(found),
        None => resolver.error(argument, &format!("the template has no Mappings.{}", keys.join("."))),
    }
}

/// Whether a condition of the template holds; none when it is not known, which is noted then.
pub(super) fn named_condition(resolver: &mut Resolver<'_>, name: &str, node: &Node) -> Option<bool> {
    let template = resolver.template;
    match template.entry("Conditions", name) {
        Some(condition) => evaluate(resolver, condition),
        None => resolver.error(node, &format!("the template has no condition {name}")),
    }
}

fn evaluate(resolver: &mut Resolver<'_>, node: &Node) -> Option<bool> {
    if resolver.chain >= CHAIN_MAX {
        return resolver.error(node, "these conditions lead in a circle");
    }
    resolver.chain += 1;
    let value = evaluate_one(resolver, node);
    resolver.chain -= 1;
    value
}

fn evaluate_one(resolver: &mut Resolver<'_>, node: &Node) -> Option<bool> {
    let Some([member]) = node.members() else {
        return resolver.error(node, "this is not a condition");
    };
    let all = |resolver: &mut Resolver<'_>| -> Option<Vec<bool>> {
        let items = member.value.items().unwrap_or_default();
        items.iter().map(|item| evaluate(resolver, item)).collect()
    };
    match &*member.key {
        "Condition" => match member.value.as_str() {
            Some(name) => named_condition(resolver, name, &member.value),
            None => resolver.error(node, "Condition needs a name"),
        },
        "Fn::Equals" => {
            let Some([left, right]) = list(&member.value) else {
                return resolver.error(node, "Fn::Equals needs two values");
            };
            let (left, right) = (resolver.resolve(left), resolver.resolve(right));
            let (left, right) = (left?, right?);
            Some(left == right || scalar_text(&left).is_some_and(|left| scalar_text(&right) == Some(left)))
        }
        "Fn::And" => Some(all(resolver)?.into_iter().all(|holds| holds)),
        "Fn::Or" => Some(all(resolver)?.into_iter().any(|holds| holds)),
        "Fn::Not" => Some(!all(resolver)?.into_iter().all(|holds| holds)),
        other => resolver.error(node, &format!("{other} is not a function of conditions")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::given::Given;
    use super::super::resolve::{Destination, Findings};
    use super::super::template;
    use super::*;

    const TEMPLATE: &str = "
Parameters:
  Stage: {Type: String, Default: dev}
  Count: {Type: Number, Default: 3}
  Names: {Type: CommaDelimitedList, Default: 'a, b'}
  Open: {Type: String}
  Stored: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /a}
  Wrong: {Type: Number, Default: x}
  Far: {Type: String, AllowedValues: [moon, 3], Default: mars}
  Near: {Type: String, AllowedValues: [moon, 3], Default: '3'}
Mappings: {Limits: {dev: {Seconds: 5, Of: [1, 2]}}}
Conditions:
  IsDev: !Equals [!Ref Stage, dev]
  IsThree: !Equals [3, !Ref Count]
  IsNot: !Not [!Condition IsDev]
  Both: !And [!Condition IsDev, !Not [!Condition IsNot]]
  Either: !Or [!Condition IsNot, !Equals [a, b]]
  Circle: !Not [!Condition Circle]
Resources:
  Function: {Type: AWS::Lambda::Function, Properties: {FunctionName: !Sub 'f-${Stage}'}}
  Alias: {Type: AWS::Lambda::Alias, Properties: {FunctionName: !GetAtt Function.Arn, Name: live}}
  Queue: {Type: AWS::SQS::Queue}
  Machine: {Type: AWS::StepFunctions::StateMachine}
  Table: {Type: AWS::DynamoDB::Table, Properties: {TableName: t}}
  Bucket: {Type: AWS::S3::Bucket, Properties: {BucketName: b}}
  Role: {Type: AWS::IAM::Role}
  Other: {Type: Custom::Thing}
Expression: ";

    /// The compact JSON of an expression, `absent`, or what is missing or wrong.
    fn evaluate(expression: &str) -> Result<String, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("stack.yaml");
        std::fs::write(&path, format!("{TEMPLATE}{expression}\n")).unwrap();
        let templates = template::load(&path, None).unwrap();
        let template = templates.first().unwrap();
        let parameters =
            [("Other.Id".to_owned(), "given".to_owned()), ("export:e".to_owned(), "exported".to_owned())];
        let given = Given::load(None, &parameters).unwrap();
        let destination = Destination { account: "111122223333".into(), region: "eu-west-1".into() };
        let mut findings = Findings::default();
        let mut resolver = Resolver {
            template,
            given: &given,
            destination: &destination,
            findings: &mut findings,
            user: "Machine".into(),
            chain: 0,
        };
        let value = resolver.resolve(template.root.get("Expression").unwrap());
        match findings.unknowns.text() {
            Some(text) => Err(text),
            None => Ok(value.map_or("absent".to_owned(), |value| value.to_text())),
        }
    }

    #[test]
    fn functions_have_the_values_of_cloudformation() {
        for (expression, expected) in [
            ("!Ref Stage", "\"dev\""),
            ("!Ref Count", "3"),
            ("!Ref Names", "[\"a\",\"b\"]"),
            ("!Ref Near", "\"3\""),
            ("!Ref AWS::Region", "\"eu-west-1\""),
            ("!Ref AWS::NoValue", "absent"),
            ("{a: !Ref AWS::NoValue, b: 1}", "{\"b\":1}"),
            ("[1, !Ref AWS::NoValue]", "[1]"),
            (
                "!Sub '${AWS::Partition}/${AWS::AccountId}/${AWS::StackName}/${Count}'",
                "\"aws/111122223333/stack/3\"",
            ),
            ("!Sub '${!Stage} ${ Stage } $Stage ${'", "\"${Stage} dev $Stage ${\""),
            ("!Sub ['${a}-${Stage}', {a: !GetAtt Other.Id}]", "\"given-dev\""),
            (
                "!Sub '${Function}|${Function.Arn}'",
                "\"f-dev|arn:aws:lambda:eu-west-1:111122223333:function:f-dev\"",
            ),
            ("{'Fn::GetAtt': [Function, Arn]}", "\"arn:aws:lambda:eu-west-1:111122223333:function:f-dev\""),
            ("{'Fn::GetAtt': Function.Arn}", "\"arn:aws:lambda:eu-west-1:111122223333:function:f-dev\""),
            ("!Ref Alias", "\"arn:aws:lambda:eu-west-1:111122223333:function:f-dev:live\""),
            ("!Ref Queue", "\"https://sqs.eu-west-1.amazonaws.com/111122223333/Queue\""),
            ("!Ref Machine", "\"arn:aws:states:eu-west-1:111122223333:stateMachine:Machine\""),
            (
                "[!Ref Table, !GetAtt Table.Arn]",
                "[\"t\",\"arn:aws:dynamodb:eu-west-1:111122223333:table/t\"]",
            ),
            ("!GetAtt Bucket.Arn", "\"arn:aws:s3:::b\""),
            ("!GetAtt Role.Arn", "\"arn:aws:iam::111122223333:role/Role\""),
            ("!Join [':', [a, !Ref Stage, 1, true]]", "\"a:dev:1:true\""),
            ("!Join ['', !Split ['-', 'a-b']]", "\"ab\""),
            ("!Join ['-', [a, !Ref AWS::NoValue, !If [IsDev, !Ref AWS::NoValue, b], c]]", "\"a-c\""),
            ("!Select [1, !Ref Names]", "\"b\""),
            ("!Select ['0', [x, !Ref Open]]", "\"x\""),
            ("!FindInMap [Limits, !Ref Stage, Seconds]", "5"),
            ("!FindInMap [Limits, dev, Of]", "[1,2]"),
            ("!ImportValue e", "\"exported\""),
            ("!ToJsonString {a: !Ref Stage}", "\"{\\\"a\\\":\\\"dev\\\"}\""),
            ("!If [IsDev, 1, !Ref Open]", "1"),
            ("!If [IsNot, 1, 2]", "2"),
            ("[!If [IsThree, 1, 2], !If [Both, 1, 2], !If [Either, 1, 2]]", "[1,1,2]"),
            ("!If [IsDev, !Ref AWS::NoValue, 2]", "absent"),
            ("{Ref: 1, b: 2}", "{\"Ref\":1,\"b\":2}"),
            ("'{{x}}'", "\"{{x}}\""),
        ] {
            assert_eq!(evaluate(expression), Ok(expected.to_owned()), "{expression}");
        }
    }

    #[test]
    fn what_is_not_known_or_wrong_is_told() {
        for (expression, expected) in [
            ("!Ref Open", "Open: a parameter without a default"),
            ("!Ref Stored", "Stored: a parameter whose value is in AWS's parameter store"),
            ("!Ref Machin", "Machin: the template has nothing of this name; did you mean Machine?"),
            ("!Ref Other", "Other: what Ref gives for Custom::Thing"),
            ("!Ref AWS::StackId", "AWS::StackId: a pseudo parameter that has no value here"),
            ("!Ref AWS::Regoin", "AWS::Regoin: there is no such pseudo parameter; did you mean AWS::Region?"),
            ("!Ref AWS::Colour", "AWS::Colour: there is no such pseudo parameter\n"),
            ("!Ref Wrong", "stack.yaml:8:10: the parameter Wrong is \"x\", which is not a number"),
            (
                "!Ref Far",
                "stack.yaml:9:8: the parameter Far is \"mars\", which is none of its AllowedValues: moon, 3",
            ),
            ("!GetAtt Queue.Colour", "Queue.Colour: an attribute of AWS::SQS::Queue"),
            ("!GetAtt Nothing.Arn", "Nothing.Arn: the template has no resource Nothing"),
            ("!Sub '${Open} ${Stored}'", "2 values are not known"),
            ("!Join ['', [!Ref Open, !Ref Stored]]", "2 values are not known"),
            ("!ImportValue f", "export:f: the export of another stack"),
            ("'{{resolve:ssm:/a}}'", "{{resolve:ssm:/a}}: a dynamic reference"),
            ("!Cidr [a, 1]", "Fn::Cidr is not evaluated here"),
            ("!FindInMap [Limits, dev, Hours]", "the template has no Mappings.Limits.dev.Hours"),
            ("!If [Maybe, 1, 2]", "the template has no condition Maybe"),
            ("!If [Circle, 1, 2]", "these conditions lead in a circle"),
            ("!Select [5, !Ref Names]", "the list has no item 5"),
            ("!Sub ['${a}', {a: [1]}]", "the value of ${a} is not a text"),
            ("!Join ['', [[1]]]", "a text is wanted here, not a list"),
            ("!Join x", "Fn::Join needs a separator and a list"),
            ("!GetAtt Function", "Fn::GetAtt needs a logical id and an attribute"),
        ] {
            let told = evaluate(expression).unwrap_err();
            assert!(told.contains(expected), "{expression}: {told}");
            assert!(told.contains("stack.yaml:"), "{told}");
        }
    }
}
