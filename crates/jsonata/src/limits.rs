//! How much one evaluation may take

/// The bounds of one evaluation
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Steps: one for each part of the expression that is evaluated, and one for each value that a function touches.
    pub steps: u64,
    /// Bytes that the values made by the expression may hold at one time.
    pub memory_bytes: usize,
    /// How deep evaluations may nest.
    pub depth: u32,
}

impl Limits {
    /// The bounds of Step Functions: 1 second (20 million steps, which take less), 20 MiB and a depth of 100.
    ///
    /// Measured on AWS: `[1..873782]` and a string of 2^22 characters are accepted, `[1..873783]` and a string of twice
    /// that size are not; a chain of 200 additions overflows.
    pub const STEP_FUNCTIONS: Limits = Limits { steps: 20_000_000, memory_bytes: 20 << 20, depth: 100 };
    /// The bounds of plain JSONata, on a thread with at least 16 MiB of stack.
    pub const PLAIN: Limits = Limits { steps: 1_000_000_000, memory_bytes: 1 << 30, depth: 500 };
}
