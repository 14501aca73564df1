//! The UID of an object of which there are many.

use super::Text;

/// A UID in sixteen bytes where it is a UUID, which an API server's always are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Uid(Form);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Form {
    Uuid([u8; 16]),
    Other(Box<str>),
}

/// Where a UUID has its hyphens.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];

impl Uid {
    /// The UID as objects spell it.
    pub fn text(&self) -> Text {
        match &self.0 {
            Form::Uuid(bytes) => spell(*bytes).into(),
            Form::Other(text) => (&**text).into(),
        }
    }
}

impl From<&str> for Uid {
    fn from(text: &str) -> Self {
        // What would not be spelled the same way again is kept as it is.
        let uuid = parse(text).filter(|bytes| spell(*bytes) == text);
        Self(uuid.map_or_else(|| Form::Other(text.into()), Form::Uuid))
    }
}

impl PartialEq<Text> for Uid {
    fn eq(&self, other: &Text) -> bool {
        match &self.0 {
            Form::Uuid(_) => *self == Self::from(&**other),
            Form::Other(text) => **text == **other,
        }
    }
}

fn parse(text: &str) -> Option<[u8; 16]> {
    let digits = text.bytes().filter(|byte| *byte != b'-');
    let mut digits = digits.map(|byte| char::from(byte).to_digit(16));
    let mut bytes = [0; 16];
    for byte in &mut bytes {
        let (high, low) = (digits.next()??, digits.next()??);
        *byte = u8::try_from(high * 16 + low).ok()?;
    }
    digits.next().is_none().then_some(bytes)
}

fn spell(bytes: [u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for byte in bytes {
        if HYPHENS.contains(&text.len()) {
            text.push('-');
        }
        for half in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(half.into(), 16));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_uid_is_spelled_as_it_came() {
        for text in [
            "8e7c0b1a-0001-4000-8000-0000000000ff",
            "8E7C0B1A-0001-4000-8000-0000000000FF",
            "8e7c0b1a00014000800000000000000ff",
            "",
            "-",
            "web-1",
            "8e7c0b1a-0001-4000-8000-0000000000f",
            "8e7c0b1a-0001-4000-8000-0000000000ff0",
        ] {
            let uid = Uid::from(text);
            assert_eq!(&*uid.text(), text);
            assert!(uid == Text::from(text));
            assert!(uid != Text::from("another"));
        }
    }
}
