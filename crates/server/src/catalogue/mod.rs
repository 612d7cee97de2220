//! The catalogue: state machines, their revisions, versions and aliases, activities, tags.
//!
//! An index of small records is in memory; definitions stay in the store. Writes are made one at a time, each as one
//! batch that is durable before the index shows it and before the caller is answered.

mod machine;
mod programs;
pub(crate) mod records;

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use stepwell_interpreter::Program;
use stepwell_store::{Batch, CatalogueChange, CommitError, Store, StoreError};
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};

use crate::random;
pub(crate) use machine::{Alias, Machine, Version, alias_arn, version_arn};
use programs::Programs;
pub(crate) use programs::compile_text;
use records::{
    ACTIVITY, ALIAS, ActivityRecord, AliasRecord, EncryptionRecord, MACHINE, REVISION, RevisionRecord,
    STORE_KEY, StoreRecord, TAGS, TagsRecord, VERSION, VersionRecord, arn_key, revision_key, to_bytes,
};

/// Entries read from the store at once.
const SCAN_PAGE: usize = 1_000;
/// Names the catalogue's batches in diagnostics; no shard has this number.
const CATALOGUE_SHARD: u16 = u16::MAX;

/// An activity as the index has it.
#[derive(Debug)]
pub(crate) struct Activity {
    pub(crate) arn: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) creation_ms: i64,
    pub(crate) encryption: Option<EncryptionRecord>,
}

impl Activity {
    fn new(arn: &str, record: &ActivityRecord) -> Self {
        Self {
            arn: arn.into(),
            name: record.name.as_str().into(),
            creation_ms: record.creation_ms,
            encryption: record.encryption.clone(),
        }
    }
}

/// Why the catalogue can't be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CatalogueError {
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A change was not committed.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// An entry can't be decoded.
    #[error("the catalogue entry {key} can't be decoded: {reason}")]
    Undecodable {
        /// The key, as text.
        key: String,
        /// Why.
        reason: String,
    },
    /// An entry that another one names is missing.
    #[error("the catalogue has no revision {0}")]
    NoRevision(u64),
    /// A definition that was accepted before can't be compiled.
    #[error("{0}")]
    Uncompilable(String),
}

/// The catalogue.
pub(crate) struct Catalogue {
    store: Arc<dyn Store>,
    machines: RwLock<BTreeMap<Arc<str>, Arc<Machine>>>,
    by_arn: RwLock<HashMap<Arc<str>, Arc<Machine>>>,
    activities: RwLock<BTreeMap<Arc<str>, Arc<Activity>>>,
    programs: Programs,
    /// Held by whoever changes the catalogue, from its first look to its commit.
    writer: Arc<Mutex<()>>,
    newest_revision: AtomicU64,
    batches: AtomicU64,
    store_record: StoreRecord,
}

impl Catalogue {
    /// Reads the index. A store that is opened for the first time gets its secrets. Blocks.
    ///
    /// # Errors
    /// [`CatalogueError`] when the store can't be read or an entry is damaged.
    pub(crate) fn open(store: Arc<dyn Store>, programs_max: usize) -> Result<Catalogue, CatalogueError> {
        let store_record = match store.catalogue_get(STORE_KEY)? {
            Some(bytes) => decode(STORE_KEY, &bytes)?,
            None => {
                let record =
                    StoreRecord { seed: random::secret(), token_key: random::secret(), newest_revision: 0 };
                let change = CatalogueChange { key: STORE_KEY.to_vec(), value: Some(to_bytes(&record)) };
                let batch = Batch { shard: CATALOGUE_SHARD, catalogue: vec![change], ..Batch::default() };
                store.commit_and_wait(batch)?;
                record
            }
        };
        let machines = read_machines(&*store)?;
        let mut activities = BTreeMap::new();
        scan(&*store, ACTIVITY, |arn, key, bytes| {
            let activity = Arc::new(Activity::new(arn, &decode(key, bytes)?));
            activities.insert(activity.arn.clone(), activity);
            Ok(())
        })?;
        let by_arn = machines.iter().map(|(arn, machine)| (arn.clone(), machine.clone())).collect();
        Ok(Catalogue {
            store,
            machines: RwLock::new(machines),
            by_arn: RwLock::new(by_arn),
            activities: RwLock::new(activities),
            programs: Programs::new(programs_max),
            writer: Arc::default(),
            newest_revision: AtomicU64::new(store_record.newest_revision),
            batches: AtomicU64::new(0),
            store_record,
        })
    }

