//! Turns a good input into a bad one: changes in the tree where it is JSON, and changes of bytes.

use kubemend_sim::Rng;
use serde_json::Value;

use crate::hostile;

/// Inputs grow no longer than this by mutation; larger ones are made on purpose, see `corpus`.
const MAX: usize = 64 * 1024;

/// A bad relative of `seed`; `other` lends parts.
pub fn mutate(rng: &mut Rng, seed: &[u8], other: &[u8]) -> Vec<u8> {
    let mut bytes = match serde_json::from_slice::<Value>(seed) {
        Ok(mut tree) if rng.up_to(9) > 0 => {
            let donor = serde_json::from_slice(other).unwrap_or(Value::Null);
            for _ in 0..=rng.up_to(3) {
                graft(rng, &mut tree, &donor);
            }
            serde_json::to_vec(&tree).unwrap_or_default()
        }
        _ => seed.to_vec(),
    };
    let edits = if rng.up_to(2) == 0 {
        1 + rng.up_to(3)
    } else {
        u64::from(bytes == seed)
    };
    for _ in 0..edits {
        edit(rng, &mut bytes, other);
    }
    bytes.truncate(MAX);
    bytes
}

/// A number below `len`, which is not 0.
fn below(rng: &mut Rng, len: usize) -> usize {
    usize::try_from(rng.up_to(len as u64 - 1)).unwrap_or(0)
}

/// How many values a tree holds.
fn size(tree: &Value) -> usize {
    1 + match tree {
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(members) => members.values().map(size).sum(),
        _ => 0,
    }
}

/// The value at that place, counted from the root in the order of writing.
fn nth<'a>(tree: &'a mut Value, at: &mut usize) -> Option<&'a mut Value> {
    if *at == 0 {
        return Some(tree);
    }
    *at -= 1;
    match tree {
        Value::Array(items) => items.iter_mut().find_map(|one| nth(one, at)),
        Value::Object(members) => members.values_mut().find_map(|one| nth(one, at)),
        _ => None,
    }
}

fn some<'a>(rng: &mut Rng, tree: &'a mut Value) -> Option<&'a mut Value> {
    let mut at = below(rng, size(tree));
    nth(tree, &mut at)
}

/// One change in the tree.
fn graft(rng: &mut Rng, tree: &mut Value, donor: &Value) {
    let hostile = hostile::value(rng.next_u64());
    let lent = some(rng, &mut donor.clone()).cloned().unwrap_or_default();
    let choice = rng.up_to(9);
    let at = rng.next_u64();
    let Some(place) = some(rng, tree) else { return };
    match (choice, place) {
        (0..=3, place) => *place = hostile,
        (4, place) => *place = lent,
        (5 | 6, Value::Object(members)) if !members.is_empty() => {
            let index = usize::try_from(at % members.len() as u64).unwrap_or(0);
            let Some(key) = members.keys().nth(index).cloned() else {
                return;
            };
            let removed = members.remove(&key);
            if choice == 6 {
                members.insert(format!("{key}\u{0}"), removed.unwrap_or_default());
            }
        }
        (7, Value::Object(members)) => {
            let key =
                hostile::TEXTS[usize::try_from(at % hostile::TEXTS.len() as u64).unwrap_or(0)];
            members.insert(key.to_owned(), lent);
        }
        (_, Value::Array(items)) if !items.is_empty() => {
            let copy = items[usize::try_from(at % items.len() as u64).unwrap_or(0)].clone();
            let times = usize::try_from(at % 40).unwrap_or(0);
            items.extend(std::iter::repeat_n(copy, times));
        }
        (_, Value::Number(number)) => {
            let step = i64::from(at.to_le_bytes()[0]) - 128;
            let near = number.as_i64().unwrap_or(0).wrapping_add(step);
            *number = near.into();
        }
        (_, place) => *place = hostile,
    }
}

/// One change of bytes.
fn edit(rng: &mut Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    let at = below(rng, bytes.len() + 1);
    let end = at + below(rng, (bytes.len() - at).min(64) + 1);
    match rng.up_to(7) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let token = hostile::TOKENS[below(rng, hostile::TOKENS.len())];
            bytes.splice(at..end, token.iter().copied());
        }
        3 => {
            let token = hostile::TOKENS[below(rng, hostile::TOKENS.len())];
            bytes.splice(at..at, token.iter().copied());
        }
        4 if at < bytes.len() => bytes[at] ^= 1 << rng.up_to(7),
        5 => {
            let copy = bytes[at..end].repeat(1 + below(rng, 30));
            bytes.splice(at..at, copy);
        }
        6 if !other.is_empty() => {
            let from = below(rng, other.len());
            let to = from + below(rng, (other.len() - from).min(200) + 1);
            bytes.splice(at..at, other[from..to].iter().copied());
        }
        _ => {
            let noise = rng.next_u64().to_le_bytes();
            bytes.splice(at..end, noise);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_input_again_and_another_seed_another() {
        let run = |seed| {
            let mut rng = Rng::new(seed);
            (0..50)
                .map(|_| mutate(&mut rng, br#"{"a": [1, "x"]}"#, b"{}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(1));
        assert_ne!(run(1), run(2));
    }

    #[test]
    fn every_place_of_a_tree_is_reached() {
        let mut tree: Value = serde_json::json!({"a": [1, {"b": 2}], "c": "d"});
        for mut at in 0..size(&tree) {
            assert!(nth(&mut tree, &mut at).is_some());
        }
        let mut beyond = size(&tree);
        assert!(nth(&mut tree, &mut beyond).is_none());
    }
}
