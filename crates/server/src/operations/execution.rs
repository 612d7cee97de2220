//! StartExecution, StartSyncExecution, StopExecution, DescribeExecution, ListExecutions.

use std::sync::Arc;

use stepwell_api::{
    ApiError, Operation, Timestamp,
    arn::{ExecutionArn, MapRunArn},
    identity::Identity,
    name::check_name,
    pagination::PageScope,
    types::execution::{
        BillingDetails, DataDetails, DescribeExecutionRequest, DescribeExecutionResponse, ExecutionListItem,
        ExecutionRedriveFilter, ExecutionStatus, IncludedData, ListExecutionsRequest, ListExecutionsResponse,
        StartExecutionRequest, StartExecutionResponse, StartSyncExecutionRequest, StartSyncExecutionResponse,
        StopExecutionRequest, StopExecutionResponse, SyncExecutionStatus, page_size,
    },
};
use stepwell_engine::{Input, Reply, ReplyTo, StartRequest};
use stepwell_interpreter::{About, Command, ErrorOutput, LogEvents, MockCase, Program, Rejection, Text};
use stepwell_json::Payload;
use stepwell_store::{ExecutionKey, ExecutionRow, ListCursor, Status, StoreError, arn_hash};

use super::{Operations, Target, answer, answered, internal, target::Named};
use crate::{catalogue::records::LevelRecord, drivers::mocked, express, random};

/// How often a name is looked up for one start before the caller is told to come again.
const LOOK_UPS_MAX: usize = 16;
/// Pages of a list that are looked at for one page of executions that a filter lets through.
const FILTERED_PAGES_MAX: usize = 20;
/// What AWS bills the shortest run for, in milliseconds, and in what steps.
const BILLED_STEP_MILLIS: i64 = 100;
/// What AWS bills the smallest run for, in megabytes.
const BILLED_MEGABYTES: i64 = 64;

/// An execution that was started.
#[derive(Debug, Clone)]
pub(crate) struct Started {
    pub(crate) arn: Text,
    pub(crate) start_ms: i64,
}

