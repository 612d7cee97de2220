//! The lexer, the parser and the compiler: no text makes them panic, and what they accept reads back as it was

#![no_main]

use libfuzzer_sys::fuzz_target;
use stepwell_jsonata::{Dialect, Expression};

fuzz_target!(|text: &str| {
    for dialect in [Dialect::Plain, Dialect::StepFunctions] {
        match Expression::parse(text, dialect) {
            Ok(expression) => {
                let printed = expression.to_normal_text();
                let again = Expression::parse(&printed, dialect);
                assert!(again.is_ok_and(|again| again.is_same(&expression)), "{text:?} reads back as {printed:?}");
            }
            Err(error) => {
                assert!(error.position().is_none_or(|position| position <= text.len()), "{error}");
            }
        }
    }
});
