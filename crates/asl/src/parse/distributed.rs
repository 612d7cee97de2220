//! The fields of a Map that only distributed mode uses. They are checked as far as their shape goes. A reader, batcher
//! or writer is a finding until this version can run it; a failure tolerance is taken in inline mode too (recorded),
//! where it has no effect.

use std::sync::Arc;

use stepwell_json::document::Kind;

use super::Reader;
use super::fields::{Fields, Known, Table};
use super::jsonata::Available;
use super::values::Start;
use crate::definition::{
    CsvLayout, Distributed, InputType, ItemBatcher, ItemReader, Payload, Percentage, QueryLanguage,
    ResultWriter,
};

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
    pub(super) fn distributed_fields(&mut self, fields: &Fields<'a>, language: QueryLanguage) -> Distributed {
        let mut found = Distributed::default();
        if let Some(mut object) = self.distributed_object(fields, "ItemReader") {
            found.item_reader = self.item_reader(&mut object, language);
        }
        if let Some(mut object) = self.distributed_object(fields, "ItemBatcher") {
            found.item_batcher = Some(self.item_batcher(&mut object, language));
        }
        if let Some(mut object) = self.distributed_object(fields, "ResultWriter") {
            found.result_writer = Some(self.result_writer(&mut object, language));
        }
        found.tolerated_failure_count = self.count(
            fields,
            ("ToleratedFailureCount", "ToleratedFailureCountPath"),
            (0, i64::MAX),
            language,
            Start::NotContext,
        );
        found.tolerated_failure_percentage = self.tolerated_percentage(fields, language);
        found
    }

    /// One of the objects that this version can't run.
    fn distributed_object(&mut self, fields: &Fields<'a>, name: &'static str) -> Option<Fields<'a>> {
        let node = fields.get(name)?;
        self.not_yet_supported(&format!("The Map field {name}"), node);
        self.object(node)
    }

    fn tolerated_percentage(&mut self, fields: &Fields<'a>, language: QueryLanguage) -> Option<Percentage> {
        self.at_most_one(fields, &["ToleratedFailurePercentage", "ToleratedFailurePercentagePath"]);
        let path = self.reference_path_field(fields, "ToleratedFailurePercentagePath", Start::NotContext);
        let Some(node) = fields.get("ToleratedFailurePercentage") else {
            return path.map(Percentage::Path);
        };
        if let Some(template) = self.scalar_expression(fields, "ToleratedFailurePercentage", language) {
            return template.map(Percentage::Expression);
        }
        match node.kind() {
            Kind::Number(number) if number.as_f64() < 0.0 => {
                self.invalid("Minimum value is 0.0", node);
            }
            Kind::Number(number) if number.as_f64() > 100.0 => {
                self.invalid("Maximum value is 100.0", node);
            }
            Kind::Number(number) => return Some(Percentage::Literal(number.as_f64())),
            _ => self.invalid("Expected value of type Number", node),
        }
        None
    }

    fn item_reader(&mut self, fields: &mut Fields<'a>, language: QueryLanguage) -> Option<ItemReader> {
        self.require(fields, &["Resource"]);
        self.check_fields(fields, ITEM_READER, language);
        let resource = self.text_field(fields, "Resource").map(Arc::from);
        let parameters = self.payload(fields, language);
        let mut reader = ItemReader {
            resource: resource?,
            parameters,
            input_type: None,
            is_manifest: false,
            items_pointer: None,
            max_items: None,
        };
        if let Some(node) = fields.get("ReaderConfig")
            && let Some(mut config) = self.object(node)
        {
            self.check_fields(&mut config, READER_CONFIG, language);
            reader.input_type = self.input_type(&config);
            self.word(&config, "Transformation", &["NONE", "LOAD_AND_FLATTEN"]);
            reader.is_manifest =
                self.word(&config, "ManifestType", &["ATHENA_DATA", "S3_INVENTORY"]).is_some();
            reader.items_pointer = self.text_field(&config, "ItemsPointer").map(Arc::from);
            reader.max_items = self.count(
                &config,
                ("MaxItems", "MaxItemsPath"),
                (0, ITEMS_MAX),
                language,
                Start::NotContext,
            );
        }
        Some(reader)
    }

    fn input_type(&mut self, config: &Fields<'a>) -> Option<InputType> {
        let word = self.word(config, "InputType", &["CSV", "JSON", "JSONL", "PARQUET", "MANIFEST"]);
        if word == Some("CSV") {
            self.require(config, &["CSVHeaderLocation"]);
        }
        let layout = self.csv_layout(config);
        match word? {
            "CSV" => layout.map(InputType::Csv),
            "JSONL" => Some(InputType::JsonLines),
            "PARQUET" => Some(InputType::Parquet),
            "MANIFEST" => Some(InputType::Manifest),
            _ => Some(InputType::Json),
        }
    }

    fn csv_layout(&mut self, config: &Fields<'a>) -> Option<CsvLayout> {
        let delimiter =
            match self.word(config, "CSVDelimiter", &["COMMA", "PIPE", "SEMICOLON", "SPACE", "TAB"]) {
                Some("PIPE") => b'|',
                Some("SEMICOLON") => b';',
                Some("SPACE") => b' ',
                Some("TAB") => b'\t',
                _ => b',',
            };
        let location = self.word(config, "CSVHeaderLocation", &["FIRST_ROW", "GIVEN"]);
        let headers = config.get("CSVHeaders").map(|node| self.texts(node));
        if location? == "GIVEN" {
            self.require(config, &["CSVHeaders"]);
            return Some(CsvLayout { delimiter, headers: Some(headers??) });
        }
        Some(CsvLayout { delimiter, headers: None })
    }

    fn item_batcher(&mut self, fields: &mut Fields<'a>, language: QueryLanguage) -> ItemBatcher {
        self.check_fields(fields, ITEM_BATCHER, language);
        let max_items = self.count(
            fields,
            ("MaxItemsPerBatch", "MaxItemsPerBatchPath"),
            (1, i64::MAX),
            language,
            Start::NotContext,
        );
        let max_input_bytes = self.count(
            fields,
            ("MaxInputBytesPerBatch", "MaxInputBytesPerBatchPath"),
            (1, BATCH_BYTES_MAX),
            language,
            Start::NotContext,
        );
        let batch_input = fields.get("BatchInput").and_then(|node| match language {
            QueryLanguage::JsonPath => self.template(node).map(Payload::JsonPath),
            QueryLanguage::Jsonata => self.jsonata(node, Available::InputAndContext).map(Payload::Jsonata),
        });
        ItemBatcher { max_items, max_input_bytes, batch_input }
    }

    fn result_writer(&mut self, fields: &mut Fields<'a>, language: QueryLanguage) -> ResultWriter {
        self.check_fields(fields, RESULT_WRITER, language);
        self.text_field(fields, "Resource");
        let parameters = self.payload(fields, language);
        if let Some(node) = fields.get("WriterConfig")
            && let Some(mut config) = self.object(node)
        {
            self.check_fields(&mut config, WRITER_CONFIG, language);
            self.word(&config, "Transformation", &["NONE", "COMPACT", "FLATTEN"]);
            self.word(&config, "OutputType", &["JSON", "JSONL"]);
        }
        ResultWriter { parameters }
    }

    /// `Parameters` or `Arguments` of a reader or writer.
    fn payload(&mut self, fields: &Fields<'a>, language: QueryLanguage) -> Option<Payload> {
        match language {
            QueryLanguage::JsonPath => self.template_field(fields, "Parameters").map(Payload::JsonPath),
            QueryLanguage::Jsonata => {
                self.jsonata_field(fields, "Arguments", Available::InputAndContext).map(Payload::Jsonata)
            }
        }
    }
}
