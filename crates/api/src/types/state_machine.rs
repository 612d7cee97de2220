//! CreateStateMachine, UpdateStateMachine, DescribeStateMachine, DescribeStateMachineForExecution, ListStateMachines,
//! DeleteStateMachine.

use std::sync::Arc;

use crate::constraints::{
    ANY, ARN, DEFINITION, DESCRIPTION, KMS_DATA_KEY_REUSE_PERIOD_SECONDS, KMS_KEY_ID, NAME, PAGE_SIZE,
    PAGE_TOKEN,
};
use crate::json_writer::{ObjectWriter, ToJson};
use crate::types::execution::IncludedData;
use crate::types::tag::Tag;
use crate::{ApiError, LongText, Timestamp};

enumeration! {
    /// Which of the two kinds of workflow a machine runs.
    StateMachineType {
        /// Durable, exactly once, with a history.
        Standard "STANDARD",
        /// Short, without a history in the API.
        Express "EXPRESS",
    }
}

enumeration! {
    /// Whether a machine can be used.
    StateMachineStatus {
        /// It can.
        Active "ACTIVE",
        /// It is being deleted.
        Deleting "DELETING",
    }
}

enumeration! {
    /// Which events go to the log.
    LogLevel {
        /// All of them.
        All "ALL",
        /// Errors.
        Error "ERROR",
        /// Errors that end an execution.
        Fatal "FATAL",
        /// None.
        Off "OFF",
    }
}

enumeration! {
    /// Who owns the key that encrypts data at rest.
    EncryptionType {
        /// The service.
        AwsOwnedKey "AWS_OWNED_KEY",
        /// The customer.
        CustomerManagedKmsKey "CUSTOMER_MANAGED_KMS_KEY",
    }
}

input! {
    /// Where and how much a machine logs.
    LoggingConfiguration {
        /// Which events; OFF when absent.
        optional level "level": LogLevel = ANY,
        /// Whether inputs and outputs are logged too; false when absent.
        optional include_execution_data "includeExecutionData": bool = ANY,
        /// Log groups. Kept as sent: an empty list is described as an empty list, an absent one not at all.
        optional destinations "destinations": Vec<LogDestination> = ANY,
    }
}
output!(@write LoggingConfiguration {
    level "level", include_execution_data "includeExecutionData", destinations "destinations",
});

impl Default for LoggingConfiguration {
    /// What a machine has that was created without one.
    fn default() -> Self {
        LoggingConfiguration {
            level: Some(LogLevel::Off),
            include_execution_data: Some(false),
            destinations: None,
        }
    }
}

impl LoggingConfiguration {
    /// The configuration as AWS keeps and describes it: absent members have their defaults, but `destinations` stays
    /// absent when it was not sent.
    ///
    /// # Errors
    /// `InvalidLoggingConfiguration` unless there is one destination, or none with the level OFF.
    pub fn normalized(configuration: Option<LoggingConfiguration>) -> Result<LoggingConfiguration, ApiError> {
        let Some(LoggingConfiguration { level, include_execution_data, destinations }) = configuration else {
            return Ok(LoggingConfiguration::default());
        };
        let level = level.unwrap_or(LogLevel::Off);
        let count = destinations.as_ref().map_or(0, Vec::len);
        if count > 1 || (count == 0 && level != LogLevel::Off) {
            return Err(ApiError::log_destination_count());
        }
        Ok(LoggingConfiguration {
            level: Some(level),
            include_execution_data: Some(include_execution_data.unwrap_or(false)),
            destinations,
        })
    }
}

input! {
    /// A place for log events.
    LogDestination {
        /// A CloudWatch log group.
        optional cloud_watch_logs_log_group "cloudWatchLogsLogGroup": CloudWatchLogsLogGroup = ANY,
    }
}
output!(@write LogDestination { cloud_watch_logs_log_group "cloudWatchLogsLogGroup" });

input! {
    /// A log group.
    CloudWatchLogsLogGroup {
        /// Its ARN, which ends in `:*`.
        optional log_group_arn "logGroupArn": String = ARN,
    }
}
output!(@write CloudWatchLogsLogGroup { log_group_arn "logGroupArn" });

input! {
    /// Whether a machine is traced with X-Ray.
    TracingConfiguration {
        /// False when absent.
        optional enabled "enabled": bool = ANY,
    }
}
output!(@write TracingConfiguration { enabled "enabled" });

impl TracingConfiguration {
    /// Whether a machine is traced.
    ///
    /// # Errors
    /// `InvalidTracingConfiguration` for a configuration that does not say.
    pub fn is_enabled(configuration: Option<TracingConfiguration>) -> Result<bool, ApiError> {
        let Some(configuration) = configuration else { return Ok(false) };
        configuration.enabled.ok_or_else(|| {
            ApiError::invalid_tracing_configuration("The member 'enabled' must be true or false.")
        })
    }
}

impl Default for TracingConfiguration {
    /// What a machine has that was created without one.
    fn default() -> Self {
        TracingConfiguration { enabled: Some(false) }
    }
}

