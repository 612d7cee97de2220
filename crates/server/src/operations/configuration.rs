//! Logging, tracing and encryption settings: what is accepted, how they are kept, and how they are described.

use stepwell_api::{
    ApiError,
    types::state_machine::{
        CloudWatchLogsLogGroup, EncryptionConfiguration, EncryptionType, LogDestination, LogLevel,
        LoggingConfiguration, TracingConfiguration,
    },
};

use crate::catalogue::records::{DestinationRecord, EncryptionRecord, LevelRecord, LoggingRecord};

/// The settings of a request, checked.
pub(super) struct CheckedSettings {
    pub(super) logging: LoggingRecord,
    pub(super) tracing: bool,
    pub(super) encryption: Option<EncryptionRecord>,
}

/// Checks the settings of a request by themselves; whether a log group is there is asked apart.
///
/// # Errors
/// `InvalidLoggingConfiguration`, `InvalidTracingConfiguration`, `InvalidEncryptionConfiguration`.
pub(super) fn check_settings(
    logging: Option<LoggingConfiguration>,
    tracing: Option<TracingConfiguration>,
    encryption: Option<EncryptionConfiguration>,
) -> Result<CheckedSettings, ApiError> {
    let logging = LoggingConfiguration::normalized(logging)?;
    let destinations = logging.destinations.map(|destinations| {
        destinations
            .into_iter()
            .map(|destination| DestinationRecord {
                has_log_group: destination.cloud_watch_logs_log_group.is_some(),
                log_group_arn: destination.cloud_watch_logs_log_group.and_then(|group| group.log_group_arn),
            })
            .collect()
    });
    Ok(CheckedSettings {
        logging: LoggingRecord {
            include_execution_data: logging.include_execution_data.unwrap_or(false),
            destinations,
            level: match logging.level {
                Some(LogLevel::All) => LevelRecord::All,
                Some(LogLevel::Error) => LevelRecord::Error,
                Some(LogLevel::Fatal) => LevelRecord::Fatal,
                Some(LogLevel::Off) | None => LevelRecord::Off,
            },
        },
        tracing: TracingConfiguration::is_enabled(tracing)?,
        encryption: check_encryption(encryption)?,
    })
}

/// Checks an encryption configuration. None for the service's own key.
///
/// # Errors
/// `InvalidEncryptionConfiguration`.
pub(super) fn check_encryption(
    encryption: Option<EncryptionConfiguration>,
) -> Result<Option<EncryptionRecord>, ApiError> {
    let encryption = EncryptionConfiguration::normalized(encryption)?;
    let record = EncryptionRecord {
        kms_key_id: encryption.kms_key_id,
        reuse_period_seconds: encryption.kms_data_key_reuse_period_seconds,
    };
    Ok((record.kms_key_id.is_some() || record.reuse_period_seconds.is_some()).then_some(record))
}

/// The encryption configuration as it is described.
pub(super) fn encryption_configuration(record: Option<&EncryptionRecord>) -> EncryptionConfiguration {
    let Some(record) = record else { return EncryptionConfiguration::default() };
    EncryptionConfiguration {
        kms_key_id: record.kms_key_id.clone(),
        kms_data_key_reuse_period_seconds: record.reuse_period_seconds,
        encryption_type: if record.kms_key_id.is_some() {
            EncryptionType::CustomerManagedKmsKey
        } else {
            EncryptionType::AwsOwnedKey
        },
    }
}

/// The level of a stored configuration.
pub(crate) fn log_level(record: LevelRecord) -> LogLevel {
    match record {
        LevelRecord::Off => LogLevel::Off,
        LevelRecord::All => LogLevel::All,
        LevelRecord::Error => LogLevel::Error,
        LevelRecord::Fatal => LogLevel::Fatal,
    }
}

/// The logging configuration as it is described.
pub(super) fn logging_configuration(record: &LoggingRecord) -> LoggingConfiguration {
    let destination = |record: &DestinationRecord| LogDestination {
        cloud_watch_logs_log_group: record
            .has_log_group
            .then(|| CloudWatchLogsLogGroup { log_group_arn: record.log_group_arn.clone() }),
    };
    LoggingConfiguration {
        level: Some(log_level(record.level)),
        include_execution_data: Some(record.include_execution_data),
        destinations: record
            .destinations
            .as_ref()
            .map(|destinations| destinations.iter().map(destination).collect()),
    }
}
