//! The definition of a machine in a template: a text, an object, or a file, with its placeholders replaced.

use std::ops::Range;

use stepwell_asl::{Analysis, Options, analyse};
use stepwell_json::Value;
use stepwell_json::spanned::Node;

use super::edit::{Edit, span_before, substitute};
use super::functions;
use super::resolve::{Resolver, scalar_text};
use super::template::Template;
use crate::commands::validate::TypeName;
use crate::definition::{DefinitionFile, span_in_literal};
use crate::report::{self, Finding};

/// A definition that can be given to the server, and where it comes from.
#[derive(Debug)]
pub(super) struct Definition {
    /// JSON text.
    pub(super) text: String,
    origin: Origin,
    /// Where placeholders were replaced.
    edits: Vec<Edit>,
}

#[derive(Debug)]
enum Origin {
    /// A file of its own.
    File(Box<DefinitionFile>),
    /// A member of the template: an object, or what a text is made of.
    Member(Box<Node>),
    /// A text of the template, in which placeholders of `Fn::Sub` were replaced.
    Text(Box<Node>, Vec<Edit>),
}

/// Reads the definition of a machine; none when something of it is not known, which is noted then.
pub(super) fn read(
    resolver: &mut Resolver<'_>,
    logical_id: &str,
    properties: &[&str],
    resource: &Node,
) -> Option<Definition> {
    let found = properties.iter().filter_map(|name| Some((*name, resolver.property(logical_id, name)?)));
    let found: Vec<(&str, &Node)> = found.collect();
    let (property, node) = match found[..] {
        [found] => found,
        [] => {
            let text = format!("{logical_id} has no definition; it needs one of {}", properties.join(", "));
            return resolver.error(resource, &text);
        }
        [(first, _), (second, node), ..] => {
            let text =
                format!("{logical_id} has {first} and {second}; only one of them can be its definition");
            return resolver.error(node, &text);
        }
    };
    let values = substitutions(resolver, logical_id);
    let (text, origin) = match property {
        "DefinitionString" => text(resolver, node)?,
        "Definition" => match resolver.resolve(node)? {
            value @ Value::Object(_) => (value.to_pretty_text(), Origin::Member(Box::new(node.clone()))),
            _ => return resolver.error(node, "Definition must be an object"),
        },
        _ => {
            let file = file(resolver, node)?;
            (file.json.clone(), Origin::File(Box::new(file)))
        }
    };
    let (text, edits) = substitute(&text, &values?);
    Some(Definition { text, origin, edits })
}

/// The value of DefinitionString.
fn text(resolver: &mut Resolver<'_>, node: &Node) -> Option<(String, Origin)> {
    let argument = match node.members() {
        Some([member]) if &*member.key == "Fn::Sub" => Some(&member.value),
        _ => None,
    };
    if let Some(argument) = argument {
        let (text, edits) = functions::sub_with_edits(resolver, argument)?;
        return Some((text, Origin::Text(Box::new(functions::sub_text(argument).clone()), edits)));
    }
    let origin = match node.as_str() {
        Some(_) => Origin::Text(Box::new(node.clone()), Vec::new()),
        None => Origin::Member(Box::new(node.clone())),
    };
    Some((resolver.text(node)?, origin))
}

/// DefinitionSubstitutions: names and what is put in their place.
fn substitutions(resolver: &mut Resolver<'_>, logical_id: &str) -> Option<Vec<(String, String)>> {
    let Some(node) = resolver.property(logical_id, "DefinitionSubstitutions") else {
        return Some(Vec::new());
    };
    let Some(members) = node.members() else {
        return resolver.error(node, "DefinitionSubstitutions must be an object");
    };
    let mut values = Vec::new();
    for member in members {
        let Some(node) = resolver.present(&member.value) else { continue };
        // Objects and lists are written as JSON.
        let text = |value: Value| scalar_text(&value).unwrap_or_else(|| value.to_text());
        values.push(resolver.resolve(node).map(|value| (member.key.to_string(), text(value))));
    }
    // Each is looked at, so that all that is unknown is told.
    values.into_iter().collect()
}

