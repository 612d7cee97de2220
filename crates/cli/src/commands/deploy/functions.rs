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
            let Some([condition, yes, no]) = list(argument) else {
                return resolver.error(argument, "Fn::If needs a condition and two values");
            };
            let Some(name) = condition.as_str() else {
                return resolver.error(condition, "Fn::If needs the name of a condition");
            };
            let chosen = if named_condition(resolver, name, condition)? { yes } else { no };
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
            let texts: Vec<Option<String>> = parts.iter().map(|part| resolver.text(part)).collect();
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
