//! Pass and Fail. (Succeed has no fields of its own.)

use stepwell_json::spanned::NodeKind;

use super::Reader;
use super::fields::Fields;
use super::state::Context;
use crate::definition::{Fail, FailText, Pass, QueryLanguage};
use crate::expression::Expression;

impl<'a> Reader<'a> {
    pub(super) fn pass(&mut self, fields: &Fields<'a>, context: &mut Context<'a>) -> Option<Pass> {
        let transition = self.transition(fields, context);
        let result = self.field(fields, "Result").map(|(node, place)| {
            self.warn_of_paths(node, place);
            node.to_value()
        });
        Some(Pass { result, transition: transition? })
    }

    pub(super) fn fail(&mut self, fields: &Fields<'a>, context: &Context<'a>) -> Fail {
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
        context: &Context<'a>,
    ) -> Option<FailText> {
        if let Some(template) = self.scalar_expression(fields, name, context.language) {
            return template.map(FailText::Jsonata);
        }
        if let Some((node, place)) = self.field(fields, name) {
            let text = self.text(node, place)?;
            if context.language == QueryLanguage::JsonPath {
                self.warn_of_missing_path(text, node, place);
            }
            return Some(FailText::Literal(text.clone()));
        }
        let (node, place) = self.field(fields, path_name)?;
        if !matches!(node.kind, NodeKind::String(_)) {
            self.invalid("Expected value of type String", place, node.span);
            return None;
        }
        let expression = self.expression(path_name, node, place)?;
        let is_fit = match &expression {
            Expression::Path(path) => path.is_reference(),
            Expression::Intrinsic(call) => call.function.may_give_text(),
        };
        if !is_fit {
            self.invalid(
                "Value is not a Reference Path or an intrinsic function that returns a string",
                place,
                node.span,
            );
            return None;
        }
        Some(FailText::Expression(expression))
    }
}
