//! A whole node in one thread: production shards over a store that delays, loses and crashes; drivers, workers and
//! clients that are slow, repeat themselves and come late. Virtual time jumps to whatever happens next.

mod crowd;
mod express;
mod ledger;
mod node;
mod plan;
mod schedule;
mod verdict;

use std::collections::BTreeMap;

use crowd::Crowd;
use express::Express;
use ledger::Ledger;
use node::Node;
pub use plan::{Machine, Plan, Plant, Start};
use schedule::{Happening, Schedule};
pub use verdict::PLANTS;

use crate::random::Random;

/// Happenings after which a world is given up.
const HAPPENINGS_MAX: u64 = 400_000;

/// How often faults and rare things happened.
pub type Counts = BTreeMap<&'static str, u64>;

/// What a world showed.
#[derive(Debug, Clone, Default)]
pub struct Shown {
    /// How often faults and rare things happened.
    pub counts: Counts,
    /// Visible and internal events stored.
    pub events: u64,
    /// Executions whose end the oracle foretold.
    pub foretold: u64,
    /// Executions.
    pub executions: u64,
    /// Virtual milliseconds.
    pub virtual_ms: i64,
}

/// Everything there is.
struct World<'a> {
    plan: &'a Plan,
    random: Random,
    schedule: Schedule,
    node: Node,
    crowd: Crowd,
    ledger: Ledger,
    express: Express,
    counts: Counts,
}

/// Runs the world of a plan until nothing is left to happen, and checks it all the while.
///
/// # Errors
/// What a checker found, with the seed and the expanded plan.
pub fn run(plan: &Plan) -> Result<Shown, String> {
    let mut world = World {
        plan,
        random: Random::named(plan.seed, "world"),
        schedule: Schedule::new(plan),
        node: Node::new(plan),
        crowd: Crowd::new(plan),
        ledger: Ledger::new(plan),
        express: Express::default(),
        counts: Counts::new(),
    };
    let result = match world.live() {
        Ok(()) => world.last_checks(),
        Err(error) => Err(error),
    };
    result.map_err(|error| {
        format!(
            "{error}\nat {} ms, SEED={}, counts {:?}\n{plan}",
            world.schedule.elapsed(),
            plan.seed,
            world.counts
        )
    })
}

impl World<'_> {
    fn live(&mut self) -> Result<(), String> {
        self.boot();
        self.crowd.begin(self.plan, &mut self.schedule);
        for at_ms in &self.plan.crashes_ms {
            self.schedule.outside(*at_ms, Happening::Crash);
        }
        for (at_ms, shift_ms) in &self.plan.clock_shifts {
            self.schedule.outside(*at_ms, Happening::ShiftClock { shift_ms: *shift_ms });
        }
        for (at_ms, for_ms) in &self.plan.clock_stops {
            self.schedule.outside(*at_ms, Happening::FreezeClock { for_ms: *for_ms });
        }
        let mut happenings = 0;
        while self.advance()? {
            happenings += 1;
            if happenings > HAPPENINGS_MAX {
                return Err("the world does not come to rest".to_owned());
            }
        }
        Ok(())
    }

    /// Lets one thing happen: a turn of a shard that has something to do, or what is due; else time goes on.
    fn advance(&mut self) -> Result<bool, String> {
        let now = self.schedule.shard_time();
        let ready = self.node.shards_with_work(now);
        let due = self.schedule.is_due();
        if !ready.is_empty() && (!due || self.random.percent(60)) {
            let shard = *self.random.pick(&ready);
            self.turn(shard)?;
            return Ok(true);
        }
        if due {
            if let Some(happening) = self.schedule.pop() {
                self.happen(happening)?;
            }
            return Ok(true);
        }
        self.check_rest()?;
        let deadline = self.node.next_deadline().map(|deadline| self.schedule.when_shards_show(deadline));
        Ok(self.schedule.jump(deadline))
    }

    fn happen(&mut self, happening: Happening) -> Result<(), String> {
        match happening {
            Happening::Input { shard, input } => self.enqueue(shard, input),
            Happening::HeavyStep { shard, step } => {
                self.take_heavy_step(shard, *step);
                Ok(())
            }
            Happening::Commit => self.commit_next(),
            Happening::Load { shard, load } => self.load(shard, load),
            Happening::ReadAhead => {
                self.read_ahead();
                Ok(())
            }
            Happening::Crash => self.crash(),
            Happening::ShiftClock { shift_ms } => {
                self.count("clock shifts");
                self.schedule.shift_clock(shift_ms);
                Ok(())
            }
            Happening::ExpressTimer { key } => self.express_timer(key),
            Happening::ExpressCommand { key, command } => self.express_command(key, *command),
            Happening::FreezeClock { for_ms } => {
                self.count("frozen clocks");
                self.schedule.freeze_clock(for_ms);
                Ok(())
            }
            Happening::Boot => {
                self.boot();
                Ok(())
            }
            Happening::Crowd(deed) => self.deed(deed),
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
}

/// A plan as small as it can be made while it still fails, and what it fails with.
#[must_use]
pub fn shrink(plan: Plan, error: String) -> (Plan, String) {
    let (mut plan, mut error) = (plan, error);
    // Each round takes something away, so there are not many.
    loop {
        let smaller = plan.smaller().into_iter().find_map(|plan| run(&plan).err().map(|error| (plan, error)));
        match smaller {
            Some(found) => (plan, error) = found,
            None => return (plan, error),
        }
    }
}
