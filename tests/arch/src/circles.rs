//! Circles: files that reach each other through their imports.

use std::collections::{BTreeMap, BTreeSet};

/// The strongly connected components with more than `limit` members, by Tarjan's algorithm (1972).
/// Members and components come in order.
pub(crate) fn circles<T: Ord + Clone>(
    arrows: &BTreeMap<T, BTreeSet<T>>,
    limit: usize,
) -> Vec<Vec<T>> {
    let mut search = Search {
        arrows,
        seen: BTreeMap::new(),
        stack: Vec::new(),
        found: Vec::new(),
    };
    for node in arrows.keys() {
        if !search.seen.contains_key(node) {
            search.visit(node);
        }
    }
    let mut found: Vec<Vec<T>> = search
        .found
        .into_iter()
        .filter(|circle| circle.len() > limit)
        .collect();
    found.iter_mut().for_each(|circle| circle.sort());
    found.sort();
    found
}

struct Search<'a, T> {
    arrows: &'a BTreeMap<T, BTreeSet<T>>,
    /// By node: the lowest number that it reaches on the stack, none once its component is found.
    seen: BTreeMap<T, Option<usize>>,
    stack: Vec<T>,
    found: Vec<Vec<T>>,
}

impl<T: Ord + Clone> Search<'_, T> {
    /// The lowest number that `node` reaches. Its own number is its place on the stack, which grows
    /// with every visit: that order is all that the algorithm needs of it.
    fn visit(&mut self, node: &T) -> usize {
        let own = self.stack.len();
        let mut low = own;
        self.seen.insert(node.clone(), Some(own));
        self.stack.push(node.clone());
        for next in self.arrows.get(node).into_iter().flatten() {
            match self.seen.get(next) {
                None => low = low.min(self.visit(next)),
                Some(Some(number)) => low = low.min(*number),
                Some(None) => {}
            }
        }
        if low == own {
            let circle = self.stack.split_off(own);
            for member in &circle {
                self.seen.insert(member.clone(), None);
            }
            self.found.push(circle);
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(
        arrows: &[(&'static str, &'static str)],
    ) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
        let mut graph: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (from, to) in arrows {
            graph.entry(*from).or_default().insert(*to);
            graph.entry(*to).or_default();
        }
        graph
    }

    #[test]
    fn two_circles_that_one_arrow_joins_stay_two() {
        let graph = graph(&[
            ("a", "b"),
            ("b", "c"),
            ("c", "a"),
            ("c", "d"),
            ("d", "e"),
            ("e", "d"),
            ("e", "f"),
        ]);
        assert_eq!(circles(&graph, 1), [vec!["a", "b", "c"], vec!["d", "e"]]);
        assert_eq!(circles(&graph, 2), [vec!["a", "b", "c"]]);
    }

    #[test]
    fn what_reaches_a_circle_is_not_of_it() {
        let graph = graph(&[
            ("in", "a"),
            ("a", "b"),
            ("b", "a"),
            ("in", "b"),
            ("b", "out"),
            ("a", "out"),
        ]);
        assert_eq!(circles(&graph, 1), [vec!["a", "b"]]);
        assert!(circles(&graph, 2).is_empty());
    }

    #[test]
    fn circles_that_share_a_file_are_one() {
        let graph = graph(&[
            ("a", "b"),
            ("b", "a"),
            ("b", "c"),
            ("c", "b"),
            ("c", "d"),
            ("d", "c"),
        ]);
        assert_eq!(circles(&graph, 3), [vec!["a", "b", "c", "d"]]);
    }
}
