//! Matching by backtracking, with JavaScript's results to the last group, and a bound on the work

use super::program::{Program, Step};
use super::set::{Set, is_line_end, without_case};

/// So much may be remembered for going back: 24 bytes each
const MOST_REMEMBERED: usize = 1_000_000;

/// The work is more than was allowed
pub(crate) struct Exceeded;

/// What to do when a step fails, the last one first
enum Undo {
    /// Go on at a step and a position
    Try { step: usize, position: usize },
    /// Go on behind a run that is one character shorter, down to the position `low`
    Shorter { step: usize, low: usize, high: usize },
    /// Go on behind a run that is one character longer
    Longer { step: usize, position: usize, more: u32 },
    /// A slot had this value
    Slot { slot: usize, value: usize },
    /// A loop had this count and position
    Counter { counter: usize, count: u32, position: usize },
}

/// A slot without a position
const UNSET: usize = usize::MAX;

/// One search
pub(crate) struct Matcher<'a> {
    program: &'a Program,
    text: &'a str,
    ignore_case: bool,
    slots: Vec<usize>,
    /// For each loop, the rounds so far and where the last one began
    counters: Vec<(u32, usize)>,
    undo: Vec<Undo>,
    /// How many steps may still be made
    fuel: u64,
}

impl<'a> Matcher<'a> {
    /// How many steps may still be made.
    pub(super) fn fuel_left(&self) -> u64 {
        self.fuel
    }

    /// A search that makes at most `fuel` steps.
    pub(crate) fn new(
        program: &'a Program,
        groups: usize,
        text: &'a str,
        ignore_case: bool,
        fuel: u64,
    ) -> Self {
        let slots = vec![UNSET; (groups + 1) * 2];
        let counters = vec![(0, UNSET); program.counters];
        Matcher { program, text, ignore_case, slots, counters, undo: Vec::new(), fuel }
    }

    /// Does the pattern match at just this position (a byte offset between characters)? Then where the match ends.
    pub(crate) fn match_at(&mut self, position: usize) -> Result<Option<usize>, Exceeded> {
        self.slots.fill(UNSET);
        self.undo.clear();
        self.run(0, position)
    }

    /// Where a group of the last match is, from 1.
    pub(crate) fn group(&self, number: usize) -> Option<(usize, usize)> {
        let start = self.slots.get(number * 2).copied().filter(|slot| *slot != UNSET)?;
        let end = self.slots.get(number * 2 + 1).copied().filter(|slot| *slot != UNSET)?;
        Some((start, end))
    }

    fn spend(&mut self, work: u64) -> Result<(), Exceeded> {
        self.fuel = self.fuel.checked_sub(work).ok_or(Exceeded)?;
        Ok(())
    }

    fn remember(&mut self, undo: Undo) -> Result<(), Exceeded> {
        if self.undo.len() >= MOST_REMEMBERED {
            return Err(Exceeded);
        }
        self.undo.push(undo);
        Ok(())
    }

