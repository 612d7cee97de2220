//! Work on definitions: a long one may not hold up requests, and many at once may not fill the memory.

use std::{sync::Arc, thread};

use stepwell_api::ApiError;
use stepwell_asl::{Analysis, MachineType, Options, analyse, invalid_definition_message};
use stepwell_interpreter::{Program, compile};
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};

use super::internal;

/// Bytes of a definition that is analysed within its request, in well under a millisecond.
pub(crate) const WORKED_ON_IN_PLACE_BYTES_MAX: usize = 32 * 1024;
/// Longer definitions that are worked on at once; others wait with their text alone, for which the room of their bodies
/// is kept. A definition that is refused takes a few times its text meanwhile, one that is good what its program takes.
static LONG_DEFINITIONS: Semaphore = Semaphore::const_new(2);

/// Analyses and compiles a definition.
pub(super) async fn analyse_for(
    definition: Arc<str>,
    express: bool,
) -> Result<(Analysis, Program), ApiError> {
    let machine_type = if express { MachineType::Express } else { MachineType::Standard };
    let analyse_and_compile = move |definition: &str| {
        let mut analysis = analyse(definition, &Options { machine_type });
        let Some(parsed) = analysis.definition.take() else {
            let text = invalid_definition_message(&analysis.diagnostics);
            return Err(ApiError::new("InvalidDefinition", text));
        };
        let program =
            compile(parsed).map_err(|error| ApiError::invalid_definition(format_args!("{error}")))?;
        Ok((analysis, program))
    };
    work_on(definition, analyse_and_compile).await?
}

/// Works on a definition: on a long one when its turn comes, and on a thread of its own, whose end gives its memory back.
pub(super) async fn work_on<T: Send + 'static>(
    definition: Arc<str>,
    work: impl FnOnce(&str) -> T + Send + 'static,
) -> Result<T, ApiError> {
    if definition.len() <= WORKED_ON_IN_PLACE_BYTES_MAX {
        return Ok(work(&definition));
    }
    let turn = turn_for(&definition).await?;
    let (done, result) = oneshot::channel();
    let thread = thread::Builder::new().name("definition".to_owned());
    let work = move || {
        let result = work(&definition);
        drop(turn);
        // A caller that has gone does not want it.
        let _ = done.send(result);
    };
    thread.spawn(work).map_err(internal)?;
    // A panic is a bug of ours, and answered as one.
    result.await.map_err(internal)
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
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn long_definitions_are_worked_on_two_at_a_time_and_short_ones_at_once() {
        let long: Arc<str> = " ".repeat(WORKED_ON_IN_PLACE_BYTES_MAX + 1).into();
        let mut works = Vec::new();
        for _ in 0..2 {
            let (ends, end) = mpsc::channel::<()>();
            let (begins, begun) = tokio::sync::oneshot::channel();
            let work = move |_: &str| {
                let _ = begins.send(());
                end.recv()
            };
            works.push((ends, tokio::spawn(work_on(long.clone(), work))));
            begun.await.unwrap();
        }
        let mut third = std::pin::pin!(turn_for(&long));
        assert!(if_ready(third.as_mut()).await.is_none());
        assert_eq!(work_on("{}".into(), str::len).await.unwrap(), 2);
        let (ends, work) = works.pop().unwrap();
        ends.send(()).unwrap();
        work.await.unwrap().unwrap().unwrap();
        assert!(third.await.unwrap().is_some());
        for (ends, work) in works {
            ends.send(()).unwrap();
            work.await.unwrap().unwrap().unwrap();
        }
    }

    #[tokio::test]
    async fn a_bug_in_work_on_a_long_definition_is_an_internal_failure() {
        let long: Arc<str> = " ".repeat(WORKED_ON_IN_PLACE_BYTES_MAX + 1).into();
        let result = work_on(long, |_| panic!("a bug")).await;
        assert_eq!(result.map(|()| 0).unwrap_err(), ApiError::internal_failure());
    }

    /// What a future gives at its next poll; none when it has to wait.
    async fn if_ready<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        tokio::select! {
            biased;
            output = future => Some(output),
            () = std::future::ready(()) => None,
        }
    }
}
