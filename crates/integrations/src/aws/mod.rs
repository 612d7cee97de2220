//! Calls of AWS services, or of servers that speak the same APIs: any operation of any service that the models know.
//!
//! [`Aws`] takes a [`Call`] to wherever the configuration says that the service is; [`sdk_result`] and
//! [`optimized_result`] show what comes back as the two kinds of task do.

mod checksum;
mod client;
mod config;
mod credentials;
#[cfg(all(test, feature = "aws-credentials"))]
mod credentials_tests;
mod dialect;
mod endpoint;
mod face;
mod job;
mod model_body;
mod read;
mod retry;
mod roles;
mod schema;
pub(crate) mod sign;
#[cfg(test)]
mod tests;
mod wire;
mod write;

pub(crate) use client::random;
pub use client::{
    ANSWER_MAX_BYTES, Answer, Aws, Call, CallError, CallOutcome, Era, LocalAnswer, LocalCall, LocalFuture,
    LocalService,
};
pub use config::{AwsConfig, AwsIntegration, AwsSection, EXECUTE_API, RoleSection};
pub(crate) use credentials::Actor;
pub(crate) use endpoint::Target;
pub use face::{optimized_error, optimized_result, sdk_error, sdk_result};
pub(crate) use face::{parameters_error, too_large};
pub use job::{Caller, JobOutcome, Work};
pub(crate) use job::{FAILED_LOOKS_MAX, POLL_AWS, POLL_NEAR};
pub(crate) use write::{malformed, missing, unsupported};

use stepwell_aws_model::{Operation, Service};
use stepwell_json::Value;

/// What is wrong with the parameters of an operation, in AWS's words; empty when nothing is.
pub fn parameter_problems(service: &Service, operation: &Operation, parameters: &Value) -> Vec<String> {
    write::problems(service, operation, parameters)
}
