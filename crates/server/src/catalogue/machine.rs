//! A state machine as the catalogue's index has it: itself, its versions and its aliases, all of one moment.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use stepwell_interpreter::Text;

use super::records::{AliasRecord, LevelRecord, MachineRecord, RouteRecord, VersionRecord};

/// A state machine. Never changed: a change puts another one in its place.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    pub(crate) arn: Text,
    pub(crate) name: Text,
    pub(crate) role_arn: Text,
    /// The region of its ARN.
    pub(crate) region: Text,
    /// What the ARNs of its executions begin with.
    pub(crate) execution_prefix: Arc<str>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) record: MachineRecord,
    /// By number.
    pub(super) versions: Arc<BTreeMap<u64, Version>>,
    /// By serial: the oldest first.
    pub(super) aliases: Arc<BTreeMap<u64, Alias>>,
}

/// A published version.
#[derive(Debug, Clone)]
pub(crate) struct Version {
    pub(crate) number: u64,
    pub(crate) arn: Text,
    pub(crate) revision: u64,
    pub(crate) role_arn: Text,
    pub(crate) created_ms: i64,
    pub(crate) log_level: LevelRecord,
}

/// An alias.
#[derive(Debug, Clone)]
pub(crate) struct Alias {
    pub(crate) serial: u64,
    pub(crate) arn: Text,
    pub(crate) name: Text,
    pub(crate) created_ms: i64,
    pub(crate) routes: Arc<[RouteRecord]>,
}

impl Machine {
    /// A machine without versions and aliases.
    pub(crate) fn new(arn: &str, record: MachineRecord) -> Self {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        let kind = if record.express { "express" } else { "execution" };
        let location = parts.get(..5).unwrap_or_default().join(":");
        let mut machine = Self {
            region: parts.get(3).copied().unwrap_or_default().into(),
            execution_prefix: format!("{location}:{kind}:{}:", record.name).into(),
            arn: arn.into(),
            name: record.name.as_str().into(),
            role_arn: "".into(),
            gate: Arc::default(),
            record: record.clone(),
            versions: Arc::default(),
            aliases: Arc::default(),
        };
        machine.set_record(record);
        machine
    }

    /// Replaces what the record says; name and type never change.
    pub(crate) fn set_record(&mut self, record: MachineRecord) {
        self.gate.deleting.store(record.deleting, Ordering::SeqCst);
        self.role_arn = record.role_arn.as_str().into();
        self.record = record;
    }

    /// The number of the present revision.
    pub(crate) fn revision(&self) -> u64 {
        self.record.revision
    }

    pub(crate) fn is_express(&self) -> bool {
        self.record.express
    }

    /// Whether an execution started from now on, or a version, may run the revision.
    pub(crate) fn refers_to(&self, revision: u64) -> bool {
        self.revision() == revision || self.published(revision).is_some()
    }

    /// The revisions that it and its versions have.
    pub(crate) fn revisions(&self) -> impl Iterator<Item = u64> {
        std::iter::once(self.revision()).chain(self.versions.values().map(|version| version.revision))
    }

    /// A version by its number.
    pub(crate) fn version(&self, number: u64) -> Option<&Version> {
        self.versions.get(&number)
    }

    /// All versions, the lowest number first.
    pub(crate) fn versions(&self) -> impl DoubleEndedIterator<Item = &Version> + ExactSizeIterator {
        self.versions.values()
    }

    /// Versions below a number, the highest first.
    pub(crate) fn versions_below(&self, number: u64) -> impl Iterator<Item = &Version> {
        self.versions.range(..number).rev().map(|(_, version)| version)
    }

    /// The newest version of a revision.
    pub(crate) fn published(&self, revision: u64) -> Option<&Version> {
        self.versions().rev().find(|version| version.revision == revision)
    }

    /// An alias by its name.
    pub(crate) fn alias(&self, name: &str) -> Option<&Alias> {
        self.aliases().find(|alias| &*alias.name == name)
    }

