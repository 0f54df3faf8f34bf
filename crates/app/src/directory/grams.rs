//! Tells where a text can be found at all, so that a search reads a hundredth of all texts.
//!
//! Contacts are taken in blocks of 64. For each three letters in a row there is a row of bits: one for each
//! block that has them somewhere. A block that has a text has all its threes, so the rows of these,
//! one and another, leave few blocks to look into.

/// Contacts in a block.
pub(super) const BLOCK: usize = 64;
/// Rows of bits. Threes that share a row only cost a look into a block too many.
const ROWS: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct Grams {
    /// Words of 64 bits in each row.
    width: usize,
    bits: Vec<u64>,
}

impl Grams {
    pub(super) fn of<'a>(contacts: usize, texts: impl Iterator<Item = &'a [u8]>) -> Grams {
        let width = contacts.div_ceil(BLOCK * 64);
        let mut bits = vec![0; width * ROWS];
        for (place, text) in texts.enumerate() {
            let block = place / BLOCK;
            for three in text.windows(3) {
                bits[row(three) * width + block / 64] |= 1 << (block % 64);
            }
        }
        Grams { width, bits }
    }

    /// The blocks that may hold a text, in order; `None` when it is too short to tell.
    pub(super) fn blocks_with(&self, text: &[u8]) -> Option<Vec<usize>> {
        if text.len() < 3 {
            return None;
        }
        let mut both = vec![u64::MAX; self.width];
        for three in text.windows(3) {
            let from = row(three) * self.width;
            for (sum, bits) in both.iter_mut().zip(&self.bits[from..from + self.width]) {
                *sum &= bits;
            }
        }
        let set = both.iter().enumerate().flat_map(|(word, bits)| {
            (0..64).filter(move |bit| bits & (1 << bit) != 0).map(move |bit| word * 64 + bit)
        });
        Some(set.collect())
    }

    pub(super) fn size(&self) -> usize {
        self.bits.len() * size_of::<u64>()
    }
}

fn row(three: &[u8]) -> usize {
    let all = three.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte));
    // Fibonacci hashing: the upper bits of the product are well mixed.
    (all.wrapping_mul(2_654_435_769) >> 20) as usize % ROWS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_has_a_text_is_never_left_out() {
        let texts: Vec<String> = (0..1000).map(|it| format!("name {}", it * 7919)).collect();
        let grams = Grams::of(texts.len(), texts.iter().map(String::as_bytes));
        for (place, text) in texts.iter().enumerate() {
            let blocks = grams.blocks_with(&text.as_bytes()[3..]).unwrap();
            assert!(blocks.contains(&(place / BLOCK)), "{text}");
        }
        assert_eq!(grams.blocks_with(b"xyzzy").unwrap(), [] as [usize; 0]);
        assert_eq!(grams.blocks_with(b"na"), None);
        assert_eq!(Grams::of(0, std::iter::empty()).blocks_with(b"abc").unwrap(), [] as [usize; 0]);
    }
}
