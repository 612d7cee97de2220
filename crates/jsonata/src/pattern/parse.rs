//! Reading JavaScript's regular expressions (without the `u` flag, with the leniencies of its Annex B)

use std::sync::Arc;

use super::set::Set;

/// Groups inside groups: deeper ones are refused, so that no recursion over a pattern goes far
const DEEPEST: usize = 200;
const MOST_GROUPS: usize = 2000;

/// A part of a pattern
#[derive(Debug, Clone)]
pub(crate) enum Node {
    /// Matches the empty text
    Empty,
    /// One character of a set
    Set(Arc<Set>),
    /// `^` of the text
    Start,
    /// `$` of the text
    End,
    /// `^` with the flag m
    LineStart,
    /// `$` with the flag m
    LineEnd,
    /// `\b`
    WordBoundary,
    /// `\B`
    NoWordBoundary,
    /// A capturing group and its number from 1
    Group(usize, Box<Node>),
    /// A look-around
    Look { ahead: bool, negative: bool, node: Box<Node> },
    /// What a group matched
    Backreference(usize),
    /// A quantifier. The groups from `groups.0` to before `groups.1` are inside.
    Repeat { node: Box<Node>, least: u32, most: Option<u32>, greedy: bool, groups: (usize, usize) },
    /// One after the other
    Sequence(Vec<Node>),
    /// The first that fits
    Choice(Vec<Node>),
}

/// A pattern that was read
pub(crate) struct Parsed {
    pub(crate) node: Node,
    /// How many capturing groups
    pub(crate) groups: usize,
}

/// Reads a pattern.
///
/// # Errors
/// A text that says what is wrong.
pub(crate) fn parse(source: &str, ignore_case: bool, multiline: bool) -> Result<Parsed, String> {
    let characters: Vec<char> = source.chars().collect();
    let (groups, names) = count_groups(&characters);
    if groups > MOST_GROUPS {
        return Err("too many groups".to_owned());
    }
    let mut parser = Parser {
        characters: &characters,
        position: 0,
        ignore_case,
        multiline,
        groups,
        names,
        opened: 0,
        depth: 0,
    };
    let node = parser.choice()?;
    if parser.position < characters.len() {
        return Err("unmatched ')'".to_owned());
    }
    let mut sorted: Vec<&str> = parser.names.iter().map(|(name, _)| name.as_str()).collect();
    sorted.sort_unstable();
    if sorted.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err("duplicate capture group name".to_owned());
    }
    Ok(Parsed { node, groups })
}

/// How many capturing groups there are, and the names of those that have one. Back-references need to know beforehand.
fn count_groups(characters: &[char]) -> (usize, Vec<(String, usize)>) {
    let mut count = 0;
    let mut names = Vec::new();
    let mut in_class = false;
    let mut rest = characters;
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            '\\' => rest = rest.get(1..).unwrap_or_default(),
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class => match rest {
                ['?', '<', next, ..] if !matches!(next, '=' | '!') => {
                    count += 1;
                    let name = rest.iter().skip(2).take_while(|character| **character != '>').collect();
                    names.push((name, count));
                }
                ['?', ..] => {}
                _ => count += 1,
            },
            _ => {}
        }
    }
    (count, names)
}

struct Parser<'a> {
    characters: &'a [char],
    position: usize,
    ignore_case: bool,
    multiline: bool,
    groups: usize,
    names: Vec<(String, usize)>,
    /// How many groups were opened so far
    opened: usize,
    depth: usize,
}

/// One member of a class: a character (surrogates included, as numbers), or a set such as `\d`
enum Member {
    Code(u32),
    Set(Set),
}

