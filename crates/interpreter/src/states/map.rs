//! Map: entering it, and the input of an iteration. `fork.rs` has what follows.

use std::borrow::Cow;

use stepwell_asl::{DataFlow, Field, ItemSelector, Items};
use stepwell_json::Value;

use super::mocked;
use crate::{
    context::{MapItem, StateRoots},
    data_flow::JsonataRoots,
    event::{EventKind, FrameIndex},
    execution::Phase,
    limits::FORK_CONCURRENCY_MAX,
    payload::Stored,
    program::{MapState, State},
    step::{Progress, Stepper},
};

/// `Map.Item.Source` of items from the state's input.
pub(super) const STATE_DATA: &str = "STATE_DATA";

/// The items are what ItemsPath finds in the effective input or Items gives.
pub(crate) fn enter(stepper: &mut Stepper<'_>, frame: FrameIndex, state: &State, map: &MapState) -> Progress {
    let effective = stepper.effective_input(frame, state)?;
    if let Some(inspection) = stepper.surroundings.inspection
        && let Some(outcome) = &inspection.children
    {
        return mocked::map(stepper, frame, (state, map), &effective, inspection, outcome);
    }
    let items = items(stepper, frame, state, map, &effective)?;
    let length = items.value().as_array().map_or(0, |array| array.len() as u32);
    // 0 means no limit of its own; the service starts at most about 40 at once, whatever is asked for.
    let limit = concurrency(stepper, frame, map, &effective)?
        .filter(|limit| *limit > 0)
        .map_or(FORK_CONCURRENCY_MAX, |limit| limit.min(FORK_CONCURRENCY_MAX));
    let state = stepper.state_index_of(frame);
    let previous = stepper.chain(frame);
    // `$` of an ItemSelector; without one nothing reads it, and it refers to the array of the same event so that the
    // array is not written twice.
    let input = match map.item_selector {
        Some(_) => effective,
        None => items.written_at(stepper.execution.next_event, 0),
    };
    let started = EventKind::MapStarted { frame, state, items, input, length, limit, previous };
    stepper.emit(started)?;
    if let Some(Phase::Forked(fork)) = stepper.execution.frames.get(frame).map(|at| &at.phase) {
        let fork = *fork;
        stepper.schedule_fork(fork);
    }
    Ok(())
}

/// MaxConcurrency, as the definition or its path has it.
pub(super) fn concurrency(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    map: &MapState,
    effective: &Stored,
) -> Progress<Option<u32>> {
    let field = ("MaxConcurrency", 0..=i64::MAX);
    stepper.count(frame, map.max_concurrency.as_ref(), field, effective.value(), |path, value| {
        format!(
            "The MaxConcurrencyPath field refers to value \"{}\" which is not a valid integer: {path}",
            shown(value)
        )
    })
}

/// A string without quotes, anything else as JSON: so AWS shows the value of a path.
pub(super) fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_text(), str::to_owned)
}

/// What the Map iterates over: an array, or in distributed mode also an object.
pub(super) fn items(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    state: &State,
    map: &MapState,
    effective: &Stored,
) -> Progress<Stored> {
    let (items, path) = match &map.items {
        Some(Items::Jsonata(template)) => {
            let array = stepper.evaluate_as(frame, template, Field::State("Items"), |value| match value {
                _ if is_dataset(map, value) => Ok(value.clone()),
                _ => Err("array"),
            })?;
            let items = Stored::from_value(array);
            stepper.check_size(frame, &items)?;
            return Ok(items);
        }
        Some(Items::Path(path)) if path.text() != "$" => {
            let items = stepper.read_path(frame, path, effective.value())?;
            (Stored::from_value(items), path.text())
        }
        _ => (effective.clone(), "$"),
    };
    if is_dataset(map, items.value()) {
        return Ok(items);
    }
    Err(match &state.flow {
        DataFlow::JsonPath(_) => {
            stepper.runtime_fault(frame, format_args!("Reference path \"{path}\" must point to array."))
        }
        DataFlow::Jsonata(_) => stepper.query_fault(
            frame,
            None,
            format_args!("Map state input must be an array but was: {}", items.value().to_text()),
        ),
    })
}

fn is_dataset(map: &MapState, value: &Value) -> bool {
    match value {
        Value::Array(_) => true,
        Value::Object(_) => map.distributed.is_some(),
        _ => false,
    }
}

/// The input of iteration `index`: the item, or what ItemSelector makes of it.
pub(crate) fn iteration_input(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    map: &MapState,
    items: &Stored,
    input: &Stored,
    index: u32,
) -> Progress<Stored> {
    let item = items.element(index).unwrap_or_else(|| Stored::from_value(Value::Null));
    let Some(selector) = &map.item_selector else { return Ok(item) };
    let value = item.value().clone();
    let item = MapItem { index, key: None, value, source: Cow::Borrowed(STATE_DATA) };
    let stored = Stored::from_value(select(stepper, frame, selector, item, input.value())?);
    stepper.check_size(frame, &stored)?;
    Ok(stored)
}

/// What ItemSelector makes of an item; `input` is the Map's effective input.
pub(super) fn select(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    selector: &ItemSelector,
    item: MapItem,
    input: &Value,
) -> Progress<Value> {
    let literal = match selector {
        ItemSelector::JsonPath(template) => template.literal(),
        ItemSelector::Jsonata(template) => template.literal(),
    };
    if let Some(literal) = literal {
        return Ok(literal.clone());
    }
    let value = match selector {
        ItemSelector::JsonPath(template) => {
            let mut roots = StateRoots::new(stepper, frame, input.clone());
            roots.item = Some(item);
            template.evaluate(&mut roots)
        }
        ItemSelector::Jsonata(template) => {
            let mut roots = JsonataRoots::new(stepper, frame, None);
            roots.roots.item = Some(item);
            roots.evaluate(template, Field::State("ItemSelector"))
        }
    };
    let value = value.map_err(|error| stepper.evaluation_fault(frame, &error))?;
    stepper.check_depth(frame, value)
}
