//! Pass and Fail. (Succeed has no fields of its own.)

use stepwell_json::document::Node;

use super::Reader;
use super::fields::Fields;
use super::state::Context;
use crate::definition::{Fail, FailText, Pass, QueryLanguage};
use crate::expression::Expression;

impl<'a> Reader<'a> {
    pub(super) fn pass(&mut self, fields: &Fields<'a>, context: &mut Context) -> Option<Pass> {
        let transition = self.transition(fields, context);
        let result = fields.get("Result");
        if let Some(result) = result {
            self.warn_of_paths(result);
        }
        let result = result.filter(|_| self.builds).map(Node::to_value);
        Some(Pass { result, transition: transition? })
    }

    pub(super) fn fail(&mut self, fields: &Fields<'a>, context: &Context) -> Fail {
        self.at_most_one(fields, &["Error", "ErrorPath"]);
        self.at_most_one(fields, &["Cause", "CausePath"]);
        Fail {
            error: self.fail_text(fields, "Error", "ErrorPath", context),
            cause: self.fail_text(fields, "Cause", "CausePath", context),
        }
    }

    fn fail_text(
        &mut self,
        fields: &Fields<'a>,
        name: &'static str,
        path_name: &'static str,
        context: &Context,
    ) -> Option<FailText> {
        if let Some(template) = self.scalar_expression(fields, name, context.language) {
            return template.map(FailText::Jsonata);
        }
        if let Some(node) = fields.get(name) {
            let text = self.text(node)?;
            if context.language == QueryLanguage::JsonPath {
                self.warn_of_missing_path(text, node);
            }
            return Some(FailText::Literal(text.into()));
        }
        let node = fields.get(path_name)?;
        if node.as_str().is_none() {
            self.invalid("Expected value of type String", node);
            return None;
        }
        let expression = self.expression(path_name, node, node.into())?;
        let is_fit = match &expression {
            Expression::Path(path) => path.is_reference(),
            Expression::Intrinsic(call) => call.function.may_give_text(),
        };
        if !is_fit {
            self.invalid(
                "Value is not a Reference Path or an intrinsic function that returns a string",
                node,
            );
            return None;
        }
        Some(FailText::Expression(expression))
    }
}
