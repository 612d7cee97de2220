//! Parameters, references and intrinsic functions of a template, as values.
//!
//! What AWS would know only after deployment (an ARN, a name) is worked out in [`super::physical`] where the template
//! says enough. What stays open is collected, so that it can be told in one go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stepwell_json::spanned::{Node, NodeKind};
use stepwell_json::{Array, Object, Value};

use super::given::Given;
use super::template::Template;
use super::unknowns::Unknowns;
use super::{functions, physical};
use crate::nearest::nearest;

/// References that lead to each other before the chain is given up as a circle.
pub(super) const CHAIN_MAX: usize = 32;

/// All pseudo parameters that AWS has.
const PSEUDO_PARAMETERS: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

/// Where machines are deployed.
#[derive(Debug, Clone)]
pub(super) struct Destination {
    /// The account of the server.
    pub(super) account: String,
    /// The region that calls are made in.
    pub(super) region: String,
}

impl Destination {
    /// The partition that the region belongs to.
    pub(super) fn partition(&self) -> &'static str {
        match &*self.region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// An ARN of a service here.
    pub(super) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition(), self.region, self.account)
    }
}

/// What resolving has found out beside the values.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// What is missing or can't be evaluated.
    pub(super) unknowns: Unknowns,
    /// Values that were worked out, and from what: for people to see.
    pub(super) assumed: BTreeMap<String, (String, String)>,
    /// Templates of stacks within stacks that were read.
    pub(super) templates_opened: usize,
    /// Keys under which a value could have been given.
    pub(super) asked: BTreeSet<String>,
}

/// Evaluates parts of one template.
#[derive(Debug)]
pub(super) struct Resolver<'a> {
    pub(super) template: &'a Template,
    pub(super) given: &'a Given,
    pub(super) destination: &'a Destination,
    pub(super) findings: &'a mut Findings,
    /// What the values are for, in messages: a logical id.
    pub(super) user: String,
    /// How deep in references of references this is.
    pub(super) chain: usize,
}

impl<'a> Resolver<'a> {
    /// A resolver of a stack within this one.
    pub(super) fn inside<'n>(&'n mut self, template: &'n Template) -> Resolver<'n> {
        Resolver {
            template,
            given: self.given,
            destination: self.destination,
            findings: &mut *self.findings,
            user: self.user.clone(),
            chain: self.chain,
        }
    }

    /// The value of a node; none when it is `AWS::NoValue`, or not known, which is noted then.
    pub(super) fn resolve(&mut self, node: &Node) -> Option<Value> {
        Some(match &node.kind {
            NodeKind::Null | NodeKind::Bool(_) | NodeKind::Number(_) => node.to_value(),
            NodeKind::String(text) => match dynamic_reference(text) {
                Some(reference) => self
                    .given(reference)
                    .or_else(|| self.ask(reference, "a dynamic reference", None, node))?,
                None => Value::String(text.clone()),
            },
            NodeKind::Array(items) => {
                Value::Array(Array::new(items.iter().filter_map(|item| self.resolve(item)).collect()))
            }
            NodeKind::Object(members) => {
                if let [member] = members.as_slice()
                    && (&*member.key == "Ref" || member.key.starts_with("Fn::"))
                {
                    return functions::call(self, &member.key, &member.value);
                }
                let member = |member: &stepwell_json::spanned::Member| {
                    Some((member.key.clone(), self.resolve(&member.value)?))
                };
                Value::Object(Object::from_entries(members.iter().filter_map(member).collect()))
            }
        })
    }

