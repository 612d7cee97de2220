//! Which fields stand where, and in which query language.

use stepwell_json::spanned::{Member, Node, NodeKind, Span};

use super::{Place, Reader};
use crate::definition::QueryLanguage;
use crate::diagnostic::Code;

/// The query languages that know a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Both,
    Path,
    Ata,
}

use Known::{Ata, Both, Path};

/// The fields of one kind of object.
pub(super) type Table = &'static [(&'static str, Known)];

pub(super) const MACHINE: Table = &[
    ("Comment", Both),
    ("QueryLanguage", Both),
    ("StartAt", Both),
    ("States", Both),
    ("TimeoutSeconds", Both),
    ("Version", Both),
];
pub(super) const BRANCH: Table = &[("Comment", Both), ("StartAt", Both), ("States", Both)];
pub(super) const PROCESSOR: Table =
    &[("Comment", Both), ("ProcessorConfig", Both), ("StartAt", Both), ("States", Both)];
pub(super) const PROCESSOR_CONFIG: Table = &[("ExecutionType", Both), ("Mode", Both)];

pub(super) const TASK: Table = &[
    ("Arguments", Ata),
    ("Assign", Both),
    ("Catch", Both),
    ("Comment", Both),
    ("Credentials", Both),
    ("End", Both),
    ("HeartbeatSeconds", Both),
    ("HeartbeatSecondsPath", Path),
    ("InputPath", Path),
    ("Next", Both),
    ("Output", Ata),
    ("OutputPath", Path),
    ("Parameters", Path),
    ("QueryLanguage", Both),
    ("Resource", Both),
    ("ResultPath", Path),
    ("ResultSelector", Path),
    ("Retry", Both),
    ("TimeoutSeconds", Both),
    ("TimeoutSecondsPath", Path),
    ("Type", Both),
];
pub(super) const PARALLEL: Table = &[
    ("Arguments", Ata),
    ("Assign", Both),
    ("Branches", Both),
    ("Catch", Both),
    ("Comment", Both),
    ("End", Both),
    ("InputPath", Path),
    ("Next", Both),
    ("Output", Ata),
    ("OutputPath", Path),
    ("Parameters", Path),
    ("QueryLanguage", Both),
    ("ResultPath", Path),
    ("ResultSelector", Path),
    ("Retry", Both),
    ("Type", Both),
];
pub(super) const MAP: Table = &[
    ("Assign", Both),
    ("Catch", Both),
    ("Comment", Both),
    ("End", Both),
    ("InputPath", Path),
    ("ItemBatcher", Both),
    ("ItemProcessor", Both),
    ("ItemReader", Both),
    ("ItemSelector", Both),
    ("Items", Ata),
    ("ItemsPath", Path),
    ("Iterator", Both),
    ("Label", Both),
    ("MaxConcurrency", Both),
    ("MaxConcurrencyPath", Path),
    ("Next", Both),
    ("Output", Ata),
    ("OutputPath", Path),
    ("Parameters", Path),
    ("QueryLanguage", Both),
    ("ResultPath", Path),
    ("ResultSelector", Path),
    ("ResultWriter", Both),
    ("Retry", Both),
    ("ToleratedFailureCount", Both),
    ("ToleratedFailureCountPath", Path),
    ("ToleratedFailurePercentage", Both),
    ("ToleratedFailurePercentagePath", Path),
    ("Type", Both),
];
pub(super) const PASS: Table = &[
    ("Assign", Both),
    ("Comment", Both),
    ("End", Both),
    ("InputPath", Path),
    ("Next", Both),
    ("Output", Ata),
    ("OutputPath", Path),
    ("Parameters", Path),
    ("QueryLanguage", Both),
    ("Result", Path),
    ("ResultPath", Path),
    ("Type", Both),
];
pub(super) const WAIT: Table = &[
    ("Assign", Both),
    ("Comment", Both),
    ("End", Both),
    ("InputPath", Path),
    ("Next", Both),
    ("Output", Ata),
    ("OutputPath", Path),
    ("QueryLanguage", Both),
    ("Seconds", Both),
    ("SecondsPath", Path),
    ("Timestamp", Both),
    ("TimestampPath", Path),
    ("Type", Both),
];
pub(super) const CHOICE: Table = &[
    ("Assign", Both),
    ("Choices", Both),
    ("Comment", Both),
    ("Default", Both),
    ("InputPath", Path),
    ("Output", Ata),
    ("OutputPath", Path),
    ("QueryLanguage", Both),
    ("Type", Both),
];
pub(super) const SUCCEED: Table = &[
    ("Comment", Both),
    ("InputPath", Path),
    ("Output", Ata),
    ("OutputPath", Path),
    ("QueryLanguage", Both),
    ("Type", Both),
];
pub(super) const FAIL: Table = &[
    ("Cause", Both),
    ("CausePath", Path),
    ("Comment", Both),
    ("Error", Both),
    ("ErrorPath", Path),
    ("QueryLanguage", Both),
    ("Type", Both),
];
pub(super) const RETRIER: Table = &[
    ("BackoffRate", Both),
    ("Comment", Both),
    ("ErrorEquals", Both),
    ("IntervalSeconds", Both),
    ("JitterStrategy", Both),
    ("MaxAttempts", Both),
    ("MaxDelaySeconds", Both),
];
pub(super) const CATCHER: Table = &[
    ("Assign", Both),
    ("Comment", Both),
    ("ErrorEquals", Both),
    ("Next", Both),
    ("Output", Ata),
    ("ResultPath", Path),
];

