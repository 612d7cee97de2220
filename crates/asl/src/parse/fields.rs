//! Which fields stand where, and in which query language.

use stepwell_json::document::{Document, Member, Node};

use super::finding::{Place, Spot};
use super::texts::Texts;
use super::{FINDINGS_MAX, Reader};
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

/// Up to this many members are compared with each other to find those that repeat; more are sorted.
const COMPARED_MAX: usize = 16;

/// An object of the definition, its repeated keys resolved: the last one counts, at the place of the first.
pub(super) struct Fields<'a> {
    pub(super) node: Node<'a>,
    /// The first bytes of the members that count, of which there may be very many.
    kept: Vec<u32>,
}

impl<'a> Fields<'a> {
    /// The members that count, in order.
    pub(super) fn members(&self) -> impl ExactSizeIterator<Item = Member<'a>> + use<'a, '_> {
        let document = self.node.document();
        self.kept.iter().map(|start| document.member_at(*start))
    }

    /// One of the members that count.
    pub(super) fn member(&self, position: u32) -> Member<'a> {
        self.node.document().member_at(self.kept[position as usize])
    }

    pub(super) fn get(&self, name: &str) -> Option<Node<'a>> {
        self.start_of(name).map(|start| self.node.document().member_at(start).value)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.start_of(name).is_some()
    }

    fn start_of(&self, name: &str) -> Option<u32> {
        self.kept.iter().copied().find(|start| self.node.document().is_text_at(*start, name))
    }
}

/// Resolves repeated keys. Gives the first ones of those that repeat, in order.
fn resolve_repeated(document: &Document<'_>, kept: &mut Vec<u32>) -> Vec<u32> {
    let key = |start: &u32| document.at(*start).as_str().unwrap_or_default();
    let repeats_early =
        |(at, start): (usize, &u32)| kept[..at].iter().any(|before| key(before) == key(start));
    if kept.len() <= COMPARED_MAX && !kept.iter().enumerate().any(repeats_early) {
        return Vec::new();
    }
    let key_at = |at: u32| key(&kept[at as usize]);
    let mut replaced = Vec::new();
    let mut is_repeated = vec![false; kept.len()];
    for mut same in Texts::new(kept.len(), key_at).same(key_at) {
        if let (Some(first), Some(last)) = (same.next(), same.next_back()) {
            replaced.push((first as usize, kept[last as usize]));
            same.chain([last]).for_each(|at| is_repeated[at as usize] = true);
        }
    }
    let repeated = kept.iter().zip(&is_repeated).filter(|(_, is_repeated)| **is_repeated);
    let told = repeated.map(|(start, _)| *start).take(FINDINGS_MAX).collect();
    for (first, last) in replaced {
        kept[first] = last;
    }
    let mut is_repeated = is_repeated.into_iter();
    kept.retain(|_| is_repeated.next() == Some(false));
    told
}

impl<'a> Reader<'a> {
    /// The members of an object; a finding, and none, for anything else.
    pub(super) fn object(&mut self, node: Node<'a>) -> Option<Fields<'a>> {
        self.object_in(node, node.into())
    }

    /// As [`Reader::object`], with another place for what is found.
    pub(super) fn object_in(&mut self, node: Node<'a>, place: Place) -> Option<Fields<'a>> {
        let Some(mut members) = node.members() else {
            self.invalid("Expected value of type Object", Spot::new(place, node.span()));
            return None;
        };
        let mut kept: Vec<u32> = members.by_ref().take(COMPARED_MAX).map(|member| member.start()).collect();
        // Of very many, growing bit by bit would take twice the room.
        kept.reserve_exact(members.clone().count());
        kept.extend(members.map(|member| member.start()));
        for repeated in resolve_repeated(node.document(), &mut kept) {
            let member = node.document().member_at(repeated);
            let message = format!("The field '{}' stands twice; the last one counts", member.key);
            self.warning(Code::DuplicateKey, message, Spot::new(place.named(&member), member.key_span));
        }
        Some(Fields { node, kept })
    }

    /// Refuses fields that do not belong to the object, or not in this query language, and drops them: whoever reads
    /// the object then sees only what it may have.
    pub(super) fn check_fields(&mut self, fields: &mut Fields<'a>, table: Table, language: QueryLanguage) {
        let node = fields.node;
        fields.kept.retain(|start| {
            let member = node.document().member_at(*start);
            let name = member.key;
            let known = table.iter().find(|(field, _)| *field == name).map(|(_, known)| *known);
            match (known, language) {
                (Some(Both), _)
                | (Some(Path), QueryLanguage::JsonPath)
                | (Some(Ata), QueryLanguage::Jsonata) => return true,
                (Some(_), _) => self.wrong_language(&member, language),
                (None, _) => self.unsupported_field(node, &member, table.iter().map(|(field, _)| *field)),
            }
            false
        });
    }

    /// A field that only the other query language has.
    pub(super) fn wrong_language(&mut self, member: &Member<'a>, language: QueryLanguage) {
        let (set, needed) = match language {
            QueryLanguage::JsonPath => ("JSONPath", "JSONata"),
            QueryLanguage::Jsonata => ("JSONata", "JSONPath"),
        };
        let message = format!(
            "The QueryLanguage is set to '{set}', but field '{}' is only supported for the '{needed}' QueryLanguage",
            member.key
        );
        self.invalid(message, Spot::key_of(member));
    }

    /// A field that an object does not have; `known` are those that it has.
    pub(super) fn unsupported_field(
        &mut self,
        object: Node<'a>,
        member: &Member<'a>,
        known: impl Iterator<Item = &'static str>,
    ) {
        let suggestion = self.suggest(member.key, known);
        self.error_with(
            Code::SchemaValidationFailed,
            format!("Field '{}' is not supported", member.key),
            Spot::new(object, member.key_span),
            suggestion,
        );
    }

    /// Refuses an object that lacks a field.
    pub(super) fn require(&mut self, fields: &Fields<'a>, names: &[&str]) {
        let missing: Vec<&str> = names.iter().copied().filter(|name| !fields.has(name)).collect();
        if !missing.is_empty() {
            let message = format!("These fields are required: [{}]", missing.join(", "));
            self.invalid(message, fields.node);
        }
    }

    /// Refuses an object that has more than one of the fields.
    pub(super) fn at_most_one(&mut self, fields: &Fields<'a>, names: &[&str]) {
        let present = names.iter().filter(|name| fields.has(name)).count();
        if present > 1 {
            let message = format!("There should only be one of the following fields: [{}]", names.join(", "));
            self.invalid(message, fields.node);
        }
    }

    /// Refuses an object that has none, or more than one, of the fields.
    pub(super) fn exactly_one(&mut self, fields: &Fields<'a>, names: &[&str]) {
        if names.iter().any(|name| fields.has(name)) {
            self.at_most_one(fields, names);
        } else {
            let message = format!("There should be one of the following fields: [{}]", names.join(", "));
            self.invalid(message, fields.node);
        }
    }
}
