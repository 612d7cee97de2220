//! Map in inline mode: entering it, and the input of an iteration. `fork.rs` has what follows.

use stepwell_json::Value;

use crate::{
    context::StateRoots,
    event::{EventKind, FrameIndex},
    execution::Phase,
    limits::FORK_CONCURRENCY_MAX,
    payload::Stored,
    program::{MapState, State},
    step::{Progress, Stepper},
};

/// The items are what ItemsPath finds in the effective input; they must be an array.
pub(crate) fn enter(stepper: &mut Stepper<'_>, frame: FrameIndex, state: &State, map: &MapState) -> Progress {
    let effective = stepper.effective_input(frame, state)?;
    let items = match &map.items_path {
        None => effective.clone(),
        Some(path) if path.text() == "$" => effective.clone(),
        Some(path) => Stored::from_value(stepper.read_path(frame, path, effective.value())?),
    };
    let Value::Array(array) = items.value() else {
        let path = map.items_path.as_ref().map_or("$", |path| path.text());
        return Err(
            stepper.runtime_fault(frame, format_args!("Reference path \"{path}\" must point to array."))
        );
    };
    let length = array.len() as u32;
    let limit = stepper.count(frame, map.max_concurrency.as_ref(), effective.value(), 0, |path, value| {
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
    if let Some(literal) = selector.template.literal() {
        return Ok(Stored::from_value(literal.clone()));
    }
    let mut roots = StateRoots::new(stepper, frame, input.value().clone());
    roots.item = Some((index, item.value().clone()));
    let value =
        selector.template.evaluate(&mut roots).map_err(|error| stepper.evaluation_fault(frame, &error))?;
    let stored = Stored::from_value(stepper.check_depth(frame, value)?);
    stepper.check_size(frame, &stored)?;
    Ok(stored)
}
