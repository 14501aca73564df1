//! YAML with the line of every value, read as kubectl reads it: by YAML 1.1.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span, StrInput};

/// Aliases are copied; more values than this is an attack or no manifest.
const MAX_NODES: usize = 200_000;
/// A copied text weighs one value more for so many of its bytes: copies take 13 MB at most.
const TEXT_PER_NODE: usize = 64;
/// Our deepest field lies 14 levels deep.
const MAX_DEPTH: usize = 100;

/// One value.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// The line of its key, of its list item or of its document, counted from 1.
    pub line: usize,
    pub shape: Shape,
}

#[derive(Debug, Clone)]
pub(super) enum Shape {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Member>),
}

/// One key of a map and its value.
#[derive(Debug, Clone)]
pub(super) struct Member {
    /// As kubectl reads it: `on` is `true`.
    pub key: String,
    /// As it was written.
    pub written: String,
    pub node: Node,
}

/// Why a file is no YAML.
#[derive(Debug)]
pub(super) struct Malformed {
    pub line: usize,
    pub message: String,
}

impl Node {
    /// The member of that name; one that is null counts as absent, as on the API server.
    pub(super) fn get(&self, name: &str) -> Option<&Node> {
        let Shape::Map(members) = &self.shape else {
            return None;
        };
        let member = members.iter().find(|member| member.key == name)?;
        (!matches!(member.node.shape, Shape::Null)).then_some(&member.node)
    }

    pub(super) fn text(&self) -> Option<&str> {
        match &self.shape {
            Shape::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn items(&self) -> &[Node] {
        match &self.shape {
            Shape::List(items) => items,
            _ => &[],
        }
    }

    pub(super) fn members(&self) -> &[Member] {
        match &self.shape {
            Shape::Map(members) => members,
            _ => &[],
        }
    }

    /// The line of `spec.rules[0].when`, or of the nearest part of it that is there.
    pub(super) fn line_of(&self, path: &str) -> usize {
        let mut node = self;
        for part in path.split(['.', '[', ']']).filter(|part| !part.is_empty()) {
            let below = match part.parse::<usize>() {
                Ok(at) => node.items().get(at),
                Err(_) => node.get(part),
            };
            let Some(below) = below else { break };
            node = below;
        }
        node.line
    }

    /// The value without lines and without nulls.
    pub(super) fn to_json(&self) -> Value {
        match &self.shape {
            Shape::Null => Value::Null,
            Shape::Bool(yes) => Value::Bool(*yes),
            Shape::Number(number) => Value::Number(number.clone()),
            Shape::Text(text) => Value::String(text.clone()),
            Shape::List(items) => items.iter().map(Node::to_json).collect(),
            Shape::Map(members) => members
                .iter()
                .filter(|member| !matches!(member.node.shape, Shape::Null))
                .map(|member| (member.key.clone(), member.node.to_json()))
                .collect::<Map<_, _>>()
                .into(),
        }
    }
}

/// Every document of a file; empty ones are left out.
pub(super) fn parse(text: &str) -> Result<Vec<Node>, Malformed> {
    let mut reader = Reader {
        parser: Parser::new_from_str(text),
        anchors: BTreeMap::new(),
        nodes: 0,
    };
    let mut documents = Vec::new();
    while let Some((event, span)) = reader.event()? {
        if event.is_node() {
            let document = reader.node(&event, &span, 0)?;
            if !matches!(document.shape, Shape::Null) {
                documents.push(document);
            }
        }
    }
    Ok(documents)
}

struct Reader<'a> {
    parser: Parser<'a, StrInput<'a>>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
}

impl<'a> Reader<'a> {
    fn event(&mut self) -> Result<Option<(Event<'a>, Span)>, Malformed> {
        self.parser.next_event().transpose().map_err(|error| {
            let line = error.marker().line();
            Malformed::at(line, format!("this is no YAML: {}", error.info()))
        })
    }

    /// The next node, or `None` at the end of the list or map that is being read.
    fn next(&mut self, depth: usize) -> Result<Option<Node>, Malformed> {
        loop {
            let Some((event, span)) = self.event()? else {
                return Ok(None);
            };
            if matches!(event, Event::SequenceEnd | Event::MappingEnd) {
                return Ok(None);
            }
            if event.is_node() {
                return self.node(&event, &span, depth).map(Some);
            }
        }
    }

