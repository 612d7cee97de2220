//! Removal of executions that ended long ago, and of revisions that nothing refers to any more.
