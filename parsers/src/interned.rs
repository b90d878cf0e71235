//! Interned texts and lists of numbers, in few large allocations.

use hashbrown::HashTable;
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::{Hash, Hasher};
use twox_hash::XxHash3_128;

fn hash_of<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = FxHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Where a slice stands, kept beside its hash: a look-up waits for memory as seldom as it can.
struct Entry {
    hash: u64,
    start: usize,
    length: u32,
    index: u32,
}

/// Distinct slices by index, in order of first sight.
pub(crate) struct Interned<T> {
    items: Vec<T>,
    ends: Vec<usize>,
    table: HashTable<Entry>,
}

/// Distinct texts.
pub(crate) type Names = Interned<u8>;
/// Distinct lists of numbers.
pub(crate) type Sequences = Interned<u32>;

impl<T> Default for Interned<T> {
    fn default() -> Self {
        Interned { items: Vec::new(), ends: Vec::new(), table: HashTable::new() }
    }
}

impl<T: Copy + Eq + Hash> Interned<T> {
    /// The slice of an index.
    pub(crate) fn get(&self, index: u32) -> &[T] {
        let index = index as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.items[start..self.ends[index]]
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u32 {
        self.ends.len() as u32
    }

    /// All, in the order of their indexes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[T]> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// The index of a slice that was seen before.
    pub(crate) fn find(&self, slice: &[T]) -> Option<u32> {
        self.find_hashed(hash_of(slice), slice)
    }

    fn find_hashed(&self, hash: u64, slice: &[T]) -> Option<u32> {
        let same = |entry: &Entry| {
            entry.hash == hash
                && entry.length as usize == slice.len()
                && self.items[entry.start..entry.start + slice.len()] == *slice
        };
        self.table.find(hash, same).map(|entry| entry.index)
    }

    /// The index of a slice.
    pub(crate) fn index_of(&mut self, slice: &[T]) -> u32 {
        let hash = hash_of(slice);
        if let Some(known) = self.find_hashed(hash, slice) {
            return known;
        }
        let entry = Entry { hash, start: self.items.len(), length: slice.len() as u32, index: self.len() };
        let index = entry.index;
        self.items.extend_from_slice(slice);
        self.ends.push(self.items.len());
        self.table.insert_unique(hash, entry, |entry| entry.hash);
        index
    }
}

/// What texts stand for, by 128 bits of hash in place of the texts: a look-up touches memory once. That two of a
/// billion texts are taken for one has a chance of one in 10^20.
#[derive(Default)]
pub(crate) struct Fingerprints {
    known: FxHashMap<u128, u32>,
}

/// Stands for a text.
#[derive(Clone, Copy)]
pub(crate) struct Fingerprint(u128);

impl Fingerprint {
    pub(crate) fn of(text: &[u8]) -> Self {
        Fingerprint(XxHash3_128::oneshot(text))
    }
}

impl Fingerprints {
    /// What a text stands for, where it is known.
    pub(crate) fn get(&self, text: Fingerprint) -> Option<u32> {
        self.known.get(&text.0).copied()
    }

    /// Keeps what a text that is not known stands for.
    pub(crate) fn insert(&mut self, text: Fingerprint, value: u32) {
        self.known.insert(text.0, value);
    }
}