impl Operations {
    /// StartExecution. The same name and input again, while the first runs, answers the same.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn start_execution(
        &self,
        _caller: Identity<'_>,
        request: StartExecutionRequest,
    ) -> Result<StartExecutionResponse, ApiError> {
        let target = self.resolve(&request.state_machine_arn)?;
        let input = execution_input(request.input)?;
        let trace_header = request.trace_header.map(Text::from);
        let started = self.launch(&target, request.name.as_deref(), input, trace_header).await?;
        Ok(StartExecutionResponse {
            execution_arn: started.arn.0,
            start_date: Timestamp::from(started.start_ms),
        })
    }

    /// Starts an execution, durably.
    ///
    /// # Errors
    /// Those of StartExecution.
    pub(crate) async fn launch(
        &self,
        target: &Target,
        name: Option<&str>,
        input: Payload,
        trace_header: Option<Text>,
    ) -> Result<Started, ApiError> {
        if let Some(name) = name {
            check_name(name)?;
        }
        self.admit()?;
        if self.store.count_open() >= self.settings.limits.open_executions_max {
            return Err(ApiError::execution_limit_exceeded());
        }
        let machine = &target.machine;
        let Some(_starting) = machine.gate.enter() else {
            return Err(ApiError::state_machine_deleting(&machine.arn));
        };
        let program = self.catalogue.program(target.revision).map_err(internal)?;
        let mut about = self.about(target, name, trace_header, false);
        about.mock = self.mock_case(target, &program).await?;
        // Names of Express executions may repeat.
        let must_be_free = name.is_some() && !machine.is_express();
        for _ in 0..LOOK_UPS_MAX {
            let arn = &about.execution_arn;
            let name_free_at = if must_be_free {
                let committed = self.router.committed(self.router.shard_of(arn_hash(arn)));
                if let Some(key) = self.store.find(arn).map_err(internal)? {
                    match self.started_before(key, arn, &input)? {
                        Some(started) => return Ok(started),
                        None => continue,
                    }
                }
                Some(committed)
            } else {
                None
            };
            let request = StartRequest {
                about: about.clone(),
                input: input.clone(),
                program: program.clone(),
                name_free_at,
            };
            let (reply, receiver) = answer();
            self.router.send(Input::Start { request: Box::new(request), reply });
            match answered(receiver).await? {
                Reply::Started { start_time, .. } => {
                    return Ok(Started { arn: about.execution_arn, start_ms: start_time.0 });
                }
                Reply::NameTaken { key } => {
                    if let Some(started) = self.started_before(key, arn, &input)? {
                        return Ok(started);
                    }
                }
                Reply::LookUpAgain => {}
                Reply::Throttled => return Err(ApiError::throttling()),
                _ => return Err(ApiError::internal_failure()),
            }
        }
        Err(ApiError::throttling())
    }

    /// What the target's test case mocks of its program, as the mock file has it now.
    async fn mock_case(&self, target: &Target, program: &Program) -> Result<Option<Box<MockCase>>, ApiError> {
        let Some(case) = &target.case else { return Ok(None) };
        let refused = |error: String| ApiError::validation(error);
        let file = self.mocks.reloaded().await.map_err(|error| refused(error.to_string()))?;
        let found = file.find(&target.machine.name, case).map_err(|error| refused(error.to_string()))?;
        mocked::case_of(case, found, program).map(|mock| Some(Box::new(mock))).map_err(refused)
    }

    /// What a start answers whose name is taken; none when the execution has been removed meanwhile.
    fn started_before(
        &self,
        key: ExecutionKey,
        arn: &str,
        input: &Payload,
    ) -> Result<Option<Started>, ApiError> {
        let Some(row) = self.store.row(key).map_err(internal)? else { return Ok(None) };
        let is_same = row.status == Status::Running
            && self.ends(key, &row).map_err(internal)?.input.as_ref() == Some(input.text());
        if is_same {
            Ok(Some(Started { arn: arn.into(), start_ms: row.start_ms }))
        } else {
            Err(ApiError::execution_already_exists(arn))
        }
    }

    /// What is known of a new execution; the shard sets the start time.
    fn about(
        &self,
        target: &Target,
        name: Option<&str>,
        trace_header: Option<Text>,
        synchronous: bool,
    ) -> Box<About> {
        let machine = &target.machine;
        let now = self.clock.now();
        let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
        let name = match name {
            Some(name) => name,
            None => random::uuid_in_time_order(now.0).hyphenated().encode_lower(&mut buffer),
        };
        let mut arn = String::with_capacity(machine.execution_prefix.len() + name.len() + 40);
        arn.push_str(&machine.execution_prefix);
        arn.push_str(name);
        if machine.is_express() {
            arn.push(':');
            let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
            arn.push_str(random::uuid().hyphenated().encode_lower(&mut buffer));
        }
        Box::new(About {
            execution_arn: arn.into(),
            name: name.into(),
            state_machine_arn: machine.arn.clone(),
            state_machine_name: machine.name.clone(),
            role_arn: target.role_arn.clone(),
            region: machine.region.clone(),
            start_time: now,
            express: machine.is_express(),
            synchronous,
            revision: target.revision,
            trace_header,
            version_arn: target.version_arn.clone(),
            alias_arn: target.alias_arn.clone(),
            log: match target.log_level {
                LevelRecord::Off => None,
                LevelRecord::All => Some(LogEvents::All),
                LevelRecord::Error => Some(LogEvents::Errors),
                LevelRecord::Fatal => Some(LogEvents::Fatal),
            },
            mock: None,
        })
    }

    /// StartSyncExecution: runs an Express execution and answers its end, also when it failed.
    ///
    /// # Errors
    /// Only for what keeps it from starting.
    pub async fn start_sync_execution(
        self: &Arc<Self>,
        _caller: Identity<'_>,
        request: StartSyncExecutionRequest,
    ) -> Result<StartSyncExecutionResponse, ApiError> {
        let target = self.resolve(&request.state_machine_arn)?;
        let machine = &target.machine;
        if !machine.is_express() {
            return Err(ApiError::state_machine_type_not_supported());
        }
        if let Some(name) = &request.name {
            check_name(name)?;
        }
        let input = execution_input(request.input)?;
        if machine.gate.is_deleting() {
            return Err(ApiError::state_machine_deleting(&machine.arn));
        }
        let Ok(permit) = self.express_permits.clone().try_acquire_owned() else {
            return Err(ApiError::throttling());
        };
        let program: Arc<Program> = self.catalogue.program(target.revision).map_err(internal)?;
        let trace_header = request.trace_header.map(Text::from);
        let mut about = self.about(&target, request.name.as_deref(), trace_header, true);
        about.mock = self.mock_case(&target, &program).await?;
        let (arn, name, trace_header, start_ms) = (
            about.execution_arn.0.clone(),
            about.name.0.clone(),
            about.trace_header.clone(),
            about.start_time.0,
        );
        let with_data = request.included_data != Some(IncludedData::MetadataOnly);
        let input_text = input.text().clone();
        let end = express::run(self, about.into(), input, program, permit)
            .await
            .ok_or_else(ApiError::internal_failure)?;
        let duration_ms = end.stop_ms.saturating_sub(start_ms).max(1);
        let text = |text: Option<Text>| text.filter(|_| with_data).map(|text| text.0);
        let details = Some(DataDetails { included: with_data });
        Ok(StartSyncExecutionResponse {
            execution_arn: arn,
            state_machine_arn: Some(machine.arn.0.clone()),
            name: Some(name),
            start_date: Timestamp::from(start_ms),
            stop_date: Timestamp::from(end.stop_ms),
            status: match end.status {
                stepwell_interpreter::Status::Succeeded => SyncExecutionStatus::Succeeded,
                stepwell_interpreter::Status::TimedOut => SyncExecutionStatus::TimedOut,
                _ => SyncExecutionStatus::Failed,
            },
            error: text(end.error.error),
            cause: text(end.error.cause),
            input: Some(input_text).filter(|_| with_data),
            input_details: details.clone(),
            output: end.output.filter(|_| with_data).map(|output| output.text().clone()),
            output_details: details,
            trace_header: trace_header.map(|header| header.0),
            billing_details: Some(BillingDetails {
                billed_memory_used_in_mb: BILLED_MEGABYTES,
                billed_duration_in_milliseconds: (duration_ms + BILLED_STEP_MILLIS - 1) / BILLED_STEP_MILLIS
                    * BILLED_STEP_MILLIS,
            }),
        })
    }

    /// StopExecution. One that has ended is answered with the time at which it did.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn stop_execution(
        &self,
        _caller: Identity<'_>,
        request: StopExecutionRequest,
    ) -> Result<StopExecutionResponse, ApiError> {
        let (key, row) = self.find_execution(&request.execution_arn)?;
        let error = ErrorOutput {
            error: request.error.map(Into::into),
            cause: request.cause.map(Into::into),
            ..ErrorOutput::default()
        };
        let stop_ms = match row.stop_ms.filter(|_| row.status.is_closed()) {
            Some(stop_ms) => stop_ms,
            None => self
                .stop(key, error)
                .await?
                .ok_or_else(|| ApiError::execution_does_not_exist(&request.execution_arn))?,
        };
        Ok(StopExecutionResponse { stop_date: Timestamp::from(stop_ms) })
    }

    /// Stops an execution. Gives when it ended, now or before; none when there is no such execution.
    pub(crate) async fn stop(&self, key: ExecutionKey, error: ErrorOutput) -> Result<Option<i64>, ApiError> {
        let (reply, receiver) = answer();
        let command = Command::Stop { error };
        self.router.send(Input::Command { key, command, reply: ReplyTo::Caller(reply) });
        match answered(receiver).await? {
            Reply::Done { time } => Ok(Some(time.0)),
            Reply::Rejected(Rejection::NotRunning) => {
                let row = self.store.row(key).map_err(internal)?;
                Ok(row.and_then(|row| row.stop_ms))
            }
            Reply::Unknown => Ok(None),
            Reply::Throttled => Err(ApiError::throttling()),
            _ => Err(ApiError::internal_failure()),
        }
    }

    /// DescribeExecution.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn describe_execution(
        &self,
        _caller: Identity<'_>,
        request: DescribeExecutionRequest,
    ) -> Result<DescribeExecutionResponse, ApiError> {
        let with_data = request.included_data != Some(IncludedData::MetadataOnly);
        let (key, row, ends) = self.look_at(&request.execution_arn, with_data)?;
        let status = execution_status(row.status);
        let (redrive_status, redrive_status_reason) = self.redrive_status(&row);
        let redrive_edits = if with_data { self.redrive_edits(key, &row).map_err(internal)? } else { None };
        let details = DataDetails { included: with_data };
        Ok(DescribeExecutionResponse {
            execution_arn: row.arn.as_str().into(),
            state_machine_arn: row.state_machine_arn.as_str().into(),
            name: Some(row.name.as_str().into()),
            status,
            start_date: Timestamp::from(row.start_ms),
            stop_date: row.stop_ms.map(Timestamp::from),
            input: ends.input,
            input_details: Some(details.clone()),
            output_details: (row.status == Status::Succeeded).then_some(details),
            output: ends.output,
            trace_header: row.trace_header.as_deref().map(Into::into),
            map_run_arn: None,
            // An execution that timed out is described without the error that its history shows.
            error: ends.error.filter(|_| row.status != Status::TimedOut),
            cause: ends.cause.filter(|_| row.status != Status::TimedOut),
            state_machine_version_arn: row.version_arn.as_deref().map(Into::into),
            state_machine_alias_arn: row.alias_arn.as_deref().map(Into::into),
            redrive_count: Some(row.redrive_count.into()),
            redrive_date: row.redrive_ms.map(Timestamp::from),
            redrive_status: Some(redrive_status),
            redrive_status_reason,
            redrive_edits,
        })
    }

    /// ListExecutions: newest first, running ones by start, others by end.
    ///
    /// # Errors
    /// As AWS documents them.
    pub async fn list_executions(
        &self,
        _caller: Identity<'_>,
        request: ListExecutionsRequest,
    ) -> Result<ListExecutionsResponse, ApiError> {
        let given = match (&request.state_machine_arn, &request.map_run_arn) {
            (Some(given), None) => given,
            (None, Some(map_run)) => {
                MapRunArn::parse(map_run)?;
                return Err(ApiError::resource_not_found(map_run));
            }
            _ => {
                return Err(ApiError::validation(
                    "Exactly one of stateMachineArn and mapRunArn must be specified",
                ));
            }
        };
        let (machine, named) = self.find_named(given)?;
        let owner_arn = match &named {
            Named::Machine => &machine.arn,
            Named::Version(version) => &version.arn,
            Named::Alias(alias) => &alias.arn,
        };
        if machine.is_express() {
            return Err(ApiError::state_machine_type_not_supported());
        }
        if request.status_filter == Some(ExecutionStatus::PendingRedrive) {
            return Err(ApiError::validation("The status filter PENDING_REDRIVE requires a mapRunArn"));
        }
        let scope = PageScope {
            operation: Operation::ListExecutions,
            arguments: &[
                given,
                request.status_filter.map_or("", ExecutionStatus::as_str),
                request.redrive_filter.map_or("", ExecutionRedriveFilter::as_str),
            ],
        };
        let now_ms = self.clock.now().0;
        let before = match &request.next_token {
            Some(token) => {
                let cursor = self.tokens.open(scope, token, now_ms)?;
                Some(ListCursor::from_bytes(&cursor).ok_or_else(ApiError::invalid_token)?)
            }
            None => None,
        };
        let limit = page_size(request.max_results);
        let status = request.status_filter.map(row_status);
        let (executions, next) =
            self.list_page(owner_arn, status, request.redrive_filter, before, limit).map_err(internal)?;
        let next_token = match next {
            Some(cursor) => Some(self.tokens.issue(scope, &cursor.to_bytes(), now_ms)?),
            None => None,
        };
        Ok(ListExecutionsResponse { executions, next_token })
    }

    /// A page of executions, and where the next one goes on. A filter by redrives looks at a bounded number of
    /// executions; the page may then hold fewer, or none, and still have a next one.
    fn list_page(
        &self,
        owner_arn: &str,
        status: Option<Status>,
        redrives: Option<ExecutionRedriveFilter>,
        mut before: Option<ListCursor>,
        limit: usize,
    ) -> Result<(Vec<ExecutionListItem>, Option<ListCursor>), StoreError> {
        let is_wanted = |row: &ExecutionRow| match redrives {
            None => true,
            Some(ExecutionRedriveFilter::Redriven) => row.redrive_count > 0,
            Some(ExecutionRedriveFilter::NotRedriven) => row.redrive_count == 0,
        };
        let mut executions = Vec::new();
        for _ in 0..FILTERED_PAGES_MAX {
            let listed = self.store.list_executions(owner_arn, status, before, limit + 1)?;
            let is_last = listed.len() <= limit;
            for execution in listed.iter().take(limit) {
                if executions.len() == limit {
                    return Ok((executions, before));
                }
                before = Some(execution.cursor);
                if is_wanted(&execution.row) {
                    executions.push(list_item(&execution.row));
                }
            }
            if is_last {
                return Ok((executions, None));
            }
            if executions.len() == limit {
                break;
            }
        }
        Ok((executions, before))
    }

    /// Waits until an execution has ended; returns at once when it has.
    ///
    /// # Errors
    /// `InvalidArn`, `ExecutionDoesNotExist`; `ServiceUnavailable` when the server stops first.
    pub async fn wait_for_end(&self, execution_arn: &str) -> Result<(), ApiError> {
        let (key, _) = self.find_execution(execution_arn)?;
        self.wait_for_end_of(key).await
    }

    /// Waits until the row of an execution says that it has ended, or that it is gone.
    pub(crate) async fn wait_for_end_of(&self, key: ExecutionKey) -> Result<(), ApiError> {
        let ended = self.waiters.wait(key);
        match self.store.row(key).map_err(internal)? {
            Some(row) if !row.status.is_closed() => {}
            _ => return Ok(()),
        }
        let mut stop = self.stop.clone();
        tokio::select! {
            result = ended => result.map_err(|_| super::stopping()),
            () = super::stopped(&mut stop) => Err(super::stopping()),
        }
    }

    /// A Standard execution by its ARN.
    pub(super) fn find_execution(&self, arn: &str) -> Result<(ExecutionKey, Arc<ExecutionRow>), ApiError> {
        if let Some((key, row)) = self.store.find_row(arn).map_err(internal)? {
            return if row.express { Err(ApiError::arn_type_not_valid("express")) } else { Ok((key, row)) };
        }
        ExecutionArn::parse(arn)?;
        Err(ApiError::execution_does_not_exist(arn))
    }
}

