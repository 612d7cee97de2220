//! Regular expressions
#![allow(dead_code)]