    /// Seed of random numbers in executions.
    pub(crate) fn store_seed(&self) -> [u8; 32] {
        self.store_record.seed
    }

    /// Secret of tokens.
    pub(crate) fn token_key(&self) -> [u8; 32] {
        self.store_record.token_key
    }

    /// A machine by its unqualified ARN.
    pub(crate) fn machine(&self, arn: &str) -> Option<Arc<Machine>> {
        self.by_arn.read().unwrap_or_else(PoisonError::into_inner).get(arn).cloned()
    }

    /// Machines whose ARN begins with `prefix`, in the order of their ARNs after `after`.
    pub(crate) fn machines(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<Arc<Machine>> {
        page(&self.machines.read().unwrap_or_else(PoisonError::into_inner), prefix, after, limit)
    }

    pub(crate) fn machine_count(&self) -> usize {
        self.by_arn.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// An activity by its ARN.
    pub(crate) fn activity(&self, arn: &str) -> Option<Arc<Activity>> {
        self.activities.read().unwrap_or_else(PoisonError::into_inner).get(arn).cloned()
    }

    /// Activities whose ARN begins with `prefix`, in the order of their ARNs after `after`.
    pub(crate) fn activities(&self, prefix: &str, after: Option<&str>, limit: usize) -> Vec<Arc<Activity>> {
        page(&self.activities.read().unwrap_or_else(PoisonError::into_inner), prefix, after, limit)
    }

    pub(crate) fn activity_count(&self) -> usize {
        self.activities.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// All activities.
    pub(crate) fn activity_arns(&self) -> Vec<Arc<str>> {
        self.activities.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// A revision.
    ///
    /// # Errors
    /// [`CatalogueError`] when it is not there or can't be read.
    pub(crate) fn revision(&self, number: u64) -> Result<RevisionRecord, CatalogueError> {
        self.record(&revision_key(number))?.ok_or(CatalogueError::NoRevision(number))
    }

    /// A version's record.
    ///
    /// # Errors
    /// [`CatalogueError`] when the store can't be read.
    pub(crate) fn version_record(&self, version: &Version) -> Result<Option<VersionRecord>, CatalogueError> {
        self.record(&arn_key(VERSION, &version.arn))
    }

    /// An alias's record.
    ///
    /// # Errors
    /// [`CatalogueError`] when the store can't be read.
    pub(crate) fn alias_record(&self, alias: &Alias) -> Result<Option<AliasRecord>, CatalogueError> {
        self.record(&arn_key(ALIAS, &alias.arn))
    }

    /// The entry under a key.
    fn record<T: for<'b> minicbor::Decode<'b, ()>>(&self, key: &[u8]) -> Result<Option<T>, CatalogueError> {
        self.store.catalogue_get(key)?.map(|bytes| decode(key, &bytes)).transpose()
    }

    /// The program of a revision, compiled when it is not at hand.
    ///
    /// # Errors
    /// [`CatalogueError`] when the revision can't be read or compiled.
    pub(crate) fn program(&self, revision: u64) -> Result<Arc<Program>, CatalogueError> {
        if let Some(program) = self.programs.get(revision) {
            return Ok(program);
        }
        let record = self.revision(revision)?;
        let program =
            compile_text(&record.definition, record.express).map_err(CatalogueError::Uncompilable)?;
        Ok(self.programs.insert(revision, Arc::new(program), record.definition.len()))
    }

    /// Numbers of all revisions, with the machine of each.
    ///
    /// # Errors
    /// [`CatalogueError`] when the store can't be read.
    pub(crate) fn revisions(&self) -> Result<Vec<(u64, String)>, CatalogueError> {
        let mut revisions = Vec::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let page = self.store.catalogue_scan(&[REVISION], after.as_deref(), SCAN_PAGE)?;
            let is_full = page.len() == SCAN_PAGE;
            for (key, bytes) in page {
                if let Some(number) = key.get(1..9).and_then(|number| number.try_into().ok()) {
                    let record: RevisionRecord = decode(&key, &bytes)?;
                    revisions.push((u64::from_be_bytes(number), record.machine_arn));
                }
                after = Some(key);
            }
            if !is_full {
                return Ok(revisions);
            }
        }
    }

    /// The tags of a resource.
    ///
    /// # Errors
    /// [`CatalogueError`] when the store can't be read.
    pub(crate) fn tags(&self, arn: &str) -> Result<TagsRecord, CatalogueError> {
        Ok(self.record(&arn_key(TAGS, arn))?.unwrap_or_default())
    }

    /// Waits for the right to change the catalogue.
    pub(crate) async fn write(self: &Arc<Self>) -> Writer {
        let guard = self.writer.clone().lock_owned().await;
        Writer { catalogue: self.clone(), changes: Vec::new(), effects: Vec::new(), _guard: guard }
    }

    fn apply(&self, effect: IndexChange) {
        match effect {
            IndexChange::Machine(machine) => {
                let arn = machine.arn.0.clone();
                self.machines
                    .write()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(arn.clone(), machine.clone());
                self.by_arn.write().unwrap_or_else(PoisonError::into_inner).insert(arn, machine);
            }
            IndexChange::NoMachine(arn) => {
                self.machines.write().unwrap_or_else(PoisonError::into_inner).remove(&*arn);
                self.by_arn.write().unwrap_or_else(PoisonError::into_inner).remove(&*arn);
            }
            IndexChange::Activity(activity) => {
                self.activities
                    .write()
                    .unwrap_or_else(PoisonError::into_inner)
                    .insert(activity.arn.clone(), activity);
            }
            IndexChange::NoActivity(arn) => {
                self.activities.write().unwrap_or_else(PoisonError::into_inner).remove(&*arn);
            }
        }
    }
}

enum IndexChange {
    Machine(Arc<Machine>),
    NoMachine(String),
    Activity(Arc<Activity>),
    NoActivity(String),
}

/// The right to change the catalogue, and the changes so far. Nothing happens before [`Writer::commit`].
pub(crate) struct Writer {
    catalogue: Arc<Catalogue>,
    changes: Vec<CatalogueChange>,
    effects: Vec<IndexChange>,
    _guard: OwnedMutexGuard<()>,
}

impl Writer {
    fn put(&mut self, key: Vec<u8>, value: Bytes) {
        self.changes.push(CatalogueChange { key, value: Some(value) });
    }

    fn remove(&mut self, key: Vec<u8>) {
        self.changes.push(CatalogueChange { key, value: None });
    }

    /// Adds a revision. Gives its number.
    pub(crate) fn add_revision(&mut self, record: &RevisionRecord) -> u64 {
        let number = self.catalogue.newest_revision.fetch_add(1, Ordering::SeqCst) + 1;
        self.put(revision_key(number), to_bytes(record));
        let store = StoreRecord { newest_revision: number, ..self.catalogue.store_record.clone() };
        self.put(STORE_KEY.to_vec(), to_bytes(&store));
        number
    }

    /// The program of a new revision, so that its first start need not compile it.
    pub(crate) fn keep_program(&self, revision: u64, program: Program, text_bytes: usize) {
        self.catalogue.programs.insert(revision, Arc::new(program), text_bytes);
    }

    /// Adds a machine, or puts it in the place of the one that was there. To be called after all other changes of the machine.
    pub(crate) fn put_machine(&mut self, machine: Machine) -> Arc<Machine> {
        self.put(arn_key(MACHINE, &machine.arn), to_bytes(&machine.record));
        let machine = Arc::new(machine);
        self.effects.push(IndexChange::Machine(machine.clone()));
        machine
    }

    /// Publishes the present revision of a machine under the next number. Gives the number.
    pub(crate) fn publish(&mut self, machine: &mut Machine, description: Option<String>, now_ms: i64) -> u64 {
        let number = machine.record.newest_version + 1;
        machine.record.newest_version = number;
        let record = VersionRecord {
            revision: machine.revision(),
            created_ms: now_ms,
            role_arn: machine.record.role_arn.clone(),
            description,
            log_level: machine.record.log_level,
        };
        self.put(arn_key(VERSION, &version_arn(&machine.arn, number)), to_bytes(&record));
        machine.insert_version(number, &record);
        number
    }

    /// Removes a version. Its revision stays as long as something refers to it.
    pub(crate) fn remove_version(&mut self, machine: &mut Machine, number: u64) {
        self.remove(arn_key(VERSION, &version_arn(&machine.arn, number)));
        Arc::make_mut(&mut machine.versions).remove(&number);
    }

    /// Adds or replaces an alias.
    pub(crate) fn put_alias(&mut self, machine: &mut Machine, record: &AliasRecord) {
        machine.record.newest_alias = machine.record.newest_alias.max(record.serial);
        self.put(arn_key(ALIAS, &alias_arn(&machine.arn, &record.name)), to_bytes(record));
        machine.insert_alias(record);
    }

    /// Removes an alias.
    pub(crate) fn remove_alias(&mut self, machine: &mut Machine, alias: &Alias) {
        self.remove(arn_key(ALIAS, &alias.arn));
        Arc::make_mut(&mut machine.aliases).remove(&alias.serial);
    }

    /// Removes a machine with its versions, aliases and tags; its revisions stay as long as executions refer to them.
    pub(crate) fn remove_machine(&mut self, machine: &Machine) {
        self.remove(arn_key(MACHINE, &machine.arn));
        self.remove(arn_key(TAGS, &machine.arn));
        for version in machine.versions() {
            self.remove(arn_key(VERSION, &version.arn));
        }
        for alias in machine.aliases() {
            self.remove(arn_key(ALIAS, &alias.arn));
        }
        self.effects.push(IndexChange::NoMachine(machine.arn.to_string()));
    }

    /// Removes a revision that nothing refers to.
    pub(crate) fn remove_revision(&mut self, number: u64) {
        self.remove(revision_key(number));
    }

    /// Adds an activity.
    pub(crate) fn put_activity(&mut self, arn: &str, record: &ActivityRecord) {
        self.put(arn_key(ACTIVITY, arn), to_bytes(record));
        self.effects.push(IndexChange::Activity(Arc::new(Activity::new(arn, record))));
    }

    /// Removes an activity and its tags.
    pub(crate) fn remove_activity(&mut self, arn: &str) {
        self.remove(arn_key(ACTIVITY, arn));
        self.remove(arn_key(TAGS, arn));
        self.effects.push(IndexChange::NoActivity(arn.to_owned()));
    }

    /// Replaces the tags of a resource.
    pub(crate) fn put_tags(&mut self, arn: &str, record: &TagsRecord) {
        if record.tags.is_empty() {
            self.remove(arn_key(TAGS, arn));
        } else {
            self.put(arn_key(TAGS, arn), to_bytes(record));
        }
    }

    /// Commits the changes; the index shows them once they are durable, and then `then` is called. A caller that
    /// goes away meanwhile changes nothing about that.
    ///
    /// # Errors
    /// When the store has stopped.
    pub(crate) async fn commit(self, then: impl FnOnce() + Send + 'static) -> Result<(), CatalogueError> {
        if self.changes.is_empty() {
            return Ok(());
        }
        let Writer { catalogue, changes, effects, _guard: guard } = self;
        let task = tokio::spawn(async move {
            let batch = Batch {
                shard: CATALOGUE_SHARD,
                sequence: catalogue.batches.fetch_add(1, Ordering::Relaxed) + 1,
                catalogue: changes,
                ..Batch::default()
            };
            commit(&*catalogue.store, batch).await?;
            for effect in effects {
                catalogue.apply(effect);
            }
            then();
            drop(guard);
            Ok(())
        });
        let stopped = || CommitError { reason: "the server is stopping".into() };
        task.await.unwrap_or_else(|_| Err(stopped().into()))
    }
}

/// Commits a batch and waits without blocking a thread.
pub(crate) async fn commit(store: &dyn Store, batch: Batch) -> Result<(), CommitError> {
    let (sender, receiver) = oneshot::channel();
    store.commit(
        batch,
        Box::new(move |result| {
            let _ = sender.send(result);
        }),
    );
    receiver.await.unwrap_or_else(|_| Err(CommitError { reason: "the store was dropped".into() }))
}

fn page<T: Clone>(map: &BTreeMap<Arc<str>, T>, prefix: &str, after: Option<&str>, limit: usize) -> Vec<T> {
    let start = match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        _ => Bound::Included(prefix),
    };
    map.range::<str, _>((start, Bound::Unbounded))
        .take_while(|(arn, _)| arn.starts_with(prefix))
        .take(limit)
        .map(|(_, value)| value.clone())
        .collect()
}

fn decode<'b, T: minicbor::Decode<'b, ()>>(key: &[u8], bytes: &'b [u8]) -> Result<T, CatalogueError> {
    minicbor::decode(bytes).map_err(|error| undecodable(key, error.to_string()))
}

/// Calls `visit` with ARN, key and value of each entry of a kind.
fn scan(
    store: &dyn Store,
    kind: u8,
    mut visit: impl FnMut(&str, &[u8], &[u8]) -> Result<(), CatalogueError>,
) -> Result<(), CatalogueError> {
    let mut after: Option<Vec<u8>> = None;
    loop {
        let page = store.catalogue_scan(&[kind], after.as_deref(), SCAN_PAGE)?;
        let is_full = page.len() == SCAN_PAGE;
        for (key, bytes) in page {
            let arn = std::str::from_utf8(key.get(1..).unwrap_or_default())
                .map_err(|error| undecodable(&key, error.to_string()))?;
            visit(arn, &key, &bytes)?;
            after = Some(key);
        }
        if !is_full {
            return Ok(());
        }
    }
}

/// All machines with their versions and aliases.
fn read_machines(store: &dyn Store) -> Result<BTreeMap<Arc<str>, Arc<Machine>>, CatalogueError> {
    let mut machines = BTreeMap::new();
    scan(store, MACHINE, |arn, key, bytes| {
        let machine = Machine::new(arn, decode(key, bytes)?);
        machines.insert(machine.arn.0.clone(), machine);
        Ok(())
    })?;
    scan(store, VERSION, |arn, key, bytes| {
        let (machine, number) = machine_of(&mut machines, arn, key)?;
        let number = number
            .parse()
            .map_err(|_| undecodable(key, "a version's ARN must end in its number".to_owned()))?;
        machine.insert_version(number, &decode(key, bytes)?);
        Ok(())
    })?;
    scan(store, ALIAS, |arn, key, bytes| {
        let (machine, _) = machine_of(&mut machines, arn, key)?;
        machine.insert_alias(&decode(key, bytes)?);
        Ok(())
    })?;
    Ok(machines.into_iter().map(|(arn, machine)| (arn, Arc::new(machine))).collect())
}

/// The machine of a version's or alias's ARN, and what stands after its ARN.
fn machine_of<'m, 'a>(
    machines: &'m mut BTreeMap<Arc<str>, Machine>,
    arn: &'a str,
    key: &[u8],
) -> Result<(&'m mut Machine, &'a str), CatalogueError> {
    let found = arn
        .rsplit_once(':')
        .and_then(|(machine_arn, qualifier)| Some((machines.get_mut(machine_arn)?, qualifier)));
    found.ok_or_else(|| undecodable(key, "its state machine is not there".to_owned()))
}

fn undecodable(key: &[u8], reason: String) -> CatalogueError {
    CatalogueError::Undecodable { key: key.escape_ascii().to_string(), reason }
}