impl Parser<'_> {
    fn rest(&self) -> &[char] {
        self.characters.get(self.position..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.characters.get(self.position).copied()
    }

    fn eat(&mut self, text: &str) -> bool {
        let count = text.chars().count();
        let found = self.rest().get(..count).is_some_and(|start| start.iter().copied().eq(text.chars()));
        if found {
            self.position += count;
        }
        found
    }

    fn choice(&mut self) -> Result<Node, String> {
        let mut choices = vec![self.sequence()?];
        while self.eat("|") {
            choices.push(self.sequence()?);
        }
        Ok(if choices.len() == 1 { choices.pop().unwrap_or(Node::Empty) } else { Node::Choice(choices) })
    }

    fn sequence(&mut self) -> Result<Node, String> {
        let mut nodes = Vec::new();
        while let Some(next) = self.peek() {
            if matches!(next, '|' | ')') {
                break;
            }
            let opened = self.opened;
            let (node, repeatable) = self.term(next)?;
            let Some((least, most)) = self.quantifier()? else {
                nodes.push(node);
                continue;
            };
            if !repeatable {
                return Err("nothing to repeat".to_owned());
            }
            let greedy = !self.eat("?");
            let groups = (opened + 1, self.opened + 1);
            nodes.push(Node::Repeat { node: Box::new(node), least, most, greedy, groups });
        }
        Ok(if nodes.len() == 1 { nodes.pop().unwrap_or(Node::Empty) } else { Node::Sequence(nodes) })
    }

    /// `*`, `+`, `?`, `{2}`, `{2,}` or `{2,5}`; anything else in braces is text.
    fn quantifier(&mut self) -> Result<Option<(u32, Option<u32>)>, String> {
        let bounds = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') => {
                let start = self.position;
                let Some(bounds) = self.braces() else {
                    self.position = start;
                    return Ok(None);
                };
                if bounds.1.is_some_and(|most| most < bounds.0) {
                    return Err("numbers out of order in {} quantifier".to_owned());
                }
                return Ok(Some(bounds));
            }
            _ => return Ok(None),
        };
        self.position += 1;
        Ok(Some(bounds))
    }

    fn braces(&mut self) -> Option<(u32, Option<u32>)> {
        self.position += 1;
        let least = self.number()?;
        let most = if self.eat(",") {
            match self.peek() {
                Some('}') => None,
                _ => Some(self.number()?),
            }
        } else {
            Some(least)
        };
        // Numbers too large for us mean "any number of times", as no text is that long
        self.eat("}").then_some((least, most.filter(|most| *most < u32::MAX)))
    }

    fn number(&mut self) -> Option<u32> {
        let start = self.position;
        let mut number: u32 = 0;
        while let Some(digit) = self.peek().and_then(|character| character.to_digit(10)) {
            number = number.saturating_mul(10).saturating_add(digit);
            self.position += 1;
        }
        (self.position > start).then_some(number)
    }

    /// One part, and whether a quantifier may follow.
    fn term(&mut self, next: char) -> Result<(Node, bool), String> {
        self.position += 1;
        Ok(match next {
            '^' => (if self.multiline { Node::LineStart } else { Node::Start }, false),
            '$' => (if self.multiline { Node::LineEnd } else { Node::End }, false),
            '.' => (Node::Set(Arc::new(Set::dot())), true),
            '(' => return self.group(),
            '[' => (self.class()?, true),
            '*' | '+' | '?' => return Err("nothing to repeat".to_owned()),
            '{' => {
                self.position -= 1;
                if self.quantifier()?.is_some() {
                    return Err("nothing to repeat".to_owned());
                }
                self.position += 1;
                (self.literal(next), true)
            }
            '\\' => return self.escape(),
            _ => (self.literal(next), true),
        })
    }

    fn literal(&self, character: char) -> Node {
        self.set(Set::of(character))
    }

    fn set(&self, set: Set) -> Node {
        Node::Set(Arc::new(if self.ignore_case { set.ignoring_case() } else { set }))
    }

    /// A character by its number. A lone surrogate is in no text of ours.
    fn code(&self, code: u32) -> Node {
        char::from_u32(code).map_or_else(|| Node::Set(Arc::default()), |character| self.literal(character))
    }

    fn group(&mut self) -> Result<(Node, bool), String> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("groups are nested too deeply".to_owned());
        }
        let look = [("?=", true, false), ("?!", true, true), ("?<=", false, false), ("?<!", false, true)];
        let look = look.into_iter().find(|(mark, _, _)| self.eat(mark));
        let mut number = None;
        if look.is_none() && !self.eat("?:") {
            if self.eat("?<") {
                self.name()?;
            } else if self.peek() == Some('?') {
                return Err("invalid group".to_owned());
            }
            self.opened += 1;
            number = Some(self.opened);
        }
        let node = self.choice()?;
        if !self.eat(")") {
            return Err("unterminated group".to_owned());
        }
        self.depth -= 1;
        Ok(match (look, number) {
            (Some((_, ahead, negative)), _) => (Node::Look { ahead, negative, node: Box::new(node) }, ahead),
            (None, Some(number)) => (Node::Group(number, Box::new(node)), true),
            (None, None) => (node, true),
        })
    }

    /// A group's name and the `>` behind it.
    fn name(&mut self) -> Result<String, String> {
        let mut name = String::new();
        while let Some(next) = self.peek() {
            self.position += 1;
            let fits = match next {
                '>' if !name.is_empty() => return Ok(name),
                '$' | '_' => true,
                _ if name.is_empty() => next.is_alphabetic(),
                _ => next.is_alphanumeric() || matches!(next, '\u{200c}' | '\u{200d}'),
            };
            if !fits {
                break;
            }
            name.push(next);
        }
        Err("invalid capture group name".to_owned())
    }

    fn escape(&mut self) -> Result<(Node, bool), String> {
        let Some(next) = self.peek() else { return Err("\\ at end of pattern".to_owned()) };
        match next {
            'b' | 'B' => {
                self.position += 1;
                return Ok((if next == 'b' { Node::WordBoundary } else { Node::NoWordBoundary }, false));
            }
            'k' if !self.names.is_empty() => {
                self.position += 1;
                if !self.eat("<") {
                    return Err("invalid named reference".to_owned());
                }
                let name = self.name().map_err(|_| "invalid named reference".to_owned())?;
                let named = self.names.iter().find(|(other, _)| *other == name);
                let number = named.ok_or("invalid named capture referenced")?.1;
                return Ok((Node::Backreference(number), true));
            }
            '1'..='9' => {
                let start = self.position;
                if let Some(number) = self.number().filter(|number| *number as usize <= self.groups) {
                    return Ok((Node::Backreference(number as usize), true));
                }
                self.position = start;
            }
            _ => {}
        }
        Ok(match self.member(false)? {
            Member::Set(set) => (self.set(set), true),
            Member::Code(high) => {
                let start = self.position;
                if (0xd800..0xdc00).contains(&high)
                    && self.eat("\\")
                    && self.peek() == Some('u')
                    && let Ok(Member::Code(low @ 0xdc00..=0xdfff)) = self.member(false)
                {
                    return Ok((self.code(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)), true));
                }
                self.position = start;
                (self.code(high), true)
            }
        })
    }

    /// What follows a backslash, inside a class or outside, where it stands for characters.
    fn member(&mut self, in_class: bool) -> Result<Member, String> {
        let Some(next) = self.peek() else { return Err("\\ at end of pattern".to_owned()) };
        self.position += 1;
        let negate = |set: Set, negated: char| Member::Set(if next == negated { set.negated() } else { set });
        Ok(match next {
            'd' | 'D' => negate(Set::digits(), 'D'),
            'w' | 'W' => negate(Set::word(), 'W'),
            's' | 'S' => negate(Set::space(), 'S'),
            'b' if in_class => Member::Code(8),
            'f' => Member::Code(0x0c),
            'n' => Member::Code(0x0a),
            'r' => Member::Code(0x0d),
            't' => Member::Code(0x09),
            'v' => Member::Code(0x0b),
            'k' if !self.names.is_empty() => return Err("invalid escape".to_owned()),
            'c' => match self.peek() {
                Some(letter)
                    if letter.is_ascii_alphabetic()
                        || (in_class && (letter.is_ascii_digit() || letter == '_')) =>
                {
                    self.position += 1;
                    Member::Code(u32::from(letter) % 32)
                }
                _ => {
                    self.position -= 1;
                    Member::Code('\\'.into())
                }
            },
            'x' => Member::Code(self.hexadecimal(2).unwrap_or('x'.into())),
            'u' => Member::Code(self.hexadecimal(4).unwrap_or('u'.into())),
            '0'..='7' => {
                // Octal, at most 0o377
                let mut code = next.to_digit(8).unwrap_or_default();
                for _ in 0..2 {
                    match self.peek().and_then(|digit| digit.to_digit(8)) {
                        Some(digit) if code * 8 + digit <= 0o377 => {
                            code = code * 8 + digit;
                            self.position += 1;
                        }
                        _ => break,
                    }
                }
                Member::Code(code)
            }
            _ => Member::Code(next.into()),
        })
    }

    fn hexadecimal(&mut self, count: usize) -> Option<u32> {
        let digits = self.rest().get(..count)?;
        let mut code = 0;
        for digit in digits {
            code = code * 16 + digit.to_digit(16)?;
        }
        self.position += count;
        Some(code)
    }

    fn class(&mut self) -> Result<Node, String> {
        let negated = self.eat("^");
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        loop {
            if self.eat("]") {
                break;
            }
            let first = self.class_member()?;
            let dash = self.position;
            let is_range = self.peek() == Some('-') && {
                self.position += 1;
                !matches!(self.peek(), Some(']') | None)
            };
            if !is_range {
                self.position = dash;
                ranges.extend(members(&first));
                continue;
            }
            let last = self.class_member()?;
            match (&first, &last) {
                (Member::Code(first), Member::Code(last)) if first > last => {
                    return Err("range out of order in character class".to_owned());
                }
                (Member::Code(first), Member::Code(last)) => ranges.push((*first, *last)),
                _ => {
                    ranges.extend(members(&first));
                    ranges.extend(members(&last));
                    ranges.push(('-'.into(), '-'.into()));
                }
            }
        }
        let mut set = Set::new(ranges);
        if self.ignore_case {
            set = set.ignoring_case();
        }
        Ok(Node::Set(Arc::new(if negated { set.negated() } else { set })))
    }

    fn class_member(&mut self) -> Result<Member, String> {
        let Some(next) = self.peek() else { return Err("unterminated character class".to_owned()) };
        self.position += 1;
        if next != '\\' {
            return Ok(Member::Code(next.into()));
        }
        if self.peek().is_none() {
            return Err("\\ at end of pattern".to_owned());
        }
        let member = self.member(true)?;
        // Two escapes for one character beyond the first plane
        let Member::Code(high @ 0xd800..=0xdbff) = member else { return Ok(member) };
        let start = self.position;
        if self.eat("\\")
            && self.peek() == Some('u')
            && let Ok(Member::Code(low @ 0xdc00..=0xdfff)) = self.member(true)
        {
            return Ok(Member::Code(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)));
        }
        self.position = start;
        Ok(Member::Code(high))
    }
}

fn members(member: &Member) -> Vec<(u32, u32)> {
    match member {
        Member::Code(code) => vec![(*code, *code)],
        Member::Set(set) => set.ranges().to_vec(),
    }
}
