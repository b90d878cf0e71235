//! Interned texts and lists of numbers, in few large allocations.

use hashbrown::HashTable;
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};

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

    fn clear(&mut self) {
        self.items.clear();
        self.ends.clear();
        self.table.clear();
    }
}

/// What texts seen of late stand for. Bounded: when it is full it begins anew.
#[derive(Default)]
pub(crate) struct RecentBytes {
    texts: Names,
    values: Vec<u32>,
}

impl RecentBytes {
    const ROOM: usize = 4 << 20;

    /// What a text stands for, where it is known.
    pub(crate) fn get(&self, text: &[u8]) -> Option<u32> {
        self.texts.find(text).map(|index| self.values[index as usize])
    }

    /// Keeps what a text that is not known stands for.
    pub(crate) fn insert(&mut self, text: &[u8], value: u32) {
        if self.texts.items.len() + text.len() > Self::ROOM {
            self.texts.clear();
            self.values.clear();
        }
        self.texts.index_of(text);
        self.values.push(value);
    }
}