    /// All aliases, the oldest first.
    pub(crate) fn aliases(&self) -> impl ExactSizeIterator<Item = &Alias> {
        self.aliases.values()
    }

    pub(super) fn insert_version(&mut self, number: u64, record: &VersionRecord) {
        let version = Version {
            number,
            arn: version_arn(&self.arn, number).into(),
            revision: record.revision,
            role_arn: record.role_arn.as_str().into(),
            created_ms: record.created_ms,
            log_level: record.log_level,
        };
        Arc::make_mut(&mut self.versions).insert(number, version);
    }

    pub(super) fn insert_alias(&mut self, record: &AliasRecord) {
        let alias = Alias {
            serial: record.serial,
            arn: alias_arn(&self.arn, &record.name).into(),
            name: record.name.as_str().into(),
            created_ms: record.created_ms,
            routes: record.routes.clone().into(),
        };
        Arc::make_mut(&mut self.aliases).insert(record.serial, alias);
    }
}

impl Alias {
    /// The version that an execution gets whose lot is `lot`, a number below 100.
    pub(crate) fn route(&self, lot: u64) -> Option<u64> {
        let mut end = 0;
        let drawn = self.routes.iter().find(|route| {
            end += u64::from(route.weight);
            lot < end
        });
        drawn.map(|route| route.version)
    }

    /// The version that most executions get: the first one when both get the same.
    pub(crate) fn main_version(&self) -> Option<u64> {
        self.routes.iter().rev().max_by_key(|route| route.weight).map(|route| route.version)
    }

    /// Whether it names a version, even with the weight 0.
    pub(crate) fn refers_to(&self, version: u64) -> bool {
        self.routes.iter().any(|route| route.version == version)
    }
}

/// The ARN of a version.
pub(crate) fn version_arn(machine_arn: &str, number: u64) -> String {
    format!("{machine_arn}:{number}")
}

/// The ARN of an alias.
pub(crate) fn alias_arn(machine_arn: &str, name: &str) -> String {
    format!("{machine_arn}:{name}")
}

/// Where starts of a machine and its deletion meet: a deletion waits until the starts under way can be seen in the
/// store, and lets no new one in.
#[derive(Debug, Default)]
pub(crate) struct Gate {
    deleting: AtomicBool,
    starting: AtomicU32,
}

/// A start under way.
#[derive(Debug)]
pub(crate) struct Starting(Arc<Gate>);

impl Gate {
    /// Lets a start in, unless the machine is being deleted.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Starting> {
        self.starting.fetch_add(1, Ordering::SeqCst);
        let starting = Starting(self.clone());
        (!self.is_deleting()).then_some(starting)
    }

    pub(crate) fn is_deleting(&self) -> bool {
        self.deleting.load(Ordering::SeqCst)
    }

    /// Whether no start is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.starting.load(Ordering::SeqCst) == 0
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        self.0.starting.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias(routes: &[(u64, u8)]) -> Alias {
        let routes = routes.iter().map(|&(version, weight)| RouteRecord { version, weight }).collect();
        Alias { serial: 1, arn: "a".into(), name: "a".into(), created_ms: 0, routes }
    }

    #[test]
    fn each_version_gets_as_many_lots_as_its_weight() {
        for (routes, main) in [
            (vec![(1, 100)], 1),
            (vec![(1, 70), (2, 30)], 1),
            (vec![(2, 50), (1, 50)], 2),
            (vec![(1, 0), (2, 100)], 2),
            (vec![(7, 1), (9, 99)], 9),
        ] {
            let alias = alias(&routes);
            for (version, weight) in &routes {
                let lots = (0..100).filter(|lot| alias.route(*lot) == Some(*version)).count();
                assert_eq!(lots, usize::from(*weight), "{routes:?}");
            }
            assert_eq!(alias.main_version(), Some(main), "{routes:?}");
        }
    }
}
