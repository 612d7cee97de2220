//! Picture strings: how numbers, whole numbers, dates and times are written and read
#![allow(dead_code)]
