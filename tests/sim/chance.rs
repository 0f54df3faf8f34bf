//! Seeded choices. Each is noted, so that a history can be told again with fewer and smaller ones.

/// A stream of choices. 0 is always the dullest one, so that a story with zeros in it is a simpler story.
pub(crate) struct Chance {
    source: Source,
    taken: Vec<u32>,
}

enum Source {
    Seed(u64),
    /// Past its end, every choice is the dullest.
    Script(Vec<u32>),
}

impl Chance {
    pub(crate) fn of_seed(seed: u64) -> Chance {
        Chance { source: Source::Seed(mix(seed)), taken: Vec::new() }
    }

    pub(crate) fn of_script(script: Vec<u32>) -> Chance {
        Chance { source: Source::Script(script), taken: Vec::new() }
    }

    /// A number from 0 to `n - 1`.
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        let n = n.max(1);
        let choice = match &mut self.source {
            Source::Seed(state) => {
                *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                // The upper bits of a product: every n gets its numbers almost equally often.
                (((mix(*state) >> 32) * u64::from(n)) >> 32) as u32
            }
            Source::Script(script) => script.get(self.taken.len()).map_or(0, |it| it % n),
        };
        self.taken.push(choice);
        choice
    }

    /// True `per_mille` times in a thousand.
    pub(crate) fn hit(&mut self, per_mille: u32) -> bool {
        per_mille > 0 && self.below(1000) >= 1000 - per_mille.min(1000)
    }

    pub(crate) fn between(&mut self, low: u32, high: u32) -> u32 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u32) as usize]
    }

    /// An index, each as often as its weight says. The first one with a weight is the dullest.
    pub(crate) fn weighted(&mut self, weights: &[u32]) -> usize {
        let mut choice = self.below(weights.iter().sum());
        for (at, weight) in weights.iter().enumerate() {
            if choice < *weight {
                return at;
            }
            choice -= weight;
        }
        0
    }

    pub(crate) fn taken(&self) -> &[u32] {
        &self.taken
    }
}

/// SplitMix64's finaliser: neighbouring numbers end up far apart.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}
