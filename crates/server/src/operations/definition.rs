//! Work on definitions: a long one may not hold up requests, and many at once may not fill the memory.

use std::{
    cell::Cell,
    pin::{Pin, pin},
};

use stepwell_api::ApiError;
use stepwell_asl::{Analysis, MachineType, Options, analyse, invalid_definition_message};
use stepwell_interpreter::{Program, compile};
use tokio::{
    runtime::Handle,
    sync::{Semaphore, SemaphorePermit},
    task::spawn_blocking,
};

use super::internal;

/// Bytes of a definition that is analysed among other requests, in well under a millisecond.
pub(crate) const WORKED_ON_IN_PLACE_BYTES_MAX: usize = 32 * 1024;
/// Longer definitions that are worked on at once; others wait as they arrived, for which the room of their bodies is
/// kept. A definition that is refused takes a few times its text meanwhile, one that is good what its program takes.
static LONG_DEFINITIONS: Semaphore = Semaphore::const_new(2);

/// Requests that let others take their turn while they ask elsewhere, each on a thread of its own.
static ASKING: Semaphore = Semaphore::const_new(64);

tokio::task_local! {
    /// The turn of the request that is carried out apart, while it has one.
    static TURN: Cell<Option<SemaphorePermit<'static>>>;
}

/// Analyses and compiles a definition.
pub(super) fn analyse_for(definition: &str, express: bool) -> Result<(Analysis, Program), ApiError> {
    let machine_type = if express { MachineType::Express } else { MachineType::Standard };
    let mut analysis = analyse(definition, &Options { machine_type });
    let Some(parsed) = analysis.definition.take() else {
        let text = invalid_definition_message(&analysis.diagnostics);
        return Err(ApiError::new("InvalidDefinition", text));
    };
    let program = compile(parsed).map_err(|error| ApiError::invalid_definition(format_args!("{error}")))?;
    Ok((analysis, program))
}

/// Carries out a request with a long definition when its turn comes, all of it on one thread: what it takes of the
/// memory is then given back where it was taken, and from there to the system, before there is an answer.
pub(crate) async fn apart<T: Send + 'static>(
    give_memory_back: fn(),
    request: impl AsyncFnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    let turn = LONG_DEFINITIONS.acquire().await.map_err(internal)?;
    let runtime = Handle::current();
    let work = move || {
        let request = async { (request().await, TURN.with(Cell::take)) };
        // It ends with the work, not with the caller.
        let (result, _turn) = runtime.block_on(TURN.scope(Cell::new(Some(turn)), request));
        give_memory_back();
        result
    };
    // A panic is a bug of ours, and answered as one.
    spawn_blocking(work).await.map_err(internal)?
}

/// Asks another service, which may take long: a request with a long definition, of which nothing but its text has been
/// made yet, lets others take its turn meanwhile. When there is nothing to ask, it keeps its turn, or all that wait would
/// have their texts in memory.
pub(super) async fn out_of_turn(
    question: impl Future<Output = Result<(), ApiError>>,
) -> Result<(), ApiError> {
    let mut question = pin!(question);
    if let Some(answer) = if_ready(question.as_mut()).await {
        return answer;
    }
    let Ok(Some(turn)) = TURN.try_with(Cell::take) else { return question.await };
    let turn = match ASKING.try_acquire() {
        Ok(_place) => {
            drop(turn);
            question.await?;
            LONG_DEFINITIONS.acquire().await.map_err(internal)?
        }
        Err(_) => {
            question.await?;
            turn
        }
    };
    TURN.with(|place| place.set(Some(turn)));
    Ok(())
}

/// What a future gives at its next poll; none when it has to wait.
async fn if_ready<F: Future>(future: Pin<&mut F>) -> Option<F::Output> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = std::future::ready(()) => None,
    }
}

/// The turn of a definition; a short one needs none.
pub(super) async fn turn_for(definition: &str) -> Result<Option<SemaphorePermit<'static>>, ApiError> {
    if definition.len() <= WORKED_ON_IN_PLACE_BYTES_MAX {
        return Ok(None);
    }
    LONG_DEFINITIONS.acquire().await.map(Some).map_err(internal)
}

#[cfg(test)]
mod tests {
    use tokio::sync::{Mutex, oneshot};

    use super::*;

    /// There are two turns for all tests.
    static ALONE: Mutex<()> = Mutex::const_new(());

    #[tokio::test]
    async fn others_have_their_turn_while_requests_with_long_definitions_ask_elsewhere() {
        let _alone = ALONE.lock().await;
        let long = " ".repeat(WORKED_ON_IN_PLACE_BYTES_MAX + 1);
        let has_turn = || {
            TURN.with(|place| {
                let turn = place.take();
                let has_turn = turn.is_some();
                place.set(turn);
                has_turn
            })
        };
        let mut requests = Vec::new();
        for answer in [Ok(()), Err(ApiError::internal_failure())] {
            let (answers, answered) = oneshot::channel();
            let (asks, asked) = oneshot::channel();
            let request = async move || {
                out_of_turn(async move {
                    let _ = asks.send(());
                    answered.await.map_err(internal)?
                })
                .await?;
                Ok(has_turn())
            };
            let request = tokio::spawn(apart(|| {}, request));
            asked.await.unwrap();
            requests.push((answers, answer, request));
        }
        let turns = [turn_for(&long).await.unwrap(), turn_for(&long).await.unwrap()];
        drop(turns);
        for (answers, answer, request) in requests {
            answers.send(answer.clone()).unwrap();
            assert_eq!(request.await.unwrap(), answer.map(|()| true));
        }
    }

    #[tokio::test]
    async fn requests_with_long_definitions_are_carried_out_two_at_a_time_and_short_definitions_at_once() {
        let _alone = ALONE.lock().await;
        let mut requests = Vec::new();
        for _ in 0..2 {
            let (ends, end) = oneshot::channel::<()>();
            let (begins, begun) = oneshot::channel();
            let request = async move || {
                let _ = begins.send(());
                end.await.map_err(internal)
            };
            requests.push((ends, tokio::spawn(apart(|| {}, request))));
            begun.await.unwrap();
        }
        let long = " ".repeat(WORKED_ON_IN_PLACE_BYTES_MAX + 1);
        let mut third = pin!(turn_for(&long));
        assert!(if_ready(third.as_mut()).await.is_none());
        assert!(turn_for("{}").await.unwrap().is_none());
        let (ends, request) = requests.pop().unwrap();
        ends.send(()).unwrap();
        request.await.unwrap().unwrap();
        assert!(third.await.unwrap().is_some());
        for (ends, request) in requests {
            ends.send(()).unwrap();
            request.await.unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn a_bug_in_a_request_with_a_long_definition_is_an_internal_failure() {
        let result: Result<(), ApiError> = apart(|| {}, async || panic!("a bug")).await;
        assert_eq!(result.unwrap_err(), ApiError::internal_failure());
    }
}
