//! The parameters of tasks that call services, against the models of the services.

use stepwell_aws_model::{
    DirectParameter, DirectTarget, ParameterKind, Service, ShapeId, ShapeKind, service,
};
use stepwell_json::document::{Kind, Members, Node};

use super::{
    Reader,
    fields::Fields,
    finding::{Place, Spot},
};
use crate::definition::{QueryLanguage, Resource};

impl<'a> Reader<'a> {
    /// Refuses members that the operation does not have, and misses those that it requires, as far as they are written
    /// out. What expressions come to is checked when the task is run.
    pub(super) fn service_parameters(
        &mut self,
        resource: &Resource,
        fields: &Fields<'a>,
        language: QueryLanguage,
    ) {
        let name = if language == QueryLanguage::JsonPath { "Parameters" } else { "Arguments" };
        let Some(node) = fields.get(name) else { return };
        let place = Place::from(node);
        if let Some(own) = resource.own_parameters() {
            self.own_parameters(own, node, place, language);
            if resource.invokes_model() {
                self.model_parameters(node, place, language);
            }
            return;
        }
        if let Resource::Direct { integration, .. } = resource {
            self.direct_parameters(integration.parameters, node, place, language);
            if integration.target == DirectTarget::HttpTask {
                self.http_connection(node, place, language);
            }
            return;
        }
        let Some((word, operation)) = resource.operation() else { return };
        let Some(service) = service(word) else { return };
        if let Some(input) = service.operation(operation).and_then(|operation| operation.input) {
            self.members_of(&service, input, node, place, language);
        } else if let Some(members) = node.members() {
            for member in members.clone() {
                self.unsupported_member(plain(member.key, language), Spot::new(place, member.key_span));
            }
        }
    }

    fn own_parameters(
        &mut self,
        own: &[(&str, bool)],
        node: Node<'a>,
        place: Place,
        language: QueryLanguage,
    ) {
        let Kind::Object(members) = node.kind() else { return };
        for member in members.clone() {
            let key = plain(member.key, language);
            if !own.iter().any(|(name, _)| name.eq_ignore_ascii_case(key)) {
                self.unsupported_member(key, Spot::new(place, member.key_span));
            }
        }
        for (name, _) in own.iter().filter(|(_, is_required)| *is_required) {
            if !is_given(&members, name, language) {
                self.missing_member(name, place, node);
            }
        }
    }

    /// The parameters of an integration with an address of its own, and of the objects in them, as far as they are
    /// written out.
    fn direct_parameters(
        &mut self,
        known: &'static [DirectParameter],
        node: Node<'a>,
        place: Place,
        language: QueryLanguage,
    ) {
        let Kind::Object(members) = node.kind() else { return };
        for member in members.clone() {
            let key = plain(member.key, language);
            let Some(parameter) = known.iter().find(|known| known.name.eq_ignore_ascii_case(key)) else {
                self.unsupported_member(key, Spot::new(place, member.key_span));
                continue;
            };
            // A path or an expression gives the value when the task is run.
            if key.len() != member.key.len() {
                continue;
            }
            match (parameter.kind, member.value.kind()) {
                (ParameterKind::Object(inner), Kind::Object(_)) => {
                    self.direct_parameters(inner, member.value, place, language);
                }
                (ParameterKind::Word(words), Kind::String(text)) if !words.contains(&text) => {
                    // An expression, or the placeholder of a deployment template.
                    let is_open = text.starts_with("${")
                        || (language == QueryLanguage::Jsonata && text.starts_with("{%"));
                    if !is_open {
                        let message =
                            format!("The field '{}' must be one of {}", parameter.name, words.join(", "));
                        self.invalid(message, Spot::new(place, member.value.span()));
                    }
                }
                _ => {}
            }
        }
        for parameter in known.iter().filter(|known| known.is_required) {
            if !is_given(&members, parameter.name, language) {
                self.missing_member(parameter.name, place, node);
            }
        }
    }

    /// The body of a model is a parameter or in S3.
    fn model_parameters(&mut self, node: Node<'a>, place: Place, language: QueryLanguage) {
        let Some(members) = node.members() else { return };
        if is_given(&members, "Body", language) && is_given(&members, "Input", language) {
            let message = "There should only be one of the following fields: [Body, Input]".to_owned();
            self.invalid(message, node);
        }
        for member in members {
            let is_place = ["Input", "Output"].iter().any(|name| name.eq_ignore_ascii_case(member.key));
            if is_place && member.value.members().is_some() {
                self.own_parameters(&[("S3Uri", true)], member.value, place, language);
            }
        }
    }

    /// The connection of an HTTP Task, which has two places.
    fn http_connection(&mut self, node: Node<'a>, place: Place, language: QueryLanguage) {
        let Some(members) = node.members() else { return };
        if !["InvocationConfig", "Authentication"].iter().any(|name| is_given(&members, name, language)) {
            self.missing_member("InvocationConfig", place, node);
        }
    }

    fn members_of(
        &mut self,
        service: &Service,
        id: ShapeId,
        node: Node<'a>,
        place: Place,
        language: QueryLanguage,
    ) {
        let shape = service.shape(id);
        match (&shape.kind, node.kind()) {
            (ShapeKind::Structure { is_document: false, members: known, .. }, Kind::Object(members)) => {
                let mut is_given = vec![false; known.len()];
                for member in members.clone() {
                    let key = plain(member.key, language);
                    let Some(found) = shape.member(key) else {
                        self.unsupported_member(key, Spot::new(place, member.key_span));
                        continue;
                    };
                    for (flag, _) in
                        is_given.iter_mut().zip(known).filter(|(_, known)| std::ptr::eq(*known, found))
                    {
                        *flag = true;
                    }
                    // A path or an expression gives the value when the task is run.
                    if key.len() == member.key.len() {
                        self.members_of(service, found.shape, member.value, place, language);
                    }
                }
                for (member, _) in known.iter().zip(is_given).filter(|(member, is_given)| {
                    member.is_required && !member.is_idempotency_token && !is_given
                }) {
                    self.missing_member(&member.shown_name(), place, node);
                }
            }
            (ShapeKind::List { entry, .. }, Kind::Array(items)) => {
                for item in items {
                    self.members_of(service, entry.shape, item, place, language);
                }
            }
            (ShapeKind::Map { value, .. }, Kind::Object(members)) => {
                for member in members.clone() {
                    if plain(member.key, language).len() == member.key.len() {
                        self.members_of(service, value.shape, member.value, place, language);
                    }
                }
            }
            _ => {}
        }
    }

    fn unsupported_member(&mut self, key: &str, spot: Spot) {
        self.invalid(format!("The field '{key}' is not supported by Step Functions"), spot);
    }

    fn missing_member(&mut self, key: &str, place: Place, node: Node<'_>) {
        self.invalid(format!("The field '{key}' is required but was missing"), Spot::new(place, node.span()));
    }
}

/// The name of a member without the `.$` of a template.
fn plain(key: &str, language: QueryLanguage) -> &str {
    match language {
        QueryLanguage::JsonPath => key.strip_suffix(".$").unwrap_or(key),
        QueryLanguage::Jsonata => key,
    }
}

/// Whether a parameter is written out, in whatever letters' case, or is to come from a path.
fn is_given(members: &Members<'_>, name: &str, language: QueryLanguage) -> bool {
    members.clone().any(|member| plain(member.key, language).eq_ignore_ascii_case(name))
}
