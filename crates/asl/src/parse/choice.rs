//! Choice and its rules.

use std::sync::Arc;

use stepwell_json::spanned::{Member, Node, NodeKind};

use super::fields::Fields;
use super::jsonata::{self, Available};
use super::state::Context;
use super::values::Start;
use super::{Place, Reader};
use crate::choice::{ChoiceRule, Operand, Pattern, Relation, Test, ValueType};
use crate::definition::{Choice, ChoiceBranch, Choices, JsonataBranch, QueryLanguage};
use crate::diagnostic::Code;
use crate::jsonata::JsonataTemplate;
use crate::timestamp;

/// What an operator compares.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    String(Relation),
    Numeric(Relation),
    Timestamp(Relation),
    Boolean,
    Matches,
    Present,
    Is(ValueType),
}

const OPERATORS: [(&str, Operator); 23] = [
    ("StringEquals", Operator::String(Relation::Equal)),
    ("StringLessThan", Operator::String(Relation::Less)),
    ("StringGreaterThan", Operator::String(Relation::Greater)),
    ("StringLessThanEquals", Operator::String(Relation::LessOrEqual)),
    ("StringGreaterThanEquals", Operator::String(Relation::GreaterOrEqual)),
    ("NumericEquals", Operator::Numeric(Relation::Equal)),
    ("NumericLessThan", Operator::Numeric(Relation::Less)),
    ("NumericGreaterThan", Operator::Numeric(Relation::Greater)),
    ("NumericLessThanEquals", Operator::Numeric(Relation::LessOrEqual)),
    ("NumericGreaterThanEquals", Operator::Numeric(Relation::GreaterOrEqual)),
    ("TimestampEquals", Operator::Timestamp(Relation::Equal)),
    ("TimestampLessThan", Operator::Timestamp(Relation::Less)),
    ("TimestampGreaterThan", Operator::Timestamp(Relation::Greater)),
    ("TimestampLessThanEquals", Operator::Timestamp(Relation::LessOrEqual)),
    ("TimestampGreaterThanEquals", Operator::Timestamp(Relation::GreaterOrEqual)),
    ("BooleanEquals", Operator::Boolean),
    ("StringMatches", Operator::Matches),
    ("IsPresent", Operator::Present),
    ("IsNull", Operator::Is(ValueType::Null)),
    ("IsNumeric", Operator::Is(ValueType::Numeric)),
    ("IsString", Operator::Is(ValueType::String)),
    ("IsBoolean", Operator::Is(ValueType::Boolean)),
    ("IsTimestamp", Operator::Is(ValueType::Timestamp)),
];

/// The operator of a field, and whether it is the `…Path` form, which only comparisons of values have.
fn operator(field: &str) -> Option<(Operator, bool)> {
    let find = |name: &str| OPERATORS.iter().find(|(known, _)| *known == name).map(|(_, operator)| *operator);
    if let Some(operator) = find(field) {
        return Some((operator, false));
    }
    let operator = find(field.strip_suffix("Path")?)?;
    let has_path_form = matches!(
        operator,
        Operator::String(_) | Operator::Numeric(_) | Operator::Timestamp(_) | Operator::Boolean
    );
    has_path_form.then_some((operator, true))
}

/// Where a rule stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    /// In `Choices`: it has `Next`, and may have `Assign`.
    Top,
    /// In `And`, `Or` or `Not`.
    Nested,
}

impl<'a> Reader<'a> {
    pub(super) fn choice(&mut self, fields: &Fields<'a>, context: &mut Context<'a>) -> Option<Choice> {
        self.require(fields, &["Choices"]);
        let choices = match context.language {
            QueryLanguage::JsonPath => Choices::JsonPath(self.branches(fields, context, Self::choice_branch)),
            QueryLanguage::Jsonata => Choices::Jsonata(self.branches(fields, context, Self::jsonata_branch)),
        };
        let default = match fields.get("Default") {
            Some(node) => self.next(fields, "Default", node, context),
            None => None,
        };
        Some(Choice { choices, default })
    }