/// An object of the definition, its repeated keys resolved: the last one counts, at the place of the first.
pub(super) struct Fields<'a> {
    pub(super) place: Place,
    pub(super) span: Span,
    pub(super) members: Vec<&'a Member>,
}

impl<'a> Fields<'a> {
    pub(super) fn get(&self, name: &str) -> Option<&'a Node> {
        self.members.iter().find(|member| &*member.key == name).map(|member| &member.value)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }
}

impl<'a> Reader<'a> {
    /// The members of an object; a finding, and none, for anything else.
    pub(super) fn object(&mut self, node: &'a Node, place: Place) -> Option<Fields<'a>> {
        let NodeKind::Object(members) = &node.kind else {
            self.invalid("Expected value of type Object", place, node.span);
            return None;
        };
        let repeated = node.duplicates();
        let mut kept: Vec<&'a Member> = members.iter().collect();
        if !repeated.is_empty() {
            for member in &repeated {
                let at = self.key(place, &member.key);
                let message = format!("The field '{}' stands twice; the last one counts", member.key);
                self.warning(Code::DuplicateKey, message, at, member.key_span);
            }
            let mut last = std::collections::HashMap::new();
            for member in members {
                last.insert(&*member.key, member);
            }
            let mut seen = std::collections::HashSet::new();
            kept = members
                .iter()
                .filter(|member| seen.insert(&*member.key))
                .filter_map(|member| last.get(&*member.key).copied())
                .collect();
        }
        Some(Fields { place, span: node.span, members: kept })
    }

    /// Refuses fields that do not belong to the object, or not in this query language, and drops them: whoever reads
    /// the object then sees only what it may have.
    pub(super) fn check_fields(&mut self, fields: &mut Fields<'a>, table: Table, language: QueryLanguage) {
        let place = fields.place;
        fields.members.retain(|member| {
            let name = &*member.key;
            let known = table.iter().find(|(field, _)| *field == name).map(|(_, known)| *known);
            match (known, language) {
                (Some(Both), _)
                | (Some(Path), QueryLanguage::JsonPath)
                | (Some(Ata), QueryLanguage::Jsonata) => return true,
                (Some(_), _) => self.wrong_language(place, member, language),
                (None, _) => self.unsupported_field(place, member, table),
            }
            false
        });
    }

    /// A field that only the other query language has.
    pub(super) fn wrong_language(&mut self, place: Place, member: &'a Member, language: QueryLanguage) {
        let (set, needed) = match language {
            QueryLanguage::JsonPath => ("JSONPath", "JSONata"),
            QueryLanguage::Jsonata => ("JSONata", "JSONPath"),
        };
        let at = self.key(place, &member.key);
        let message = format!(
            "The QueryLanguage is set to '{set}', but field '{}' is only supported for the '{needed}' QueryLanguage",
            member.key
        );
        self.invalid(message, at, member.key_span);
    }

    pub(super) fn unsupported_field(&mut self, place: Place, member: &'a Member, table: Table) {
        let suggestion = self.suggest(&member.key, table.iter().map(|(field, _)| *field));
        self.error_with(
            Code::SchemaValidationFailed,
            format!("Field '{}' is not supported", member.key),
            Some(place),
            member.key_span,
            suggestion,
        );
    }

    /// Refuses an object that lacks a field.
    pub(super) fn require(&mut self, fields: &Fields<'a>, names: &[&str]) {
        let missing: Vec<&str> = names.iter().copied().filter(|name| !fields.has(name)).collect();
        if !missing.is_empty() {
            let message = format!("These fields are required: [{}]", missing.join(", "));
            self.invalid(message, fields.place, fields.span);
        }
    }

    /// Refuses an object that has more than one of the fields.
    pub(super) fn at_most_one(&mut self, fields: &Fields<'a>, names: &[&str]) {
        let present = names.iter().filter(|name| fields.has(name)).count();
        if present > 1 {
            let message = format!("There should only be one of the following fields: [{}]", names.join(", "));
            self.invalid(message, fields.place, fields.span);
        }
    }

    /// Refuses an object that has none, or more than one, of the fields.
    pub(super) fn exactly_one(&mut self, fields: &Fields<'a>, names: &[&str]) {
        if names.iter().any(|name| fields.has(name)) {
            self.at_most_one(fields, names);
        } else {
            let message = format!("There should be one of the following fields: [{}]", names.join(", "));
            self.invalid(message, fields.place, fields.span);
        }
    }
}
