//! Stacks within a stack: where their templates are, what they are given, and what they give back.

use stepwell_json::Value;
use stepwell_json::spanned::Node;

use super::resolve::Resolver;
use super::template::Template;

/// Types of such resources, with the property that says where the template is.
const STACKS: [(&str, &str); 2] =
    [("AWS::CloudFormation::Stack", "TemplateURL"), ("AWS::Serverless::Application", "Location")];
/// Stacks within stacks that are followed.
const DEPTH_MAX: usize = 8;

/// Templates that are read, a template that is read again counted each time.
const OPENED_MAX: usize = 1_000;

/// Whether resources of a type are stacks.
pub(super) fn is_stack(resource_type: &str) -> bool {
    STACKS.iter().any(|(stack, _)| *stack == resource_type)
}

/// The template of a stack within a stack, with its parameters; none when it is not known, which is noted, or not a file
/// here, of which a line goes into `left_out`.
pub(super) fn open(
    resolver: &mut Resolver<'_>,
    logical_id: &str,
    resource: &Node,
    left_out: &mut Vec<String>,
) -> Option<Template> {
    let template = resolver.template;
    let resource_type = template.type_of(logical_id)?;
    let (_, property) = STACKS.iter().find(|(stack, _)| *stack == resource_type)?;
    let Some(node) = resolver.property(logical_id, property) else {
        return resolver.error(resource, &format!("{logical_id} has no {property}"));
    };
    if template.depth >= DEPTH_MAX {
        return resolver.error(node, &format!("stacks lie within each other more than {DEPTH_MAX} deep"));
    }
    resolver.findings.templates_opened += 1;
    if resolver.findings.templates_opened > OPENED_MAX {
        return resolver
            .error(node, &format!("more than {OPENED_MAX} templates of stacks would have to be read"));
    }
    let mut leave_out = |why: &str| {
        left_out.push(format!("{logical_id} ({resource_type}) is left out: {why}"));
        None
    };
    if node.get("ApplicationId").is_some() {
        return leave_out("applications of the AWS Serverless Application Repository are not fetched");
    }
    let location = resolver.text(node)?;
    resolver.given(&location);
    let asset = template
        .assets
        .iter()
        .find(|asset| asset.object_keys.iter().any(|key| location.ends_with(&format!("/{key}"))));
    let path = match (resolver.given.path(&location), asset) {
        (Some(path), _) => path,
        (None, Some(asset)) => asset.path.clone(),
        (None, None) if location.contains("://") => {
            return leave_out(&format!(
                "its template is at {location}; give the file here that it was made of with --map: {location:?} = \
                 \"template.yaml\""
            ));
        }
        (None, None) => template.relative(&location),
    };
    let parameters = resolver.property(logical_id, "Parameters").and_then(Node::members).unwrap_or_default();
    let parameters = parameters
        .iter()
        .filter_map(|member| Some((member.key.to_string(), resolver.resolve(&member.value)?)))
        .collect();
    let stack = format!("{}-{logical_id}", template.stack);
    match Template::load(&path, stack, template.assets.clone()) {
        Ok(nested) => Some(Template { parameters, depth: template.depth + 1, ..nested }),
        Err(failure) => {
            let text = failure.text().unwrap_or("its template can't be used");
            resolver.error(node, text)
        }
    }
}

/// What `Fn::GetAtt` gives for an output of a stack within the stack.
pub(super) fn output(
    resolver: &mut Resolver<'_>,
    logical_id: &str,
    name: &str,
    node: &Node,
) -> Option<Value> {
    let resource = resolver.template.entry("Resources", logical_id)?;
    let mut left_out = Vec::new();
    let nested = open(resolver, logical_id, resource, &mut left_out);
    let Some(nested) = nested else {
        // Why it is left out is told where the stack itself is read.
        return resolver.ask(&format!("{logical_id}.Outputs.{name}"), "an output of a stack", None, node);
    };
    match nested.entry("Outputs", name).and_then(|output| output.get("Value")) {
        Some(value) => resolver.inside(&nested).resolve(value),
        None => {
            let path = nested.file.path.display();
            resolver.error(node, &format!("{path}, the template of {logical_id}, has no output {name}"))
        }
    }
}
