//! A program over text with the standard collections: a fixed amount of work on two threads.
//!
//!   words ROUNDS [FUNCTION FACTOR]
//!
//! FUNCTION does FACTOR times the work it would do. Each run works on other text.

use std::collections::HashMap;
use std::hint::black_box;

const NAMES: [&str; 7] =
    ["make_text", "tokenize", "count_words", "rank_words", "edit_distance", "render_table", "pack_runs"];

struct Work {
    slow: Option<usize>,
    factor: f64,
    /// What is left over of a factor that is no whole number, by function.
    rest: [f64; NAMES.len()],
}

impl Work {
    /// How often a function is to do its share now: 1, now and then 2 for the one that is slow.
    fn times(&mut self, name: &str) -> usize {
        let index = NAMES.iter().position(|known| *known == name).unwrap();
        let due = self.rest[index] + if self.slow == Some(index) { self.factor } else { 1.0 };
        self.rest[index] = due.fract();
        due as usize
    }
}

#[inline(never)]
fn make_text(seed: &mut u64, words: usize) -> String {
    let mut text = String::new();
    for _ in 0..words {
        *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let length = 3 + (*seed >> 60) as usize / 3;
        for letter in 0..length {
            text.push((b'a' + ((*seed >> (20 + letter * 4)) % 11) as u8) as char);
        }
        text.push(' ');
    }
    text
}

#[inline(never)]
fn tokenize(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    for word in text.split(' ') {
        if word.chars().all(|c| c.is_ascii_alphabetic()) && !word.is_empty() {
            words.push(word);
        }
    }
    words
}

#[inline(never)]
fn count_words<'a>(words: &[&'a str]) -> HashMap<&'a str, u32> {
    let mut counts = HashMap::new();
    for word in words {
        *counts.entry(*word).or_insert(0) += 1;
    }
    counts
}

#[inline(never)]
fn rank_words<'a>(counts: &HashMap<&'a str, u32>) -> Vec<(u32, &'a str)> {
    let mut ranked: Vec<(u32, &str)> = counts.iter().map(|(word, count)| (*count, *word)).collect();
    ranked.sort();
    ranked
}

#[inline(never)]
fn edit_distance(a: &[u8], b: &[u8]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let next = (row[j + 1] + 1).min(row[j] + 1).min(diagonal + usize::from(x != y));
            diagonal = std::mem::replace(&mut row[j + 1], next);
        }
    }
    row[b.len()]
}

#[inline(never)]
fn render_table(ranked: &[(u32, &str)]) -> String {
    let mut table = String::new();
    for (count, word) in ranked.iter().take(1200) {
        table.push_str(&format!("{word:>12} {count:6}\n"));
    }
    table
}

#[inline(never)]
fn pack_runs(text: &str) -> Vec<(u8, u16)> {
    let mut runs: Vec<(u8, u16)> = Vec::new();
    for byte in text.bytes().chain(text.bytes()) {
        match runs.last_mut() {
            Some((last, count)) if *last == byte => *count += 1,
            _ => runs.push((byte, 1)),
        }
    }
    runs
}

#[inline(never)]
fn analyse(work: &mut Work, text: &str) {
    let mut words = Vec::new();
    for _ in 0..work.times("tokenize") {
        words = black_box(tokenize(text));
    }
    let mut counts = HashMap::new();
    for _ in 0..work.times("count_words") {
        counts = black_box(count_words(&words));
    }
    let mut ranked = Vec::new();
    for _ in 0..work.times("rank_words") {
        ranked = black_box(rank_words(&counts));
    }
    for _ in 0..work.times("render_table") {
        black_box(render_table(&ranked));
    }
    for _ in 0..work.times("edit_distance") {
        black_box(edit_distance(&text.as_bytes()[..380], &text.as_bytes()[600..960]));
    }
}

#[inline(never)]
fn thread(rounds: usize, seed: u64, slow: Option<usize>, factor: f64) {
    let mut work = Work { slow, factor, rest: [0.0; NAMES.len()] };
    let mut seed = seed;
    for _ in 0..rounds {
        let mut text = String::new();
        for _ in 0..work.times("make_text") {
            text = black_box(make_text(&mut seed, 4000));
        }
        analyse(&mut work, &text);
        for _ in 0..work.times("pack_runs") {
            black_box(pack_runs(&text));
        }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let rounds = args[1].parse().expect("rounds");
    let slow = args.get(2).map(|name| NAMES.iter().position(|known| known == name).expect("no such function"));
    let factor = args.get(3).map_or(1.0, |factor| factor.parse().expect("factor"));
    let seed = u64::from(std::process::id()) << 32 ^ 88172645463325252;
    let threads = [1u64, 2].map(|n| std::thread::spawn(move || thread(rounds, seed.wrapping_mul(n), slow, factor)));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}
