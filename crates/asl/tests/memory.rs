//! What reading a large definition takes of the heap, whatever is in it

#![allow(clippy::unwrap_used)]

#[path = "common/hostile.rs"]
mod hostile;

use hostile::Large;
use peak_alloc::PeakAlloc;
use stepwell_asl::{Options, analyse, check};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

/// Bytes that checking a definition of a megabyte takes besides the text.
const CHECK_BYTES_MAX: usize = 4 << 20;
/// Bytes of the findings that stay.
const FINDINGS_BYTES_MAX: usize = 1 << 20;
/// How many times its text a good definition may take that is made to be run: what has hardly anything but the shortest
/// expressions in it takes the most.
const MODEL_TIMES_MAX: usize = 40;

/// The most that was held while `work` ran, what still is, and what it gave.
fn measured<T>(work: impl FnOnce() -> T) -> (usize, usize, T) {
    let before = HEAP.current_usage();
    HEAP.reset_peak_usage();
    let result = work();
    (HEAP.peak_usage() - before, HEAP.current_usage() - before, result)
}

/// Why a definition takes too much; none when it does not.
fn fault(large: &Large) -> Option<String> {
    let options = Options::default();
    let (peak, kept, findings) = measured(|| check(&large.text, &options));
    let (model_peak, _, analysis) = measured(|| analyse(&large.text, &options));
    println!(
        "{}: {} KiB of text, {} to check, {} kept, {} to analyse",
        large.about,
        large.text.len() >> 10,
        peak >> 10,
        kept >> 10,
        model_peak >> 10
    );
    assert_eq!(analysis.is_runnable(), large.is_valid, "{}: {:?}", large.about, findings.first());
    let model_max = if large.is_valid { large.text.len() * MODEL_TIMES_MAX } else { CHECK_BYTES_MAX };
    let limits = [
        ("to check", peak, CHECK_BYTES_MAX),
        ("for its findings", kept, FINDINGS_BYTES_MAX),
        ("to analyse", model_peak, model_max),
    ];
    let beyond = limits.iter().find(|(_, taken, most)| taken > most);
    beyond
        .map(|(what, taken, most)| format!("{}: {} KiB {what}, not {}", large.about, taken >> 10, most >> 10))
}

/// One test alone: the heap is the process's.
#[test]
fn reading_a_large_definition_takes_a_few_times_its_text_at_most() {
    // What is unpacked once, the models of services among it, belongs to the process.
    let definitions = hostile::definitions();
    for large in &definitions {
        check(&large.text, &Options::default());
    }
    let faults: Vec<String> = definitions.iter().filter_map(fault).collect();
    assert!(faults.is_empty(), "{} take too much:\n{}", faults.len(), faults.join("\n"));
}
