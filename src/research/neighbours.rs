//! The neighbours of a brand: the other brands of the list, by hashes of their names.

use crate::brand::BrandKey;

/// Words of a name, and letters from which on it is no common word.
const NAME_WORDS: usize = 4;
const NAME_LETTERS: usize = 4;

/// The names of all brands of the list, by which a sentence about another one of them is known: their hashes, in order.
#[derive(Debug, Default)]
pub struct Neighbours(Box<[u64]>);

impl Neighbours {
    /// Of brands whose names have these hashes.
    pub fn of(mut names: Vec<u64>) -> Self {
        names.sort_unstable();
        names.dedup();
        Self(names.into())
    }

    /// The hash of a brand's name.
    pub fn hash(key: &BrandKey) -> u64 {
        hash(key.as_str().split('@').next().unwrap_or_default())
    }

    /// As bytes, for other hosts with the same program.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.0.iter().flat_map(|name| name.to_le_bytes()).collect()
    }

    /// From the bytes of another host.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let (names, _) = bytes.as_chunks();
        Self(names.iter().map(|name| u64::from_le_bytes(*name)).collect())
    }

    /// Those that folded words name, folded, but for the brand of these names.
    pub fn named_in(&self, words: &str, own: &[String]) -> Vec<String> {
        let list: Vec<&str> = words.split_whitespace().collect();
        let runs = (1..=NAME_WORDS).flat_map(|length| list.windows(length));
        let named = |run: &&[&str]| {
            let letters = run.concat();
            letters.chars().count() >= NAME_LETTERS && self.0.binary_search(&hash(&letters)).is_ok()
        };
        let spaced = |run: &[&str]| format!(" {} ", run.join(" "));
        let others = runs.filter(named).map(spaced);
        others
            .filter(|name| {
                !own.iter()
                    .any(|own| own.contains(name.as_str()) || name.contains(own.as_str()))
            })
            .collect()
    }
}

/// Hosts share these hashes through the store, so every version of the program has to compute the same ones.
fn hash(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    let (parts, _) = hash.as_bytes().as_chunks();
    u64::from_le_bytes(parts[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of the published test vector of BLAKE3 for no input.
    #[test]
    fn hashes_that_hosts_share_are_those_of_blake3() {
        let published = [0xaf, 0x13, 0x49, 0xb9, 0xf5, 0xf9, 0xa1, 0xa6];
        assert_eq!(Neighbours::of(vec![hash("")]).to_bytes(), published);
    }
}