    /// Runs from a step to `Done`, which gives the position there. What was remembered before stays as it is; after a
    /// success, what was remembered here is still there too.
    fn run(&mut self, step: usize, position: usize) -> Result<Option<usize>, Exceeded> {
        let base = self.undo.len();
        let (mut step, mut position) = (step, position);
        let program = self.program;
        loop {
            self.spend(1)?;
            let next = match program.steps.get(step) {
                None | Some(Step::Done) => return Ok(Some(position)),
                Some(Step::Set { set, back: false }) => {
                    self.after(position).filter(|next| set.contains(next.0)).map(|next| (step + 1, next.1))
                }
                Some(Step::Set { set, back: true }) => {
                    self.before(position).filter(|next| set.contains(next.0)).map(|next| (step + 1, next.1))
                }
                Some(Step::Run { set, least, most, greedy }) => {
                    self.run_of(set, *least, *most, *greedy, step, position)?.map(|end| (step + 1, end))
                }
                Some(Step::Start) => (position == 0).then_some((step + 1, position)),
                Some(Step::End) => (position == self.text.len()).then_some((step + 1, position)),
                Some(Step::LineStart) => self
                    .before(position)
                    .is_none_or(|next| is_line_end(next.0))
                    .then_some((step + 1, position)),
                Some(Step::LineEnd) => self
                    .after(position)
                    .is_none_or(|next| is_line_end(next.0))
                    .then_some((step + 1, position)),
                Some(Step::Boundary { wanted }) => {
                    let is_word = |next: Option<(char, usize)>| {
                        next.is_some_and(|next| next.0.is_ascii_alphanumeric() || next.0 == '_')
                    };
                    let found = is_word(self.before(position)) != is_word(self.after(position));
                    (found == *wanted).then_some((step + 1, position))
                }
                Some(Step::Save(slot)) => {
                    self.save(*slot, position)?;
                    Some((step + 1, position))
                }
                Some(Step::Try(other)) => {
                    self.remember(Undo::Try { step: *other, position })?;
                    Some((step + 1, position))
                }
                Some(Step::Jump(target)) => Some((*target, position)),
                Some(Step::Backreference { group, back }) => {
                    self.same_as_group(*group, *back, position)?.map(|end| (step + 1, end))
                }
                Some(Step::Look { negative, next }) => {
                    let inner_base = self.undo.len();
                    let found = self.run(step + 1, position)?.is_some();
                    if found && !negative {
                        // The look-around won't be tried again, but what it set is to be undone in time
                        self.spend((self.undo.len() - inner_base) as u64)?;
                        self.drop_choices(inner_base);
                    } else {
                        self.unwind(inner_base);
                    }
                    (found != *negative).then_some((*next, position))
                }
                Some(Step::LoopStart { counter }) => {
                    self.count(*counter, 0, UNSET)?;
                    Some((step + 1, position))
                }
                Some(Step::LoopCheck { counter, least, most, greedy, exit }) => {
                    let rounds = self.counters.get(*counter).map_or(0, |counter| counter.0);
                    Some(if rounds < *least {
                        (step + 1, position)
                    } else if rounds >= *most {
                        (*exit, position)
                    } else if *greedy {
                        self.remember(Undo::Try { step: *exit, position })?;
                        (step + 1, position)
                    } else {
                        self.remember(Undo::Try { step: step + 1, position })?;
                        (*exit, position)
                    })
                }
                Some(Step::LoopRound { counter, groups }) => {
                    let rounds = self.counters.get(*counter).map_or(0, |counter| counter.0);
                    self.count(*counter, rounds.saturating_add(1), position)?;
                    for slot in groups.0 * 2..groups.1 * 2 {
                        if self.slots.get(slot).is_some_and(|value| *value != UNSET) {
                            self.save(slot, UNSET)?;
                        }
                    }
                    self.spend((groups.1 - groups.0) as u64)?;
                    Some((step + 1, position))
                }
                Some(Step::LoopEnd { counter, least, check }) => {
                    let (rounds, began) = self.counters.get(*counter).copied().unwrap_or_default();
                    (rounds <= *least || began != position).then_some((*check, position))
                }
            };
            (step, position) = match next {
                Some(next) => next,
                None => match self.go_back(base)? {
                    Some(next) => next,
                    None => return Ok(None),
                },
            };
        }
    }

    /// The character behind a position, and the position behind that.
    fn after(&self, position: usize) -> Option<(char, usize)> {
        match self.text.as_bytes().get(position) {
            None => None,
            Some(byte) if byte.is_ascii() => Some((char::from(*byte), position + 1)),
            Some(_) => {
                let character = self.text.get(position..)?.chars().next()?;
                Some((character, position + character.len_utf8()))
            }
        }
    }

    /// The character before a position, and the position before that.
    fn before(&self, position: usize) -> Option<(char, usize)> {
        let character = self.text.get(..position)?.chars().next_back()?;
        Some((character, position - character.len_utf8()))
    }

    /// Goes through a run of characters of a set, and remembers that it could be shorter or longer.
    fn run_of(
        &mut self,
        set: &Set,
        least: u32,
        most: u32,
        greedy: bool,
        step: usize,
        position: usize,
    ) -> Result<Option<usize>, Exceeded> {
        let wanted = if greedy { most } else { least };
        let (mut end, mut low, mut count) = (position, position, 0);
        while count < wanted {
            let Some((_, next)) = self.after(end).filter(|next| set.contains(next.0)) else { break };
            end = next;
            count += 1;
            if count == least {
                low = end;
            }
        }
        self.spend(u64::from(count))?;
        if count < least {
            return Ok(None);
        }
        if greedy && end > low {
            self.remember(Undo::Shorter { step: step + 1, low, high: end })?;
        } else if !greedy && most > least {
            self.remember(Undo::Longer { step, position: end, more: most - least })?;
        }
        Ok(Some(end))
    }

