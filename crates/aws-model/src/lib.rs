//! The models of AWS services: which operations there are, what they take and give, how that looks on the wire and where
//! a service is. The data is made from botocore's models by `cargo xtask aws-model` (`data/README.md`) and is part of
//! the program; a service is unpacked when it is first asked for.
//!
//! ```
//! let service = stepwell_aws_model::service("sqs").unwrap();
//! let operation = service.operation("sendMessage").unwrap();
//! let input = service.shape(operation.input.unwrap());
//! let names: Vec<_> = input.members().iter().map(|member| member.shown_name()).collect();
//! assert!(names.contains(&"QueueUrl".into()));
//! ```

mod catalogue;
mod container;
mod direct;
mod endpoint;
mod model;
mod names;
mod nearest;
mod optimized;
mod read;

pub use catalogue::{Summary, botocore_version, service, service_called, service_of, services};
pub use direct::{Direct, DirectParameter, DirectTarget, ParameterKind, all_direct, direct};
pub use endpoint::{Endpoint, Partition, partition};
pub use model::{
    AuthType, Checksum, ErrorShape, Location, Member, Operation, Protocol, Service, Shape, ShapeId,
    ShapeKind, TimestampFormat, XmlNamespace,
};
pub use names::{first_lower, first_upper};
pub use nearest::nearest;
pub use optimized::{Dialect, Ending, From, Job, Judge, Optimized, all_optimized, optimized};
