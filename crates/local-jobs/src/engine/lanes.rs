//! Queues of Batch and clusters of ECS: who waits, and how many run.

use std::collections::{HashMap, VecDeque};

use super::job::{Face, JobId};

#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<JobId>,
    running: usize,
}

/// All queues and clusters.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    lanes: HashMap<(Face, String), Lane>,
    limits: HashMap<(Face, String), usize>,
    defaults: HashMap<Face, usize>,
}

impl Lanes {
    /// Each runs as many jobs at once as its own limit says, else the one of its service.
    pub(crate) fn new(limits: HashMap<(Face, String), usize>, defaults: HashMap<Face, usize>) -> Lanes {
        Lanes { lanes: HashMap::new(), limits, defaults }
    }

    pub(super) fn enqueue(&mut self, face: Face, lane: &str, id: JobId) {
        self.lanes.entry((face, lane.to_owned())).or_default().waiting.push_back(id);
    }

    /// The first that waits where there is room, which it takes up. Those that are not wanted any more are dropped.
    pub(super) fn next(&mut self, is_wanted: impl Fn(&JobId) -> bool) -> Option<JobId> {
        for (key, lane) in &mut self.lanes {
            let limit = self.limits.get(key).or_else(|| self.defaults.get(&key.0)).copied().unwrap_or(1);
            while lane.running < limit {
                let Some(id) = lane.waiting.pop_front() else { break };
                if is_wanted(&id) {
                    lane.running += 1;
                    return Some(id);
                }
            }
        }
        None
    }

    /// Takes up room for one that runs already, whether there is any or not.
    pub(super) fn occupy(&mut self, face: Face, lane: &str) {
        self.lanes.entry((face, lane.to_owned())).or_default().running += 1;
    }

    /// Gives room back. A lane that nobody needs is forgotten: its name may come from anybody's request.
    pub(super) fn vacate(&mut self, face: Face, lane: &str) {
        let key = (face, lane.to_owned());
        if let Some(found) = self.lanes.get_mut(&key) {
            found.running = found.running.saturating_sub(1);
            if found.running == 0 && found.waiting.is_empty() {
                self.lanes.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_runs_as_many_as_its_limit_says_in_their_order() {
        let limits = HashMap::from([((Face::Batch, "two".to_owned()), 2)]);
        let mut lanes = Lanes::new(limits, HashMap::from([(Face::Batch, 1), (Face::Ecs, 1)]));
        let id = |name: &str| JobId::whole(name);
        for name in ["a", "gone", "b", "c"] {
            lanes.enqueue(Face::Batch, "two", id(name));
        }
        let mut next = || lanes.next(|job| job.id.as_ref() != "gone");
        assert_eq!(next(), Some(id("a")));
        assert_eq!(next(), Some(id("b")));
        assert_eq!(next(), None);
        lanes.vacate(Face::Batch, "two");
        assert_eq!(lanes.next(|_| true), Some(id("c")));
        lanes.occupy(Face::Batch, "one");
        lanes.enqueue(Face::Batch, "one", id("d"));
        lanes.enqueue(Face::Ecs, "one", id("e"));
        assert_eq!(lanes.next(|_| true), Some(id("e")));
        assert_eq!(lanes.next(|_| true), None);
    }
}
