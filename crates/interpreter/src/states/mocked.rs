//! Parallel and Map states in a test: their fields are worked out as ever, but what their children come to is given.

use std::borrow::Cow;

use stepwell_asl::{
    Count, DataFlow, EvaluationError, Field, InputType, ItemBatcher, ItemReader, Payload as Template,
    Percentage,
};
use stepwell_item_reader::{Headers, JsonLines, ReadError, Rows, dataset};
use stepwell_json::{Array, Object, Payload, Value};

use super::map;
use crate::{
    context::{MapItem, object},
    event::{ErrorOutput, FrameIndex, StateIndex},
    inspection::Inspection,
    limits::{EXPRESSION_STEPS_PER_TEST_MAX, MOCKED_ITEMS_BYTES_MAX, MOCKED_ITEMS_MAX, PAYLOAD_BYTES_MAX},
    payload::Stored,
    program::{MapState, State},
    step::{Fault, Halt, Progress, Stepper},
};

/// What the children are taken to have come to.
pub(super) type Outcome = Result<Payload, ErrorOutput>;

/// Goes on as if the children had ended so.
pub(super) fn finish(
    stepper: &mut Stepper<'_>,
    frame: FrameIndex,
    state: &State,
    next: Option<StateIndex>,
    outcome: &Outcome,
) -> Progress {
    match outcome {
        Ok(result) => stepper.complete(frame, state, Stored::new(result.clone()), next),
        Err(error) => Err(Fault::Catchable(error.clone()).into()),
    }
}

/// A Map of either mode.
pub(super) fn map(
    stepper: &mut Stepper<'_>,
    frame: FrameIndex,
    (state, map): (&State, &MapState),
    effective: &Stored,
    inspection: &Inspection,
    outcome: &Outcome,
) -> Progress {
    let distributed = map.distributed.as_deref();
    let reader = distributed.and_then(|fields| fields.item_reader.as_ref());
    let dataset = match reader {
        Some(reader) => match read(stepper, frame, reader, effective, inspection)? {
            // The input may have what was read, where ItemsPath leads (documented). An execution ignores an ItemsPath
            // beside an ItemReader, so one that leads nowhere is no error.
            None if map.items.is_some() => items_of_state(stepper, frame, (state, map), effective).ok(),
            dataset => dataset,
        },
        None => Some(items_of_state(stepper, frame, (state, map), effective)?),
    };
    let concurrency = map::concurrency(stepper, frame, map, effective)?;
    stepper.note(|seen| seen.max_concurrency = Some(concurrency.unwrap_or(0)));
    let tolerated = match distributed {
        Some(fields) => Tolerated {
            count: tolerated_count(stepper, frame, fields.tolerated_failure_count.as_ref(), effective)?,
            percentage: tolerated_percentage(
                stepper,
                frame,
                fields.tolerated_failure_percentage.as_ref(),
                effective,
            )?,
        },
        None => Tolerated::default(),
    };
    stepper.note(|seen| {
        seen.tolerated_failure_count = tolerated.count;
        seen.tolerated_failure_percentage = tolerated.percentage;
    });
    let mut iterations = None;
    if let Some(dataset) = dataset {
        let items = select(stepper, frame, map, dataset, effective)?;
        let batcher = distributed.and_then(|fields| fields.item_batcher.as_ref());
        iterations = Some(match batcher {
            Some(batcher) => batch(stepper, frame, batcher, items, effective)?,
            None => items.len(),
        });
    }
    stepper.note(|seen| seen.iterations = iterations);
    let writer = distributed.and_then(|fields| fields.result_writer.as_ref());
    if let Some(parameters) = writer.and_then(|writer| writer.parameters.as_ref()) {
        fill(stepper, frame, parameters, "ResultWriter", effective)?;
    }
    let failed = inspection.failed_iterations.unwrap_or(0);
    if outcome.is_ok() && tolerated.is_exceeded(failed, iterations) {
        let error = ErrorOutput::new(
            "States.ExceedToleratedFailureThreshold",
            "The specified tolerated failure threshold was exceeded",
        );
        return Err(Fault::Catchable(error).into());
    }
    finish(stepper, frame, state, map.next, outcome)
}

/// What a Map iterates over, and where it is from.
struct Dataset {
    /// An array, or an object whose entries are the items.
    items: Value,
    source: Cow<'static, str>,
}

impl Dataset {
    fn into_items(self) -> Vec<MapItem> {
        let item = |(index, (key, value))| MapItem { index, key, value, source: self.source.clone() };
        match &self.items {
            Value::Array(array) => {
                (0..).zip(array.iter().map(|value| (None, value.clone()))).map(item).collect()
            }
            Value::Object(entries) => {
                let entries = entries.iter().map(|(key, value)| (Some(key.clone()), value.clone()));
                (0..).zip(entries).map(item).collect()
            }
            _ => Vec::new(),
        }
    }
}

