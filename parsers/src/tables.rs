//! Interned names, frames and stacks: a dump of 400,000 goroutines holds a few hundred distinct stacks.

use crate::demangle::demangled;
use hashbrown::HashTable;
use rustc_hash::FxHasher;
use std::hash::{Hash, Hasher};

/// A name in [`Tables`]; `Sym::EMPTY` is the empty name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sym(u32);

impl Sym {
    /// The empty name: what an artifact does not say.
    pub const EMPTY: Sym = Sym(0);

    /// True for the empty name.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// A frame in [`Tables`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FrameId(u32);

/// A stack in [`Tables`]; `StackId::EMPTY` has no frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StackId(u32);

impl StackId {
    /// The stack without frames.
    pub const EMPTY: StackId = StackId(0);

    /// Dense index, for side tables that are as long as [`Tables::stack_count`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl FrameId {
    /// Dense index, for side tables that are as long as [`Tables::frame_count`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// How a frame came to be in its stack.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FrameKind {
    /// Ordinary code of the program or its runtime.
    #[default]
    User,
    /// Inlined into the next outer frame.
    Inlined,
    /// Kernel code.
    Kernel,
    /// C or other native code below a managed runtime (cgo, JNI).
    Native,
    /// Code made at run time (perf map, jitdump).
    Jit,
}

/// One line of a stack, without what differs from run to run (addresses, arguments).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Frame {
    /// The function as the artifact prints it, without arguments.
    pub function: Sym,
    /// Source file as printed; empty when not printed.
    pub file: Sym,
    /// Source line; 0 when not printed.
    pub line: u32,
    /// Library, object file or Java module; empty when not printed.
    pub module: Sym,
    /// What sort of frame it is.
    pub kind: FrameKind,
}

fn hash_of<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = FxHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Interner of names, frames and stacks. Ids are given in order of first sight, so equal input gives equal tables.
#[derive(Clone, Default)]
pub struct Tables {
    text: String,
    names: Vec<(u32, u32)>,
    name_index: HashTable<u32>,
    frames: Vec<Frame>,
    frame_index: HashTable<u32>,
    stack_frames: Vec<FrameId>,
    stacks: Vec<(u32, u32)>,
    stack_index: HashTable<u32>,
}

impl std::fmt::Debug for Tables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tables({} names, {} frames, {} stacks)", self.names.len(), self.frames.len(), self.stacks.len())
    }
}

impl Tables {
    /// Interns a name given as bytes; bytes that are not UTF-8 become U+FFFD.
    pub fn name(&mut self, bytes: &[u8]) -> Sym {
        match std::str::from_utf8(bytes) {
            Ok(text) => self.name_str(text),
            Err(_) => self.name_str(&String::from_utf8_lossy(bytes)),
        }
    }

    /// Interns the name of a function as a linker knows it: demangled.
    pub fn symbol(&mut self, bytes: &[u8]) -> Sym {
        self.name(&demangled(bytes))
    }

    /// Interns a name.
    pub fn name_str(&mut self, name: &str) -> Sym {
        if name.is_empty() {
            return Sym::EMPTY;
        }
        let hash = hash_of(name);
        let (text, names) = (&self.text, &self.names);
        let slice = |id: u32| {
            let (start, end) = names[id as usize];
            &text[start as usize..end as usize]
        };
        if let Some(&id) = self.name_index.find(hash, |&id| slice(id) == name) {
            return Sym(id + 1);
        }
        // An interner that is full keeps working: further names become the empty one.
        let Ok(start) = u32::try_from(self.text.len()) else { return Sym::EMPTY };
        let Ok(end) = u32::try_from(self.text.len() + name.len()) else { return Sym::EMPTY };
        let id = self.names.len() as u32;
        self.text.push_str(name);
        self.names.push((start, end));
        let (text, names) = (&self.text, &self.names);
        self.name_index.insert_unique(hash, id, |&id| {
            let (start, end) = names[id as usize];
            hash_of(&text[start as usize..end as usize])
        });
        Sym(id + 1)
    }

    /// The text of a name.
    pub fn text(&self, name: Sym) -> &str {
        match name.0 {
            0 => "",
            id => {
                let (start, end) = self.names[id as usize - 1];
                &self.text[start as usize..end as usize]
            }
        }
    }

    /// Interns a frame.
    pub fn frame(&mut self, frame: Frame) -> FrameId {
        let hash = hash_of(&frame);
        let frames = &self.frames;
        if let Some(&id) = self.frame_index.find(hash, |&id| frames[id as usize] == frame) {
            return FrameId(id);
        }
        let id = self.frames.len() as u32;
        self.frames.push(frame);
        let frames = &self.frames;
        self.frame_index.insert_unique(hash, id, |&id| hash_of(&frames[id as usize]));
        FrameId(id)
    }

    /// The frame behind an id.
    pub fn get_frame(&self, id: FrameId) -> Frame {
        self.frames[id.0 as usize]
    }

    /// The function name of a frame.
    pub fn function(&self, id: FrameId) -> &str {
        self.text(self.frames[id.0 as usize].function)
    }

