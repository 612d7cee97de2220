//! What the server lets in. Under overload a call is refused at once, before its body is read and long before memory is
//! short, so that what was let in before is finished (design section 18: every queue has a limit and an answer).

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Instant,
};

use stepwell_api::{ApiError, Operation};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{operations::WORKED_ON_IN_PLACE_BYTES_MAX, settings::Limits};

/// How old a look at the process's memory may be, in milliseconds.
const MEMORY_LOOK_MILLIS: u64 = 20;
/// Below this part of the limit new executions are let in again: 15 of 16.
const MEMORY_CALM_SIXTEENTHS: u64 = 15;

/// The gate in front of the operations.
#[derive(Debug)]
pub(crate) struct Admission {
    /// Calls that start an execution, from their arrival to their answer.
    starts: Semaphore,
    /// Bytes of bodies in memory.
    body_bytes: Semaphore,
    memory: Memory,
}

impl Admission {
    pub(crate) fn new(limits: &Limits) -> Self {
        let memory = Memory::new(limits.memory_bytes_max);
        // Whoever looks while another takes the first look would see none.
        memory.look();
        Self {
            starts: Semaphore::new(limits.starts_max),
            body_bytes: Semaphore::new(limits.body_bytes_in_flight_max),
            memory,
        }
    }

    /// Whether a call would be refused now for what it does. Asked before its body is read: saying no must be cheap.
    /// `body_bytes` is what the body is said to have, 0 for nothing.
    ///
    /// # Errors
    /// ThrottlingException.
    pub(crate) fn look(&self, operation: Operation, body_bytes: usize) -> Result<(), ApiError> {
        let is_crowded = starts_work(operation) && self.starts.available_permits() == 0;
        let takes_memory = starts_work(operation) || is_long_definition(operation, body_bytes);
        if is_crowded || (takes_memory && self.memory.is_short()) {
            return Err(ApiError::throttling());
        }
        Ok(())
    }

    /// Lets a call in whose body has arrived; none for operations that are never refused. A call whose body is still
    /// on its way holds no place, or slow clients could keep all of them.
    ///
    /// # Errors
    /// ThrottlingException.
    pub(crate) fn enter(
        &self,
        operation: Operation,
        body_bytes: usize,
    ) -> Result<Option<SemaphorePermit<'_>>, ApiError> {
        // Not every body says beforehand how long it is.
        if is_long_definition(operation, body_bytes) && self.memory.is_short() {
            return Err(ApiError::throttling());
        }
        // A synchronous execution holds its place for as long as it runs, so those have a limit of their own.
        if !matches!(operation, Operation::StartExecution) {
            return Ok(None);
        }
        self.starts.try_acquire().map(Some).map_err(|_| ApiError::throttling())
    }

    /// Makes room for bytes of a body that have arrived.
    ///
    /// # Errors
    /// ThrottlingException.
    pub(crate) fn hold_bytes(&self, bytes: usize) -> Result<SemaphorePermit<'_>, ApiError> {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.body_bytes.try_acquire_many(bytes).map_err(|_| ApiError::throttling())
    }

    /// Bytes that the process held when it was last looked at; 0 where the system does not tell.
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory.look();
        self.memory.resident_bytes.load(Ordering::Relaxed)
    }
}

/// Whether an operation is new work, which waits when there is too much. Whatever finishes work is let in.
fn starts_work(operation: Operation) -> bool {
    matches!(operation, Operation::StartExecution | Operation::StartSyncExecution | Operation::TestState)
}

/// Whether a body may hold a definition that takes memory to work on, and to keep. A short one is let in also when memory
/// is short: with it, what goes wrong may be mended.
pub(crate) fn is_long_definition(operation: Operation, body_bytes: usize) -> bool {
    takes_definition(operation) && body_bytes > WORKED_ON_IN_PLACE_BYTES_MAX
}

/// Whether bodies of an operation may hold a definition to be kept or checked.
fn takes_definition(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::CreateStateMachine
            | Operation::UpdateStateMachine
            | Operation::ValidateStateMachineDefinition
            | Operation::RedriveExecution
    )
}

/// How much memory the process holds, looked at when somebody asks.
#[derive(Debug)]
struct Memory {
    limit_bytes: u64,
    began: Instant,
    /// When it was last looked at, in milliseconds since `began`; 0 for never.
    looked_at_millis: AtomicU64,
    resident_bytes: AtomicU64,
    is_short: AtomicBool,
}

impl Memory {
    fn new(limit_bytes: u64) -> Self {
        Self {
            limit_bytes,
            began: Instant::now(),
            looked_at_millis: AtomicU64::new(0),
            resident_bytes: AtomicU64::new(0),
            is_short: AtomicBool::new(false),
        }
    }

    fn is_short(&self) -> bool {
        self.look();
        self.is_short.load(Ordering::Relaxed)
    }

