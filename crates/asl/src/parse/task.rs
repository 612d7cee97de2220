//! Task.

use std::sync::Arc;

use stepwell_json::document::Node;

use super::Reader;
use super::fields::Fields;
use super::jsonata::Available;
use super::state::Context;
use super::values::Start;
use crate::definition::{Count, Credentials, MachineType, QueryLanguage, Resource, SECONDS_MAX, Task};
use crate::resource::{self, Recognised};

impl<'a> Reader<'a> {
    pub(super) fn task(&mut self, fields: &Fields<'a>, context: &mut Context) -> Option<Task> {
        self.require(fields, &["Resource"]);
        let transition = self.transition(fields, context);
        let language = context.language;
        let resource = self.resource(fields);
        let timeout = self.seconds(fields, ("TimeoutSeconds", "TimeoutSecondsPath"), language);
        let heartbeat = self.seconds(fields, ("HeartbeatSeconds", "HeartbeatSecondsPath"), language);
        if let (Some(Count::Literal(timeout)), Some(Count::Literal(heartbeat))) = (&timeout, &heartbeat)
            && heartbeat >= timeout
            && let Some(node) = fields.get("HeartbeatSeconds")
        {
            self.invalid("HeartbeatSeconds must be smaller than TimeoutSeconds", node);
        }
        let is_foreign = resource.as_ref().is_some_and(|(resource, _)| resource.is_foreign());
        let credentials = self.credentials(fields, language, is_foreign);
        let (retry, catch) = self.retry_and_catch(fields, context);
        let (resource, resource_text) = resource?;
        self.service_parameters(&resource, fields, language);
        Some(Task {
            resource,
            resource_text,
            timeout,
            heartbeat,
            credentials,
            retry,
            catch,
            transition: transition?,
        })
    }

    fn seconds(
        &mut self,
        fields: &Fields<'a>,
        names: (&'static str, &'static str),
        language: QueryLanguage,
    ) -> Option<Count> {
        self.count(fields, names, (1, SECONDS_MAX), language, Start::Anywhere)
    }

    fn resource(&mut self, fields: &Fields<'a>) -> Option<(Resource, Arc<str>)> {
        let node = fields.get("Resource")?;
        if is_template_function(node) {
            self.not_yet_supported(
                "A template function in the place of a Resource, which a deployment tool has to replace,",
                node,
            );
            return None;
        }
        let text = self.text(node)?;
        match resource::recognise(text) {
            Recognised::Supported(resource) => {
                self.check_express(&resource, node);
                Some((resource, text.into()))
            }
            Recognised::Later(resource) => {
                self.check_express(&resource, node);
                self.not_yet_supported(&format!("The resource {text}"), node);
                Some((resource, text.into()))
            }
            Recognised::Unknown => {
                let message = format!(
                    "The resource provided {text} is not recognized. The value is not a valid resource ARN, or the resource is not available in this region."
                );
                self.invalid(message, node);
                None
            }
            Recognised::NotAnArn => {
                self.invalid("Value is not a valid resource ARN", node);
                None
            }
        }
    }

    /// What Express machines refuse. The space at the end of one text is AWS's.
    fn check_express(&mut self, resource: &Resource, node: Node<'a>) {
        if self.options.machine_type != MachineType::Express {
            return;
        }
        let action = resource.resource();
        let message = if matches!(resource, Resource::Activity { .. }) {
            "Express state machine does not support Activity ARN"
        } else if action.ends_with(".waitForTaskToken") {
            "Express state machine does not support '.waitForTaskToken' service integration "
        } else if action.ends_with(".sync") || action.ends_with(".sync:2") {
            "Express state machine does not support '.sync' service integration"
        } else {
            return;
        };
        self.invalid(message, node);
    }

    /// `Credentials`: an object with `RoleArn` (or `RoleArn.$`). What a resource outside AWS wants in it, the
    /// language leaves open.
    fn credentials(
        &mut self,
        fields: &Fields<'a>,
        language: QueryLanguage,
        is_foreign: bool,
    ) -> Option<Credentials> {
        let node = fields.get("Credentials")?;
        let credentials = self.object(node)?;
        let is_there = credentials.has("RoleArn")
            || (language == QueryLanguage::JsonPath && credentials.has("RoleArn.$"));
        if !is_there && !is_foreign {
            self.invalid("The field 'RoleArn' is required but was missing", node);
            return None;
        }
        match language {
            QueryLanguage::JsonPath => self.template(node).map(Credentials::JsonPath),
            QueryLanguage::Jsonata => {
                self.jsonata(node, Available::InputAndContext).map(Credentials::Jsonata)
            }
        }
    }
}

/// `{"Ref": …}` or `{"Fn::…": …}` in a definition that stands inside a CloudFormation template.
fn is_template_function(node: Node<'_>) -> bool {
    let mut members = node.members().into_iter().flatten();
    match (members.next(), members.next()) {
        (Some(member), None) => member.key == "Ref" || member.key.starts_with("Fn::"),
        _ => false,
    }
}
