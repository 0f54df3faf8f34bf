//! How much a power cut takes of what was not synced.

/// What becomes of the writes, lengths and names that were not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// They are gone.
    All,
    /// They had reached the disk by chance, all of them.
    Nothing,
    /// All had reached the disk but the last write, which is torn: the n-th of its sectors is there if
    /// bit n is set. Its new length is, too.
    TornEnd { sectors: u64 },
    /// Each file fares as these bits say.
    Chance(u64),
}

/// What becomes of one write.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    Lost,
    Kept,
    Torn { sectors: u64 },
}

/// Numbers as good as random, the same ones for the same seed (SplitMix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn of(loss: &Loss) -> Dice {
        Dice(if let Loss::Chance(seed) = loss { *seed } else { 0 })
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        (self.roll() % count.max(1) as u64) as usize
    }

    /// How many of so many changes of a name were reached.
    pub(crate) fn reached(&mut self, loss: &Loss, changes: usize) -> usize {
        match loss {
            Loss::All => 0,
            Loss::Nothing | Loss::TornEnd { .. } => changes,
            Loss::Chance(_) => self.below(changes + 1),
        }
    }

    /// What becomes of the changes of one file. `last`: it is the one that was changed last.
    pub(crate) fn fates(&mut self, loss: &Loss, count: usize, last: bool) -> Vec<Fate> {
        let mut fates = match loss {
            Loss::All => vec![Fate::Lost; count],
            Loss::Nothing => vec![Fate::Kept; count],
            Loss::TornEnd { sectors } => {
                let mut fates = vec![Fate::Kept; count];
                if let Some(end) = fates.last_mut().filter(|_| last) {
                    *end = Fate::Torn { sectors: *sectors };
                }
                fates
            }
            Loss::Chance(_) => Vec::with_capacity(count),
        };
        if let Loss::Chance(_) = loss {
            // Were each write judged alone, long transactions would never survive as a whole.
            match self.roll() % 4 {
                0 => fates.resize(count, Fate::Lost),
                1 => fates.resize(count, Fate::Kept),
                2 => {
                    let kept = self.below(count + 1);
                    fates.resize(kept, Fate::Kept);
                    if kept < count {
                        fates.push(Fate::Torn { sectors: self.roll() });
                    }
                    fates.resize(count, Fate::Lost);
                }
                _ => fates.extend((0..count).map(|_| match self.roll() % 3 {
                    0 => Fate::Lost,
                    1 => Fate::Kept,
                    _ => Fate::Torn { sectors: self.roll() },
                })),
            }
        }
        fates
    }
}
