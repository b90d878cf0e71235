//! How the weight of a profile's rows is spread over time: what varies within a recording tells what may vary between
//! two of them.

/// Seconds of the finest slot.
const FINEST_S: f64 = 1.0 / 64.0;
/// Slots that a recording has at most; where it grows beyond, two become one.
const MOST_SLOTS: u64 = 64;

/// The weight of a row in a slot of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// Index into [`Profile::rows`](crate::evidence::Profile::rows).
    pub row: u32,
    /// Weight, in the unit of the profile.
    pub weight: f32,
    /// Number of the slot, counted from the clock's origin.
    pub slot: u64,
}

/// Weights by row and slot. All slots have the same width, so that what two stretches of one text gave can be joined.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OverTime {
    /// How often the finest width was doubled.
    doublings: u32,
    /// First and last slot.
    ends: Option<(u64, u64)>,
    cells: Vec<Cell>,
    /// The newest cell of each row, by its place behind 1; 0: none.
    newest: Vec<u32>,
}

impl OverTime {
    /// Adds weight to a row at a time in seconds of any clock that does not begin below 0.
    pub fn add(&mut self, row: u32, time: f64, weight: f64) {
        let slot = (time / FINEST_S) as u64 >> self.doublings;
        self.put(Cell { row, weight: weight as f32, slot });
    }

    fn put(&mut self, cell: Cell) {
        let (first, last) = self.ends.unwrap_or((cell.slot, cell.slot));
        self.ends = Some((first.min(cell.slot), last.max(cell.slot)));
        self.keep(cell);
        while self.ends.is_some_and(|(first, last)| last - first >= MOST_SLOTS) {
            self.double();
        }
    }

    fn keep(&mut self, cell: Cell) {
        let row = cell.row as usize;
        if row >= self.newest.len() {
            self.newest.resize(row + 1, 0);
        }
        match self.newest[row].checked_sub(1).map(|at| &mut self.cells[at as usize]) {
            Some(known) if known.slot == cell.slot => known.weight += cell.weight,
            _ => {
                self.cells.push(cell);
                self.newest[row] = self.cells.len() as u32;
            }
        }
    }

    /// Makes one slot of two.
    fn double(&mut self) {
        self.doublings += 1;
        self.ends = self.ends.map(|(first, last)| (first >> 1, last >> 1));
        self.newest.clear();
        for cell in std::mem::take(&mut self.cells) {
            self.keep(Cell { slot: cell.slot >> 1, ..cell });
        }
    }

    /// Adds what the next stretch of the same text gave; `rows` are the places of its rows here.
    pub fn append(&mut self, mut next: OverTime, rows: &[u32]) {
        while next.doublings < self.doublings && next.ends.is_some() {
            next.double();
        }
        while self.doublings < next.doublings {
            self.double();
        }
        for cell in next.cells {
            if let Some(&row) = rows.get(cell.row as usize) {
                // A long text may have doubled the slots meanwhile.
                let slot = cell.slot >> (self.doublings - next.doublings);
                self.put(Cell { row, slot, ..cell });
            }
        }
    }

    /// The cells; a row may have several of one slot.
    pub fn cells(&self) -> &[Cell] {
        &self.cells
    }

    /// First and last slot; `None` where no sample has a time.
    pub fn ends(&self) -> Option<(u64, u64)> {
        self.ends
    }

    /// Seconds of a slot.
    pub fn slot_s(&self) -> f64 {
        FINEST_S * f64::from(self.doublings).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_double_as_the_recording_grows_and_nothing_is_lost() {
        let mut long = OverTime::default();
        (0..10_000).for_each(|n| long.add(n % 3, 1e6 + f64::from(n) * 0.01, 1.0));
        let (first, last) = long.ends().unwrap();
        assert!((MOST_SLOTS / 2..=MOST_SLOTS).contains(&(last - first + 1)), "{first} {last}");
        assert!((long.slot_s() - 2.0).abs() < 1e-9);
        assert_eq!(long.cells().len() as u64, 3 * (last - first + 1));
        assert_eq!(long.cells().iter().map(|cell| cell.weight).sum::<f32>(), 10_000.0);
    }

    #[test]
    fn stretches_join_to_what_the_whole_is() {
        let times: Vec<(u32, f64)> = (0..3_000).map(|n| (n % 7, 50.0 + f64::from(n * n % 9_000) * 0.004)).collect();
        let of = |times: &[(u32, f64)]| {
            let mut over = OverTime::default();
            times.iter().for_each(|(row, time)| over.add(*row, *time, 2.0));
            over
        };
        let sums = |over: &OverTime| {
            let mut sums = std::collections::BTreeMap::new();
            over.cells().iter().for_each(|cell| *sums.entry((cell.row, cell.slot)).or_insert(0.0) += cell.weight);
            (sums, over.ends(), over.slot_s())
        };
        let whole = of(&times);
        for cut in [1, 10, 1_500, 2_999] {
            let mut joined = of(&times[..cut]);
            joined.append(of(&times[cut..]), &[0, 1, 2, 3, 4, 5, 6]);
            assert_eq!(sums(&joined), sums(&whole), "{cut}");
        }
    }

    #[test]
    fn odd_times_do_no_harm() {
        let mut over = OverTime::default();
        [f64::NAN, -5.0, f64::INFINITY, 1.7e9].into_iter().for_each(|time| over.add(0, time, 1.0));
        let (first, last) = over.ends().unwrap();
        assert!(last - first < MOST_SLOTS);
        over.append(OverTime::default(), &[]);
    }
}
