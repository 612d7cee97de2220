//! Named limits of a shard (design section 18).

/// How much a shard takes on; every figure has a defined answer when it is reached.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Inputs that may wait; beyond it new work is refused with ThrottlingException.
    pub inbox_len_max: usize,
    /// Batches that may wait for their commit; beyond it nothing is decided. One: while it is being synced, all that
    /// comes makes the next batch, so that a sync serves as many executions as it can.
    pub batches_in_flight_max: usize,
    /// Bytes of events after which a turn ends.
    pub batch_bytes_max: usize,
    /// Commands after which a turn ends.
    pub batch_commands_max: usize,
    /// Names of recent starts that are remembered.
    pub recent_names_max: usize,
    /// An execution whose next deadline is farther away leaves memory, in milliseconds.
    pub park_after_millis: i64,
    /// Parked executions that stay in memory until others have parked after them, if they are light: a worker that has a
    /// task often answers at once, and reading an execution back costs as much as its history is long.
    pub lingering_max: usize,
    /// Commands that may wait for one execution to be loaded or to come back.
    pub load_waiters_max: usize,
    /// Workers that may poll one activity at a time (AWS: 1,000).
    pub activity_pollers_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            inbox_len_max: 65_536,
            batches_in_flight_max: 1,
            batch_bytes_max: 4 * 1024 * 1024,
            batch_commands_max: 4_096,
            recent_names_max: 65_536,
            park_after_millis: 30_000,
            lingering_max: 1_024,
            load_waiters_max: 1_024,
            activity_pollers_max: 1_000,
        }
    }
}
