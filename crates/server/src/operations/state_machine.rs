//! CreateStateMachine, UpdateStateMachine, DescribeStateMachine, DescribeStateMachineForExecution, ListStateMachines.

use std::sync::Arc;

use stepwell_api::{
    ApiError, Operation, Timestamp,
    arn::{Location, check_role},
    identity::Identity,
    name::check_name,
    pagination::PageScope,
    types::{
        execution::{IncludedData, page_size},
        state_machine::{
            CreateStateMachineRequest, CreateStateMachineResponse, DescribeStateMachineForExecutionRequest,
            DescribeStateMachineForExecutionResponse, DescribeStateMachineRequest,
            DescribeStateMachineResponse, ListStateMachinesRequest, ListStateMachinesResponse,
            StateMachineListItem, StateMachineStatus, StateMachineType, TracingConfiguration,
            UpdateStateMachineRequest, UpdateStateMachineResponse, VariableReferences,
        },
        tag::{TAGS_MAX, check_tags},
    },
};
use stepwell_asl::Analysis;

use super::{
    Operations,
    configuration::{CheckedSettings, check_settings, encryption_configuration, logging_configuration},
    definition::{analyse_for, out_of_turn},
    internal,
    tag::merge_tags,
    target::Named,
    version::{arn_of, check_description},
};
use crate::{
    catalogue::{
        Machine,
        records::{CreatedVersionRecord, MachineRecord, ReferencesRecord, RevisionRecord, TagsRecord},
        version_arn,
    },
    random,
};

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
        check_description(request.publish, request.version_description.as_deref())?;
        let settings = check_settings(
            request.logging_configuration,
            request.tracing_configuration,
            request.encryption_configuration,
        )?;
        let tags = request.tags.unwrap_or_default();
        check_tags(&tags)?;
        check_role(&request.role_arn)?;
        self.admit()?;
        let arn = Location::new(caller.region, caller.account).state_machine(&request.name);
        let creation = Creation {
            express: request.state_machine_type == Some(StateMachineType::Express),
            definition: &request.definition,
            settings: &settings,
            version: (request.publish == Some(true))
                .then(|| CreatedVersionRecord { description: request.version_description.clone() }),
        };
        // A repeated creation need not be analysed again: what was accepted is accepted. One that is in conflict with
        // the first is told so when nothing is wrong with itself.
        if let Ok(Some(response)) = self.created_before(&arn, &creation) {
            return Ok(response);
        }
        out_of_turn(self.logs.check_destination(&settings.logging)).await?;
        let (analysis, program) = analyse_for(&request.definition, creation.express)?;

        let mut writer = self.catalogue.write().await;
        if let Some(response) = self.created_before(&arn, &creation)? {
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
        let Creation { express, version: created_version, .. } = creation;
        let log_level = settings.logging.level;
        let definition_bytes = request.definition.len();
        let revision = writer.add_revision(&RevisionRecord {
            machine_arn: arn.clone(),
            machine_name: request.name.clone(),
            express,
            definition: request.definition.0,
            role_arn: request.role_arn.clone(),
            created_ms: now,
            id: random::uuid().to_string(),
            shows_id: false,
            logging: settings.logging,
            tracing: settings.tracing,
            variable_references: references(&analysis),
            encryption: settings.encryption,
        });
        writer.keep_program(revision, program, definition_bytes);
        let record = MachineRecord {
            name: request.name,
            express,
            creation_ms: now,
            revision,
            updated: false,
            deleting: false,
            role_arn: request.role_arn,
            newest_version: 0,
            newest_alias: 0,
            created_version,
            log_level,
        };
        let mut machine = Machine::new(&arn, record);
        let version = match request.publish {
            Some(true) => Some(self.publish(&mut writer, &mut machine, request.version_description)?),
            _ => None,
        };
        let machine = writer.put_machine(machine);
        if !tag_record.tags.is_empty() {
            writer.put_tags(&arn, &tag_record);
        }
        writer.commit(|| ()).await.map_err(internal)?;
        Ok(CreateStateMachineResponse {
            state_machine_arn: machine.arn.0.clone(),
            creation_date: Timestamp::from(now),
            state_machine_version_arn: arn_of(version),
        })
    }

    /// The answer to a creation that was made before; role and tags do not count.
    fn created_before(
        &self,
        arn: &str,
        creation: &Creation<'_>,
    ) -> Result<Option<CreateStateMachineResponse>, ApiError> {
        let Some(machine) = self.catalogue.machine(arn) else { return Ok(None) };
        if machine.gate.is_deleting() {
            return Err(ApiError::state_machine_deleting(arn));
        }
        let revision = self.catalogue.revision(machine.revision()).map_err(internal)?;
        let record = &machine.record;
        let is_same = record.express == creation.express
            && revision.definition == creation.definition
            && revision.logging == creation.settings.logging
            && revision.tracing == creation.settings.tracing
            && revision.encryption == creation.settings.encryption
            && record.created_version == creation.version;
        if !is_same {
            return Err(ApiError::state_machine_already_exists(arn));
        }
        Ok(Some(CreateStateMachineResponse {
            state_machine_arn: machine.arn.0.clone(),
            creation_date: Timestamp::from(record.creation_ms),
            // The first version has the number 1.
            state_machine_version_arn: creation.version.as_ref().map(|_| version_arn(arn, 1).into()),
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
        let found = self.machine_itself(given);
        check_description(request.publish, request.version_description.as_deref())?;
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
        let sets_encryption = request.encryption_configuration.is_some();
        let settings = check_settings(
            request.logging_configuration,
            request.tracing_configuration,
            request.encryption_configuration,
        )?;
        if let Some(role) = &request.role_arn {
            check_role(role)?;
        }
        let found = found?;
        if sets_logging {
            out_of_turn(self.logs.check_destination(&settings.logging)).await?;
        }
        let analysed = match &request.definition {
            Some(definition) => Some(analyse_for(definition, found.is_express())?),
            None => None,
        };
        self.admit()?;

        let mut writer = self.catalogue.write().await;
        let mut machine = Machine::clone(&*self.machine_itself(given)?);
        let current = self.catalogue.revision(machine.revision()).map_err(internal)?;
        let mut next = current.clone();
        if let Some(definition) = request.definition {
            next.definition = definition.0;
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
        if sets_encryption {
            next.encryption = settings.encryption;
        }
        if let Some((analysis, _)) = &analysed {
            next.variable_references = references(analysis);
        }
        let is_changed = next != current;
        if is_changed {
            next.created_ms = self.clock.now().0;
            next.id = random::uuid().to_string();
            next.shows_id = true;
            let revision = writer.add_revision(&next);
            if let Some((_, program)) = analysed {
                writer.keep_program(revision, program, next.definition.len());
            }
            let role_arn = next.role_arn.clone();
            let log_level = next.logging.level;
            let record = machine.record.clone();
            machine.set_record(MachineRecord { revision, updated: true, role_arn, log_level, ..record });
        }
        let version = match request.publish {
            Some(true) => Some(self.publish(&mut writer, &mut machine, request.version_description)?),
            _ => None,
        };
        if is_changed || version.as_ref().is_some_and(|(_, is_new)| *is_new) {
            writer.put_machine(machine);
            writer.commit(|| ()).await.map_err(internal)?;
        }
        Ok(UpdateStateMachineResponse {
            update_date: Timestamp::from(next.created_ms),
            // The revision that a machine was created with has none (recorded).
            revision_id: next.shows_id.then(|| next.id.as_str().into()),
            state_machine_version_arn: arn_of(version),
        })
    }

    /// DescribeStateMachine. An alias is described by the version that most of its executions get.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn describe_state_machine(
        &self,
        _caller: Identity<'_>,
        request: DescribeStateMachineRequest,
    ) -> Result<DescribeStateMachineResponse, ApiError> {
        let (machine, named) = self.find_named(&request.state_machine_arn)?;
        let (arn, version) = match named {
            Named::Machine => (&machine.arn, None),
            Named::Version(ref version) => (&version.arn, Some(version)),
            Named::Alias(ref alias) => {
                (&alias.arn, alias.main_version().and_then(|number| machine.version(number)))
            }
        };
        let record = version.map(|version| self.catalogue.version_record(version)).transpose();
        let description = record.map_err(internal)?.flatten().and_then(|record| record.description);
        let (number, creation_ms) = match version {
            Some(version) => (version.revision, version.created_ms),
            None => (machine.revision(), machine.record.creation_ms),
        };
        let revision = self.catalogue.revision(number).map_err(internal)?;
        let with_data = request.included_data != Some(IncludedData::MetadataOnly);
        Ok(DescribeStateMachineResponse {
            state_machine_arn: arn.0.clone(),
            name: machine.name.0.clone(),
            status: if machine.gate.is_deleting() {
                StateMachineStatus::Deleting
            } else {
                StateMachineStatus::Active
            },
            definition: definition_text(&revision, with_data),
            role_arn: revision.role_arn.as_str().into(),
            state_machine_type: machine_type(machine.is_express()),
            creation_date: Timestamp::from(creation_ms),
            logging_configuration: Some(logging_configuration(&revision.logging)),
            tracing_configuration: Some(TracingConfiguration { enabled: Some(revision.tracing) }),
            label: None,
            revision_id: revision.shows_id.then(|| revision.id.as_str().into()),
            description: description.map(Into::into),
            encryption_configuration: Some(encryption_configuration(revision.encryption.as_ref())),
            variable_references: variable_references(&revision, with_data),
        })
    }

    /// DescribeStateMachineForExecution: the machine as it was when the execution started, or with the definition that a
    /// redrive brought.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn describe_state_machine_for_execution(
        &self,
        _caller: Identity<'_>,
        request: DescribeStateMachineForExecutionRequest,
    ) -> Result<DescribeStateMachineForExecutionResponse, ApiError> {
        let (_, row) = self.find_execution(&request.execution_arn)?;
        let edits = row.redrive_edits().iter().rev();
        let redrives = request.redrive_count.unwrap_or(i64::MAX);
        let number =
            edits.filter(|edit| i64::from(edit.redrive_count) <= redrives).find_map(|edit| edit.revision);
        let revision = self.catalogue.revision(number.unwrap_or(row.revision)).map_err(internal)?;
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
            encryption_configuration: Some(encryption_configuration(revision.encryption.as_ref())),
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
                state_machine_type: machine_type(machine.is_express()),
                creation_date: Timestamp::from(machine.record.creation_ms),
            })
            .collect();
        Ok(ListStateMachinesResponse { state_machines, next_token })
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

/// What a creation is compared by when it is repeated.
struct Creation<'a> {
    express: bool,
    definition: &'a str,
    settings: &'a CheckedSettings,
    version: Option<CreatedVersionRecord>,
}

pub(super) fn references(analysis: &Analysis) -> Vec<ReferencesRecord> {
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
