//! CreateStateMachine, UpdateStateMachine, DescribeStateMachine, DescribeStateMachineForExecution, ListStateMachines,
//! DeleteStateMachine.

use std::{sync::Arc, time::Duration};

use stepwell_api::{
    ApiError, Operation, Timestamp,
    arn::{Location, Qualifier, StateMachineArn, check_role},
    identity::Identity,
    name::check_name,
    pagination::PageScope,
    types::{
        execution::{IncludedData, page_size},
        state_machine::{
            CloudWatchLogsLogGroup, CreateStateMachineRequest, CreateStateMachineResponse,
            DeleteStateMachineRequest, DescribeStateMachineForExecutionRequest,
            DescribeStateMachineForExecutionResponse, DescribeStateMachineRequest,
            DescribeStateMachineResponse, EncryptionConfiguration, EncryptionType, ListStateMachinesRequest,
            ListStateMachinesResponse, LogDestination, LogLevel, LoggingConfiguration, StateMachineListItem,
            StateMachineStatus, StateMachineType, TracingConfiguration, UpdateStateMachineRequest,
            UpdateStateMachineResponse, VariableReferences,
        },
        tag::{TAGS_MAX, check_tags},
    },
};
use stepwell_asl::{Analysis, MachineType, Options, analyse, invalid_definition_message};
use stepwell_interpreter::{Command, ErrorOutput, Program, compile};
use stepwell_store::Status;

use super::{Operations, internal, tag::merge_tags};
use crate::{
    catalogue::{
        Machine,
        records::{
            DestinationRecord, LoggingRecord, MachineRecord, ReferencesRecord, RevisionRecord, TagsRecord,
        },
    },
    random,
};

/// Executions that a deletion stops at once.
const STOP_PAGE: usize = 1_000;
/// How long a deletion waits between looks at what still runs.
const DELETION_PAUSE: Duration = Duration::from_millis(20);

/// The settings of a request, checked.
struct CheckedSettings {
    logging: LoggingRecord,
    tracing: bool,
}