input! {
    /// How data is encrypted at rest.
    EncryptionConfiguration {
        /// The customer's key.
        optional kms_key_id "kmsKeyId": String = KMS_KEY_ID,
        /// How long a data key is used again.
        optional kms_data_key_reuse_period_seconds "kmsDataKeyReusePeriodSeconds": i64 =
            KMS_DATA_KEY_REUSE_PERIOD_SECONDS,
        /// Whose key it is.
        required encryption_type "type": EncryptionType = ANY,
    }
}
output!(@write EncryptionConfiguration {
    kms_key_id "kmsKeyId",
    kms_data_key_reuse_period_seconds "kmsDataKeyReusePeriodSeconds",
    encryption_type "type",
});

impl Default for EncryptionConfiguration {
    /// What a machine or activity has that was created without one.
    fn default() -> Self {
        EncryptionConfiguration {
            kms_key_id: None,
            kms_data_key_reuse_period_seconds: None,
            encryption_type: EncryptionType::AwsOwnedKey,
        }
    }
}

impl EncryptionConfiguration {
    /// The configuration with its defaults.
    ///
    /// # Errors
    /// `InvalidEncryptionConfiguration` for a customer's key that is not named, and for a key beside AWS's own.
    pub fn normalized(
        configuration: Option<EncryptionConfiguration>,
    ) -> Result<EncryptionConfiguration, ApiError> {
        let mut configuration = configuration.unwrap_or_default();
        match (configuration.encryption_type, &configuration.kms_key_id) {
            (EncryptionType::CustomerManagedKmsKey, None) => {
                Err(ApiError::invalid_encryption_configuration("CUSTOMER_MANAGED_KMS_KEY needs a kmsKeyId."))
            }
            (EncryptionType::CustomerManagedKmsKey, Some(_)) => {
                // 300 seconds is AWS's default.
                configuration.kms_data_key_reuse_period_seconds.get_or_insert(300);
                Ok(configuration)
            }
            (EncryptionType::AwsOwnedKey, Some(_)) => {
                Err(ApiError::invalid_encryption_configuration("AWS_OWNED_KEY does not go with a kmsKeyId."))
            }
            (EncryptionType::AwsOwnedKey, None) => Ok(configuration),
        }
    }
}

input! {
    /// CreateStateMachine.
    CreateStateMachineRequest {
        /// Unique in account and region.
        required name "name": String = NAME,
        /// The definition's text, kept byte for byte.
        required definition "definition": LongText = DEFINITION,
        /// The role that executions take.
        required role_arn "roleArn": String = ARN,
        /// STANDARD when absent.
        optional state_machine_type "type": StateMachineType = ANY,
        /// Logging.
        optional logging_configuration "loggingConfiguration": LoggingConfiguration = ANY,
        /// Tags of the new machine.
        optional tags "tags": Vec<Tag> = ANY,
        /// Tracing.
        optional tracing_configuration "tracingConfiguration": TracingConfiguration = ANY,
        /// Whether to publish version 1 as well.
        optional publish "publish": bool = ANY,
        /// The version's description.
        optional version_description "versionDescription": String = DESCRIPTION,
        /// Encryption.
        optional encryption_configuration "encryptionConfiguration": EncryptionConfiguration = ANY,
    }
}

output! {
    /// What CreateStateMachine answers.
    CreateStateMachineResponse {
        /// The machine.
        state_machine_arn "stateMachineArn": Arc<str>,
        /// When it was created.
        creation_date "creationDate": Timestamp,
        /// The version, with `publish`.
        state_machine_version_arn "stateMachineVersionArn": Option<Arc<str>>,
    }
}

input! {
    /// UpdateStateMachine.
    UpdateStateMachineRequest {
        /// The machine, unqualified.
        required state_machine_arn "stateMachineArn": String = ARN,
        /// The new definition.
        optional definition "definition": LongText = DEFINITION,
        /// The new role.
        optional role_arn "roleArn": String = ARN,
        /// Logging.
        optional logging_configuration "loggingConfiguration": LoggingConfiguration = ANY,
        /// Tracing.
        optional tracing_configuration "tracingConfiguration": TracingConfiguration = ANY,
        /// Whether to publish a version as well.
        optional publish "publish": bool = ANY,
        /// The version's description.
        optional version_description "versionDescription": String = DESCRIPTION,
        /// Encryption.
        optional encryption_configuration "encryptionConfiguration": EncryptionConfiguration = ANY,
    }
}

output! {
    /// What UpdateStateMachine answers.
    UpdateStateMachineResponse {
        /// When the present revision was made.
        update_date "updateDate": Timestamp,
        /// The present revision; AWS names it in every answer.
        revision_id "revisionId": Option<Arc<str>>,
        /// The version, with `publish`.
        state_machine_version_arn "stateMachineVersionArn": Option<Arc<str>>,
    }
}

input! {
    /// DescribeStateMachine.
    DescribeStateMachineRequest {
        /// The machine, a version, or an alias.
        required state_machine_arn "stateMachineArn": String = ARN,
        /// Whether the definition is answered.
        optional included_data "includedData": IncludedData = ANY,
    }
}