/// The file that DefinitionUri or DefinitionS3Location names.
fn file(resolver: &mut Resolver<'_>, node: &Node) -> Option<DefinitionFile> {
    let value = resolver.resolve(node)?;
    let member = |name: &str| value.get(name).and_then(scalar_text);
    let location = match value.as_str() {
        Some(text) => text.to_owned(),
        None => match (member("Bucket"), member("Key")) {
            (Some(bucket), Some(key)) => format!("s3://{bucket}/{key}"),
            // An unknown Bucket or Key has been noted.
            _ if node.get("Bucket").is_some() && node.get("Key").is_some() => return None,
            _ => return resolver.error(node, "a path, or Bucket and Key, are needed here"),
        },
    };
    let path = match location.strip_prefix("s3://").and_then(|rest| rest.split_once('/')) {
        None => resolver.template.relative(&location),
        Some((_, key)) => {
            resolver.given(&location);
            let asset =
                resolver.template.assets.iter().find(|asset| asset.object_keys.iter().any(|at| at == key));
            match (resolver.given.path(&location), asset) {
                (Some(path), _) => path,
                (None, Some(asset)) => asset.path.clone(),
                (None, None) => {
                    let what = "a definition that is in S3; give the file here that it was made of";
                    resolver.ask(&location, what, Some("order.asl.json"), node);
                    return None;
                }
            }
        }
    };
    match DefinitionFile::load(&path) {
        Ok(file) => Some(file),
        Err(error) => {
            let (finding, source) = report::load_finding(error);
            let text = report::text(Some(&path), &source, &[finding]);
            resolver.error(node, &format!("the definition can't be used\n{}", text.trim_end()))
        }
    }
}

impl Definition {
    /// Checks the definition; findings go to standard error.
    pub(super) fn check(&self, template: &Template, logical_id: &str, machine_type: TypeName) -> bool {
        let analysis = analyse(&self.text, &Options { machine_type: machine_type.machine_type() });
        let (file, findings) = match &self.origin {
            Origin::File(file) => {
                let in_source = |span: Range<usize>| file.span_in_source(span_before(&self.edits, span));
                (&**file, report::findings_at(&analysis, |_, span| Some(in_source(span))))
            }
            Origin::Text(node, edits) => {
                let in_literal = |span: Range<usize>| {
                    let span = span_before(edits, span_before(&self.edits, span));
                    template.file.span_in_source(span_in_literal(&template.file.json, node.span.start, span))
                };
                (&template.file, report::findings_at(&analysis, |_, span| Some(in_literal(span))))
            }
            Origin::Member(node) => (&template.file, findings_in_template(template, node, &analysis)),
        };
        report::note(&file.path, &file.source, &findings);
        if !analysis.is_runnable() && !report::has_error(&findings) {
            crate::output::error(format_args!("{logical_id} needs what this version does not have yet"));
        }
        analysis.is_runnable()
    }
}

/// The members of the template that the findings are about, as near as their paths lead.
fn findings_in_template(template: &Template, node: &Node, analysis: &Analysis) -> Vec<Finding> {
    report::findings_at(analysis, |location, _| {
        let span = nearest_node(node, location.unwrap_or_default());
        Some(template.file.span_in_source(span))
    })
}

/// Follows a path such as `/States/First/Next` as far as it goes.
fn nearest_node(node: &Node, location: &str) -> Range<usize> {
    let mut node = node;
    for step in location.split('/').skip(1) {
        let (name, index) = match step.strip_suffix(']').and_then(|step| step.split_once('[')) {
            Some((name, index)) => (name, index.parse::<usize>().ok()),
            None => (step, None),
        };
        let named = node.get(name).or_else(|| node.items()?.get(name.parse::<usize>().ok()?));
        let Some(next) = named else { break };
        node = index.and_then(|index| next.items()?.get(index)).unwrap_or(next);
    }
    node.span.start..node.span.end
}