/// Items from the state's input, as ItemsPath or Items says.
fn items_of_state(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    (state, map): (&State, &MapState),
    effective: &Stored,
) -> Progress<Dataset> {
    let items = map::items(stepper, frame, state, map, effective)?.value().clone();
    if matches!(state.flow, DataFlow::JsonPath(_)) {
        stepper.note(|seen| seen.after_items_path = Some(items.clone()));
    }
    Ok(Dataset { items, source: Cow::Borrowed(map::STATE_DATA) })
}

/// Items from what the ItemReader is taken to have read; none when nothing is given.
fn read(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    reader: &ItemReader,
    effective: &Stored,
    inspection: &Inspection,
) -> Progress<Option<Dataset>> {
    let parameters = match &reader.parameters {
        Some(parameters) => fill(stepper, frame, parameters, "ItemReader", effective)?,
        None => Value::Null,
    };
    let max_items = stepper.count(
        frame,
        reader.max_items.as_ref(),
        ("MaxItems", 0..=i64::MAX),
        effective.value(),
        |path, value| not_an_integer("MaxItemsPath", path, value),
    )?;
    let Some(data) = &inspection.reader_data else { return Ok(None) };
    let limit = max_items.filter(|limit| *limit > 0).map_or(usize::MAX, |limit| limit as usize);
    let items = items_of(stepper, frame, reader, data, limit)?;
    let text = |name| parameters.get(name).and_then(Value::as_str).unwrap_or_default();
    let source = match text("Key") {
        "" => format!("S3://{}", text("Bucket")),
        key => format!("S3://{}/{key}", text("Bucket")),
    };
    Ok(Some(Dataset { items, source: Cow::Owned(source) }))
}

/// An array, or an object whose entries are the items.
fn items_of(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    reader: &ItemReader,
    data: &str,
    limit: usize,
) -> Progress<Value> {
    let bytes = data.as_bytes();
    match &reader.input_type {
        Some(InputType::Csv(layout)) => {
            let headers = layout.headers.as_deref().map_or(Headers::FirstRow, Headers::Given);
            let rows = Rows::new(bytes, layout.delimiter, headers).map_err(reader_failed)?;
            collect(stepper, frame, rows.take(limit))
        }
        Some(InputType::JsonLines) => collect(stepper, frame, JsonLines::new(bytes).take(limit)),
        _ => {
            let items = dataset(data, reader.items_pointer.as_deref()).map_err(reader_failed)?;
            if reader.items_pointer.is_some() {
                stepper.note(|seen| seen.after_items_pointer = Some(items.clone()));
            }
            Ok(match items {
                Value::Array(array) => Value::Array(Array::new(array.iter().take(limit).cloned().collect())),
                Value::Object(entries) => {
                    let entries = entries.iter().take(limit).map(|(key, value)| (key.clone(), value.clone()));
                    Value::Object(Object::from_entries(entries.collect()))
                }
                other => other,
            })
        }
    }
}

/// All items of a file. A small one may have many: every row of a CSV file has the names of all columns.
fn collect(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    read: impl Iterator<Item = Result<Value, ReadError>>,
) -> Progress<Value> {
    let mut items = Vec::new();
    let mut bytes = 0;
    for item in read {
        let item = item.map_err(reader_failed)?;
        bytes += item.text_size();
        if bytes > MOCKED_ITEMS_BYTES_MAX {
            return Err(stepper.runtime_fault(
                frame,
                format_args!(
                    "The ItemReader makes more than {MOCKED_ITEMS_BYTES_MAX} bytes of items, which is more than the \
                     test of a state may."
                ),
            ));
        }
        items.push(item);
    }
    Ok(Value::Array(Array::new(items)))
}

fn reader_failed(error: ReadError) -> Halt {
    Fault::Catchable(ErrorOutput::new("States.ItemReaderFailed", &*error.to_string())).into()
}

/// The inputs of the iterations, before they are batched.
fn select(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    map: &MapState,
    dataset: Dataset,
    effective: &Stored,
) -> Progress<Vec<Value>> {
    let is_object = matches!(dataset.items, Value::Object(_));
    let items = dataset.into_items();
    let Some(selector) = &map.item_selector else {
        let item = |item: MapItem| match item.key {
            Some(key) if is_object => object(vec![("Key", Value::from(&*key)), ("Value", item.value)]),
            _ => item.value,
        };
        return Ok(items.into_iter().map(item).collect());
    };
    if items.len() > MOCKED_ITEMS_MAX {
        return Err(too_much(stepper, frame, items.len()));
    }
    let count = items.len();
    let mut selected = Vec::with_capacity(count);
    for item in items {
        if stepper.expression_steps.get() > EXPRESSION_STEPS_PER_TEST_MAX {
            return Err(too_much(stepper, frame, count));
        }
        selected.push(map::select(stepper, frame, selector, item, effective.value())?);
    }
    stepper.note(|seen| seen.after_item_selector = Some(Value::Array(Array::new(selected.clone()))));
    Ok(selected)
}

fn too_much(stepper: &Stepper<'_>, frame: FrameIndex, items: usize) -> Halt {
    stepper.runtime_fault(
        frame,
        format_args!("The ItemSelector takes more work over {items} items than the test of a state may."),
    )
}

