//! Sans-IO shards: many executions, timers, activity queues, batches