    fn branches<T>(
        &mut self,
        fields: &Fields<'a>,
        context: &mut Context<'a>,
        read: fn(&mut Self, &Fields<'a>, &mut Context<'a>) -> Option<T>,
    ) -> Vec<T> {
        let mut branches = Vec::new();
        let Some((node, place)) = self.field(fields, "Choices") else { return branches };
        let items = self.items(node, place);
        if items.is_empty() && node.items().is_some() {
            self.invalid("Value cannot be empty", place, node.span);
        }
        for (position, item) in items.iter().enumerate() {
            let at = self.index(place, position);
            match self.object(item, at) {
                Some(rule) => branches.extend(read(self, &rule, context)),
                None => context.is_incomplete = true,
            }
        }
        branches
    }

    fn choice_branch(&mut self, fields: &Fields<'a>, context: &mut Context<'a>) -> Option<ChoiceBranch> {
        let comment = self.comment(fields);
        let next = self.rule_next(fields, context);
        let assign = self.assign(fields);
        let rule = self.rule(fields, Level::Top);
        Some(ChoiceBranch { rule: rule?, next: next?, assign, comment })
    }

    fn jsonata_branch(&mut self, fields: &Fields<'a>, context: &mut Context<'a>) -> Option<JsonataBranch> {
        let comment = self.comment(fields);
        let next = self.rule_next(fields, context);
        let exit = self.jsonata_exit(fields, Available::InputAndContext);
        self.require(fields, &["Condition"]);
        for member in &fields.members {
            match &*member.key {
                "Condition" | "Output" | "Next" | "Assign" | "Comment" => {}
                "Variable" | "And" | "Or" | "Not" => {
                    self.wrong_language(fields.place, member, QueryLanguage::Jsonata);
                }
                name if operator(name).is_some() => {
                    self.wrong_language(fields.place, member, QueryLanguage::Jsonata);
                }
                _ => self.unsupported_rule_field(fields.place, member),
            }
        }
        let condition = self.condition(fields);
        Some(JsonataBranch { condition: condition?, next: next?, exit, comment })
    }

    /// `Condition`: an expression, or a boolean (recorded).
    fn condition(&mut self, fields: &Fields<'a>) -> Option<JsonataTemplate> {
        let (node, place) = self.field(fields, "Condition")?;
        if !jsonata::is_expression(node) {
            self.boolean(node, place)?;
        }
        self.jsonata(node, place, Available::InputAndContext)
    }

    fn rule_next(&mut self, fields: &Fields<'a>, context: &mut Context<'a>) -> Option<Arc<str>> {
        let Some(node) = fields.get("Next") else {
            self.require(fields, &["Next"]);
            context.is_incomplete = true;
            return None;
        };
        self.next(fields, "Next", node, context)
    }

    fn unsupported_rule_field(&mut self, place: Place, member: &'a Member) {
        let names = OPERATORS.iter().map(|(name, _)| *name).chain([
            "Variable",
            "Next",
            "And",
            "Or",
            "Not",
            "Condition",
        ]);
        let suggestion = self.suggest(&member.key, names);
        self.error_with(
            Code::SchemaValidationFailed,
            format!("Field '{}' is not supported", member.key),
            Some(place),
            member.key_span,
            suggestion,
        );
    }

    /// A rule: one comparison, or a combination.
    fn rule(&mut self, fields: &Fields<'a>, level: Level) -> Option<ChoiceRule> {
        let mut tests: Vec<&'a Member> = Vec::new();
        let mut has_unknown = false;
        for member in &fields.members {
            match (&*member.key, level) {
                ("Comment" | "Variable", _) | ("Next" | "Assign", Level::Top) => {}
                ("And" | "Or" | "Not", _) => tests.push(member),
                ("Condition" | "Output", _) => {
                    has_unknown = true;
                    self.wrong_language(fields.place, member, QueryLanguage::JsonPath);
                }
                (name, _) if operator(name).is_some() => tests.push(member),
                _ => {
                    has_unknown = true;
                    self.unsupported_rule_field(fields.place, member);
                }
            }
        }
        if level == Level::Nested {
            self.comment(fields);
        }
        let test = match tests.as_slice() {
            [test] => *test,
            [] => {
                if !has_unknown {
                    let message = "A rule needs a comparison operator, or And, Or or Not";
                    self.invalid(message, fields.place, fields.span);
                }
                return None;
            }
            _ => {
                let names: Vec<&str> = tests.iter().map(|member| &*member.key).collect();
                let message =
                    format!("There should only be one of the following fields: [{}]", names.join(", "));
                self.invalid(message, fields.place, fields.span);
                return None;
            }
        };
        let place = self.key(fields.place, &test.key);
        match &*test.key {
            "And" => self.rules(&test.value, place).map(ChoiceRule::And),
            "Or" => self.rules(&test.value, place).map(ChoiceRule::Or),
            "Not" => {
                let rule = self.object(&test.value, place)?;
                self.rule(&rule, Level::Nested).map(|rule| ChoiceRule::Not(Box::new(rule)))
            }
            _ => self.comparison(fields, test, place),
        }
    }

