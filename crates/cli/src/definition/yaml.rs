//! YAML to JSON text, with a way back from any place in the JSON to the line in the YAML.
//!
//! The core schema of YAML 1.2 is read: `yes`, `on` and dates are strings. Aliases are written out. What JSON has no
//! word for (tags of one's own, `.inf`, keys that are lists) is an error that says where it stands.

use std::collections::HashMap;
use std::ops::Range;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};
use stepwell_json::write_escaped_str;

use super::places::Places;
use super::scalar::{Scalar, core_tag, scalar, tag_name, unknown_tag};

/// Deeper nesting is an error here; the validator would refuse it too, in its own words.
const DEPTH_MAX: usize = 200;
/// The JSON text that aliases may grow a file to.
const JSON_SIZE_MAX_BYTES: usize = 16 * 1024 * 1024;

/// What tags of one's own mean in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// A definition: nothing.
    Definition,
    /// A CloudFormation template: `!Sub x` is short for `{"Fn::Sub": "x"}`.
    Template,
}

impl Dialect {
    /// What a file of it is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Dialect::Definition => "definition",
            Dialect::Template => "template",
        }
    }

    /// The member that a tag is short for; none for tags that mean nothing here.
    fn function(self, tag: &Tag) -> Option<&'static str> {
        let is_short = self == Dialect::Template && tag.handle == "!";
        FUNCTIONS.iter().find(|(suffix, _)| is_short && *suffix == tag.suffix).map(|(_, member)| *member)
    }
}

/// The short forms of CloudFormation's intrinsic functions.
const FUNCTIONS: [(&str, &str); 18] = [
    ("And", "Fn::And"),
    ("Base64", "Fn::Base64"),
    ("Cidr", "Fn::Cidr"),
    ("Condition", "Condition"),
    ("Equals", "Fn::Equals"),
    ("FindInMap", "Fn::FindInMap"),
    ("GetAtt", "Fn::GetAtt"),
    ("GetAZs", "Fn::GetAZs"),
    ("If", "Fn::If"),
    ("ImportValue", "Fn::ImportValue"),
    ("Join", "Fn::Join"),
    ("Not", "Fn::Not"),
    ("Or", "Fn::Or"),
    ("Ref", "Ref"),
    ("Select", "Fn::Select"),
    ("Split", "Fn::Split"),
    ("Sub", "Fn::Sub"),
    ("ToJsonString", "Fn::ToJsonString"),
];

/// What is wrong with a YAML file, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct YamlError {
    /// One line.
    pub(crate) message: String,
    /// Bytes of the file.
    pub(crate) span: Range<usize>,
}

/// Turns YAML of files other than definitions into JSON text.
///
/// # Errors
/// One line.
pub(crate) fn plain_json(source: &str) -> Result<String, String> {
    to_json(source, Dialect::Definition).map(|(json, _)| json).map_err(|error| error.message)
}

/// Turns YAML into JSON text, indented as people write it.
///
/// # Errors
/// The first thing that is not YAML, or that JSON can't say.
pub(crate) fn to_json(source: &str, dialect: Dialect) -> Result<(String, Places), YamlError> {
    let mut reader = Reader::new(source, dialect);
    let root = reader.document()?;
    let mut writer = Writer { reader: &reader, json: Vec::new(), places: Places::default() };
    if let Some(root) = root {
        writer.node(root, 0)?;
    }
    let json = String::from_utf8(writer.json)
        .map_err(|_| YamlError { message: "this can't be written as JSON".to_owned(), span: 0..0 })?;
    Ok((json, writer.places))
}

/// Index into [`Reader::nodes`].
type NodeId = usize;

struct Node {
    span: Range<usize>,
    kind: Kind,
}

enum Kind {
    /// A text, and how it is written.
    String(String, ScalarStyle),
    /// `null`, `true`, `false` or a number, as JSON writes it.
    Word(String),
    List(Vec<NodeId>),
    Map(Vec<(NodeId, NodeId)>),
    /// The same as an earlier node.
    Alias(NodeId),
    /// The short form of an intrinsic function, and what stands behind it.
    Function(&'static str, NodeId),
}

struct Reader<'a> {
    source: &'a str,
    dialect: Dialect,
    /// Byte offset of each character; none when each character is one byte.
    offsets: Option<Vec<usize>>,
    nodes: Vec<Node>,
    anchors: HashMap<usize, NodeId>,
}

/// A list or a map that is still being read.
struct Open {
    id: NodeId,
    is_map: bool,
    anchor: usize,
    function: Option<&'static str>,
    children: Vec<NodeId>,
}

impl<'a> Reader<'a> {
    fn new(source: &'a str, dialect: Dialect) -> Self {
        let offsets = (!source.is_ascii()).then(|| source.char_indices().map(|(offset, _)| offset).collect());
        Reader { source, dialect, offsets, nodes: Vec::new(), anchors: HashMap::new() }
    }