    /// The end of the text that a group matched, if it's there. A group that matched nothing so far fits everywhere.
    fn same_as_group(
        &mut self,
        number: usize,
        back: bool,
        position: usize,
    ) -> Result<Option<usize>, Exceeded> {
        let Some((start, end)) = self.group(number) else { return Ok(Some(position)) };
        self.spend((end - start) as u64)?;
        let Some(group) = self.text.get(start..end) else { return Ok(None) };
        let (before, after) = self.text.split_at_checked(position).unwrap_or((self.text, ""));
        if !self.ignore_case {
            let fits = if back { before.ends_with(group) } else { after.starts_with(group) };
            return Ok(fits.then_some(if back {
                position.wrapping_sub(group.len())
            } else {
                position + group.len()
            }));
        }
        // The same but for case may have more or fewer bytes
        let same = |one: char, other: char| without_case(one) == without_case(other);
        if back {
            let mut there = before.chars();
            let fits = group.chars().rev().all(|one| there.next_back().is_some_and(|other| same(one, other)));
            return Ok(fits.then_some(there.as_str().len()));
        }
        let mut there = after.chars();
        let fits = group.chars().all(|one| there.next().is_some_and(|other| same(one, other)));
        Ok(fits.then_some(self.text.len() - there.as_str().len()))
    }

    fn save(&mut self, slot: usize, position: usize) -> Result<(), Exceeded> {
        if let Some(place) = self.slots.get_mut(slot) {
            let value = std::mem::replace(place, position);
            self.remember(Undo::Slot { slot, value })?;
        }
        Ok(())
    }

    fn count(&mut self, counter: usize, rounds: u32, position: usize) -> Result<(), Exceeded> {
        if let Some(place) = self.counters.get_mut(counter) {
            let (count, position) = std::mem::replace(place, (rounds, position));
            self.remember(Undo::Counter { counter, count, position })?;
        }
        Ok(())
    }

    /// Undoes all back to the last choice, and says where to go on; None when nothing is left above `base`.
    fn go_back(&mut self, base: usize) -> Result<Option<(usize, usize)>, Exceeded> {
        while self.undo.len() > base {
            match self.undo.pop() {
                Some(Undo::Try { step, position }) => return Ok(Some((step, position))),
                Some(Undo::Shorter { step, low, high }) => {
                    let Some((_, high)) = self.before(high) else { continue };
                    if high > low {
                        self.undo.push(Undo::Shorter { step, low, high });
                    }
                    return Ok(Some((step, high)));
                }
                Some(Undo::Longer { step, position, more }) => {
                    let Some(Step::Run { set, .. }) = self.program.steps.get(step) else { continue };
                    let Some((_, next)) = self.after(position).filter(|next| set.contains(next.0)) else {
                        continue;
                    };
                    if more > 1 {
                        self.undo.push(Undo::Longer { step, position: next, more: more - 1 });
                    }
                    return Ok(Some((step + 1, next)));
                }
                Some(other) => self.restore(&other),
                None => break,
            }
        }
        Ok(None)
    }

    fn restore(&mut self, undo: &Undo) {
        match *undo {
            Undo::Slot { slot, value } => {
                if let Some(place) = self.slots.get_mut(slot) {
                    *place = value;
                }
            }
            Undo::Counter { counter, count, position } => {
                if let Some(place) = self.counters.get_mut(counter) {
                    *place = (count, position);
                }
            }
            Undo::Try { .. } | Undo::Shorter { .. } | Undo::Longer { .. } => {}
        }
    }

    /// Undoes all above `base`.
    fn unwind(&mut self, base: usize) {
        while self.undo.len() > base {
            let Some(undo) = self.undo.pop() else { break };
            self.restore(&undo);
        }
    }

    /// Forgets the choices above `base`, but keeps what is to be undone.
    fn drop_choices(&mut self, base: usize) {
        let above = self.undo.split_off(base.min(self.undo.len()));
        self.undo.extend(
            above.into_iter().filter(|undo| matches!(undo, Undo::Slot { .. } | Undo::Counter { .. })),
        );
    }
}
