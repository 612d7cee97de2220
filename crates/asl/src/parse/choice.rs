//! Choice and its rules.

use std::sync::Arc;

use stepwell_json::document::{Kind, Member, Node};

use super::Reader;
use super::fields::Fields;
use super::jsonata::{self, Available};
use super::state::Context;
use super::values::Start;
use crate::choice::{ChoiceRule, Operand, Pattern, Relation, Test, ValueType};
use crate::definition::{Choice, ChoiceBranch, Choices, JsonataBranch, QueryLanguage};
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
    pub(super) fn choice(&mut self, fields: &Fields<'a>, context: &mut Context) -> Option<Choice> {
        self.require(fields, &["Choices"]);
        let choices = match context.language {
            QueryLanguage::JsonPath => Choices::JsonPath(self.branches(fields, context, Self::choice_branch)),
            QueryLanguage::Jsonata => Choices::Jsonata(self.branches(fields, context, Self::jsonata_branch)),
        };
        let default = match fields.get("Default") {
            Some(node) => self.next(node, context),
            None => None,
        };
        Some(Choice { choices, default })
    }

    fn branches<T>(
        &mut self,
        fields: &Fields<'a>,
        context: &mut Context,
        read: fn(&mut Self, &Fields<'a>, &mut Context) -> Option<T>,
    ) -> Vec<T> {
        let Some(node) = fields.get("Choices") else { return Vec::new() };
        let Some(items) = self.items(node) else { return Vec::new() };
        if items.is_empty() {
            self.invalid("Value cannot be empty", node);
        }
        let mut branches = self.parts(items.clone().count());
        for item in items {
            match self.object(item) {
                Some(rule) => branches.add(read(self, &rule, context)),
                None => context.is_incomplete = true,
            }
        }
        branches.good()
    }

    fn choice_branch(&mut self, fields: &Fields<'a>, context: &mut Context) -> Option<ChoiceBranch> {
        let comment = self.comment(fields);
        let next = self.rule_next(fields, context);
        let assign = self.assign(fields);
        let rule = self.rule(fields, Level::Top);
        Some(ChoiceBranch { rule: rule?, next: next?, assign, comment })
    }

    fn jsonata_branch(&mut self, fields: &Fields<'a>, context: &mut Context) -> Option<JsonataBranch> {
        let comment = self.comment(fields);
        let next = self.rule_next(fields, context);
        let exit = self.jsonata_exit(fields, Available::InputAndContext);
        self.require(fields, &["Condition"]);
        for member in fields.members() {
            match member.key {
                "Condition" | "Output" | "Next" | "Assign" | "Comment" => {}
                "Variable" | "And" | "Or" | "Not" => {
                    self.wrong_language(&member, QueryLanguage::Jsonata);
                }
                name if operator(name).is_some() => {
                    self.wrong_language(&member, QueryLanguage::Jsonata);
                }
                _ => self.unsupported_rule_field(fields.node, &member),
            }
        }
        let condition = self.condition(fields);
        Some(JsonataBranch { condition: condition?, next: next?, exit, comment })
    }

    /// `Condition`: an expression, or a boolean (recorded).
    fn condition(&mut self, fields: &Fields<'a>) -> Option<JsonataTemplate> {
        let node = fields.get("Condition")?;
        if !jsonata::is_expression(node) {
            self.boolean(node)?;
        }
        self.jsonata(node, Available::InputAndContext)
    }

    fn rule_next(&mut self, fields: &Fields<'a>, context: &mut Context) -> Option<Arc<str>> {
        let Some(node) = fields.get("Next") else {
            self.require(fields, &["Next"]);
            context.is_incomplete = true;
            return None;
        };
        self.next(node, context)
    }

    fn unsupported_rule_field(&mut self, rule: Node<'a>, member: &Member<'a>) {
        let others = ["Variable", "Next", "And", "Or", "Not", "Condition"];
        self.unsupported_field(rule, member, OPERATORS.iter().map(|(name, _)| *name).chain(others));
    }

    /// A rule: one comparison, or a combination.
    fn rule(&mut self, fields: &Fields<'a>, level: Level) -> Option<ChoiceRule> {
        let mut tests: Vec<Member<'a>> = Vec::new();
        let mut has_unknown = false;
        for member in fields.members() {
            match (member.key, level) {
                ("Comment" | "Variable", _) | ("Next" | "Assign", Level::Top) => {}
                ("And" | "Or" | "Not", _) => tests.push(member),
                ("Condition" | "Output", _) => {
                    has_unknown = true;
                    self.wrong_language(&member, QueryLanguage::JsonPath);
                }
                (name, _) if operator(name).is_some() => tests.push(member),
                _ => {
                    has_unknown = true;
                    self.unsupported_rule_field(fields.node, &member);
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
                    self.invalid(message, fields.node);
                }
                return None;
            }
            _ => {
                let names: Vec<&str> = tests.iter().map(|member| member.key).collect();
                let message =
                    format!("There should only be one of the following fields: [{}]", names.join(", "));
                self.invalid(message, fields.node);
                return None;
            }
        };
        match test.key {
            "And" => self.rules(test.value).map(ChoiceRule::And),
            "Or" => self.rules(test.value).map(ChoiceRule::Or),
            "Not" => {
                let rule = self.object(test.value)?;
                self.rule(&rule, Level::Nested).map(|rule| ChoiceRule::Not(Box::new(rule)))
            }
            _ => self.comparison(fields, &test),
        }
    }

    fn rules(&mut self, node: Node<'a>) -> Option<Vec<ChoiceRule>> {
        let items = self.items(node)?;
        if items.is_empty() {
            self.invalid("Value cannot be empty", node);
            return None;
        }
        let mut rules = self.parts(items.clone().count());
        for item in items {
            let rule = self.object(item).and_then(|rule| self.rule(&rule, Level::Nested));
            rules.add(rule);
        }
        rules.all()
    }

    fn comparison(&mut self, fields: &Fields<'a>, member: &Member<'a>) -> Option<ChoiceRule> {
        self.require(fields, &["Variable"]);
        let variable = self.reference_path_field(fields, "Variable", Start::Anywhere);
        let (operator, is_path) = operator(member.key)?;
        let node = member.value;
        let test = if is_path {
            let path = self.reference_path(node, Start::Anywhere)?;
            match operator {
                Operator::String(relation) => Test::String(relation, Operand::Path(path)),
                Operator::Numeric(relation) => Test::Numeric(relation, Operand::Path(path)),
                Operator::Timestamp(relation) => Test::Timestamp(relation, Operand::Path(path)),
                // Only the four families have a path form.
                _ => Test::Boolean(Operand::Path(path)),
            }
        } else {
            self.literal_test(operator, node)?
        };
        Some(ChoiceRule::Comparison { variable: variable?, test })
    }

    fn literal_test(&mut self, operator: Operator, node: Node<'a>) -> Option<Test> {
        match operator {
            Operator::String(relation) => {
                let text = self.text(node)?;
                self.warn_of_missing_path(text, node);
                Some(Test::String(relation, Operand::Literal(text.into())))
            }
            Operator::Numeric(relation) => match node.kind() {
                Kind::Number(number) => Some(Test::Numeric(relation, Operand::Literal(number))),
                _ => {
                    self.invalid("Expected value of type Number", node);
                    None
                }
            },
            Operator::Timestamp(relation) => {
                let instant = timestamp::parse(self.text(node)?);
                if instant.is_none() {
                    self.invalid("String does not match RFC3339 timestamp", node);
                }
                instant.map(|instant| Test::Timestamp(relation, Operand::Literal(instant)))
            }
            Operator::Boolean => self.boolean(node).map(|value| Test::Boolean(Operand::Literal(value))),
            Operator::Present => self.boolean(node).map(Test::IsPresent),
            Operator::Is(value_type) => self.boolean(node).map(|value| Test::IsType(value_type, value)),
            Operator::Matches => {
                let text = self.text(node)?;
                Some(match Pattern::parse(text) {
                    Some(pattern) => Test::Matches(pattern),
                    None => Test::BadPattern(text.into()),
                })
            }
        }
    }

    fn boolean(&mut self, node: Node<'a>) -> Option<bool> {
        match node.kind() {
            Kind::Bool(value) => Some(value),
            _ => {
                self.invalid("Expected value of type Boolean", node);
                None
            }
        }
    }
}
