//! Names of state machines, executions, activities and aliases.

use crate::ApiError;

/// Whether AWS allows `character` in a name. Letters beyond ASCII are allowed.
pub fn is_allowed(character: char) -> bool {
    !character.is_whitespace()
        && !matches!(character,
            '<' | '>' | '{' | '}' | '[' | ']' | '?' | '*' | '"' | '#' | '%' | '\\' | '^' | '|' | '~' | '`' | '$'
            | '&' | ',' | ';' | ':' | '/' | '\u{0}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{fffe}'..='\u{ffff}'
            | '\u{10ffff}')
}

/// Checks the characters of a name. Its length is a constraint of the shape ([`crate::constraints::NAME`]).
///
/// # Errors
/// `InvalidName`.
pub fn check_name(name: &str) -> Result<(), ApiError> {
    if !name.is_empty() && name.chars().all(is_allowed) { Ok(()) } else { Err(ApiError::invalid_name(name)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_have_letters_digits_and_a_few_signs() {
        for name in
            ["Activity1", "activity-name_1", "a.b.c", "ACTIVITY_NAME_ABC", "größe", "名前", "a(b)=c+d@e!f'g"]
        {
            assert_eq!(check_name(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn names_may_not_have_brackets_wildcards_separators_or_controls() {
        for forbidden in
            "<>{}[]?*\"#%\\^|~`$&,;:/ \t\n\u{0}\u{1f}\u{7f}\u{85}\u{9f}\u{a0}\u{2003}\u{fffe}\u{10ffff}"
                .chars()
        {
            let name = format!("activity{forbidden}name");
            let error = check_name(&name).unwrap_err();
            assert_eq!(error.code, "InvalidName");
            assert_eq!(error.message, format!("Invalid Name: '{name}'"));
        }
        assert_eq!(check_name("").unwrap_err().message, "Invalid Name: ''");
    }
}
