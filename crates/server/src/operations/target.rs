//! What the ARN of a state machine, a version or an alias stands for.

use std::sync::Arc;

use stepwell_api::{
    ApiError,
    arn::{Qualifier, StateMachineArn},
};
use stepwell_interpreter::Text;

use super::{Operations, internal};
use crate::{
    catalogue::{Alias, Machine, Version, records::LevelRecord},
    random,
};

/// What an ARN names within its machine.
#[derive(Debug, Clone)]
pub(crate) enum Named {
    /// The machine itself.
    Machine,
    Version(Version),
    Alias(Alias),
}

/// What an execution that is started now runs.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) machine: Arc<Machine>,
    pub(crate) revision: u64,
    pub(crate) role_arn: Text,
    /// The version, unless the present revision was asked for.
    pub(crate) version_arn: Option<Text>,
    /// The alias that drew the version.
    pub(crate) alias_arn: Option<Text>,
    pub(crate) log_level: LevelRecord,
    /// The test case of the mock file, named behind a `#`.
    pub(crate) case: Option<Text>,
}

impl Operations {
    /// The machine that an ARN of any form names, and what the ARN names in it.
    ///
    /// # Errors
    /// `InvalidArn`; `ValidationException` for an ARN with a label; `StateMachineDoesNotExist` when there is no such
    /// machine, version or alias.
    pub(crate) fn find_named(&self, given: &str) -> Result<(Arc<Machine>, Named), ApiError> {
        // Almost always the ARN is that of a machine as it is.
        if let Some(machine) = self.catalogue.machine(given) {
            return Ok((machine, Named::Machine));
        }
        let parsed = StateMachineArn::parse(given)?.without_label()?;
        let missing = || ApiError::state_machine_does_not_exist(given);
        let machine = self.catalogue.machine(&parsed.unqualified()).ok_or_else(missing)?;
        let named = match parsed.qualifier {
            Qualifier::Version(number) => {
                Named::Version(machine.version(number).ok_or_else(missing)?.clone())
            }
            Qualifier::Alias(name) => Named::Alias(machine.alias(name).ok_or_else(missing)?.clone()),
            Qualifier::None | Qualifier::Label(_) => Named::Machine,
        };
        Ok((machine, named))
    }

    /// What an execution started with an ARN, perhaps with a test case behind it, runs. An alias draws one of its versions at each call.
    ///
    /// # Errors
    /// Those of [`Operations::find_named`].
    pub(crate) fn resolve(&self, given: &str) -> Result<Target, ApiError> {
        let (given, case) = match given.split_once('#') {
            Some((given, case)) => (given, Some(Text::from(case))),
            None => (given, None),
        };
        let (machine, named) = self.find_named(given)?;
        let (version, alias_arn) = match named {
            Named::Machine => {
                return Ok(Target {
                    revision: machine.revision(),
                    role_arn: machine.role_arn.clone(),
                    version_arn: None,
                    alias_arn: None,
                    log_level: machine.record.log_level,
                    case,
                    machine,
                });
            }
            Named::Version(version) => (Some(version), None),
            Named::Alias(alias) => {
                let drawn = alias.route(random::below(100));
                (drawn.and_then(|number| machine.version(number)).cloned(), Some(alias.arn))
            }
        };
        // An alias keeps its versions from being deleted, so there is always one.
        let version = version.ok_or_else(|| internal(format!("{given} routes to no version")))?;
        Ok(Target {
            machine,
            revision: version.revision,
            role_arn: version.role_arn,
            version_arn: Some(version.arn),
            alias_arn,
            log_level: version.log_level,
            case,
        })
    }

    /// A machine that can be changed or asked about its parts, by an ARN that must be its own.
    ///
    /// # Errors
    /// As [`Operations::find_named`]; a version or alias is not found (recorded from UpdateStateMachine);
    /// `StateMachineDeleting`.
    pub(super) fn machine_itself(&self, given: &str) -> Result<Arc<Machine>, ApiError> {
        let parsed = StateMachineArn::parse(given)?.without_label()?;
        let machine = match parsed.qualifier {
            Qualifier::None => self.catalogue.machine(&parsed.unqualified()),
            _ => None,
        };
        in_use(machine, given)
    }
}

/// The machine, unless there is none or it is being deleted.
pub(super) fn in_use(machine: Option<Arc<Machine>>, given: &str) -> Result<Arc<Machine>, ApiError> {
    let machine = machine.ok_or_else(|| ApiError::state_machine_does_not_exist(given))?;
    if machine.gate.is_deleting() {
        return Err(ApiError::state_machine_deleting(given));
    }
    Ok(machine)
}
