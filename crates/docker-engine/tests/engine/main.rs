//! The client against the fake engine and, by hand, against a real one.

mod common;
mod errors;
mod images;
mod life_of_a_container;
mod logs;
mod wait;
