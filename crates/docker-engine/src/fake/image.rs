//! What the fake engine takes for an image.

/// An image: no files, only the defaults of its containers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FakeImage {
    /// What comes before the command.
    pub entrypoint: Vec<String>,
    /// The command if the container has none.
    pub command: Vec<String>,
    /// Variables, as `NAME=value`.
    pub environment: Vec<String>,
    /// The working directory; it must be one of this machine.
    pub working_directory: String,
}

impl FakeImage {
    /// An image whose containers run `command` if they aren't told another.
    pub fn with_command(command: &[&str]) -> Self {
        Self { command: command.iter().map(|part| (*part).to_owned()).collect(), ..Self::default() }
    }
}

/// A reference as images are kept by: without the registry that is meant by default, with a tag.
pub(super) fn normalized(reference: &str) -> String {
    let reference = reference.strip_prefix("docker.io/").unwrap_or(reference);
    let reference = reference.strip_prefix("library/").unwrap_or(reference);
    if names_one(reference) { reference.to_owned() } else { format!("{reference}:latest") }
}

/// Whether a reference has a tag or a digest.
pub(super) fn names_one(reference: &str) -> bool {
    reference.rsplit('/').next().unwrap_or(reference).contains([':', '@'])
}

/// The id of an image, made from its reference.
pub(super) fn id(reference: &str) -> String {
    let parts: String = (0..4u64)
        .map(|part| {
            let text = reference.bytes().chain(part.to_le_bytes());
            // FNV-1a: the same in every run.
            let hash = text.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
            });
            format!("{hash:016x}")
        })
        .collect();
    format!("sha256:{parts}")
}
