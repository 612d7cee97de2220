//! Named limits (AWS's quotas as defaults, design section 18).

/// Bytes of UTF-8 JSON text that one input, output, task result or variable may have.
pub const PAYLOAD_BYTES_MAX: usize = 262_144;
/// History events of one Standard execution; the last one is ExecutionFailed.
pub const HISTORY_EVENTS_MAX: u32 = 25_000;
/// History events that an execution must stay below to be redriven.
pub const REDRIVE_HISTORY_EVENTS_MAX: u32 = 24_999;
/// Seconds after its end within which an execution can be redriven: 14 days.
pub const REDRIVE_PERIOD_SECONDS: i64 = 14 * 24 * 3600;
/// Redrives of one execution that may bring another input or definition.
pub const REDRIVE_EDITS_MAX: u32 = 100;
/// Tokens of redrives that an execution remembers.
pub const REDRIVE_TOKENS_MAX: usize = 10;
/// Seconds for which it remembers them.
pub const REDRIVE_TOKEN_SECONDS: i64 = 15 * 60;
/// Bytes of all variables of one execution.
pub const VARIABLES_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Iterations of one inline Map that run at once when the definition sets no lower limit.
pub const FORK_CONCURRENCY_MAX: u32 = 40;
/// Characters of an error name.
pub const ERROR_CHARACTERS_MAX: usize = 256;
/// Characters of a cause.
pub const CAUSE_CHARACTERS_MAX: usize = 32_768;
/// State transitions that one step makes before it gives the shard back.
pub const TRANSITIONS_PER_STEP_MAX: u32 = 1_000;
/// Steps that the expressions of one state may take together for one purpose (its arguments, or what it leaves with):
/// twice what one JSONata expression may take. A value that a path visits is a step too.
pub const STATE_EXPRESSION_STEPS_MAX: u64 = 2 * stepwell_jsonata::Limits::STEP_FUNCTIONS.steps;
/// Steps of expressions after which a step on a thread of its own ends: some tens of milliseconds.
pub const EXPRESSION_STEPS_PER_STEP_MAX: u64 = 1_000_000;
/// Steps of expressions after which a step that others wait for gives the shard back: about a millisecond.
pub const SHARED_EXPRESSION_STEPS: u64 = 25_000;
/// Steps of expressions that a step which others wait for may take; where a state needs more, the step goes on
/// elsewhere. Each state has the difference at least.
pub const SHARED_EXPRESSION_STEPS_MAX: u64 = 50_000;
/// Steps of expressions that the ItemSelector of a Map state may take over all items in a test.
pub const EXPRESSION_STEPS_PER_TEST_MAX: u64 = 10 * EXPRESSION_STEPS_PER_STEP_MAX;
/// Items of a Map state for which a test works an ItemSelector out.
pub const MOCKED_ITEMS_MAX: usize = 10_000;
/// Bytes of new payload text that one step makes before it gives the shard back.
pub const STEP_BYTES_MAX: usize = 1024 * 1024;
/// Seconds that an execution may run: one year.
pub const EXECUTION_DURATION_SECONDS_MAX: i64 = 365 * 24 * 3600;
/// Seconds that an Express execution may run.
pub const EXPRESS_DURATION_SECONDS_MAX: i64 = 300;
/// Seconds of the longest delay that a Wait state accepts (2^31 - 1).
pub const WAIT_SECONDS_MAX: i64 = 2_147_483_647;
/// Bytes of JSON text of the items that an ItemReader makes in the test of a state.
pub const MOCKED_ITEMS_BYTES_MAX: usize = 8 << 20;
