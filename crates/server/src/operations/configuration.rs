//! Logging, tracing and encryption settings of a state machine: what is accepted, and how it is described.

use stepwell_api::{
    ApiError,
    types::state_machine::{
        CloudWatchLogsLogGroup, EncryptionConfiguration, EncryptionType, LogDestination, LogLevel,
        LoggingConfiguration, TracingConfiguration,
    },
};

use crate::catalogue::records::{DestinationRecord, LoggingRecord};

/// The settings of a request, checked.
pub(super) struct CheckedSettings {
    pub(super) logging: LoggingRecord,
    pub(super) tracing: bool,
}

/// Checks the settings of a request.
///
/// # Errors
/// What can't be used, and what this version does not have yet.
pub(super) fn check_settings(
    logging: Option<LoggingConfiguration>,
    tracing: Option<TracingConfiguration>,
    encryption: Option<EncryptionConfiguration>,
) -> Result<CheckedSettings, ApiError> {
    let logging = LoggingConfiguration::normalized(logging)?;
    if logging.level.is_some_and(|level| level != LogLevel::Off) {
        return Err(ApiError::invalid_logging_configuration(
            "A log level other than OFF is not implemented yet in this version of Stepwell.",
        ));
    }
    let encryption = EncryptionConfiguration::normalized(encryption)?;
    if encryption.encryption_type != EncryptionType::AwsOwnedKey {
        return Err(ApiError::invalid_encryption_configuration(
            "Encryption with a customer's key is not implemented yet in this version of Stepwell.",
        ));
    }
    let destinations = logging.destinations.map(|destinations| {
        destinations
            .into_iter()
            .map(|destination| DestinationRecord {
                has_log_group: destination.cloud_watch_logs_log_group.is_some(),
                log_group_arn: destination.cloud_watch_logs_log_group.and_then(|group| group.log_group_arn),
            })
            .collect()
    });
    let include_execution_data = logging.include_execution_data.unwrap_or(false);
    Ok(CheckedSettings {
        logging: LoggingRecord { include_execution_data, destinations },
        tracing: tracing.and_then(|tracing| tracing.enabled).unwrap_or(false),
    })
}

/// The logging configuration as it is described.
pub(super) fn logging_configuration(record: &LoggingRecord) -> LoggingConfiguration {
    let destination = |record: &DestinationRecord| LogDestination {
        cloud_watch_logs_log_group: record
            .has_log_group
            .then(|| CloudWatchLogsLogGroup { log_group_arn: record.log_group_arn.clone() }),
    };
    LoggingConfiguration {
        level: Some(LogLevel::Off),
        include_execution_data: Some(record.include_execution_data),
        destinations: record
            .destinations
            .as_ref()
            .map(|destinations| destinations.iter().map(destination).collect()),
    }
}