    fn offset(&self, marker: &Marker) -> usize {
        match &self.offsets {
            None => marker.index().min(self.source.len()),
            Some(offsets) => offsets.get(marker.index()).copied().unwrap_or(self.source.len()),
        }
    }

    fn document(&mut self) -> Result<Option<NodeId>, YamlError> {
        let mut parser = Parser::new_from_str(self.source);
        let mut root = None;
        let mut documents = 0;
        let mut open: Vec<Open> = Vec::new();
        while let Some(event) = parser.next_event() {
            let (event, span) = event.map_err(|error| {
                let start = self.offset(error.marker());
                YamlError { message: format!("this is not YAML: {}", error.info()), span: start..start }
            })?;
            let span = self.offset(&span.start)..self.offset(&span.end);
            let wrong = |message: &str| Err(YamlError { message: message.to_owned(), span: span.clone() });
            let is_map = matches!(event, Event::MappingStart(..));
            let finished = match event {
                Event::Nothing | Event::StreamStart | Event::DocumentEnd => continue,
                Event::StreamEnd => break,
                Event::DocumentStart(_) => {
                    documents += 1;
                    if documents > 1 {
                        return wrong("a file is one document; a second one starts here");
                    }
                    continue;
                }
                Event::Alias(anchor) => match self.anchors.get(&anchor) {
                    Some(target) => self.add(span.clone(), Kind::Alias(*target)),
                    None => return wrong("this alias has no anchor"),
                },
                Event::Scalar(text, style, anchor, tag) => {
                    let function = tag.as_deref().and_then(|tag| self.dialect.function(tag));
                    let tag = tag.as_deref().filter(|_| function.is_none());
                    let kind = match scalar(text, style, tag, self.dialect) {
                        Ok(Scalar::String(text)) => Kind::String(text, style),
                        Ok(Scalar::Word(word)) => Kind::Word(word),
                        Err(message) => {
                            return Err(YamlError { message, span: self.tag_or(tag, span) });
                        }
                    };
                    // Blank lines behind a block belong to nobody.
                    let end = self
                        .source
                        .get(span.clone())
                        .map_or(span.end, |text| span.start + text.trim_end().len());
                    let id = self.add(span.start..end, kind);
                    let id = function.map_or(id, |function| self.call(function, id));
                    self.remember(anchor, id);
                    id
                }
                Event::SequenceStart(anchor, tag) | Event::MappingStart(anchor, tag) => {
                    let function = tag.as_deref().and_then(|tag| self.dialect.function(tag));
                    let is_known = |tag: &Tag| matches!(core_tag(tag), Some("seq" | "map"));
                    if function.is_none() && !tag.as_deref().is_none_or(is_known) {
                        let message = unknown_tag(tag.as_deref(), self.dialect);
                        return Err(YamlError { message, span: self.tag_or(tag.as_deref(), span) });
                    }
                    self.open(
                        &mut open,
                        Open { id: 0, is_map, anchor, function, children: Vec::new() },
                        span,
                    )?;
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let Some(closed) = open.pop() else { continue };
                    self.close(closed, span.end)
                }
            };
            match open.last_mut() {
                Some(parent) => parent.children.push(finished),
                None => root = Some(finished),
            }
        }
        Ok(root)
    }

    /// Where a tag is written that belongs to what stands at `span`; that place for a tag of YAML's own or none.
    fn tag_or(&self, tag: Option<&Tag>, span: Range<usize>) -> Range<usize> {
        let name = tag.filter(|tag| core_tag(tag).is_none()).map(tag_name);
        let found = name.and_then(|name| {
            let start = self.source.get(..span.end)?.rfind(&name)?;
            Some(start..start + name.len())
        });
        found.unwrap_or(span)
    }

    fn add(&mut self, span: Range<usize>, kind: Kind) -> NodeId {
        self.nodes.push(Node { span, kind });
        self.nodes.len() - 1
    }

    fn remember(&mut self, anchor: usize, id: NodeId) {
        // The parser numbers anchors from 1; 0 stands for none.
        if anchor > 0 {
            self.anchors.insert(anchor, id);
        }
    }

    fn open(&mut self, open: &mut Vec<Open>, opened: Open, span: Range<usize>) -> Result<(), YamlError> {
        if open.len() >= DEPTH_MAX {
            return Err(too_deep(span));
        }
        let id = self.add(span, Kind::List(Vec::new()));
        self.remember(opened.anchor, id);
        open.push(Open { id, ..opened });
        Ok(())
    }

