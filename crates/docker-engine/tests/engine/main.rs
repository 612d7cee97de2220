//! The client against the fake engine and, by hand, against a real one.

#![allow(clippy::unwrap_used)]

mod common;
mod docker_command;
mod errors;
mod images;
mod life_of_a_container;
mod logs;
mod wait;
