//! What an expression gets from outside

use stepwell_json::Value;

/// What an evaluation asks of its surroundings. The same answers give the same result.
pub trait Host {
    /// The value of a variable (`name` without `$`) that is bound outside the expression, or none. Asked at most once
    /// for each name that the expression mentions.
    fn variable(&mut self, name: &str) -> Option<Value>;
    /// The time that `$now` and `$millis` give, in milliseconds since 1970.
    fn now_millis(&mut self) -> i64;
    /// A random number, for `$random`, `$shuffle` and `$uuid`.
    fn random_u64(&mut self) -> u64;
    /// How many steps the next evaluation may take, if fewer than its limits allow: for those who share a bound among
    /// several expressions.
    fn steps_left(&mut self) -> u64 {
        u64::MAX
    }
    /// Told how many steps an evaluation took.
    fn took_steps(&mut self, steps: u64) {
        let _ = steps;
    }
}
