//! Functions over numbers.

use stepwell_json::Value;

use super::Problem;
use crate::expression::Roots;

/// A number as an integer, rounded as Java's `Math.round` does: halves go up.
pub(super) fn rounded(value: &Value) -> Result<i64, Problem> {
    if let Some(integer) = value.as_i64() {
        return Ok(integer);
    }
    let Some(number) = value.as_f64() else {
        return Err(format!("A number is needed, not {}", value.type_name()));
    };
    let floor = number.floor();
    let up = number - floor >= 0.5;
    // Saturates at the ends of the range, as Java's does.
    Ok((floor as i64).saturating_add(i64::from(up)))
}

/// A rounded number that fits in 32 bits.
fn rounded_in_range(value: &Value) -> Result<i32, Problem> {
    let number = rounded(value)?;
    i32::try_from(number).map_err(|_| format!("{number} is not between {} and {}", i32::MIN, i32::MAX))
}

/// `States.MathAdd`.
pub(super) fn add(first: &Value, second: &Value) -> Result<Value, Problem> {
    let sum = i64::from(rounded_in_range(first)?) + i64::from(rounded_in_range(second)?);
    match i32::try_from(sum) {
        Ok(_) => Ok(Value::from(sum)),
        Err(_) => Err(format!("The sum {sum} is not between {} and {}", i32::MIN, i32::MAX)),
    }
}

/// `States.MathRandom`: from the first number on, below the second. With a seed, what `java.util.Random` gives.
pub(super) fn random(values: &[Value], roots: &mut dyn Roots) -> Result<Value, Problem> {
    let (start, end, seed) = match values {
        [start, end] => (start, end, None),
        [start, end, seed] => (start, end, Some(rounded(seed)?)),
        _ => return Err("Invalid number of arguments".to_owned()),
    };
    let (start, end) = (rounded_in_range(start)?, rounded_in_range(end)?);
    if start >= end {
        return Err("The start number must be less than the end number".to_owned());
    }
    let number = match seed {
        Some(seed) => JavaRandom::new(seed).next_between(start, end),
        None => {
            let size = (i64::from(end) - i64::from(start)) as u128;
            // Scaling instead of a remainder: no number is likelier than another by more than 2^-32.
            let offset = (u128::from(roots.random_u64()) * size) >> 64;
            (i64::from(start) + offset as i64) as i32
        }
    };
    Ok(Value::from(i64::from(number)))
}

/// The generator that `java.util.Random` specifies: 48 bits, linear congruential.
struct JavaRandom {
    state: u64,
}

impl JavaRandom {
    const MULTIPLIER: u64 = 0x5_DEEC_E66D;
    const MASK: u64 = (1 << 48) - 1;

    fn new(seed: i64) -> JavaRandom {
        JavaRandom { state: (seed as u64 ^ Self::MULTIPLIER) & Self::MASK }
    }

    /// The next `bits` bits, at most 32, as a signed number.
    fn next(&mut self, bits: u32) -> i32 {
        self.state = self.state.wrapping_mul(Self::MULTIPLIER).wrapping_add(0xB) & Self::MASK;
        (self.state >> (48 - bits)) as i32
    }

    /// A number from `start` on, below `end`, as `Random.ints` draws it.
    fn next_between(&mut self, start: i32, end: i32) -> i32 {
        match end.checked_sub(start) {
            Some(size) => start + self.next_below(size),
            None => loop {
                let number = self.next(32);
                if (start..end).contains(&number) {
                    return number;
                }
            },
        }
    }

    /// `nextInt(bound)`.
    fn next_below(&mut self, bound: i32) -> i32 {
        if bound & (bound - 1) == 0 {
            return ((i64::from(bound) * i64::from(self.next(31))) >> 31) as i32;
        }
        loop {
            let bits = self.next(31);
            let number = bits % bound;
            // Refuses the last, incomplete run of the range, which would make small numbers likelier.
            if bits.wrapping_sub(number).wrapping_add(bound - 1) >= 0 {
                return number;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeded_numbers_are_those_of_java() {
        // new java.util.Random(42): nextInt(10) gives 0, 3, 8; nextInt() gives -1170105035.
        let mut random = JavaRandom::new(42);
        assert_eq!([0, 3, 8], [(); 3].map(|()| random.next_between(0, 10)));
        assert_eq!(-1_170_105_035, JavaRandom::new(42).next(32));
    }

    #[test]
    fn halves_are_rounded_up() {
        for (number, expected) in
            [(1.5, 2), (2.5, 3), (-1.5, -1), (-0.5, 0), (-1.51, -2), (0.49999999999999994, 0)]
        {
            assert_eq!(Ok(expected), rounded(&Value::from(number)), "{number}");
        }
    }
}
