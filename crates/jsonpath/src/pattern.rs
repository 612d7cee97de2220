//! Java's regular expressions in terms of the `regex` crate
//!
//! The common subset is supported; look-around, back references and possessive quantifiers are not, and matching takes
//! linear time for it.

use regex::{Regex, RegexBuilder};

/// Most bytes of a compiled pattern.
const COMPILED_SIZE_MAX: usize = 1 << 20;

/// Compiles a Java pattern that must match a whole text. Flags as in the library: `i d x m s u U`.
pub(crate) fn compile(source: &str, flags: &str) -> Result<Regex, String> {
    let mut unicode_classes = false;
    let mut kept = String::new();
    for flag in flags.chars() {
        match flag {
            'i' | 'x' | 'm' | 's' => kept.push(flag),
            'U' => unicode_classes = true,
            // Unix line ends are the only ones here, and case folding is that of Unicode anyway.
            'd' | 'u' => {}
            other => return Err(format!("unknown flag '{other}'")),
        }
    }
    let body = translate(source, unicode_classes)?;
    // The line end closes a comment, should the pattern end in one.
    let behind = if kept.contains('x') { "\n" } else { "" };
    let flags = if kept.is_empty() { String::new() } else { format!("(?{kept})") };
    RegexBuilder::new(&format!("\\A(?:{flags}{body}{behind})\\z"))
        .size_limit(COMPILED_SIZE_MAX)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => "too large".to_owned(),
            other => other.to_string().lines().last().unwrap_or_default().to_owned(),
        })
}

/// Rewrites what the two dialects write differently.
fn translate(source: &str, unicode_classes: bool) -> Result<String, String> {
    let mut result = String::with_capacity(source.len() + 16);
    let mut characters = source.chars();
    let mut class_depth = 0u32;
    while let Some(character) = characters.next() {
        match character {
            '\\' => {
                let escaped = characters.next().ok_or("it ends with a backslash")?;
                match escaped {
                    'Q' => {
                        let rest = characters.as_str();
                        let (literal, behind) = rest.split_once("\\E").unwrap_or((rest, ""));
                        result.push_str(&regex::escape(literal));
                        characters = behind.chars();
                    }
                    'Z' => result.push_str("\\n?\\z"),
                    'h' if class_depth == 0 => result.push_str("[ \\t]"),
                    'e' => result.push_str("\\x1B"),
                    letter => match ascii_class(letter).filter(|_| !unicode_classes) {
                        Some(class) => result.push_str(class),
                        None => {
                            result.push('\\');
                            result.push(letter);
                        }
                    },
                }
            }
            '[' => {
                class_depth += 1;
                result.push('[');
                if let Some(behind) = characters.as_str().strip_prefix('^') {
                    characters = behind.chars();
                    result.push('^');
                }
            }
            ']' if class_depth > 0 => {
                class_depth -= 1;
                result.push(']');
            }
            // Twice the same sign means something in a class here, and nothing in Java.
            '-' | '~' if class_depth > 0 && characters.as_str().starts_with(character) => {
                result.push('\\');
                result.push(character);
            }
            other => result.push(other),
        }
    }
    Ok(result)
}

/// Java's classes are those of ASCII unless the flag `U` is given.
fn ascii_class(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "[0-9]",
        'D' => "[^0-9]",
        'w' => "[A-Za-z0-9_]",
        'W' => "[^A-Za-z0-9_]",
        's' => "[ \\t\\n\\x0B\\f\\r]",
        'S' => "[^ \\t\\n\\x0B\\f\\r]",
        _ => return None,
    })
}
