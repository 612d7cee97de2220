//! Task drivers: Lambda functions run as processes, by endpoint and by URL; AWS services and servers that speak their
//! APIs; HTTP endpoints behind connections; APIs behind API Gateway; Kubernetes clusters.
//!
//! [`Lambda`] takes an [`Invocation`] to wherever the configuration says that the function lives and brings back an
//! [`Outcome`]; [`function_arn_result`] and [`invoke_result`] then read it as the two forms of a Lambda task do.
//! Nothing here knows the engine: what is recorded, retried or timed out is decided there.

mod address;
pub mod api_gateway;
pub mod aws;
pub mod config;
mod gate;
mod http_client;
pub mod http_task;
pub mod kubernetes;
pub mod lambda;
mod parameters;
mod poster;
mod runner;
#[cfg(test)]
mod testing;
mod turns;

pub use config::{
    ConfigError, FunctionConfig, LambdaConfig, LambdaIntegration, LambdaSection, OnUncertain, Runtime,
};
pub use http_client::trust_authorities_of;
pub use lambda::{
    Answer, Invocation, InvocationKind, InvokeRequest, Lambda, Outcome, TaskError, function_arn_result,
    invoke_request, invoke_result,
};
pub use poster::{PostError, Posted, Poster};
