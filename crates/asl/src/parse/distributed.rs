//! The fields of a Map that only distributed mode uses. They are checked as far as their shape goes. A reader, batcher
//! or writer is a finding until this version can run it; a failure tolerance is taken in inline mode too (recorded),
//! where it has no effect.

use stepwell_json::spanned::NodeKind;

use super::Reader;
use super::fields::{Fields, Known, Table};
use super::jsonata::Available;
use super::values::Start;
use crate::definition::QueryLanguage;

use Known::{Ata, Both, Path};

const ITEM_READER: Table =
    &[("Arguments", Ata), ("Parameters", Path), ("ReaderConfig", Both), ("Resource", Both)];
const READER_CONFIG: Table = &[
    ("CSVDelimiter", Both),
    ("CSVHeaderLocation", Both),
    ("CSVHeaders", Both),
    ("InputType", Both),
    ("ItemsPointer", Both),
    ("ManifestType", Both),
    ("MaxItems", Both),
    ("MaxItemsPath", Path),
    ("Transformation", Both),
];
const ITEM_BATCHER: Table = &[
    ("BatchInput", Both),
    ("MaxInputBytesPerBatch", Both),
    ("MaxInputBytesPerBatchPath", Path),
    ("MaxItemsPerBatch", Both),
    ("MaxItemsPerBatchPath", Path),
];
const RESULT_WRITER: Table =
    &[("Arguments", Ata), ("Parameters", Path), ("Resource", Both), ("WriterConfig", Both)];
const WRITER_CONFIG: Table = &[("OutputType", Both), ("Transformation", Both)];

/// `ReaderConfig.MaxItems`.
const ITEMS_MAX: i64 = 100_000_000;
/// `ItemBatcher.MaxInputBytesPerBatch`.
const BATCH_BYTES_MAX: i64 = 262_144;

impl<'a> Reader<'a> {
    pub(super) fn distributed_fields(&mut self, fields: &Fields<'a>, language: QueryLanguage) {
        for name in ["ItemReader", "ItemBatcher", "ResultWriter"] {
            if let Some((node, place)) = self.field(fields, name) {
                self.not_yet_supported(&format!("The Map field {name}"), place, node.span);
                if let Some(mut object) = self.object(node, place) {
                    match name {
                        "ItemReader" => self.item_reader(&mut object, language),
                        "ItemBatcher" => self.item_batcher(&mut object, language),
                        _ => self.result_writer(&mut object, language),
                    }
                }
            }
        }
        self.count(
            fields,
            ("ToleratedFailureCount", "ToleratedFailureCountPath"),
            (0, i64::MAX),
            language,
            Start::NotContext,
        );
        self.tolerated_percentage(fields, language);
    }

    fn tolerated_percentage(&mut self, fields: &Fields<'a>, language: QueryLanguage) {
        self.at_most_one(fields, &["ToleratedFailurePercentage", "ToleratedFailurePercentagePath"]);
        self.reference_path_field(fields, "ToleratedFailurePercentagePath", Start::NotContext);
        let Some((node, place)) = self.field(fields, "ToleratedFailurePercentage") else { return };
        if self.scalar_expression(fields, "ToleratedFailurePercentage", language).is_some() {
            return;
        }
        match &node.kind {
            NodeKind::Number(number) if number.as_f64() < 0.0 => {
                self.invalid("Minimum value is 0.0", place, node.span);
            }
            NodeKind::Number(number) if number.as_f64() > 100.0 => {
                self.invalid("Maximum value is 100.0", place, node.span);
            }
            NodeKind::Number(_) => {}
            _ => self.invalid("Expected value of type Number", place, node.span),
        }
    }

    fn item_reader(&mut self, fields: &mut Fields<'a>, language: QueryLanguage) {
        self.require(fields, &["Resource"]);
        self.check_fields(fields, ITEM_READER, language);
        self.text_field(fields, "Resource");
        self.payload(fields, language);
        let Some((node, place)) = self.field(fields, "ReaderConfig") else { return };
        let Some(mut config) = self.object(node, place) else { return };
        self.check_fields(&mut config, READER_CONFIG, language);
        self.word(&config, "InputType", &["CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"]);
        self.word(&config, "Transformation", &["NONE", "LOAD_AND_FLATTEN"]);
        self.word(&config, "ManifestType", &["ATHENA_DATA", "S3_INVENTORY"]);
        self.word(&config, "CSVHeaderLocation", &["FIRST_ROW", "GIVEN"]);
        self.word(&config, "CSVDelimiter", &["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"]);
        self.count(&config, ("MaxItems", "MaxItemsPath"), (0, ITEMS_MAX), language, Start::NotContext);
    }

    fn item_batcher(&mut self, fields: &mut Fields<'a>, language: QueryLanguage) {
        self.check_fields(fields, ITEM_BATCHER, language);
        self.count(
            fields,
            ("MaxItemsPerBatch", "MaxItemsPerBatchPath"),
            (1, i64::MAX),
            language,
            Start::NotContext,
        );
        self.count(
            fields,
            ("MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"),
            (1, BATCH_BYTES_MAX),
            language,
            Start::NotContext,
        );
        if let Some((node, place)) = self.field(fields, "BatchInput") {
            match language {
                QueryLanguage::JsonPath => drop(self.template(node, place)),
                QueryLanguage::Jsonata => drop(self.jsonata(node, place, Available::InputAndContext)),
            }
        }
    }

    fn result_writer(&mut self, fields: &mut Fields<'a>, language: QueryLanguage) {
        self.check_fields(fields, RESULT_WRITER, language);
        self.text_field(fields, "Resource");
        self.payload(fields, language);
        if let Some((node, place)) = self.field(fields, "WriterConfig")
            && let Some(mut config) = self.object(node, place)
        {
            self.check_fields(&mut config, WRITER_CONFIG, language);
            self.word(&config, "Transformation", &["NONE", "COMPACT", "FLATTEN"]);
            self.word(&config, "OutputType", &["JSON", "JSONL"]);
        }
    }

    /// `Parameters` or `Arguments` of a reader or writer.
    fn payload(&mut self, fields: &Fields<'a>, language: QueryLanguage) {
        match language {
            QueryLanguage::JsonPath => drop(self.template_field(fields, "Parameters")),
            QueryLanguage::Jsonata => {
                drop(self.jsonata_field(fields, "Arguments", Available::InputAndContext));
            }
        }
    }
}
