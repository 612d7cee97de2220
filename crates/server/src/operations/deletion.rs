//! DeleteStateMachine.

use std::{sync::Arc, time::Duration};

use stepwell_api::{
    ApiError,
    arn::{Qualifier, StateMachineArn},
    identity::Identity,
    types::state_machine::DeleteStateMachineRequest,
};
use stepwell_engine::{Input, Reply, ReplyTo};
use stepwell_interpreter::{Command, ErrorOutput};
use stepwell_store::{ExecutionKey, Status};
use tokio::sync::oneshot;

use super::{Operations, answer, internal};
use crate::catalogue::{Machine, records::MachineRecord};

/// Executions that a deletion stops at once.
const STOP_PAGE: usize = 1_000;
/// How long a deletion waits between looks at what still runs.
const DELETION_PAUSE: Duration = Duration::from_millis(20);
/// How long a caller waits for a deletion that may be done at once.
const ANSWER_WITHIN: Duration = Duration::from_millis(50);

impl Operations {
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
        let mut machine = Machine::clone(&machine);
        machine.set_record(MachineRecord { deleting: true, ..machine.record.clone() });
        let machine = writer.put_machine(machine);
        writer.commit(|| ()).await.map_err(internal)?;
        // Goes on when the caller has gone.
        let operations = self.clone();
        let deletion = tokio::spawn(async move { operations.finish_deletion(machine).await });
        // A caller sees the machine gone when nothing keeps it; else the answer does not wait.
        let _ = tokio::time::timeout(ANSWER_WITHIN, deletion).await;
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
            let stops: Vec<_> = running.iter().map(|running| self.send_stop(running.cursor.key)).collect();
            for stopped in stops {
                // What is refused here is met again in the next round.
                let _ = stopped.await;
            }
            tokio::time::sleep(DELETION_PAUSE).await;
        }
        let mut writer = self.catalogue.write().await;
        // Versions and aliases may have been deleted meanwhile.
        let newest = self.catalogue.machine(&machine.arn);
        writer.remove_machine(newest.as_deref().unwrap_or(machine));
        // Without executions nothing refers to its revisions; else retention removes them later.
        if self.store.list_executions(&machine.arn, None, None, 1).map_err(internal)?.is_empty() {
            machine.revisions().for_each(|revision| writer.remove_revision(revision));
        }
        writer.commit(|| ()).await.map_err(internal)
    }

    fn send_stop(&self, key: ExecutionKey) -> oneshot::Receiver<Reply> {
        let (reply, receiver) = answer();
        let command = Command::Stop { error: ErrorOutput::default() };
        self.router.send(Input::Command { key, command, reply: ReplyTo::Caller(reply) });
        receiver
    }
}
