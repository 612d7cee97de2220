//! Map in inline mode: entering it, and the input of an iteration. `fork.rs` has what follows.

use stepwell_asl::{DataFlow, Field, ItemSelector, Items};
use stepwell_json::Value;

use crate::{
    context::StateRoots,
    data_flow::JsonataRoots,
    event::{EventKind, FrameIndex},
    execution::Phase,
    limits::FORK_CONCURRENCY_MAX,
    payload::Stored,
    program::{MapState, State},
    step::{Progress, Stepper},
};

/// The items are what ItemsPath finds in the effective input or Items gives.
pub(crate) fn enter(stepper: &mut Stepper<'_>, frame: FrameIndex, state: &State, map: &MapState) -> Progress {
    let effective = stepper.effective_input(frame, state)?;
    let items = items(stepper, frame, state, map, &effective)?;
    let length = items.value().as_array().map_or(0, |array| array.len() as u32);
    let concurrency = map.max_concurrency.as_ref();
    let field = ("MaxConcurrency", 0);
    let limit = stepper.count(frame, concurrency, field, effective.value(), |path, value| {
        let shown = value.as_str().map_or_else(|| value.to_text(), str::to_owned);
        format!(
            "The MaxConcurrencyPath field refers to value \"{shown}\" which is not a valid integer: {path}"
        )
    })?;
    // 0 means no limit of its own; the service starts at most about 40 at once, whatever is asked for.
    let limit =
        limit.filter(|limit| *limit > 0).map_or(FORK_CONCURRENCY_MAX, |l| l.min(FORK_CONCURRENCY_MAX));
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

/// What the Map iterates over: an array.
fn items(
    stepper: &Stepper<'_>,
    frame: FrameIndex,
    state: &State,
    map: &MapState,
    effective: &Stored,
) -> Progress<Stored> {
    let (items, path) = match &map.items {
        Some(Items::Jsonata(template)) => {
            let array = stepper.evaluate_as(frame, template, Field::State("Items"), |value| match value {
                Value::Array(_) => Ok(value.clone()),
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
    if matches!(items.value(), Value::Array(_)) {
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
    let literal = match selector {
        ItemSelector::JsonPath(template) => template.literal(),
        ItemSelector::Jsonata(template) => template.literal(),
    };
    if let Some(literal) = literal {
        return Ok(Stored::from_value(literal.clone()));
    }
    let item = Some((index, item.value().clone()));
    let value = match selector {
        ItemSelector::JsonPath(template) => {
            let mut roots = StateRoots::new(stepper, frame, input.value().clone());
            roots.item = item;
            template.evaluate(&mut roots)
        }
        ItemSelector::Jsonata(template) => {
            let mut roots = JsonataRoots::new(stepper, frame, None);
            roots.roots.item = item;
            roots.evaluate(template, Field::State("ItemSelector"))
        }
    };
    let value = value.map_err(|error| stepper.evaluation_fault(frame, &error))?;
    let stored = Stored::from_value(stepper.check_depth(frame, value)?);
    stepper.check_size(frame, &stored)?;
    Ok(stored)
}
