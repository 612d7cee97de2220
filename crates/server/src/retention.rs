//! Removal of executions that ended long ago, and of revisions that nothing refers to any more.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::Duration,
};

use stepwell_store::{Batch, DeletedExecution, ListCursor};

use crate::{
    catalogue::{self, CatalogueError},
    operations::Operations,
    runtime::is_active,
};

/// How often the store is looked through.
const PASS_EVERY: Duration = Duration::from_secs(3600);
/// Executions looked at or removed at once.
const PAGE: usize = 1_000;
/// Pause between pages, so that retention never takes a disk or a core for itself.
const PAGE_PAUSE: Duration = Duration::from_millis(20);
/// Pages of one machine's executions that are read to find the revisions in use; more are left for another pass.
const USE_PAGES_MAX: usize = 1_000;
/// Names the batches of retention in diagnostics; no shard has this number.
const RETENTION_SHARD: u16 = u16::MAX - 1;
const MILLIS_PER_DAY: i64 = 24 * 3600 * 1000;

/// Looks at once, then every hour, until the task is ended.
pub(crate) async fn run(operations: Arc<Operations>) {
    let mut retention = Retention { operations, unused: HashSet::new(), sequence: 0 };
    loop {
        if let Err(error) = retention.pass().await {
            tracing::error!(%error, "executions that ended long ago could not be removed");
        }
        tokio::time::sleep(PASS_EVERY).await;
    }
}

/// The work of all passes.
struct Retention {
    operations: Arc<Operations>,
    /// Revisions that the last pass found unused. A start under way may still name one, so they go a pass later.
    unused: HashSet<u64>,
    sequence: u64,
}

impl Retention {
    async fn pass(&mut self) -> Result<(), CatalogueError> {
        self.remove_executions().await?;
        self.remove_revisions().await
    }

    async fn remove_executions(&mut self) -> Result<(), CatalogueError> {
        let days = i64::from(self.operations.settings.retention_days);
        let closed_before_ms = self.operations.clock.now().0.saturating_sub(days * MILLIS_PER_DAY);
        let store = self.operations.store.clone();
        let mut start = None;
        loop {
            let page = store.expired(closed_before_ms, start, PAGE)?;
            let mut deleted = Vec::with_capacity(page.expired.len());
            let mut names = Vec::with_capacity(page.expired.len());
            for (key, row) in &page.expired {
                // One that has ended but owes something is not finished.
                if !is_active(&*store, *key)? {
                    deleted.push(DeletedExecution::of(*key, row));
                    names.push(row.arn.clone());
                }
            }
            if !deleted.is_empty() {
                self.sequence += 1;
                let batch =
                    Batch { shard: RETENTION_SHARD, sequence: self.sequence, deleted, ..Batch::default() };
                catalogue::commit(&*store, batch).await?;
                self.operations.router.forget_names(names);
            }
            match page.next {
                Some(next) => start = Some(next),
                None => return Ok(()),
            }
            tokio::time::sleep(PAGE_PAUSE).await;
        }
    }

    /// Removes revisions that are neither the present one of a machine nor a version, and that no execution kept refers to.
    async fn remove_revisions(&mut self) -> Result<(), CatalogueError> {
        let catalogue = self.operations.catalogue.clone();
        let mut superseded: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (number, machine_arn) in catalogue.revisions()? {
            let is_used = catalogue.machine(&machine_arn).is_some_and(|machine| machine.refers_to(number));
            if !is_used {
                superseded.entry(machine_arn).or_default().push(number);
            }
        }
        let mut unused = HashSet::new();
        for (machine_arn, numbers) in superseded {
            if let Some(used) = self.used_revisions(&machine_arn).await? {
                unused.extend(numbers.into_iter().filter(|number| !used.contains(number)));
            }
        }
        let mut writer = catalogue.write().await;
        for number in unused.intersection(&self.unused) {
            writer.remove_revision(*number);
        }
        writer.commit(|| ()).await?;
        self.unused = unused;
        Ok(())
    }

    /// The revisions that executions of a machine refer to; none when there are too many executions to look at.
    async fn used_revisions(&self, machine_arn: &str) -> Result<Option<HashSet<u64>>, CatalogueError> {
        let mut used = HashSet::new();
        let mut before: Option<ListCursor> = None;
        for _ in 0..USE_PAGES_MAX {
            let page = self.operations.store.list_executions(machine_arn, None, before, PAGE)?;
            used.extend(page.iter().flat_map(|execution| execution.row.revisions()));
            if page.len() < PAGE {
                return Ok(Some(used));
            }
            before = page.last().map(|execution| execution.cursor);
            tokio::time::sleep(PAGE_PAUSE).await;
        }
        Ok(None)
    }
}