/// The input of an execution; `{}` when the caller gives none.
pub(super) fn execution_input(input: Option<Arc<str>>) -> Result<Payload, ApiError> {
    let Some(text) = input else { return Ok(Payload::from_trusted_text("{}".into())) };
    if text.is_empty() {
        return Err(ApiError::empty_execution_input());
    }
    Payload::from_text(text).map_err(|error| ApiError::invalid_execution_input(error.message))
}

fn list_item(row: &ExecutionRow) -> ExecutionListItem {
    ExecutionListItem {
        execution_arn: row.arn.as_str().into(),
        state_machine_arn: row.state_machine_arn.as_str().into(),
        name: row.name.as_str().into(),
        status: execution_status(row.status),
        start_date: Timestamp::from(row.start_ms),
        stop_date: row.stop_ms.map(Timestamp::from),
        map_run_arn: None,
        item_count: None,
        state_machine_version_arn: row.version_arn.as_deref().map(Into::into),
        state_machine_alias_arn: row.alias_arn.as_deref().map(Into::into),
        redrive_count: Some(row.redrive_count.into()),
        redrive_date: row.redrive_ms.map(Timestamp::from),
    }
}

/// The API's word for a status.
pub(crate) fn execution_status(status: Status) -> ExecutionStatus {
    match status {
        Status::Running => ExecutionStatus::Running,
        Status::Succeeded => ExecutionStatus::Succeeded,
        Status::Failed => ExecutionStatus::Failed,
        Status::TimedOut => ExecutionStatus::TimedOut,
        Status::Aborted => ExecutionStatus::Aborted,
        Status::PendingRedrive => ExecutionStatus::PendingRedrive,
    }
}

fn row_status(status: ExecutionStatus) -> Status {
    match status {
        ExecutionStatus::Running => Status::Running,
        ExecutionStatus::Succeeded => Status::Succeeded,
        ExecutionStatus::Failed => Status::Failed,
        ExecutionStatus::TimedOut => Status::TimedOut,
        ExecutionStatus::Aborted => Status::Aborted,
        ExecutionStatus::PendingRedrive => Status::PendingRedrive,
    }
}