    /// Looks again if the last look is too old; of several callers one does.
    fn look(&self) {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX).saturating_add(1);
        let last = self.looked_at_millis.load(Ordering::Relaxed);
        let is_old = last == 0 || now.saturating_sub(last) >= MEMORY_LOOK_MILLIS;
        if is_old
            && self.looked_at_millis.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            self.note(resident_bytes().unwrap_or(0));
        }
    }

    fn note(&self, resident_bytes: u64) {
        self.resident_bytes.store(resident_bytes, Ordering::Relaxed);
        let was_short = self.is_short.load(Ordering::Relaxed);
        // Two thresholds, or the gate would flutter.
        let calm = self.limit_bytes / 16 * MEMORY_CALM_SIXTEENTHS;
        let is_short = resident_bytes > if was_short { calm } else { self.limit_bytes };
        if is_short != was_short {
            self.is_short.store(is_short, Ordering::Relaxed);
            let (held, limit) = (resident_bytes >> 20, self.limit_bytes >> 20);
            if is_short {
                tracing::warn!("the server holds {held} MiB of {limit} MiB: new executions are refused");
            } else {
                tracing::info!("the server holds {held} MiB of {limit} MiB: new executions are let in again");
            }
        }
    }
}

/// Resident memory of this process; none where the system has no `/proc`.
fn resident_bytes() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * page_bytes())
}

/// Size of a page of memory.
fn page_bytes() -> u64 {
    u64::try_from(rustix::param::page_size()).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(starts_max: usize, body_bytes_in_flight_max: usize) -> Admission {
        Admission::new(&Limits { starts_max, body_bytes_in_flight_max, ..Limits::default() })
    }

    #[test]
    fn a_start_beyond_the_limit_is_throttled_and_let_in_when_another_is_answered() {
        let admission = admission(1, 10);
        let first = admission.enter(Operation::StartExecution, 0).unwrap();
        assert!(first.is_some());
        assert_eq!(admission.enter(Operation::StartExecution, 0).unwrap_err(), ApiError::throttling());
        assert_eq!(admission.look(Operation::StartExecution, 0).unwrap_err(), ApiError::throttling());
        for finishing in [Operation::StopExecution, Operation::SendTaskSuccess, Operation::DescribeExecution]
        {
            assert!(admission.look(finishing, 0).is_ok() && admission.enter(finishing, 0).unwrap().is_none());
        }
        drop(first);
        assert!(admission.look(Operation::StartExecution, 0).is_ok());
        assert!(admission.enter(Operation::StartExecution, 0).unwrap().is_some());
    }

    #[test]
    fn bodies_beyond_the_limit_are_throttled() {
        let admission = admission(1, 10);
        let held = admission.hold_bytes(8).unwrap();
        assert_eq!(admission.hold_bytes(3).unwrap_err(), ApiError::throttling());
        drop(held);
        assert!(admission.hold_bytes(10).is_ok());
    }

    #[test]
    fn long_definitions_wait_while_memory_is_short_and_short_ones_do_not() {
        use Operation::{
            CreateStateMachine, SendTaskSuccess, UpdateStateMachine, ValidateStateMachineDefinition,
        };
        if !std::path::Path::new("/proc/self/statm").exists() {
            eprintln!("skipped: this system has no /proc");
            return;
        }
        let long = WORKED_ON_IN_PLACE_BYTES_MAX + 1;
        for (is_short, operation, body_bytes, is_let_in) in [
            (false, CreateStateMachine, long, true),
            (true, CreateStateMachine, long, false),
            (true, UpdateStateMachine, long, false),
            (true, ValidateStateMachineDefinition, long, false),
            (true, UpdateStateMachine, long - 1, true),
            (true, SendTaskSuccess, long, true),
        ] {
            let memory_bytes_max = if is_short { 1 } else { u64::MAX };
            let admission = Admission::new(&Limits { memory_bytes_max, ..Limits::default() });
            let case = format!("{operation:?} with {body_bytes} bytes, memory short: {is_short}");
            assert_eq!(admission.look(operation, body_bytes).is_ok(), is_let_in, "{case}");
            assert_eq!(admission.enter(operation, body_bytes).is_ok(), is_let_in, "{case}");
        }
    }

    #[test]
    fn new_work_waits_from_the_memory_limit_until_memory_is_well_below_it() {
        let memory = Memory::new(1600);
        for (resident, is_short) in [(1600, false), (1601, true), (1550, true), (1500, false), (1550, false)]
        {
            memory.note(resident);
            assert_eq!(memory.is_short.load(Ordering::Relaxed), is_short, "{resident}");
        }
    }

    #[test]
    fn the_memory_of_this_process_is_known() {
        if !std::path::Path::new("/proc/self/statm").exists() {
            eprintln!("skipped: this system has no /proc");
            return;
        }
        assert!(admission(1, 1).memory_bytes() > 1_000_000);
    }
}
