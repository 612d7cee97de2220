//! The catalogue's entries as bytes: keys, and values of numbered, additive fields (`docs/formats/catalogue.md`).

use minicbor::{Decode, Encode};

/// Begins the key of a state machine: `m` and its ARN.
pub(crate) const MACHINE: u8 = b'm';
/// Begins the key of a revision: `r` and its number, big-endian.
pub(crate) const REVISION: u8 = b'r';
/// Begins the key of a version: `v` and its ARN.
pub(crate) const VERSION: u8 = b'v';
/// Begins the key of an alias: `l` and its ARN.
pub(crate) const ALIAS: u8 = b'l';
/// Begins the key of an activity: `a` and its ARN.
pub(crate) const ACTIVITY: u8 = b'a';
/// Begins the key of the tags of a resource: `t` and its ARN.
pub(crate) const TAGS: u8 = b't';
/// The key of what belongs to the whole store.
pub(crate) const STORE_KEY: &[u8] = b"s";

/// The key of an entry that is named by an ARN.
pub(crate) fn arn_key(kind: u8, arn: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(1 + arn.len());
    key.push(kind);
    key.extend_from_slice(arn.as_bytes());
    key
}

/// The key of a revision.
pub(crate) fn revision_key(number: u64) -> Vec<u8> {
    let mut key = vec![REVISION];
    key.extend_from_slice(&number.to_be_bytes());
    key
}

/// The value's bytes.
pub(crate) fn to_bytes<T: Encode<()>>(record: &T) -> bytes::Bytes {
    let mut bytes = Vec::new();
    // Writing into a vector cannot fail, and no field has an encoding that can.
    let _ = minicbor::encode(record, &mut bytes);
    // It may be kept for long, and a vector that grew holds up to twice its length.
    bytes.shrink_to_fit();
    bytes.into()
}

/// What belongs to the whole store: made when it is first opened, or counted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct StoreRecord {
    /// Seed of random numbers in executions.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) seed: [u8; 32],
    /// Secret that authenticates task tokens and page tokens.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) token_key: [u8; 32],
    /// The number of the newest revision ever made; numbers are not used again.
    #[n(2)]
    pub(crate) newest_revision: u64,
}

/// A state machine.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct MachineRecord {
    #[n(0)]
    pub(crate) name: String,
    #[n(1)]
    pub(crate) express: bool,
    #[n(2)]
    pub(crate) creation_ms: i64,
    /// The number of the present revision.
    #[n(3)]
    pub(crate) revision: u64,
    /// It has been updated at least once: its revision's id is shown from then on.
    #[n(4)]
    pub(crate) updated: bool,
    /// It is being deleted.
    #[n(5)]
    pub(crate) deleting: bool,
    /// The role of the present revision.
    #[n(6)]
    pub(crate) role_arn: String,
    /// The highest version number ever given; numbers are not used again.
    #[n(7)]
    #[cbor(default)]
    pub(crate) newest_version: u64,
    /// The highest serial ever given to an alias; they order the aliases by age.
    #[n(8)]
    #[cbor(default)]
    pub(crate) newest_alias: u64,
    /// What was asked of the version that was published at the creation: a repeated creation must ask the same.
    #[n(9)]
    pub(crate) created_version: Option<CreatedVersionRecord>,
    /// The log level of the present revision.
    #[n(10)]
    #[cbor(default)]
    pub(crate) log_level: LevelRecord,
}

/// The version that a machine was created with.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct CreatedVersionRecord {
    #[n(0)]
    pub(crate) description: Option<String>,
}

/// A version of a state machine; never changed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct VersionRecord {
    /// The number of the revision that it is.
    #[n(0)]
    pub(crate) revision: u64,
    /// When it was published, in milliseconds since 1970.
    #[n(1)]
    pub(crate) created_ms: i64,
    /// The role of the revision.
    #[n(2)]
    pub(crate) role_arn: String,
    #[n(3)]
    pub(crate) description: Option<String>,
    /// The log level of the revision.
    #[n(4)]
    #[cbor(default)]
    pub(crate) log_level: LevelRecord,
}