    fn close(&mut self, closed: Open, end: usize) -> NodeId {
        let Open { id, is_map, anchor, function, children } = closed;
        if let Some(node) = self.nodes.get_mut(id) {
            node.span.end = end.max(node.span.start);
            node.kind = if is_map {
                let pairs = children.chunks_exact(2);
                Kind::Map(pairs.filter_map(|pair| Some((*pair.first()?, *pair.get(1)?))).collect())
            } else {
                Kind::List(children)
            };
        }
        let Some(function) = function else { return id };
        let id = self.call(function, id);
        self.remember(anchor, id);
        id
    }

    /// The long form of a short form. `!GetAtt A.B` has a list as its argument.
    fn call(&mut self, function: &'static str, argument: NodeId) -> NodeId {
        let Some(Node { span, kind }) = self.nodes.get(argument) else { return argument };
        let span = span.clone();
        let mut argument = argument;
        if function == "Fn::GetAtt"
            && let Kind::String(text, style) = kind
            && let Some((resource, attribute)) = text.split_once('.')
        {
            let style = *style;
            let parts = [resource, attribute].map(|part| Kind::String(part.to_owned(), style));
            let parts = parts.map(|part| self.add(span.clone(), part)).to_vec();
            argument = self.add(span.clone(), Kind::List(parts));
        }
        self.add(span, Kind::Function(function, argument))
    }
}

fn too_deep(span: Range<usize>) -> YamlError {
    YamlError { message: format!("this is nested deeper than {DEPTH_MAX} levels"), span }
}

/// Writes the nodes as JSON and notes where each starts.
struct Writer<'a> {
    reader: &'a Reader<'a>,
    json: Vec<u8>,
    places: Places,
}

