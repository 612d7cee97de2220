//! start: from exec to the first answer, on an empty directory; memory when idle.

use std::{thread, time::Duration};

use super::Bench;
use crate::{
    measure::{median, milliseconds, percentile},
    process::Launch,
    report::figure,
};

pub(super) fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let count = if bench.quick { 5 } else { 20 };
    let (mut times, mut resident) = (Vec::new(), Vec::new());
    for number in 0..count {
        let place = bench.place("start")?;
        let served = Launch::stepwell(&bench.stepwell, &place).start()?;
        times.push(milliseconds(served.ready_after));
        if number % 5 == 0 {
            // What is still being prepared in the background belongs to the idle server too.
            thread::sleep(Duration::from_secs(1));
            resident.push(served.resident_bytes()? as f64 / (1024.0 * 1024.0));
        }
    }
    let detail = format!("worst of {count}: {} ms", figure(percentile(&times, 1.0)));
    bench.report.at_most("start: exec to first answer", median(&times), "ms", 50.0, &detail);
    bench.report.at_most("start: idle, resident", median(&resident), "MB", 20.0, "");
    bench.clear("start");
    Ok(())
}