    fn node(&mut self, event: &Event<'a>, span: &Span, depth: usize) -> Result<Node, Malformed> {
        let line = span.start.line();
        self.nodes += 1;
        if self.nodes > MAX_NODES || depth > MAX_DEPTH {
            return Err(Malformed::at(line, "too large or too deep for a manifest"));
        }
        let shape = match event {
            Event::Scalar(text, style, ..) => scalar(text, *style),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                while let Some(item) = self.next(depth + 1)? {
                    items.push(item);
                }
                Shape::List(items)
            }
            Event::MappingStart(..) => Shape::Map(self.members(depth)?),
            Event::Alias(id) => return self.alias(*id, line),
            _ => Shape::Null,
        };
        let node = Node { line, shape };
        if let Some(anchor) = event.anchor_id() {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, id: usize, line: usize) -> Result<Node, Malformed> {
        let Some(node) = self.anchors.get(&id) else {
            return Err(Malformed::at(line, "an alias inside its own anchor"));
        };
        let copy = node.clone();
        self.nodes += copy.size();
        if self.nodes > MAX_NODES {
            return Err(Malformed::at(line, "too many aliases for a manifest"));
        }
        Ok(copy)
    }

    fn members(&mut self, depth: usize) -> Result<Vec<Member>, Malformed> {
        let mut members: Vec<Member> = Vec::new();
        let mut merged = Vec::new();
        while let Some(key) = self.key()? {
            let Some(mut node) = self.next(depth + 1)? else {
                return Err(Malformed::at(key.line, "a key without value"));
            };
            // The key is what a reader looks for, also where its value begins a line later.
            node.line = key.line;
            if key.written == "<<" {
                merged.extend(node.members().to_vec());
                continue;
            }
            if members.iter().any(|member| member.key == key.read) {
                let message = format!(
                    "key {} is written twice in one map; remove one",
                    key.written
                );
                return Err(Malformed::at(key.line, message));
            }
            members.push(Member {
                key: key.read,
                written: key.written,
                node,
            });
        }
        for member in merged {
            if members.iter().all(|own| own.key != member.key) {
                members.push(member);
            }
        }
        Ok(members)
    }

    fn key(&mut self) -> Result<Option<Key>, Malformed> {
        loop {
            let Some((event, span)) = self.event()? else {
                return Ok(None);
            };
            let line = span.start.line();
            match event {
                Event::MappingEnd => return Ok(None),
                Event::Scalar(text, style, ..) => {
                    let read = match scalar(&text, style) {
                        Shape::Bool(yes) => yes.to_string(),
                        _ => text.to_string(),
                    };
                    let written = text.into_owned();
                    return Ok(Some(Key {
                        line,
                        written,
                        read,
                    }));
                }
                event if event.is_node() => {
                    return Err(Malformed::at(line, "a key must be a plain word"));
                }
                _ => {}
            }
        }
    }
}

struct Key {
    line: usize,
    written: String,
    read: String,
}

impl Malformed {
    fn at(line: usize, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }
}

impl Node {
    fn size(&self) -> usize {
        let below = self.items().iter().map(Node::size).sum::<usize>()
            + self
                .members()
                .iter()
                .map(|member| member.node.size())
                .sum::<usize>();
        1 + below + self.text().map_or(0, str::len) / TEXT_PER_NODE
    }
}

/// A plain word by the rules of YAML 1.1, to which kubectl keeps; anything quoted is text.
fn scalar(text: &str, style: ScalarStyle) -> Shape {
    if style != ScalarStyle::Plain {
        return Shape::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Shape::Null,
        "true" | "True" | "TRUE" | "on" | "On" | "ON" | "yes" | "Yes" | "YES" | "y" | "Y" => {
            return Shape::Bool(true);
        }
        "false" | "False" | "FALSE" | "off" | "Off" | "OFF" | "no" | "No" | "NO" | "n" | "N" => {
            return Shape::Bool(false);
        }
        _ => {}
    }
    let looks_like_a_number =
        text.starts_with(|c: char| c.is_ascii_digit() || ['-', '+', '.'].contains(&c));
    let integer = || text.parse::<i64>().ok().map(Number::from);
    let fraction = || text.parse::<f64>().ok().and_then(Number::from_f64);
    match looks_like_a_number
        .then(|| integer().or_else(fraction))
        .flatten()
    {
        Some(number) => Shape::Number(number),
        None => Shape::Text(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_path_finds_its_line() {
        let text = "spec:\n  rules:\n  - name: a\n    when: {}\n";
        let documents = super::parse(text).unwrap_or_default();
        let line = |path: &str| documents[0].line_of(path);
        assert_eq!(
            [
                line("spec.rules[0].when"),
                line("spec.rules[0].steps"),
                line("spec.budget")
            ],
            [4, 3, 1]
        );
    }
}