impl Operations {
    /// CreateStateMachine: the same again answers the same; another definition or setting is refused.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn create_state_machine(
        &self,
        caller: Identity<'_>,
        request: CreateStateMachineRequest,
    ) -> Result<CreateStateMachineResponse, ApiError> {
        check_name(&request.name)?;
        refuse_versions(request.publish, request.version_description.as_deref())?;
        let settings = check_settings(
            request.logging_configuration,
            request.tracing_configuration,
            request.encryption_configuration,
        )?;
        let tags = request.tags.unwrap_or_default();
        check_tags(&tags)?;
        check_role(&request.role_arn)?;
        self.admit()?;
        let express = request.state_machine_type == Some(StateMachineType::Express);
        let arn = Location::new(caller.region, caller.account).state_machine(&request.name);
        // A repeated creation need not be analysed again: what was accepted is accepted.
        if let Some(response) =
            self.created_before(&arn, express, &request.definition, &settings.logging, settings.tracing)?
        {
            return Ok(response);
        }
        let (analysis, program) = analyse_for(&request.definition, express)?;

        let mut writer = self.catalogue.write().await;
        if let Some(response) =
            self.created_before(&arn, express, &request.definition, &settings.logging, settings.tracing)?
        {
            return Ok(response);
        }
        if self.catalogue.machine_count() >= self.settings.limits.state_machines_max {
            return Err(ApiError::state_machine_limit_exceeded());
        }
        let mut tag_record = TagsRecord::default();
        merge_tags(&mut tag_record, tags);
        if tag_record.tags.len() > TAGS_MAX {
            return Err(ApiError::too_many_tags(&arn));
        }
        let now = self.clock.now().0;
        let revision = writer.add_revision(&RevisionRecord {
            machine_arn: arn.clone(),
            machine_name: request.name.clone(),
            express,
            definition: request.definition.to_string(),
            role_arn: request.role_arn.clone(),
            created_ms: now,
            id: random::uuid().to_string(),
            shows_id: false,
            logging: settings.logging,
            tracing: settings.tracing,
            variable_references: references(&analysis),
        });
        writer.keep_program(revision, program);
        let record = MachineRecord {
            name: request.name,
            express,
            creation_ms: now,
            revision,
            updated: false,
            deleting: false,
            role_arn: request.role_arn,
        };
        let machine = writer.put_machine(&arn, &record, None);
        if !tag_record.tags.is_empty() {
            writer.put_tags(&arn, &tag_record);
        }
        writer.commit(|| ()).await.map_err(internal)?;
        Ok(CreateStateMachineResponse {
            state_machine_arn: machine.arn.0.clone(),
            creation_date: Timestamp::from(now),
            state_machine_version_arn: None,
        })
    }

    /// The answer to a creation that was made before; role and tags do not count.
    fn created_before(
        &self,
        arn: &str,
        express: bool,
        definition: &str,
        logging: &LoggingRecord,
        tracing: bool,
    ) -> Result<Option<CreateStateMachineResponse>, ApiError> {
        let Some(machine) = self.catalogue.machine(arn) else { return Ok(None) };
        if machine.gate.is_deleting() {
            return Err(ApiError::state_machine_deleting(arn));
        }
        let revision = self.catalogue.revision(machine.revision).map_err(internal)?;
        let is_same = machine.express == express
            && revision.definition == definition
            && revision.logging == *logging
            && revision.tracing == tracing;
        if !is_same {
            return Err(ApiError::state_machine_already_exists(arn));
        }
        Ok(Some(CreateStateMachineResponse {
            state_machine_arn: machine.arn.0.clone(),
            creation_date: Timestamp::from(machine.creation_ms),
            state_machine_version_arn: None,
        }))
    }

    /// UpdateStateMachine: a new revision, unless nothing changes. Running executions keep theirs.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn update_state_machine(
        &self,
        _caller: Identity<'_>,
        request: UpdateStateMachineRequest,
    ) -> Result<UpdateStateMachineResponse, ApiError> {
        let given = &request.state_machine_arn;
        let arn = unqualified(given)?;
        refuse_versions(request.publish, request.version_description.as_deref())?;
        let changes_nothing = request.definition.is_none()
            && request.role_arn.is_none()
            && request.logging_configuration.is_none()
            && request.tracing_configuration.is_none()
            && request.encryption_configuration.is_none();
        if changes_nothing {
            return Err(ApiError::nothing_to_update());
        }
        let sets_logging = request.logging_configuration.is_some();
        let sets_tracing = request.tracing_configuration.is_some();
        let settings = check_settings(
            request.logging_configuration,
            request.tracing_configuration,
            request.encryption_configuration,
        )?;
        if let Some(role) = &request.role_arn {
            check_role(role)?;
        }
        let found = self.machine(&arn, given)?;
        let analysed = match &request.definition {
            Some(definition) => Some(analyse_for(definition, found.express)?),
            None => None,
        };
        self.admit()?;

        let mut writer = self.catalogue.write().await;
        let machine = self.machine(&arn, given)?;
        let current = self.catalogue.revision(machine.revision).map_err(internal)?;
        let mut next = current.clone();
        if let Some(definition) = &request.definition {
            next.definition = definition.to_string();
        }
        if let Some(role) = request.role_arn {
            next.role_arn = role;
        }
        if sets_logging {
            next.logging = settings.logging;
        }
        if sets_tracing {
            next.tracing = settings.tracing;
        }
        if let Some((analysis, _)) = &analysed {
            next.variable_references = references(analysis);
        }
        // The revision that a machine was created with has no id to answer, so any first update makes a new one.
        if machine.updated && next == current {
            return Ok(update_response(&current));
        }
        next.created_ms = self.clock.now().0;
        next.id = random::uuid().to_string();
        next.shows_id = true;
        let revision = writer.add_revision(&next);
        if let Some((_, program)) = analysed {
            writer.keep_program(revision, program);
        }
        let record =
            MachineRecord { revision, updated: true, role_arn: next.role_arn.clone(), ..machine.record() };
        writer.put_machine(&arn, &record, Some(machine.gate.clone()));
        writer.commit(|| ()).await.map_err(internal)?;
        Ok(update_response(&next))
    }

    /// DescribeStateMachine.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn describe_state_machine(
        &self,
        _caller: Identity<'_>,
        request: DescribeStateMachineRequest,
    ) -> Result<DescribeStateMachineResponse, ApiError> {
        let machine = self.resolve_machine(&request.state_machine_arn)?;
        let revision = self.catalogue.revision(machine.revision).map_err(internal)?;
        let with_data = request.included_data != Some(IncludedData::MetadataOnly);
        Ok(DescribeStateMachineResponse {
            state_machine_arn: machine.arn.0.clone(),
            name: machine.name.0.clone(),
            status: if machine.gate.is_deleting() {
                StateMachineStatus::Deleting
            } else {
                StateMachineStatus::Active
            },
            definition: definition_text(&revision, with_data),
            role_arn: revision.role_arn.as_str().into(),
            state_machine_type: machine_type(machine.express),
            creation_date: Timestamp::from(machine.creation_ms),
            logging_configuration: Some(logging_configuration(&revision.logging)),
            tracing_configuration: Some(TracingConfiguration { enabled: Some(revision.tracing) }),
            label: None,
            revision_id: revision.shows_id.then(|| revision.id.as_str().into()),
            description: None,
            encryption_configuration: Some(EncryptionConfiguration::default()),
            variable_references: variable_references(&revision, with_data),
        })
    }

    /// DescribeStateMachineForExecution: the machine as it was when the execution started.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn describe_state_machine_for_execution(
        &self,
        _caller: Identity<'_>,
        request: DescribeStateMachineForExecutionRequest,
    ) -> Result<DescribeStateMachineForExecutionResponse, ApiError> {
        let (_, row) = self.find_execution(&request.execution_arn)?;
        let revision = self.catalogue.revision(row.revision).map_err(internal)?;
        let with_data = request.included_data != Some(IncludedData::MetadataOnly);
        Ok(DescribeStateMachineForExecutionResponse {
            state_machine_arn: row.state_machine_arn.as_str().into(),
            name: revision.machine_name.as_str().into(),
            definition: definition_text(&revision, with_data),
            role_arn: revision.role_arn.as_str().into(),
            update_date: Timestamp::from(revision.created_ms),
            logging_configuration: Some(logging_configuration(&revision.logging)),
            tracing_configuration: Some(TracingConfiguration { enabled: Some(revision.tracing) }),
            map_run_arn: None,
            label: None,
            revision_id: revision.shows_id.then(|| revision.id.as_str().into()),
            encryption_configuration: Some(EncryptionConfiguration::default()),
            variable_references: variable_references(&revision, with_data),
        })
    }

    /// ListStateMachines, in the order of their names.
    ///
    /// # Errors
    /// `InvalidToken`.
    pub async fn list_state_machines(
        &self,
        caller: Identity<'_>,
        request: ListStateMachinesRequest,
    ) -> Result<ListStateMachinesResponse, ApiError> {
        let prefix = Location::new(caller.region, caller.account).state_machine("");
        let scope = PageScope { operation: Operation::ListStateMachines, arguments: &[&prefix] };
        let limit = page_size(request.max_results);
        let after = self.open_arn_token(scope, request.next_token.as_deref())?;
        let mut machines = self.catalogue.machines(&prefix, after.as_deref(), limit + 1);
        let next_token = if machines.len() > limit {
            machines.truncate(limit);
            self.issue_arn_token(scope, machines.last().map(|machine| &*machine.arn.0))?
        } else {
            None
        };
        let state_machines = machines
            .iter()
            .map(|machine| StateMachineListItem {
                state_machine_arn: machine.arn.0.clone(),
                name: machine.name.0.clone(),
                state_machine_type: machine_type(machine.express),
                creation_date: Timestamp::from(machine.creation_ms),
            })
            .collect();
        Ok(ListStateMachinesResponse { state_machines, next_token })
    }

    /// DeleteStateMachine: at once when nothing runs, else after its executions have been stopped.
    ///
    /// # Errors
    /// `InvalidArn`, `ValidationException`.
    pub async fn delete_state_machine(
        self: &Arc<Self>,
        _caller: Identity<'_>,
        request: DeleteStateMachineRequest,
    ) -> Result<(), ApiError> {
        let parsed = StateMachineArn::parse(&request.state_machine_arn)?.without_label()?;
        if parsed.qualifier != Qualifier::None {
            return Err(ApiError::validation(format!(
                "Cannot delete a version or an alias with DeleteStateMachine: '{}'",
                request.state_machine_arn
            )));
        }
        let arn = parsed.unqualified();
        let mut writer = self.catalogue.write().await;
        let Some(machine) = self.catalogue.machine(&arn) else { return Ok(()) };
        if machine.gate.is_deleting() {
            return Ok(());
        }
        let record = MachineRecord { deleting: true, ..machine.record() };
        let machine = writer.put_machine(&arn, &record, Some(machine.gate.clone()));
        writer.commit(|| ()).await.map_err(internal)?;
        // Goes on when the caller has gone.
        let operations = self.clone();
        let deletion = tokio::spawn(async move { operations.finish_deletion(machine).await });
        // A caller sees the machine gone when nothing keeps it; else the answer does not wait.
        let _ = tokio::time::timeout(Duration::from_millis(50), deletion).await;
        Ok(())
    }

    /// Stops the executions of a machine that is being deleted, then removes it.
    pub(crate) async fn finish_deletion(self: Arc<Self>, machine: Arc<Machine>) {
        if let Err(error) = self.try_finish_deletion(&machine).await {
            // The machine stays in DELETING; a restart goes on.
            tracing::error!(state_machine = %machine.arn, %error, "a state machine could not be deleted");
        }
    }

    async fn try_finish_deletion(&self, machine: &Machine) -> Result<(), ApiError> {
        // A start under way can't be seen in the store yet.
        while !machine.gate.is_idle() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        loop {
            let running = self
                .store
                .list_executions(&machine.arn, Some(Status::Running), None, STOP_PAGE)
                .map_err(internal)?;
            if running.is_empty() {
                break;
            }
            for execution in &running {
                let error = ErrorOutput::default();
                self.router.tell(execution.cursor.key, Command::Stop { error });
            }
            tokio::time::sleep(DELETION_PAUSE).await;
        }
        let mut writer = self.catalogue.write().await;
        writer.remove_machine(&machine.arn);
        // Without executions nothing refers to its revisions; else retention removes them later.
        if self.store.list_executions(&machine.arn, None, None, 1).map_err(internal)?.is_empty() {
            writer.remove_revision(machine.revision);
        }
        writer.commit(|| ()).await.map_err(internal)
    }

    /// A machine that can be used, by its unqualified ARN; `given` is the ARN for messages.
    fn machine(&self, arn: &str, given: &str) -> Result<Arc<Machine>, ApiError> {
        let machine =
            self.catalogue.machine(arn).ok_or_else(|| ApiError::state_machine_does_not_exist(given))?;
        if machine.gate.is_deleting() {
            return Err(ApiError::state_machine_deleting(given));
        }
        Ok(machine)
    }

    /// The machine that an ARN of any form names. Versions and aliases do not exist yet.
    pub(crate) fn resolve_machine(&self, given: &str) -> Result<Arc<Machine>, ApiError> {
        // Almost always the ARN is that of a machine as it is.
        if let Some(machine) = self.catalogue.machine(given) {
            return Ok(machine);
        }
        StateMachineArn::parse(given)?.without_label()?;
        Err(ApiError::state_machine_does_not_exist(given))
    }

    /// The ARN in a page token of a list that is ordered by ARN.
    pub(super) fn open_arn_token(
        &self,
        scope: PageScope<'_>,
        token: Option<&str>,
    ) -> Result<Option<String>, ApiError> {
        let Some(token) = token else { return Ok(None) };
        let cursor = self.tokens.open(scope, token, self.clock.now().0)?;
        String::from_utf8(cursor).map(Some).map_err(|_| ApiError::invalid_token())
    }

    pub(super) fn issue_arn_token(
        &self,
        scope: PageScope<'_>,
        arn: Option<&str>,
    ) -> Result<Option<String>, ApiError> {
        arn.map(|arn| self.tokens.issue(scope, arn.as_bytes(), self.clock.now().0)).transpose()
    }
}