    /// Interns a stack, innermost frame first.
    pub fn stack(&mut self, frames: &[FrameId]) -> StackId {
        if frames.is_empty() {
            return StackId::EMPTY;
        }
        let hash = hash_of(frames);
        let (all, stacks) = (&self.stack_frames, &self.stacks);
        let slice = |id: u32| {
            let (start, end) = stacks[id as usize];
            &all[start as usize..end as usize]
        };
        if let Some(&id) = self.stack_index.find(hash, |&id| slice(id) == frames) {
            return StackId(id + 1);
        }
        let Ok(start) = u32::try_from(self.stack_frames.len()) else { return StackId::EMPTY };
        let Ok(end) = u32::try_from(self.stack_frames.len() + frames.len()) else { return StackId::EMPTY };
        let id = self.stacks.len() as u32;
        self.stack_frames.extend_from_slice(frames);
        self.stacks.push((start, end));
        let (all, stacks) = (&self.stack_frames, &self.stacks);
        self.stack_index.insert_unique(hash, id, |&id| {
            let (start, end) = stacks[id as usize];
            hash_of(&all[start as usize..end as usize])
        });
        StackId(id + 1)
    }

    /// The frames of a stack, innermost first.
    pub fn stack_frames(&self, id: StackId) -> &[FrameId] {
        match id.0 {
            0 => &[],
            id => {
                let (start, end) = self.stacks[id as usize - 1];
                &self.stack_frames[start as usize..end as usize]
            }
        }
    }

    /// The function names of a stack, innermost first.
    pub fn functions(&self, id: StackId) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.stack_frames(id).iter().map(|&frame| self.function(frame))
    }

    /// How many distinct stacks there are, the empty one included.
    pub fn stack_count(&self) -> usize {
        self.stacks.len() + 1
    }

    /// How many distinct frames there are.
    pub fn frame_count(&self) -> usize {
        self.frames.len()
    }

    /// Takes over all of `other` and says what its ids are called here.
    pub fn absorb(&mut self, other: &Tables) -> Remap {
        let names: Vec<Sym> = (0..other.names.len()).map(|id| self.name_str(other.text(Sym(id as u32 + 1)))).collect();
        let sym = |s: Sym| if s.is_empty() { s } else { names[s.0 as usize - 1] };
        let frames: Vec<FrameId> = other
            .frames
            .iter()
            .map(|f| {
                self.frame(Frame {
                    function: sym(f.function),
                    file: sym(f.file),
                    module: sym(f.module),
                    line: f.line,
                    kind: f.kind,
                })
            })
            .collect();
        let mut buffer = Vec::new();
        let stacks = (0..other.stacks.len())
            .map(|id| {
                buffer.clear();
                buffer.extend(other.stack_frames(StackId(id as u32 + 1)).iter().map(|f| frames[f.0 as usize]));
                self.stack(&buffer)
            })
            .collect();
        Remap { names, frames, stacks }
    }
}

/// New ids for those of tables that were absorbed.
#[derive(Debug, Default)]
pub struct Remap {
    names: Vec<Sym>,
    frames: Vec<FrameId>,
    stacks: Vec<StackId>,
}

impl Remap {
    /// The new id of a name.
    pub fn name(&self, sym: Sym) -> Sym {
        if sym.is_empty() { sym } else { self.names[sym.0 as usize - 1] }
    }

    /// The new id of a frame.
    pub fn frame(&self, id: FrameId) -> FrameId {
        self.frames[id.0 as usize]
    }

    /// The new id of a stack.
    pub fn stack(&self, id: StackId) -> StackId {
        match id.0 {
            0 => StackId::EMPTY,
            id => self.stacks[id as usize - 1],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_things_get_equal_ids() {
        let mut tables = Tables::default();
        let a = tables.name(b"main.main");
        assert_eq!(a, tables.name(b"main.main"));
        assert_ne!(a, tables.name(b"main.run"));
        assert_eq!(tables.text(a), "main.main");
        assert_eq!(tables.name(b""), Sym::EMPTY);
        let frame = tables.frame(Frame { function: a, ..Frame::default() });
        let stack = tables.stack(&[frame, frame]);
        assert_eq!(stack, tables.stack(&[frame, frame]));
        assert_eq!(tables.functions(stack).collect::<Vec<_>>(), ["main.main", "main.main"]);
        assert_eq!(tables.stack(&[]), StackId::EMPTY);
    }

    #[test]
    fn absorbing_keeps_names_and_order() {
        let mut one = Tables::default();
        one.name(b"x");
        let mut two = Tables::default();
        let function = two.name(b"y");
        let frame = two.frame(Frame { function, line: 3, ..Frame::default() });
        let stack = two.stack(&[frame]);
        let remap = one.absorb(&two);
        assert_eq!(one.functions(remap.stack(stack)).collect::<Vec<_>>(), ["y"]);
        assert_eq!(one.get_frame(remap.frame(frame)).line, 3);
        assert_eq!(one.text(remap.name(function)), "y");
    }

    #[test]
    fn names_that_are_not_utf8_are_kept_readable() {
        let mut tables = Tables::default();
        let name = tables.name(b"a\xffb");
        assert_eq!(tables.text(name), "a\u{fffd}b");
    }
}
