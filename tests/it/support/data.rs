//! Data that can be recognised byte by byte, and chances that can be had again.

use std::sync::LazyLock;

use http_aio::bytes::Bytes;

/// Prime, so that no shift by a buffer size goes unnoticed.
const PERIOD: usize = 65_521;
const LONGEST: usize = 4 << 20;

/// The pattern from offset 0, long enough for `LONGEST` bytes from any offset.
static PATTERN: LazyLock<Bytes> = LazyLock::new(|| {
    let mut state = 0x9e37_79b9_u32;
    let period: Vec<u8> = (0..PERIOD)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    let mut pattern = Vec::with_capacity(PERIOD + LONGEST);
    while pattern.len() < PERIOD + LONGEST {
        let part = PERIOD.min(PERIOD + LONGEST - pattern.len());
        pattern.extend_from_slice(&period[..part]);
    }
    pattern.into()
});

/// `len` bytes of one endless stream, from `offset` on. The same place has always the same bytes.
pub(crate) fn pattern(offset: u64, len: usize) -> Bytes {
    let start = (offset % PERIOD as u64) as usize;
    if len <= LONGEST {
        return PATTERN.slice(start..start + len);
    }
    let mut long = Vec::with_capacity(len);
    while long.len() < len {
        let part = LONGEST.min(len - long.len());
        long.extend_from_slice(&pattern(offset + long.len() as u64, part));
    }
    long.into()
}

/// Checks that `bytes` are those of the pattern at `offset`, and says where they first are not.
#[track_caller]
pub(crate) fn assert_pattern(offset: u64, bytes: &[u8]) {
    let mut at = offset;
    for part in bytes.chunks(LONGEST) {
        let expected = pattern(at, part.len());
        if part != expected {
            let wrong = part.iter().zip(&expected).position(|(a, b)| a != b);
            panic!("wrong byte at {}", at + wrong.unwrap_or(0) as u64);
        }
        at += part.len() as u64;
    }
}

/// Marsaglia's xorshift: reproducible, and good enough.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// Seeds that are next to each other have nothing else in common.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % below
    }
}

pub(crate) fn seed() -> u64 {
    let seed = match std::env::var("HTTP_AIO_SEED") {
        Ok(seed) => seed.parse().expect("a number"),
        Err(_) => std::time::UNIX_EPOCH
            .elapsed()
            .map_or(1, |since| since.as_nanos() as u64),
    };
    println!("HTTP_AIO_SEED={seed}");
    seed
}
