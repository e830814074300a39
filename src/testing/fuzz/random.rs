//! Numbers to cut the input with.

/// Numbers that follow from the input, so that what was found is found again.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn of(data: &[u8]) -> Self {
        let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        Self(data.iter().fold(0xcbf2_9ce4_8422_2325, hash) | 1)
    }

    /// From 1 to `most`, and small ones as often as large ones.
    pub(super) fn up_to(&mut self, most: usize) -> usize {
        let most = [most, 3][self.next() % 2].min(most).max(1);
        self.next() % most + 1
    }

    fn next(&mut self) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize
    }
}
