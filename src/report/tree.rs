//! Stacks merged to a tree that can be drawn.

use super::model::{StackTree, TreeFrame};

/// Frames of a tree; it keeps the heaviest.
const MOST_FRAMES: usize = 1_200;
/// Lighter frames cannot be seen: one in so many parts of the whole.
const LIGHTEST: f64 = 4_000.0;

struct Node {
    name: u32,
    weight: f64,
    depth: u32,
    children: Vec<usize>,
}

/// Merges stacks with their weights. A stack is a list of indices into `names`, the outermost frame first.
pub fn merge<S: AsRef<str>>(mut stacks: Vec<(Vec<u32>, f64)>, names: &[S]) -> StackTree {
    stacks.sort_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut nodes: Vec<Node> = Vec::new();
    let mut roots: Vec<usize> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    for (path, weight) in &stacks {
        let shared = open.iter().zip(path).take_while(|&(&node, &name)| nodes[node].name == name).count();
        open.truncate(shared);
        for &name in &path[shared..] {
            let node = nodes.len();
            nodes.push(Node { name, weight: 0.0, depth: open.len() as u32, children: Vec::new() });
            match open.last() {
                Some(&parent) => nodes[parent].children.push(node),
                None => roots.push(node),
            }
            open.push(node);
        }
        open.iter().for_each(|&node| nodes[node].weight += weight);
    }
    let lightest = lightest(&nodes, &roots);
    let heaviest_last = |list: &[usize]| {
        let mut list: Vec<usize> = list.iter().copied().filter(|&node| nodes[node].weight >= lightest).collect();
        let name = |node: usize| names[nodes[node].name as usize].as_ref();
        list.sort_by(|&a, &b| nodes[a].weight.total_cmp(&nodes[b].weight).then_with(|| name(b).cmp(name(a))));
        list
    };
    let mut frames = Vec::new();
    let mut next = heaviest_last(&roots);
    while let Some(index) = next.pop() {
        let node = &nodes[index];
        frames.push(TreeFrame(node.depth, names[node.name as usize].as_ref().to_owned(), node.weight));
        next.extend(heaviest_last(&node.children));
    }
    let left_out = (nodes.len() - frames.len()) as u64;
    StackTree { frames, left_out }
}

/// The weight from which a frame is listed.
fn lightest(nodes: &[Node], roots: &[usize]) -> f64 {
    let visible = roots.iter().map(|&root| nodes[root].weight).sum::<f64>() / LIGHTEST;
    if nodes.len() <= MOST_FRAMES {
        return visible;
    }
    let mut weights: Vec<f64> = nodes.iter().map(|node| node.weight).collect();
    let (_, crowd, _) = weights.select_nth_unstable_by(MOST_FRAMES, |a, b| b.total_cmp(a));
    visible.max(crowd.next_up())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(stacks: &[(&[u32], f64)]) -> StackTree {
        let names: Vec<String> = (0..=3_000).map(|n| format!("f{n}")).collect();
        merge(stacks.iter().map(|(path, weight)| (path.to_vec(), *weight)).collect(), &names)
    }

    #[test]
    fn a_tree_has_the_heaviest_first_and_the_sums_of_what_lies_below() {
        let tree = of(&[(&[4], 3.0), (&[0, 1], 1.0), (&[0, 2], 5.0), (&[0, 2, 3], 2.0)]);
        let shown: Vec<_> = tree.frames.iter().map(|frame| format!("{} {} {}", frame.0, frame.1, frame.2)).collect();
        assert_eq!(shown, ["0 f0 8", "1 f2 7", "2 f3 2", "1 f1 1", "0 f4 3"]);
        assert_eq!(tree.left_out, 0);
    }

    #[test]
    fn a_crowd_of_light_frames_is_left_out_and_counted() {
        let crowd: Vec<(Vec<u32>, f64)> = (1..=3_000).map(|n| (vec![0, n], f64::from(n))).collect();
        let stacks: Vec<(&[u32], f64)> = crowd.iter().map(|(path, weight)| (path.as_slice(), *weight)).collect();
        let tree = of(&stacks);
        assert_eq!((tree.frames.len(), tree.left_out), (MOST_FRAMES, 3_001 - MOST_FRAMES as u64));
        assert_eq!((tree.frames[0].2, tree.frames[1].1.as_str()), (4_501_500.0, "f3000"));
    }
}
