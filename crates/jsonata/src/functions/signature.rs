//! Signatures of functions, such as `<s-n?:a<s>>`: what arguments a function takes
//!
//! A parameter accepts types, may be left out (`?`), be repeated (`+`) or be filled from the context (`-`). Arguments
//! are matched against parameters as a regular expression over one letter for each argument would be.

use crate::Error;
use crate::evaluate::Evaluator;
use crate::item::{Arguments, Item};

/// Most parameters of a signature, and most arguments that are matched against one.
const PARAMETERS_MAX: usize = 32;
const ARGUMENTS_MAX: usize = 1000;

/// A parsed signature
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Signature {
    parameters: Vec<Parameter>,
}

#[derive(Debug, Clone, PartialEq)]
struct Parameter {
    /// The letters that it accepts
    accepts: &'static str,
    /// The letters, when they are a choice of its own
    choice: Option<String>,
    /// It wants an array: another value is wrapped in one
    is_array: bool,
    /// What its elements must be: the text between `<` and `>`
    element: Option<String>,
    optional: bool,
    repeated: bool,
    from_context: bool,
}

impl Parameter {
    fn accepts(&self, letter: u8) -> bool {
        match &self.choice {
            Some(letters) => letter == b'm' || letters.as_bytes().contains(&letter),
            None => self.accepts.as_bytes().contains(&letter),
        }
    }
}

/// The letter of nothing.
const MISSING: u8 = b'm';

/// The letter of a value's type.
fn letter(item: &Item<'_>) -> u8 {
    match item {
        Item::Undefined => MISSING,
        Item::Null => b'l',
        Item::Bool(_) => b'b',
        Item::Number(_) | Item::Exact(_) => b'n',
        Item::InputString(_) | Item::Text(_) => b's',
        Item::InputArray(_) | Item::List(_) | Item::Tuples(_) => b'a',
        Item::InputObject(_) | Item::Record(_) => b'o',
        Item::Builtin(_) | Item::Function(_) => b'f',
    }
}

/// What an array of these elements is called in error texts.
fn plural(element: &str) -> Option<&'static str> {
    Some(match element {
        "a" => "arrays",
        "b" => "booleans",
        "f" => "functions",
        "n" => "numbers",
        "o" => "objects",
        "s" => "strings",
        _ => return None,
    })
}

impl Signature {
    /// Reads `<…>`.
    ///
    /// # Errors
    /// S0401 and S0402.
    pub(crate) fn parse(text: &str) -> Result<Signature, Error> {
        let mut parameters: Vec<Parameter> = Vec::new();
        let bytes = text.as_bytes();
        let mut at = 1;
        while let Some(byte) = bytes.get(at) {
            let mut push = |accepts: &'static str, is_array: bool| {
                parameters.push(Parameter {
                    accepts,
                    choice: None,
                    is_array,
                    element: None,
                    optional: false,
                    repeated: false,
                    from_context: false,
                });
            };
            match byte {
                // What follows is the type of the result, which nothing checks.
                b':' => break,
                b's' => push("sm", false),
                b'n' => push("nm", false),
                b'b' => push("bm", false),
                b'l' => push("lm", false),
                b'o' => push("om", false),
                b'a' => push("asnblfom", true),
                b'f' => push("f", false),
                b'j' => push("asnblom", false),
                b'x' => push("asnblfom", false),
                b'-' | b'?' | b'+' => {
                    if let Some(parameter) = parameters.last_mut() {
                        match byte {
                            b'-' => {
                                parameter.from_context = true;
                                parameter.optional = true;
                            }
                            b'?' => parameter.optional = true,
                            _ => parameter.repeated = true,
                        }
                    }
                }
                b'(' => {
                    let end = closing(bytes, at, b'(', b')');
                    let choice = text.get(at + 1..end).unwrap_or_default();
                    if choice.contains('<') {
                        return Err(Error::new("S0402").string_value(choice));
                    }
                    push("", false);
                    if let Some(parameter) = parameters.last_mut() {
                        parameter.choice = Some(choice.to_owned());
                    }
                    at = end;
                }
                b'<' => {
                    let end = closing(bytes, at, b'<', b'>');
                    match parameters.last_mut() {
                        Some(parameter) if parameter.is_array || parameter.accepts == "f" => {
                            parameter.element = text.get(at + 1..end).map(str::to_owned);
                        }
                        _ => return Err(Error::new("S0401")),
                    }
                    at = end;
                }
                _ => {}
            }
            at += 1;
        }
        if parameters.len() > PARAMETERS_MAX {
            return Err(Error::new("S0402").string_value(text));
        }
        Ok(Signature { parameters })
    }

    /// Checks arguments, and makes of them what the function gets.
    ///
    /// # Errors
    /// T0410, T0411 and T0412, without the function's name.
    pub(crate) fn apply<'i>(
        &self,
        arguments: &mut Arguments<'i>,
        context: &Item<'i>,
        evaluator: &Evaluator<'i>,
    ) -> Result<(), Error> {
        // Mostly every parameter has its argument and takes it as it is.
        if self.parameters.len() == arguments.len()
            && self.parameters.iter().zip(arguments.iter()).all(|(parameter, argument)| {
                let letter = letter(argument);
                parameter.accepts(letter)
                    && !(parameter.is_array && (letter != b'a' || parameter.element.is_some()))
            })
        {
            return Ok(());
        }
        let letters: Vec<u8> = arguments.iter().map(letter).collect();
        let Some(counts) = Matching::new(&self.parameters, &letters, true).run() else {
            return Err(self.mismatch(&letters));
        };
        let given = std::mem::take(arguments);
        let mut given = given.into_iter().enumerate();
        let mut matched = letters.iter().copied();
        for (parameter, count) in self.parameters.iter().zip(counts) {
            // Only an optional parameter matches nothing.
            if count == 0 {
                if parameter.from_context {
                    if !parameter.accepts(letter(context)) {
                        return Err(Error::new("T0411").index(arguments.len() + 1));
                    }
                    arguments.push(context.clone());
                } else {
                    // As JSONata has it, an optional parameter that matches nothing still takes the next argument.
                    arguments.push(given.next().map_or(Item::Undefined, |(_, argument)| argument));
                }
                continue;
            }
            for _ in 0..count {
                // Where an argument was taken so, what is checked from then on is not what is given.
                let letter = matched.next().unwrap_or(MISSING);
                let (at, argument) = given.next().unwrap_or((letters.len(), Item::Undefined));
                if !parameter.is_array {
                    arguments.push(argument);
                    continue;
                }
                if letter == MISSING {
                    arguments.push(Item::Undefined);
                    continue;
                }
                let is_array = letter == b'a';
                if let Some(element) = &parameter.element {
                    evaluator.step(argument.count() / 2)?;
                    let fits = match is_array {
                        true => fits_elements(&argument, element),
                        false => count == 1 && element.as_bytes() == [letter],
                    };
                    if !fits {
                        let mut error = Error::new("T0412").index(at + 1);
                        if let Some(expected) = plural(element) {
                            error = error.expected(expected);
                        }
                        return Err(error);
                    }
                }
                let is_kept = is_array || matches!(argument, Item::Undefined);
                arguments.push(if is_kept { argument } else { evaluator.wrapped(argument)? });
            }
        }
        Ok(())
    }

    /// Which argument is the first that does not fit.
    fn mismatch(&self, letters: &[u8]) -> Error {
        let mut good = 0;
        for length in 1..=self.parameters.len() {
            match Matching::new(&self.parameters[..length], letters, false).run() {
                Some(counts) => good = counts.iter().sum(),
                None => break,
            }
        }
        Error::new("T0410").index(good + 1)
    }
}

