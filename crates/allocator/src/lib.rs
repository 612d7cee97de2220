//! The memory allocator of Stepwell's programs. What it can do beyond giving and taking memory is not offered to safe
//! code, so this is the only crate with unsafe code: one declaration.

pub use mimalloc::MiMalloc;

// SAFETY: this is how mimalloc declares the function (`void mi_collect(bool force)`), which is part of the library that
// `MiMalloc` is linked with. It takes no pointer, and any thread may call it at any time.
unsafe extern "C" {
    safe fn mi_collect(force: bool);
}

/// Gives back to the system what is free of this thread's memory, and what all threads have given back to the
/// allocator. It would do so by itself, but only a second later, when it is next asked for memory: until then, a thread
/// that takes and gives back large pieces holds several times what it uses at once.
pub fn give_back() {
    mi_collect(true);
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    #[global_allocator]
    static ALLOCATOR: MiMalloc = MiMalloc;

    /// Resident memory of this process.
    fn resident_bytes() -> Option<usize> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        kilobytes.split_whitespace().next()?.parse::<usize>().ok().map(|kilobytes| kilobytes * 1024)
    }

    #[test]
    fn what_is_free_is_given_back_to_the_system() {
        const BYTES: usize = 64 << 20;
        let Some(before) = resident_bytes() else {
            eprintln!("skipped: this system has no /proc");
            return;
        };
        drop(black_box(vec![1_u8; BYTES]));
        give_back();
        assert!(resident_bytes().is_some_and(|after| after < before + BYTES / 2));
    }
}
