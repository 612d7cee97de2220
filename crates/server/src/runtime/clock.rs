//! The clock: wall time taken at start, advanced by the clock that counts suspend, drawn slowly to wall time.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::time::{ClockId, clock_gettime};
use stepwell_interpreter::Timestamp;

/// Milliseconds by which one call of [`Clock::slew`] corrects the clock at most.
const SLEW_MILLIS_MAX: i64 = 10;

/// The server's time. It never goes back, and does not jump with the system's clock.
#[derive(Debug)]
pub(crate) struct Clock {
    /// What to add to the monotonic milliseconds.
    offset_ms: AtomicI64,
    /// The latest time that was given.
    latest_ms: AtomicI64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self { offset_ms: AtomicI64::new(wall_ms() - monotonic_ms()), latest_ms: AtomicI64::new(0) }
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        let now = monotonic_ms() + self.offset_ms.load(Ordering::Relaxed);
        Timestamp(self.latest_ms.fetch_max(now, Ordering::Relaxed).max(now))
    }

    /// Draws the clock a little towards wall time; called every few seconds.
    pub(crate) fn slew(&self) {
        let drift = wall_ms() - monotonic_ms() - self.offset_ms.load(Ordering::Relaxed);
        self.offset_ms.fetch_add(drift.clamp(-SLEW_MILLIS_MAX, SLEW_MILLIS_MAX), Ordering::Relaxed);
    }
}

fn wall_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX)
}

fn monotonic_ms() -> i64 {
    #[cfg(target_os = "linux")]
    let time = clock_gettime(ClockId::Boottime);
    #[cfg(not(target_os = "linux"))]
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_back_and_is_near_wall_time() {
        let clock = Clock::new();
        let mut latest = clock.now();
        assert!((latest.0 - wall_ms()).abs() < 1000);
        clock.offset_ms.fetch_sub(5_000, Ordering::Relaxed);
        for _ in 0..100 {
            clock.slew();
            let now = clock.now();
            assert!(now >= latest);
            latest = now;
        }
    }
}
