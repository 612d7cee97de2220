//! Time as the APIs write it.

/// Milliseconds since 1970, as Batch writes times.
pub(crate) fn now_milliseconds() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// Seconds since 1970 with a fraction, as ECS writes times.
pub(crate) fn seconds(milliseconds: i64) -> f64 {
    // Exact: milliseconds of any date that matters have fewer than 53 bits.
    milliseconds as f64 / 1000.0
}
