//! The clock: wall time taken at start, advanced by the clock that counts suspend, held back when wall time was set back.
//!
//! Deadlines are times of this clock, so what it gains on the clock that can't be set, every timer that runs meanwhile is
//! early by. It therefore never gains: wall time that was set forward is followed by the next start only.

use std::{
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use rustix::time::{ClockId, clock_gettime};
use stepwell_interpreter::Timestamp;

/// Milliseconds by which one call of [`Clock::follow_wall_time`] holds the clock back at most.
const HELD_BACK_MILLIS_MAX: i64 = 10;
/// Wall time that is ahead by more than this is worth a line in the log.
const AHEAD_MILLIS_MAX: i64 = 1_000;

/// The server's time. It never goes back, never runs faster than time does, and does not jump with the system's clock.
#[derive(Debug)]
pub(crate) struct Clock {
    /// What to add to the monotonic milliseconds.
    offset_ms: AtomicI64,
    /// The latest time that was given.
    latest_ms: AtomicI64,
    /// Whether the log says that wall time is ahead.
    is_behind: AtomicBool,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self::starting_at(wall_ms(), monotonic_ms())
    }

    fn starting_at(wall_ms: i64, monotonic_ms: i64) -> Self {
        Self {
            offset_ms: AtomicI64::new(wall_ms - monotonic_ms),
            latest_ms: AtomicI64::new(0),
            is_behind: AtomicBool::new(false),
        }
    }

    /// The time.
    pub(crate) fn now(&self) -> Timestamp {
        self.at(monotonic_ms())
    }

    fn at(&self, monotonic_ms: i64) -> Timestamp {
        let now = monotonic_ms + self.offset_ms.load(Ordering::Relaxed);
        Timestamp(self.latest_ms.fetch_max(now, Ordering::Relaxed).max(now))
    }

    /// Looks at wall time; called every few seconds. A clock that is ahead of it is held back a little, so that times
    /// in definitions come true again; timers are late by as much.
    pub(crate) fn follow_wall_time(&self) {
        self.follow(wall_ms(), monotonic_ms());
    }

    fn follow(&self, wall_ms: i64, monotonic_ms: i64) {
        let ahead_ms = wall_ms - monotonic_ms - self.offset_ms.load(Ordering::Relaxed);
        self.offset_ms.fetch_add(ahead_ms.clamp(-HELD_BACK_MILLIS_MAX, 0), Ordering::Relaxed);
        let is_behind = ahead_ms > AHEAD_MILLIS_MAX;
        if is_behind && !self.is_behind.swap(is_behind, Ordering::Relaxed) {
            tracing::warn!(
                "the system's clock was set forward by {} s: timers keep the time that really passes, so times in \
                 histories and in definitions are behind by that until the server is started again",
                ahead_ms / 1_000
            );
        }
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

    const HOUR_MILLIS: i64 = 3_600_000;
    /// Wall time and monotonic time at the start.
    const START: (i64, i64) = (1_800_000_000_000, 5_000_000);

    /// The clock's time less its time at the start, each five seconds of a day in which wall time is `set_by` off.
    fn day(set_by: impl Fn(i64) -> i64) -> Vec<(i64, i64)> {
        let clock = Clock::starting_at(START.0, START.1);
        let begun = clock.at(START.1).0;
        (0..24 * HOUR_MILLIS)
            .step_by(5_000)
            .map(|passed| {
                clock.follow(START.0 + passed + set_by(passed), START.1 + passed);
                (passed, clock.at(START.1 + passed).0 - begun)
            })
            .collect()
    }

    #[test]
    fn the_clock_begins_with_wall_time() {
        assert!((Clock::new().now().0 - wall_ms()).abs() < 1_000);
    }

    #[test]
    fn no_time_between_two_looks_is_shorter_than_what_passed_whatever_wall_time_does() {
        let times: [fn(i64) -> i64; 5] = [
            |_| 0,
            |_| HOUR_MILLIS,
            |_| 365 * 24 * HOUR_MILLIS,
            // Back and forth by a second, every minute.
            |passed| passed / 60_000 % 2 * 1_000,
            // Standing still.
            |passed| -passed,
        ];
        for set_by in times {
            let day = day(set_by);
            for ((passed, now), (later_passed, later)) in day.iter().zip(&day[1..]) {
                let (passed, shown) = (later_passed - passed, later - now);
                assert!((0..=passed).contains(&shown), "{passed} ms passed, {shown} were shown");
            }
        }
    }

    #[test]
    fn wall_time_that_was_set_back_is_reached_in_small_steps() {
        let day = day(|_| -60_000);
        let &(passed, now) = day.last().unwrap();
        assert_eq!(now, passed - 60_000);
        // 10 ms in 5 s; at first those of the first look too, which no time has passed before.
        assert!(day.windows(2).all(|pair| pair[1].1 - pair[0].1 >= 4_980));
    }

    #[test]
    fn the_clock_never_goes_back() {
        let clock = Clock::starting_at(START.0, START.1);
        let now = clock.at(START.1);
        clock.offset_ms.fetch_sub(HOUR_MILLIS, Ordering::Relaxed);
        assert_eq!(clock.at(START.1 + 1), now);
    }
}
