//! Map.

use stepwell_json::document::{Kind, Node};

use super::Reader;
use super::fields::{Fields, PROCESSOR_CONFIG};
use super::jsonata::{self, Available};
use super::machine::Inner;
use super::state::Context;
use super::values::Start;
use crate::definition::{
    ItemSelector, Items, MachineType, Map, ProcessorConfig, ProcessorMode, QueryLanguage, SubMachine,
};
use crate::diagnostic::Code;
use crate::jsonata::JsonataTemplate;

/// Characters of a `Label`.
const LABEL_CHARACTERS_MAX: usize = 40;
/// Characters that a `Label` can't have, besides white space and control characters.
const LABEL_REFUSED: &str = "?*<>{}[]:;,\\|^~$#%&`\"";

/// `ItemProcessor` or `Iterator`; with both, which is a finding, the first.
fn processor_node<'a>(fields: &Fields<'a>) -> Option<Node<'a>> {
    fields.get("ItemProcessor").or_else(|| fields.get("Iterator"))
}

fn is_distributed(fields: &Fields<'_>) -> bool {
    let mode = processor_node(fields).and_then(|node| node.get("ProcessorConfig")?.get("Mode"));
    mode.is_some_and(|mode| matches!(mode.kind(), Kind::String("DISTRIBUTED")))
}

impl<'a> Reader<'a> {
    pub(super) fn map(&mut self, fields: &Fields<'a>, context: &mut Context) -> Option<Map> {
        if !fields.has("Iterator") {
            self.require(fields, &["ItemProcessor"]);
        }
        self.at_most_one(fields, &["ItemProcessor", "Iterator"]);
        let transition = self.transition(fields, context);
        let language = context.language;
        let items = match language {
            QueryLanguage::JsonPath => {
                self.reference_path_field(fields, "ItemsPath", Start::Anywhere).map(Items::Path)
            }
            QueryLanguage::Jsonata => self.items_field(fields).map(Items::Jsonata),
        };
        let item_selector = self.item_selector(fields, language);
        let max_concurrency = self.count(
            fields,
            ("MaxConcurrency", "MaxConcurrencyPath"),
            (0, i64::MAX),
            language,
            Start::NotContext,
        );
        let label = self.label(fields);
        let (retry, catch) = self.retry_and_catch(fields, context);
        let (processor, processor_config) = self.processor(fields);
        let distributed = self.distributed_fields(fields, language);
        Some(Map {
            processor: processor?,
            processor_config,
            items,
            item_selector,
            max_concurrency,
            label,
            distributed,
            retry,
            catch,
            transition: transition?,
        })
    }

    /// `Items`: an array with expressions inside, or an expression; in distributed mode also an object (documented).
    fn items_field(&mut self, fields: &Fields<'a>) -> Option<JsonataTemplate> {
        let node = fields.get("Items")?;
        let is_object = node.members().is_some() && is_distributed(fields);
        if !jsonata::is_expression(node) && node.items().is_none() && !is_object {
            self.invalid("Expected value of type Array", node);
            return None;
        }
        self.jsonata(node, Available::InputAndContext)
    }

    fn item_selector(&mut self, fields: &Fields<'a>, language: QueryLanguage) -> Option<ItemSelector> {
        if language == QueryLanguage::Jsonata {
            return self
                .jsonata_field(fields, "ItemSelector", Available::InputAndContext)
                .map(ItemSelector::Jsonata);
        }
        self.at_most_one(fields, &["ItemSelector", "Parameters"]);
        let field = if fields.has("ItemSelector") { "ItemSelector" } else { "Parameters" };
        self.template_field(fields, field).map(ItemSelector::JsonPath)
    }

    fn processor(&mut self, fields: &Fields<'a>) -> (Option<SubMachine>, ProcessorConfig) {
        let Some(node) = processor_node(fields) else {
            return (None, ProcessorConfig::default());
        };
        let mut config = ProcessorConfig::default();
        if let Some(config_node) = node.get("ProcessorConfig")
            && let Some(mut config_fields) = self.object(config_node)
        {
            config = self.processor_config(&mut config_fields);
        }
        let is_isolated = config.mode == ProcessorMode::Distributed;
        (self.sub_machine(node, Inner::Processor { is_isolated }), config)
    }

    fn processor_config(&mut self, fields: &mut Fields<'a>) -> ProcessorConfig {
        self.check_fields(fields, PROCESSOR_CONFIG, QueryLanguage::JsonPath);
        let mode = match self.word(fields, "Mode", &["INLINE", "DISTRIBUTED"]) {
            Some("DISTRIBUTED") => ProcessorMode::Distributed,
            _ => ProcessorMode::Inline,
        };
        let execution_type = match self.word(fields, "ExecutionType", &["STANDARD", "EXPRESS"]) {
            Some("EXPRESS") => Some(MachineType::Express),
            Some(_) => Some(MachineType::Standard),
            None => None,
        };
        if mode == ProcessorMode::Distributed {
            self.require(fields, &["ExecutionType"]);
            if self.options.machine_type == MachineType::Express {
                let message = "Express state machine does not support the Map mode 'DISTRIBUTED'";
                self.invalid(message, fields.node);
            }
            self.not_yet_supported("The Map mode DISTRIBUTED", fields.node);
        }
        ProcessorConfig { mode, execution_type }
    }

    fn label(&mut self, fields: &Fields<'a>) -> Option<std::sync::Arc<str>> {
        let node = fields.get("Label")?;
        let label = self.text(node)?;
        let refused = label.chars().find(|character| {
            character.is_whitespace() || character.is_control() || LABEL_REFUSED.contains(*character)
        });
        let problem = if label.is_empty() {
            Some("Label cannot be empty".to_owned())
        } else if label.chars().count() > LABEL_CHARACTERS_MAX {
            Some(format!("Label cannot exceed {LABEL_CHARACTERS_MAX} characters"))
        } else {
            refused.map(|character| {
                let shown = match character {
                    '\n' | '\r' | '\t' | '\\' => character.escape_default().to_string(),
                    _ if character.is_control() => format!("\\x{:02x}", u32::from(character)),
                    _ => character.to_string(),
                };
                format!("Label contains invalid character: '{shown}'")
            })
        };
        if let Some(problem) = problem {
            self.error(Code::InvalidLabelName, problem, node);
        } else if !self.labels.insert(label) {
            let message = format!("Duplicate Label name: {label}");
            self.error(Code::DuplicateLabelName, message, node);
        }
        Some(label.into())
    }
}