    fn rules(&mut self, node: &'a Node, place: Place) -> Option<Vec<ChoiceRule>> {
        let items = self.items(node, place);
        if items.is_empty() {
            if node.items().is_some() {
                self.invalid("Value cannot be empty", place, node.span);
            }
            return None;
        }
        let mut rules = Vec::with_capacity(items.len());
        for (position, item) in items.iter().enumerate() {
            let at = self.index(place, position);
            if let Some(rule) = self.object(item, at) {
                rules.extend(self.rule(&rule, Level::Nested));
            }
        }
        (rules.len() == items.len()).then_some(rules)
    }

    fn comparison(&mut self, fields: &Fields<'a>, member: &'a Member, place: Place) -> Option<ChoiceRule> {
        self.require(fields, &["Variable"]);
        let variable = self.reference_path_field(fields, "Variable", Start::Anywhere);
        let (operator, is_path) = operator(&member.key)?;
        let node = &member.value;
        let test = if is_path {
            let path = self.reference_path(node, place, Start::Anywhere)?;
            match operator {
                Operator::String(relation) => Test::String(relation, Operand::Path(path)),
                Operator::Numeric(relation) => Test::Numeric(relation, Operand::Path(path)),
                Operator::Timestamp(relation) => Test::Timestamp(relation, Operand::Path(path)),
                // Only the four families have a path form.
                _ => Test::Boolean(Operand::Path(path)),
            }
        } else {
            self.literal_test(operator, node, place)?
        };
        Some(ChoiceRule::Comparison { variable: variable?, test })
    }

    fn literal_test(&mut self, operator: Operator, node: &'a Node, place: Place) -> Option<Test> {
        match operator {
            Operator::String(relation) => {
                let text: Arc<str> = self.text(node, place)?.clone();
                self.warn_of_missing_path(&text, node, place);
                Some(Test::String(relation, Operand::Literal(text)))
            }
            Operator::Numeric(relation) => match &node.kind {
                NodeKind::Number(number) => Some(Test::Numeric(relation, Operand::Literal(number.clone()))),
                _ => {
                    self.invalid("Expected value of type Number", place, node.span);
                    None
                }
            },
            Operator::Timestamp(relation) => {
                let instant = timestamp::parse(self.text(node, place)?);
                if instant.is_none() {
                    self.invalid("String does not match RFC3339 timestamp", place, node.span);
                }
                instant.map(|instant| Test::Timestamp(relation, Operand::Literal(instant)))
            }
            Operator::Boolean => {
                self.boolean(node, place).map(|value| Test::Boolean(Operand::Literal(value)))
            }
            Operator::Present => self.boolean(node, place).map(Test::IsPresent),
            Operator::Is(value_type) => {
                self.boolean(node, place).map(|value| Test::IsType(value_type, value))
            }
            Operator::Matches => {
                let text = self.text(node, place)?;
                Some(match Pattern::parse(text) {
                    Some(pattern) => Test::Matches(pattern),
                    None => Test::BadPattern(text.clone()),
                })
            }
        }
    }

    fn boolean(&mut self, node: &'a Node, place: Place) -> Option<bool> {
        match node.kind {
            NodeKind::Bool(value) => Some(value),
            _ => {
                self.invalid("Expected value of type Boolean", place, node.span);
                None
            }
        }
    }
}
