//! Which subject of one side is which of the other.

use crate::case::{Case, SubjectId};
use std::collections::BTreeMap;

/// The subjects of the side after, with those of the side before that they are.
#[derive(Debug, Default)]
pub struct Subjects {
    before: BTreeMap<SubjectId, SubjectId>,
}

impl Subjects {
    /// Those of equal kind and name; then the only one of a kind that is left on either side, whatever its name: a
    /// process that was deployed anew may be known by its pid alone.
    pub fn of(before: &Case, after: &Case) -> Subjects {
        let mut subjects = Subjects::default();
        let mut left: Vec<SubjectId> = before.subject_ids().collect();
        let key = |case: &Case, id: SubjectId| {
            let subject = &case.subjects[id as usize];
            (subject.kind, subject.name.clone())
        };
        for id in after.subject_ids() {
            if let Some(at) = left.iter().position(|&other| key(before, other) == key(after, id)) {
                subjects.before.insert(id, left.remove(at));
            }
        }
        let open: Vec<SubjectId> = after.subject_ids().filter(|id| !subjects.before.contains_key(id)).collect();
        for &id in &open {
            let same_kind = |case: &Case, other: SubjectId| key(case, other).0 == key(after, id).0;
            let alone = open.iter().filter(|&&other| same_kind(after, other)).count() == 1;
            let fitting: Vec<SubjectId> = left.iter().copied().filter(|&other| same_kind(before, other)).collect();
            if let ([only], true) = (&fitting[..], alone) {
                subjects.before.insert(id, *only);
            }
        }
        subjects
    }

    /// The subject before that this one after is.
    pub fn before(&self, after: SubjectId) -> Option<SubjectId> {
        self.before.get(&after).copied()
    }
}