/// The ARN of a machine itself: what Update takes.
fn unqualified(given: &str) -> Result<String, ApiError> {
    let parsed = StateMachineArn::parse(given)?.without_label()?;
    if parsed.qualifier == Qualifier::None {
        Ok(parsed.unqualified())
    } else {
        Err(ApiError::state_machine_does_not_exist(given))
    }
}

fn refuse_versions(publish: Option<bool>, description: Option<&str>) -> Result<(), ApiError> {
    if publish == Some(true) {
        return Err(ApiError::validation(
            "publish is not implemented yet in this version of Stepwell: state machines have no versions.",
        ));
    }
    match description {
        Some(_) => Err(ApiError::version_description_without_publish()),
        None => Ok(()),
    }
}

fn check_settings(
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

fn logging_configuration(record: &LoggingRecord) -> LoggingConfiguration {
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

/// Analyses and compiles a definition.
fn analyse_for(definition: &str, express: bool) -> Result<(Analysis, Program), ApiError> {
    let machine_type = if express { MachineType::Express } else { MachineType::Standard };
    let mut analysis = analyse(definition, &Options { machine_type });
    let Some(parsed) = analysis.definition.take() else {
        let text = invalid_definition_message(&analysis.diagnostics);
        return Err(ApiError::new("InvalidDefinition", text));
    };
    let program = compile(parsed).map_err(|error| ApiError::invalid_definition(format_args!("{error}")))?;
    Ok((analysis, program))
}

fn references(analysis: &Analysis) -> Vec<ReferencesRecord> {
    let record = |(state, variables): (&String, &Vec<String>)| ReferencesRecord {
        state: state.clone(),
        variables: variables.clone(),
    };
    analysis.variable_references.iter().map(record).collect()
}

fn variable_references(revision: &RevisionRecord, with_data: bool) -> Option<VariableReferences> {
    let texts = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect();
    let references = revision
        .variable_references
        .iter()
        .filter(|_| with_data)
        .map(|record| (record.state.as_str().into(), texts(&record.variables)))
        .collect();
    VariableReferences(references).or_absent()
}

fn definition_text(revision: &RevisionRecord, with_data: bool) -> Arc<str> {
    if with_data { revision.definition.as_str().into() } else { "{}".into() }
}

fn machine_type(express: bool) -> StateMachineType {
    if express { StateMachineType::Express } else { StateMachineType::Standard }
}

fn update_response(revision: &RevisionRecord) -> UpdateStateMachineResponse {
    UpdateStateMachineResponse {
        update_date: Timestamp::from(revision.created_ms),
        revision_id: Some(revision.id.as_str().into()),
        state_machine_version_arn: None,
    }
}