    /// A property of a resource that is there: as if it were absent when it is `AWS::NoValue`.
    pub(super) fn property(&mut self, logical_id: &str, name: &str) -> Option<&'a Node> {
        let node = self.template.property(logical_id, name)?;
        self.present(node)
    }

    /// What a node stands for: of `Fn::If` what is chosen; none for `AWS::NoValue`.
    pub(super) fn present<'n>(&mut self, mut node: &'n Node) -> Option<&'n Node> {
        while let Some([member]) = node.members() {
            match &*member.key {
                "Ref" if member.value.as_str() == Some("AWS::NoValue") => return None,
                "Fn::If" => match functions::chosen(self, &member.value) {
                    Some(chosen) => node = chosen,
                    None => break,
                },
                _ => break,
            }
        }
        Some(node)
    }

    /// As [`Resolver::resolve`], where a text is wanted; numbers and booleans are written out.
    pub(super) fn text(&mut self, node: &Node) -> Option<String> {
        let value = self.resolve(node)?;
        match scalar_text(&value) {
            Some(text) => Some(text),
            None => self.error(node, &format!("a text is wanted here, not {}", article(value.type_name()))),
        }
    }

    /// What `Ref` gives.
    pub(super) fn reference(&mut self, name: &str, node: &Node) -> Option<Value> {
        if name == "AWS::NoValue" {
            return None;
        }
        if let Some(value) = self.given(name) {
            return self.typed(name, value);
        }
        if let Some(value) = self.pseudo_parameter(name) {
            return Some(value);
        }
        if let Some(value) = self.template.parameters.get(name) {
            return self.typed(name, value.clone());
        }
        if let Some(parameter) = self.template.entry("Parameters", name) {
            let kind = parameter.get("Type").and_then(Node::as_str).unwrap_or("String");
            if kind.starts_with("AWS::SSM::Parameter") {
                return self.ask(name, "a parameter whose value is in AWS's parameter store", None, node);
            }
            return match parameter.get("Default") {
                Some(default) => self.typed(name, default.to_value()),
                None => self.ask(name, "a parameter without a default", None, node),
            };
        }
        if name.starts_with("AWS::") {
            let what = match nearest(name, PSEUDO_PARAMETERS) {
                Some(known) if known == name => "a pseudo parameter that has no value here".to_owned(),
                Some(nearest) => format!("there is no such pseudo parameter; did you mean {nearest}?"),
                None => "there is no such pseudo parameter".to_owned(),
            };
            return self.ask(name, &what, None, node);
        }
        if self.template.entry("Resources", name).is_some() {
            return self.enter(node, |resolver| physical::reference(resolver, name, node));
        }
        let names = ["Parameters", "Resources"];
        let names =
            names.iter().flat_map(|section| self.template.section(section)).map(|member| &*member.key);
        let what = match nearest(name, names) {
            Some(nearest) => format!("the template has nothing of this name; did you mean {nearest}?"),
            None => "the template has nothing of this name".to_owned(),
        };
        self.ask(name, &what, None, node)
    }

    /// What `Fn::GetAtt` gives.
    pub(super) fn attribute(&mut self, name: &str, attribute: &str, node: &Node) -> Option<Value> {
        let key = format!("{name}.{attribute}");
        if let Some(value) = self.given(&key) {
            return Some(value);
        }
        self.enter(node, |resolver| physical::attribute(resolver, name, attribute, node))
    }

    /// Follows a reference, unless it leads in a circle.
    fn enter(&mut self, node: &Node, follow: impl FnOnce(&mut Self) -> Option<Value>) -> Option<Value> {
        if self.chain >= CHAIN_MAX {
            return self.error(node, "these references lead in a circle");
        }
        self.chain += 1;
        let value = follow(self);
        self.chain -= 1;
        value
    }

    fn pseudo_parameter(&self, name: &str) -> Option<Value> {
        let destination = self.destination;
        Some(Value::String(Arc::from(match name {
            "AWS::AccountId" => destination.account.as_str(),
            "AWS::Region" => destination.region.as_str(),
            "AWS::Partition" => destination.partition(),
            "AWS::StackName" => self.template.stack.as_str(),
            "AWS::URLSuffix" if destination.partition() == "aws-cn" => "amazonaws.com.cn",
            "AWS::URLSuffix" => "amazonaws.com",
            "AWS::NotificationARNs" => return Some(Value::Array(Array::new(Vec::new()))),
            _ => return None,
        })))
    }

    /// The value of a parameter in its type, if the parameter takes it: lists are written with commas.
    fn typed(&mut self, name: &str, value: Value) -> Option<Value> {
        let Some(parameter) = self.template.entry("Parameters", name) else { return Some(value) };
        let kind = parameter.get("Type").and_then(Node::as_str).unwrap_or("String");
        let Some(text) = scalar_text(&value) else { return Some(value) };
        if kind == "CommaDelimitedList" || kind.starts_with("List<") {
            let items = text.split(',').map(|item| Value::String(item.trim().into()));
            return Some(Value::Array(Array::new(items.collect())));
        }
        if kind == "Number" && text.parse::<f64>().is_err() {
            return self
                .error(parameter, &format!("the parameter {name} is {text:?}, which is not a number"));
        }
        let allowed = parameter.get("AllowedValues").and_then(Node::items).unwrap_or_default();
        let allowed: Vec<String> = allowed.iter().filter_map(|item| scalar_text(&item.to_value())).collect();
        if !allowed.is_empty() && !allowed.contains(&text) {
            let allowed = allowed.join(", ");
            let problem =
                format!("the parameter {name} is {text:?}, which is none of its AllowedValues: {allowed}");
            return self.error(parameter, &problem);
        }
        Some(value)
    }

    /// What the user gave under a key.
    pub(super) fn given(&mut self, key: &str) -> Option<Value> {
        if !self.findings.asked.contains(key) {
            self.findings.asked.insert(key.to_owned());
        }
        self.given.get(key).cloned()
    }

    /// Notes a value that nobody gave.
    pub(super) fn ask(&mut self, key: &str, what: &str, example: Option<&str>, node: &Node) -> Option<Value> {
        let used = format!("{}, {}", self.user, self.template.place(node));
        let example = format!("{:?}", example.unwrap_or("…"));
        self.findings.unknowns.ask(key, what, &example, used);
        None
    }

    /// Notes that a resource could not be read, unless it is known why something could not.
    pub(super) fn not_read(&mut self, logical_id: &str, node: &Node) {
        if self.findings.unknowns.is_empty() {
            let text = format!("{logical_id} can't be read: a part that it needs is AWS::NoValue");
            self.error::<()>(node, &text);
        }
    }

    /// Notes something that can't be evaluated.
    pub(super) fn error<T>(&mut self, node: &Node, text: &str) -> Option<T> {
        self.findings.unknowns.error(format!("{}: {text}", self.template.place(node)));
        None
    }
}

/// A value as `Fn::Sub` and `Fn::Join` write it.
pub(super) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.to_string()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_text()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The name of a type in a sentence.
pub(super) fn article(type_name: &str) -> String {
    match type_name {
        "null" => "null".to_owned(),
        "array" => "a list".to_owned(),
        "object" => "an object".to_owned(),
        other => format!("a {other}"),
    }
}

/// `{{resolve:ssm:name}}` and the like, as a whole text.
fn dynamic_reference(text: &str) -> Option<&str> {
    let is_whole = text.starts_with("{{resolve:") && text.ends_with("}}") && text.matches("{{").count() == 1;
    is_whole.then_some(text)
}
