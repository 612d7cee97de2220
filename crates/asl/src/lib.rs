//! Amazon States Language: definition model, parser, validator, intrinsic functions