/// Matching parameters against letters: as many as possible for each parameter, fewer where the rest demands it
struct Matching<'s> {
    parameters: &'s [Parameter],
    letters: &'s [u8],
    /// All letters must be taken
    whole: bool,
    /// How many letters each parameter takes
    counts: Vec<usize>,
    /// Places from which the rest is known not to match: nothing is tried twice
    failed: Vec<bool>,
}

impl<'s> Matching<'s> {
    fn new(parameters: &'s [Parameter], letters: &'s [u8], whole: bool) -> Matching<'s> {
        let failed = vec![false; (parameters.len() + 1) * (letters.len() + 1)];
        Matching { parameters, letters, whole, counts: vec![0; parameters.len()], failed }
    }

    fn run(mut self) -> Option<Vec<usize>> {
        (self.letters.len() <= ARGUMENTS_MAX && self.from(0, 0)).then_some(self.counts)
    }

    /// Whether the parameters from `parameter` on match the letters from `at` on.
    fn from(&mut self, parameter: usize, at: usize) -> bool {
        let Some(own) = self.parameters.get(parameter) else {
            return !self.whole || at == self.letters.len();
        };
        let place = parameter * (self.letters.len() + 1) + at;
        if self.failed.get(place).is_none_or(|failed| *failed) {
            return false;
        }
        let rest = self.letters.get(at..).unwrap_or_default();
        let accepted = rest.iter().take_while(|letter| own.accepts(**letter));
        let most = accepted.take(if own.repeated { usize::MAX } else { 1 }).count();
        for count in (usize::from(!own.optional)..=most).rev() {
            self.counts[parameter] = count;
            if self.from(parameter + 1, at + count) {
                return true;
            }
        }
        self.failed[place] = true;
        false
    }
}

/// Whether all elements of an array are of one type, and that the one asked for.
fn fits_elements(array: &Item<'_>, element: &str) -> bool {
    let mut elements = array.elements();
    let Some(first) = elements.next() else { return true };
    let first = letter(&first);
    element.as_bytes().first() == Some(&first) && elements.all(|item| letter(&item) == first)
}

/// Where a bracket closes.
fn closing(bytes: &[u8], open: usize, opening: u8, closing: u8) -> usize {
    let mut depth = 0_usize;
    for (at, byte) in bytes.iter().enumerate().skip(open) {
        if *byte == opening {
            depth += 1;
        } else if *byte == closing {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at;
            }
        }
    }
    bytes.len()
}
