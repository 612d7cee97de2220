//! A pattern in the syntax of Rust's regular expressions, for the engine whose time is linear

use super::parse::Node;
use super::set::Set;

/// A pattern that the linear engine takes
pub(crate) struct Translated {
    pub(crate) source: String,
    /// About how many states the engine will have
    pub(crate) size: u64,
    /// Does it ask for ends of words? The engine's words have letters of all scripts in them, JavaScript's have not.
    pub(crate) has_boundaries: bool,
}

/// Translates a pattern; None where it has look-arounds or back-references.
pub(crate) fn translate(node: &Node) -> Option<Translated> {
    let mut translated = Translated { source: String::new(), size: 0, has_boundaries: false };
    translated.size = translated.add(node)?;
    Some(translated)
}

impl Translated {
    /// Writes a part and gives its size.
    fn add(&mut self, node: &Node) -> Option<u64> {
        Some(match node {
            Node::Empty => 0,
            Node::Set(set) => self.add_set(set),
            Node::Start => self.mark(r"\A"),
            Node::End => self.mark(r"\z"),
            // Ends of lines are four characters, not only \n: that would be a look-around
            Node::LineStart | Node::LineEnd | Node::Look { .. } | Node::Backreference(_) => return None,
            Node::WordBoundary | Node::NoWordBoundary => {
                self.has_boundaries = true;
                self.mark(if matches!(node, Node::WordBoundary) { r"\b" } else { r"\B" })
            }
            Node::Group(_, node) => {
                self.source.push('(');
                let size = self.add(node)?;
                self.source.push(')');
                size + 2
            }
            Node::Repeat { node, least, most, greedy, .. } => {
                self.source.push_str("(?:");
                let size = self.add(node)?;
                self.source.push(')');
                match (least, most) {
                    (0, None) => self.source.push('*'),
                    (1, None) => self.source.push('+'),
                    (least, None) => self.source.push_str(&format!("{{{least},}}")),
                    (least, Some(most)) => self.source.push_str(&format!("{{{least},{most}}}")),
                }
                if !greedy {
                    self.source.push('?');
                }
                (size + 1).saturating_mul(u64::from(most.unwrap_or(*least).max(1)))
            }
            Node::Sequence(nodes) => {
                let mut size: u64 = 0;
                for node in nodes {
                    size = size.saturating_add(self.add(node)?);
                }
                size
            }
            Node::Choice(nodes) => {
                let mut size: u64 = 0;
                for (index, node) in nodes.iter().enumerate() {
                    self.source.push_str(if index == 0 { "(?:" } else { "|" });
                    size = size.saturating_add(self.add(node)?).saturating_add(1);
                }
                self.source.push(')');
                size
            }
        })
    }

    fn mark(&mut self, mark: &str) -> u64 {
        self.source.push_str(mark);
        1
    }

    fn add_set(&mut self, set: &Set) -> u64 {
        let mut size = 0;
        // Surrogates are no characters
        let parts = set
            .ranges()
            .iter()
            .flat_map(|&(first, last)| [(first, last.min(0xd7ff)), (first.max(0xe000), last)]);
        let start = self.source.len();
        self.source.push('[');
        for (first, last) in parts.filter(|(first, last)| first <= last) {
            self.source.push_str(&format!(r"\x{{{first:x}}}-\x{{{last:x}}}"));
            size += if last < 128 { 1 } else { 4 };
        }
        self.source.push(']');
        if size == 0 {
            // Matches nothing
            self.source.truncate(start);
            self.source.push_str(r"[^\x{0}-\x{10ffff}]");
        }
        size.max(1)
    }
}