/// An alias of a state machine.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct AliasRecord {
    #[n(0)]
    pub(crate) name: String,
    /// Counts the aliases of its machine up.
    #[n(1)]
    pub(crate) serial: u64,
    /// In milliseconds since 1970, as is the next.
    #[n(2)]
    pub(crate) created_ms: i64,
    #[n(3)]
    pub(crate) updated_ms: i64,
    /// One or two, in the order in which they were sent.
    #[n(4)]
    pub(crate) routes: Vec<RouteRecord>,
    #[n(5)]
    pub(crate) description: Option<String>,
}

/// A version that an alias routes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(map)]
pub(crate) struct RouteRecord {
    /// The version's number.
    #[n(0)]
    pub(crate) version: u64,
    /// How many executions of a hundred it gets.
    #[n(1)]
    pub(crate) weight: u8,
}

/// A revision of a state machine; never changed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct RevisionRecord {
    #[n(0)]
    pub(crate) machine_arn: String,
    #[n(1)]
    pub(crate) machine_name: String,
    #[n(2)]
    pub(crate) express: bool,
    /// The definition's text, byte for byte.
    #[n(3)]
    pub(crate) definition: String,
    #[n(4)]
    pub(crate) role_arn: String,
    /// When it was made, in milliseconds since 1970.
    #[n(5)]
    pub(crate) created_ms: i64,
    /// Its id in the API.
    #[n(6)]
    pub(crate) id: String,
    /// Whether the id is shown: not that of the revision that the machine was created with.
    #[n(7)]
    pub(crate) shows_id: bool,
    #[n(8)]
    pub(crate) logging: LoggingRecord,
    #[n(9)]
    pub(crate) tracing: bool,
    /// States that read variables, and which.
    #[n(10)]
    pub(crate) variable_references: Vec<ReferencesRecord>,
    /// Absent for the service's own key.
    #[n(11)]
    pub(crate) encryption: Option<EncryptionRecord>,
}

/// An encryption configuration that says more than that the service's own key is used.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct EncryptionRecord {
    /// The customer's key; absent for the service's own.
    #[n(0)]
    pub(crate) kms_key_id: Option<String>,
    #[n(1)]
    pub(crate) reuse_period_seconds: Option<i64>,
}

/// A log level as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum LevelRecord {
    #[default]
    #[n(0)]
    Off,
    #[n(1)]
    All,
    #[n(2)]
    Error,
    #[n(3)]
    Fatal,
}

/// The variables that one state reads.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct ReferencesRecord {
    #[n(0)]
    pub(crate) state: String,
    #[n(1)]
    pub(crate) variables: Vec<String>,
}

/// A logging configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub(crate) struct LoggingRecord {
    #[n(0)]
    pub(crate) include_execution_data: bool,
    /// The log groups' ARNs as sent; none when the member was absent.
    #[n(1)]
    pub(crate) destinations: Option<Vec<DestinationRecord>>,
    #[n(2)]
    #[cbor(default)]
    pub(crate) level: LevelRecord,
}

impl LoggingRecord {
    /// The log group that records go to; none when nothing is logged.
    pub(crate) fn log_group_arn(&self) -> Option<&str> {
        if self.level == LevelRecord::Off {
            return None;
        }
        self.destinations.as_ref()?.first()?.log_group_arn.as_deref()
    }
}

/// A log destination as sent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub(crate) struct DestinationRecord {
    /// There was a `cloudWatchLogsLogGroup`.
    #[n(0)]
    pub(crate) has_log_group: bool,
    #[n(1)]
    pub(crate) log_group_arn: Option<String>,
}

/// An activity.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct ActivityRecord {
    #[n(0)]
    pub(crate) name: String,
    #[n(1)]
    pub(crate) creation_ms: i64,
    /// Absent for the service's own key.
    #[n(2)]
    pub(crate) encryption: Option<EncryptionRecord>,
}

/// The tags of a resource, in the order in which they were set.
#[derive(Debug, Clone, PartialEq, Eq, Default, Encode, Decode)]
#[cbor(map)]
pub(crate) struct TagsRecord {
    #[n(0)]
    pub(crate) tags: Vec<TagRecord>,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct TagRecord {
    #[n(0)]
    pub(crate) key: String,
    #[n(1)]
    pub(crate) value: String,
}
