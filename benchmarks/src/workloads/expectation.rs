//! When an execution is first looked at.

use std::time::Duration;

/// What one execution weighs in the usual time.
const WEIGHT: f64 = 0.1;

/// How long executions of one machine usually take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expectation {
    usual_ms: f64,
    part: f64,
}

impl Expectation {
    /// An execution is first looked at after this part of the usual time: who looks all the time takes the cores from
    /// those who work.
    pub(super) fn look_after(part: f64) -> Self {
        Self { usual_ms: 0.0, part }
    }

    /// How long after its start an execution is first looked at.
    pub(super) fn first_look(self) -> Duration {
        Duration::from_secs_f64(self.usual_ms * self.part / 1e3)
    }

    /// An execution was seen ended after `took_ms`, in this many looks.
    pub(super) fn note(&mut self, took_ms: f64, looks: u32) {
        self.usual_ms = if looks == 1 {
            // It may have ended long before.
            took_ms.min(self.usual_ms * self.part)
        } else if self.usual_ms == 0.0 {
            took_ms
        } else {
            self.usual_ms.mul_add(1.0 - WEIGHT, took_ms * WEIGHT)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_look_comes_shortly_before_the_usual_end() {
        let mut expectation = Expectation::look_after(0.7);
        assert_eq!(expectation.first_look(), Duration::ZERO);
        expectation.note(100.0, 7);
        assert_eq!(expectation.first_look(), Duration::from_millis(70));
        // Executions that have ended by then are looked at earlier and earlier.
        for _ in 0..10 {
            let look = expectation.first_look().as_secs_f64() * 1e3;
            expectation.note(look, 1);
        }
        assert!(expectation.first_look() < Duration::from_millis(3));
    }
}