/// Puts inputs together as ItemBatcher says. Gives the number of batches.
fn batch(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    batcher: &ItemBatcher,
    items: Vec<Value>,
    effective: &Stored,
) -> Progress<usize> {
    let limit = |count: Option<&Count>, name: &'static str| {
        stepper.count(frame, count, (name, 1..=i64::MAX), effective.value(), |path, value| {
            not_an_integer(&format!("{name}Path"), path, value)
        })
    };
    let items_max = limit(batcher.max_items.as_ref(), "MaxItemsPerBatch")?.map_or(usize::MAX, |n| n as usize);
    let bytes_max = limit(batcher.max_input_bytes.as_ref(), "MaxInputBytesPerBatch")?
        .map_or(PAYLOAD_BYTES_MAX, |bytes| (bytes as usize).min(PAYLOAD_BYTES_MAX));
    let batch_input = match &batcher.batch_input {
        Some(template) => Some(fill(stepper, frame, template, "ItemBatcher", effective)?),
        None => None,
    };
    let batch_of = |items: Vec<Value>| {
        let mut members = Vec::new();
        if let Some(input) = &batch_input {
            members.push(("BatchInput", input.clone()));
        }
        members.push(("Items", Value::Array(Array::new(items))));
        object(members)
    };
    let frame_bytes = batch_of(Vec::new()).text_size();
    let mut batches = Vec::new();
    let (mut open, mut bytes) = (Vec::new(), frame_bytes);
    for item in items {
        let size = item.text_size() + 1;
        if !open.is_empty() && (open.len() == items_max || bytes + size > bytes_max) {
            batches.push(batch_of(std::mem::take(&mut open)));
            bytes = frame_bytes;
        }
        bytes += size;
        open.push(item);
    }
    if !open.is_empty() {
        batches.push(batch_of(open));
    }
    let count = batches.len();
    stepper.note(|seen| seen.after_item_batcher = Some(Value::Array(Array::new(batches))));
    Ok(count)
}

/// Works out the payload of a reader, writer or batcher.
fn fill(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    template: &Template,
    field: &'static str,
    effective: &Stored,
) -> Progress<Value> {
    match template {
        Template::JsonPath(template) => stepper.fill(frame, template, effective.value()),
        Template::Jsonata(template) => stepper.evaluate(frame, template, Field::State(field)),
    }
}

/// How many iterations may fail; a limit that is not set is not checked in a test (recorded).
#[derive(Default)]
struct Tolerated {
    count: Option<u32>,
    percentage: Option<f64>,
}

impl Tolerated {
    fn is_exceeded(&self, failed: u32, iterations: Option<usize>) -> bool {
        let share = iterations.filter(|all| *all > 0).map(|all| f64::from(failed) * 100.0 / all as f64);
        self.count.is_some_and(|count| failed > count)
            || self.percentage.zip(share).is_some_and(|(percentage, share)| share > percentage)
    }
}

fn tolerated_count(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    count: Option<&Count>,
    effective: &Stored,
) -> Progress<Option<u32>> {
    let field = ("ToleratedFailureCount", 0..=i64::MAX);
    stepper.count(frame, count, field, effective.value(), |path, value| match value.as_i64() {
        Some(_) => "ToleratedFailureCount cannot be negative.".to_owned(),
        None => not_an_integer("ToleratedFailureCountPath", path, value),
    })
}

fn tolerated_percentage(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    percentage: Option<&Percentage>,
    effective: &Stored,
) -> Progress<Option<f64>> {
    const FIELD: &str = "ToleratedFailurePercentage";
    const RANGE: &str = "ToleratedFailurePercentage must be between 0 and 100.";
    let is_good = |percentage: f64| (0.0..=100.0).contains(&percentage);
    let number = |value: &Value| match value {
        Value::Number(number) => Some(number.as_f64()),
        _ => None,
    };
    Ok(Some(match percentage {
        None => return Ok(None),
        Some(Percentage::Literal(percentage)) => *percentage,
        Some(Percentage::Path(path)) => {
            let value = stepper.read_path(frame, path, effective.value())?;
            match number(&value) {
                Some(percentage) if is_good(percentage) => percentage,
                Some(_) => return Err(stepper.runtime_fault(frame, RANGE)),
                None => {
                    let cause = format_args!(
                        "The {FIELD}Path field refers to value \"{}\" which is not a valid float: {}",
                        map::shown(&value),
                        path.text()
                    );
                    return Err(stepper.runtime_fault(frame, cause));
                }
            }
        }
        Some(Percentage::Expression(template)) => {
            let take = |value: &Value| number(value).ok_or("number");
            let percentage = stepper.evaluate_as(frame, template, Field::State(FIELD), take)?;
            if !is_good(percentage) {
                let error =
                    EvaluationError::Query { location: Some(FIELD.to_owned()), cause: RANGE.to_owned() };
                return Err(stepper.evaluation_fault(frame, &error));
            }
            percentage
        }
    }))
}

fn not_an_integer(field: &str, path: &str, value: &Value) -> String {
    format!(
        "The {field} field refers to value \"{}\" which is not a valid integer: {path}",
        map::shown(value)
    )
}