/// The variables that each state reads, without `$`: state names in the order of the definition.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct VariableReferences(pub Vec<(Arc<str>, Vec<Arc<str>>)>);

impl VariableReferences {
    /// The member as AWS has it: absent when no state reads a variable.
    pub fn or_absent(self) -> Option<VariableReferences> {
        if self.0.is_empty() { None } else { Some(self) }
    }
}

impl ToJson for VariableReferences {
    fn write_json(&self, out: &mut Vec<u8>) {
        let mut object = ObjectWriter::new(out);
        for (state, names) in &self.0 {
            names.write_json(object.any_key(state));
        }
        object.end();
    }
}

output! {
    /// What DescribeStateMachine answers.
    DescribeStateMachineResponse {
        /// The ARN that was asked for.
        state_machine_arn "stateMachineArn": Arc<str>,
        /// The machine's name.
        name "name": Arc<str>,
        /// Whether it can be used.
        status "status": StateMachineStatus,
        /// The definition as it was sent; `{}` with METADATA_ONLY.
        definition "definition": Arc<str>,
        /// The role of its executions.
        role_arn "roleArn": Arc<str>,
        /// Standard or Express.
        state_machine_type "type": StateMachineType,
        /// When the machine, or the version, was created.
        creation_date "creationDate": Timestamp,
        /// Logging; AWS always answers it.
        logging_configuration "loggingConfiguration": Option<LoggingConfiguration>,
        /// Tracing; AWS always answers it.
        tracing_configuration "tracingConfiguration": Option<TracingConfiguration>,
        /// The label of a Distributed Map's child machine.
        label "label": Option<Arc<str>>,
        /// The present revision, once the machine has been updated.
        revision_id "revisionId": Option<Arc<str>>,
        /// The version's description.
        description "description": Option<Arc<str>>,
        /// Encryption; AWS always answers it.
        encryption_configuration "encryptionConfiguration": Option<EncryptionConfiguration>,
        /// The variables that states read; absent when none does.
        variable_references "variableReferences": Option<VariableReferences>,
    }
}

input! {
    /// DescribeStateMachineForExecution.
    DescribeStateMachineForExecutionRequest {
        /// A Standard execution.
        required execution_arn "executionArn": String = ARN,
        /// The definition that the execution had after this many redrives; AWS has no such member. Without it: the
        /// present one.
        optional redrive_count "redriveCount": i64 = ANY,
        /// Whether the definition is answered.
        optional included_data "includedData": IncludedData = ANY,
    }
}

output! {
    /// What DescribeStateMachineForExecution answers: the machine as it was when the execution started.
    DescribeStateMachineForExecutionResponse {
        /// The machine.
        state_machine_arn "stateMachineArn": Arc<str>,
        /// Its name.
        name "name": Arc<str>,
        /// The definition as it was sent; `{}` with METADATA_ONLY.
        definition "definition": Arc<str>,
        /// The role of the execution.
        role_arn "roleArn": Arc<str>,
        /// When that revision was made.
        update_date "updateDate": Timestamp,
        /// Logging.
        logging_configuration "loggingConfiguration": Option<LoggingConfiguration>,
        /// Tracing.
        tracing_configuration "tracingConfiguration": Option<TracingConfiguration>,
        /// The Map Run that started the execution.
        map_run_arn "mapRunArn": Option<Arc<str>>,
        /// The label of that Map state.
        label "label": Option<Arc<str>>,
        /// The revision, when the machine had been updated before.
        revision_id "revisionId": Option<Arc<str>>,
        /// Encryption.
        encryption_configuration "encryptionConfiguration": Option<EncryptionConfiguration>,
        /// The variables that states read; absent when none does.
        variable_references "variableReferences": Option<VariableReferences>,
    }
}

input! {
    /// ListStateMachines.
    ListStateMachinesRequest {
        /// Most machines in the answer; 0 and absent stand for 100.
        optional max_results "maxResults": i64 = PAGE_SIZE,
        /// Where to go on.
        optional next_token "nextToken": String = PAGE_TOKEN,
    }
}

output! {
    /// A machine in a list.
    StateMachineListItem {
        /// The machine.
        state_machine_arn "stateMachineArn": Arc<str>,
        /// Its name.
        name "name": Arc<str>,
        /// Standard or Express.
        state_machine_type "type": StateMachineType,
        /// When it was created.
        creation_date "creationDate": Timestamp,
    }
}

output! {
    /// What ListStateMachines answers.
    ListStateMachinesResponse {
        /// A page of machines.
        state_machines "stateMachines": Vec<StateMachineListItem>,
        /// Where to go on, unless this is the last page.
        next_token "nextToken": Option<String>,
    }
}

input! {
    /// DeleteStateMachine, which answers nothing.
    DeleteStateMachineRequest {
        /// The machine.
        required state_machine_arn "stateMachineArn": String = ARN,
    }
}