impl Writer<'_> {
    fn node(&mut self, id: NodeId, depth: usize) -> Result<(), YamlError> {
        let Some(node) = self.reader.nodes.get(id) else { return Ok(()) };
        let span = node.span.clone();
        if depth > DEPTH_MAX {
            return Err(too_deep(span));
        }
        if self.json.len() > JSON_SIZE_MAX_BYTES {
            let message = format!("aliases make this larger than {JSON_SIZE_MAX_BYTES} bytes");
            return Err(YamlError { message, span });
        }
        match &node.kind {
            // What stands at an alias is shown where it is written.
            Kind::Alias(_) => {}
            Kind::String(_, style) => self.places.add(self.json.len(), span, Some(*style)),
            _ => self.places.add(self.json.len(), span, None),
        }
        match &node.kind {
            Kind::String(text, _) => self.string(text),
            Kind::Word(word) => self.json.extend_from_slice(word.as_bytes()),
            Kind::Alias(target) => self.node(*target, depth + 1)?,
            Kind::Function(function, argument) => {
                self.json.extend_from_slice(b"{\"");
                self.json.extend_from_slice(function.as_bytes());
                self.json.extend_from_slice(b"\": ");
                self.node(*argument, depth + 1)?;
                self.json.push(b'}');
            }
            Kind::List(items) => {
                self.json.push(b'[');
                for (position, item) in items.iter().enumerate() {
                    self.next_line(position, depth + 1);
                    self.node(*item, depth + 1)?;
                }
                self.end(items.is_empty(), depth, b']');
            }
            Kind::Map(pairs) => {
                self.json.push(b'{');
                for (position, (key, value)) in pairs.iter().enumerate() {
                    self.next_line(position, depth + 1);
                    self.key(*key)?;
                    self.json.extend_from_slice(b": ");
                    self.node(*value, depth + 1)?;
                }
                self.end(pairs.is_empty(), depth, b'}');
            }
        }
        Ok(())
    }

    fn key(&mut self, mut id: NodeId) -> Result<(), YamlError> {
        while let Some(Node { kind: Kind::Alias(target), .. }) = self.reader.nodes.get(id) {
            id = *target;
        }
        let Some(node) = self.reader.nodes.get(id) else { return Ok(()) };
        let wrong = |message: &str| Err(YamlError { message: message.to_owned(), span: node.span.clone() });
        match &node.kind {
            Kind::String(text, _) if text == "<<" => {
                wrong("merge keys (<<) are not part of YAML 1.2; write the members out")
            }
            Kind::String(text, style) => {
                self.places.add(self.json.len(), node.span.clone(), Some(*style));
                self.string(text);
                Ok(())
            }
            Kind::Word(word) if word != "null" => {
                self.places.add(self.json.len(), node.span.clone(), None);
                self.string(word);
                Ok(())
            }
            Kind::Word(_) => wrong("a key is missing here"),
            _ => wrong("a key must be a text"),
        }
    }

    fn string(&mut self, text: &str) {
        write_escaped_str(text, &mut self.json);
    }

    fn next_line(&mut self, position: usize, depth: usize) {
        if position > 0 {
            self.json.push(b',');
        }
        self.line(depth);
    }

    fn line(&mut self, depth: usize) {
        self.json.push(b'\n');
        self.json.extend(std::iter::repeat_n(b' ', depth * 2));
    }

    fn end(&mut self, is_empty: bool, depth: usize, bracket: u8) {
        if !is_empty {
            self.line(depth);
        }
        self.json.push(bracket);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The JSON of a YAML text without white space, or the error and the text it points at.
    fn compact(source: &str) -> Result<String, (String, String)> {
        match to_json(source, Dialect::Definition) {
            Ok((json, _)) => Ok(stepwell_json::parse(&json).map_or(json, |value| value.to_text())),
            Err(error) => Err((error.message, source.get(error.span).unwrap_or("?").to_owned())),
        }
    }

    #[test]
    fn yaml_becomes_the_json_that_it_means() {
        for (yaml, json) in [
            ("", ""),
            ("# nothing\n", ""),
            (
                "StartAt: A\nStates:\n  A: {Type: Pass, End: true}\n",
                r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#,
            ),
            ("- 1\n- -2\n- +3\n- 007\n- 0x1F\n- 0o17\n", "[1,-2,3,7,31,15]"),
            ("- 1.50\n- 1.\n- .5\n- 1e3\n- -0.0\n", "[1.50,1.0,0.5,1000.0,-0.0]"),
            (
                "[~, null, yes, no, on, 2024-01-01, 1.2.3, '1', \"true\"]",
                r#"[null,null,"yes","no","on","2024-01-01","1.2.3","1","true"]"#,
            ),
            ("[!!str 1, !!int 2, !!float 1.0]", r#"["1",2,1.0]"#),
            ("A: &x {k: [1]}\nB: *x\n", r#"{"A":{"k":[1]},"B":{"k":[1]}}"#),
            ("Comment: |\n  one\n  two\nX: >-\n  a\n  b\n", r#"{"Comment":"one\ntwo\n","X":"a b"}"#),
            ("1: a\ntrue: b\n", r#"{"1":"a","true":"b"}"#),
            (
                "Variable: $.a\nCondition: \"$states.input\"\n",
                r#"{"Variable":"$.a","Condition":"$states.input"}"#,
            ),
            ("é: \"ü\\t\"\n", "{\"é\":\"ü\\t\"}"),
            ("{\"a\": [1, 2]}", r#"{"a":[1,2]}"#),
        ] {
            let expected = stepwell_json::parse(json).map_or(json.to_owned(), |value| value.to_text());
            assert_eq!(compact(yaml), Ok(expected), "{yaml}");
        }
    }

    #[test]
    fn what_json_can_not_say_is_an_error_with_its_place() {
        for (yaml, message, place) in [
            ("A: !GetAtt F.Arn\n", "the tag !GetAtt has no meaning", "!GetAtt"),
            ("A: !Ref\n  x: 1\n", "the tag !Ref has no meaning", "!Ref"),
            ("A: .inf\n", "JSON has no number .inf", ".inf"),
            ("A: !!int x\n", "is not what its tag !!int says", "x"),
            ("? [1]\n: 2\n", "a key must be a text", ""),
            ("~: 2\n", "a key is missing here", "~"),
            ("A: &a {x: 1}\nB:\n  <<: *a\n", "merge keys", "<<"),
            ("A: 1\n---\nB: 2\n", "a second one starts here", "---"),
            ("A: *b\n", "this is not YAML", ""),
            ("A: [1, 2\n", "this is not YAML", ""),
            ("A: &a [*a]\n", "nested deeper than", ""),
        ] {
            let (found, at) = compact(yaml).unwrap_err();
            assert!(found.contains(message), "{yaml}: {found}");
            assert!(at.contains(place), "{yaml}: {at:?}");
        }
    }

    #[test]
    fn aliases_can_not_blow_a_file_up() {
        let mut yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
            yaml.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
        }
        assert!(compact(&yaml).unwrap_err().0.contains("larger than"));
        assert!(compact(&"[".repeat(100_000)).is_err());
    }

    proptest! {
        #[test]
        fn any_json_read_as_yaml_is_the_same_json(values in proptest::collection::vec((any::<i64>(), "[a-zA-Z0-9 :#_$.é-]{0,12}"), 0..8)) {
            let items: Vec<_> = values.iter().map(|(number, text)| serde_json::json!({"n": number, "t": text})).collect();
            let json = serde_json::Value::from(items).to_string();
            prop_assert_eq!(compact(&json), Ok(json));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[a-z&*!|>:?{}\\[\\],'\"#%@` \n\t~<é-]{0,60}") {
            if let Ok((json, places)) = to_json(&text, Dialect::Definition) {
                for offset in 0..json.len() {
                    let end = (offset + 1..).find(|end| json.is_char_boundary(*end)).unwrap_or(json.len());
                    prop_assert!(text.get(places.find(offset..end, &json, &text)).is_some());
                }
            }
        }
    }
}
