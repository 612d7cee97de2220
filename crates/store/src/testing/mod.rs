//! Test support for stores: a generator of valid batches, a naive model of a store, and the conformance suite.
//!
//! ```
//! # use stepwell_store::MemoryStore;
//! mod memory_store {
//!     use stepwell_store::MemoryStore;
//!     stepwell_store::suite!(MemoryStore::new());
//! }
//! ```

mod checks;
mod model;
mod workload;

#[doc(hidden)]
pub use checks::CHECKS;
pub use checks::run_check;
pub use model::Model;
pub use workload::{Random, Workload};

/// Makes one test for each check of the conformance suite. The argument is an expression that makes a new, empty store: a
/// value that dereferences to a [`Store`](crate::Store) or a store itself.
#[macro_export]
macro_rules! suite {
    ($make:expr) => {
        $crate::suite!(@checks $make;
            a_started_execution_is_found_listed_and_running,
            a_closed_execution_moves_in_the_lists_and_leaves_the_running_index,
            chunks_are_read_in_both_directions_from_the_one_that_contains_an_event,
            lists_run_from_new_to_old_in_pages_and_merge_all_statuses,
            parked_executions_come_due_in_order_of_their_time,
            the_running_index_is_read_by_hash_range,
            the_catalogue_is_read_by_key_and_by_prefix,
            a_deleted_execution_leaves_nothing_and_frees_its_name,
            a_name_given_again_survives_the_deletion_of_its_first_holder,
            closed_executions_expire_by_their_stop_time,
            batches_are_answered_once_in_order_and_are_readable_then,
            batches_of_several_threads_are_answered_once_in_order_whoever_commits_them,
            changes_of_one_key_in_batches_together_end_with_the_last,
            commits_after_closing_fail,
            readers_see_whole_batches_while_others_commit,
            random_batches_agree_with_a_naive_model,
        );
    };
    (@checks $make:expr; $($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                let store = $make;
                $crate::testing::run_check(stringify!($name), &store);
            }
        )*
        #[test]
        fn no_check_is_left_out() {
            let names: &[&str] = &[$(stringify!($name)),*];
            let all: Vec<&str> = $crate::testing::CHECKS.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, all);
        }
    };
}
