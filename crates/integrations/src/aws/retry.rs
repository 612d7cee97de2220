//! The repetitions that the SDKs make within one attempt of a task.

use std::time::Duration;

/// Tries in all: the standard mode of the SDKs.
pub(super) const ATTEMPTS_MAX: u32 = 3;
/// The longest first pause.
const BASE: Duration = Duration::from_millis(100);
/// The longest pause.
const CAP: Duration = Duration::from_secs(20);

/// Codes that ask to come back later (botocore's list).
const THROTTLING: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottledException",
    "TooManyRequestsException",
    "ProvisionedThroughputExceededException",
    "TransactionInProgressException",
    "RequestLimitExceeded",
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "RequestThrottled",
    "SlowDown",
    "PriorRequestNotComplete",
    "EC2ThrottledException",
];
/// Codes of trouble that passes.
const TRANSIENT: &[&str] = &["RequestTimeout", "RequestTimeoutException", "InternalError"];

/// Whether an answer is worth another try.
pub(super) fn is_worth_another(status: u16, code: Option<&str>) -> bool {
    matches!(status, 500 | 502 | 503 | 504)
        || code.is_some_and(|code| THROTTLING.contains(&code) || TRANSIENT.contains(&code))
}

/// The pause before the next try: random, up to a bound that doubles. `attempt`: tries made so far; `random`: a
/// uniform number from 0 to 1.
pub(super) fn pause(attempt: u32, random: f64) -> Duration {
    BASE.saturating_mul(1 << attempt.saturating_sub(1).min(16)).min(CAP).mul_f64(random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throttling_and_trouble_of_the_server_are_tried_again() {
        for (status, code, expected) in [
            (400, Some("ValidationException"), false),
            (400, Some("ThrottlingException"), true),
            (503, None, true),
            (404, None, false),
            (500, Some("InternalServerError"), true),
        ] {
            assert_eq!(is_worth_another(status, code), expected, "{status} {code:?}");
        }
    }

    #[test]
    fn pauses_double_up_to_a_bound() {
        assert_eq!(pause(1, 1.0), Duration::from_millis(100));
        assert_eq!(pause(2, 1.0), Duration::from_millis(200));
        assert_eq!(pause(2, 0.5), Duration::from_millis(100));
        assert_eq!(pause(40, 1.0), CAP);
    }
}
