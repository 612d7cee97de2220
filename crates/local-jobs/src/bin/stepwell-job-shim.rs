//! [`stepwell_local_jobs::shim`] as a program of its own, for servers that are not the `stepwell` binary.

fn main() -> std::process::ExitCode {
    stepwell_local_jobs::shim::main()
}
