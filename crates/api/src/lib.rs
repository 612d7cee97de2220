//! The Step Functions wire protocol: operations, requests and responses, errors, ARNs and page tokens.
//!
//! This crate is the only one that knows how AWS spells things on the wire. It does no input or output, reads no
//! clock and keeps no state: bytes and the present time come in, typed requests and bytes go out.
//!
//! The path of one call:
//! 1. [`Operation::from_target`] reads the `X-Amz-Target` header, [`identity::Identity`] the caller's account and region;
//! 2. [`decode`] turns the body into a request type of [`types`], with AWS's own refusals for values of the wrong
//!    type ([`ApiError::serialization`]) and for values outside the model's limits ([`constraints`]);
//! 3. the server acts and answers with a response type, which [`Response::ok`] writes straight into the body;
//! 4. or it fails with an [`ApiError`], which [`Response::from`] turns into status and body.

pub mod arn;
pub mod constraints;
mod decode;
mod error;
pub mod history_event;
pub mod identity;
pub mod json_writer;
mod log_record;
pub mod name;
mod operation;
pub mod pagination;
mod protocol;
#[macro_use]
mod shape;
mod status_change_event;
pub mod types;

pub use decode::{LongText, Request, decode};
pub use error::{ApiError, ValidationReason};
pub use history_event::{HistoryEvent, Kind, write_history_page};
pub use json_writer::{ToJson, WriteMember};
pub use log_record::{LogContext, write_log_record};
pub use operation::Operation;
pub use protocol::{
    CONTENT_TYPE, REQUEST_ID_HEADER, Response, TARGET_HEADER, is_accepted_content_type, read_target,
};
pub use status_change_event::StatusChangeEvent;
pub use types::timestamp::Timestamp;
