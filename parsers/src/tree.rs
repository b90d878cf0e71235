//! Documents of nested values, YAML or JSON (which YAML includes), each value with its line. A document that was cut
//! keeps what stands before.

use crate::evidence::Parsed;
use crate::json;
use crate::lines::{LineNo, Lines};
use saphyr_parser::{Event, Parser};

/// Deeper than any object of Kubernetes or docker is.
const DEEPEST: usize = 64;

/// A value and its line.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub(crate) line: LineNo,
    value: Value,
}

#[derive(Debug, Default)]
enum Value {
    /// Nothing, or a reference, which no tool prints here.
    #[default]
    Null,
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

impl Node {
    /// The member of a map; of nested ones along `path`, parted by full stops.
    pub(crate) fn get(&self, path: &str) -> Option<&Node> {
        path.split('.').try_fold(self, |node, key| match &node.value {
            Value::Map(members) => members.iter().find(|(name, _)| name == key).map(|(_, member)| member),
            _ => None,
        })
    }

    /// The text of a member; numbers and words come as printed, nothing and empty text are none.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        self.get(path)?.own_text()
    }

    /// The text of this value.
    pub(crate) fn own_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        }
    }

    /// The elements of a list; none for anything else.
    pub(crate) fn list(&self, path: &str) -> &[Node] {
        self.get(path).map_or(&[], Node::elements)
    }

    /// The elements of this list; none for anything else.
    pub(crate) fn elements(&self) -> &[Node] {
        match &self.value {
            Value::List(elements) => elements,
            _ => &[],
        }
    }

    /// The last line below this value.
    pub(crate) fn last_line(&self) -> LineNo {
        let below = match &self.value {
            Value::List(elements) => elements.last(),
            Value::Map(members) => members.last().map(|(_, member)| member),
            _ => None,
        };
        below.map_or(self.line, Node::last_line)
    }
}

/// Reads all documents that are left.
pub(crate) fn read(lines: &mut Lines<'_>, out: &mut Parsed) -> Vec<Node> {
    let text = String::from_utf8_lossy(lines.rest());
    let mut numbers = Vec::new();
    while !lines.is_done() {
        numbers.push(lines.number());
        lines.advance();
    }
    let (documents, fault) = build(&text, &numbers);
    let Some((line, fault)) = fault else { return documents };
    out.note(line, format!("{fault}; what stands before is used"));
    // Within brackets the parser looks far ahead: of a cut text it gives nothing until the brackets are closed.
    let is_json = text.trim_start().starts_with(['{', '[']);
    match json::mended(text.as_bytes()).filter(|_| is_json) {
        Some(mended) => build(&String::from_utf8_lossy(&mended), &numbers).0,
        None => documents,
    }
}

/// The documents of a text up to its first fault, and that fault with its line.
fn build(text: &str, numbers: &[LineNo]) -> (Vec<Node>, Option<(LineNo, String)>) {
    let last = numbers.last().copied().unwrap_or(0);
    let line_of = |line: usize| numbers.get(line.saturating_sub(1)).copied().unwrap_or(last);
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => {
                let line = line_of(span.start.line());
                if !builder.take(event, line) {
                    let fault = format!("the document is more than {DEEPEST} levels deep");
                    return (builder.finish(), Some((line, fault)));
                }
            }
            Err(error) => {
                let fault = format!("the document is damaged or cut: {}", error.info());
                return (builder.finish(), Some((line_of(error.marker().line()), fault)));
            }
        }
    }
    (builder.finish(), None)
}

/// Containers that are open, the outermost first.
#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    done: Vec<Node>,
}

struct Open {
    node: Node,
    /// The key that waits for its value, within a map.
    key: Option<String>,
}

impl Builder {
    /// False where the document is too deep.
    fn take(&mut self, event: Event<'_>, line: LineNo) -> bool {
        let open = |value| Open { node: Node { line, value }, key: None };
        match event {
            Event::Scalar(text, style, ..) => {
                let plain = style == saphyr_parser::ScalarStyle::Plain;
                let is_key = self.waits_for_key();
                let value = match &*text {
                    "null" | "~" | "" if plain && !is_key => Value::Null,
                    _ => Value::Text(text.into_owned()),
                };
                self.put(Node { line, value });
            }
            Event::Alias(_) => self.put(Node { line, value: Value::Null }),
            Event::MappingStart(..) => self.open.push(open(Value::Map(Vec::new()))),
            Event::SequenceStart(..) => self.open.push(open(Value::List(Vec::new()))),
            Event::MappingEnd | Event::SequenceEnd => self.close(),
            Event::DocumentEnd => while self.close_one() {},
            _ => {}
        }
        self.open.len() <= DEEPEST
    }

    fn waits_for_key(&self) -> bool {
        self.open.last().is_some_and(|open| open.key.is_none() && matches!(open.node.value, Value::Map(_)))
    }

    fn put(&mut self, node: Node) {
        match self.open.last_mut() {
            None => self.done.push(node),
            Some(Open { node: Node { value: Value::List(elements), .. }, .. }) => elements.push(node),
            Some(Open { node: Node { value: Value::Map(members), .. }, key }) => match key.take() {
                Some(key) => members.push((key, node)),
                // A key that is itself a container is no key of any tool.
                None => *key = Some(node.own_text().unwrap_or_default().to_owned()),
            },
            Some(_) => {}
        }
    }

    fn close_one(&mut self) -> bool {
        let Some(open) = self.open.pop() else { return false };
        self.put(open.node);
        true
    }

    fn close(&mut self) {
        self.close_one();
    }

    fn finish(mut self) -> Vec<Node> {
        while self.close_one() {}
        self.done
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    fn parse(text: &str) -> (Vec<Node>, Parsed) {
        let mut out = Parsed::default();
        (read(&mut Text::new(text.as_bytes(), 5).lines(), &mut out), out)
    }

    #[test]
    fn yaml_and_json_give_the_same() {
        for text in [
            "kind: Pod\nspec:\n  containers:\n  - name: a\n    tty: null\n  - name: \"b\"\n",
            "{\n\"kind\": \"Pod\", \"spec\": {\n\"containers\": [\n{\"name\": \"a\", \"tty\": null}, {\n\"name\": \"b\"}]}}\n",
        ] {
            let (documents, out) = parse(text);
            assert_eq!((documents.len(), out.notes.len()), (1, 0));
            assert_eq!(documents[0].text("kind"), Some("Pod"));
            let containers = documents[0].list("spec.containers");
            assert_eq!(containers[1].text("name"), Some("b"));
            assert_eq!(containers[0].text("tty"), None);
            assert_eq!(containers[0].get("name").unwrap().line, 8);
        }
    }

    #[test]
    fn a_cut_document_keeps_what_stands_before() {
        let (documents, out) = parse("{\"items\": [\n{\"name\": \"a\"},\n{\"name\": \"b");
        assert_eq!(documents[0].list("items")[0].text("name"), Some("a"));
        assert_eq!(out.notes.len(), 1);
        let (documents, out) = parse("items:\n- name: a\n- name: \"b");
        assert_eq!(documents[0].list("items")[0].text("name"), Some("a"));
        assert_eq!(out.notes.len(), 1);
        assert_eq!(parse(&"[".repeat(10_000)).1.notes.len(), 1);
        assert!(parse("a: *b\n").1.notes.len() <= 1);
    }
}
