//! The values that break parsers, as JSON and as raw tokens.

use serde_json::{Value, json};

/// Strings that a field of any kind may turn out to hold.
pub const TEXTS: [&str; 44] = [
    "",
    " ",
    "0",
    "-1",
    "1e999",
    "NaN",
    "Infinity",
    "18446744073709551616",
    "9223372036854775808",
    "null",
    "true",
    "💥👩‍👩‍👧‍👦",
    "a\u{0}b",
    "\u{1b}[2J\u{7}",
    "\u{202e}txt",
    "line\nbreak\r\n",
    "../../etc/passwd",
    "{{ .Values }}",
    "<!channel>",
    "a/b/c",
    "kube-system",
    "9999-12-31T23:59:59Z",
    "9999-12-30T22:00:00Z",
    "0001-01-01T00:00:00Z",
    "-009999-01-01T00:00:00Z",
    "1969-12-31T23:59:59.999999999Z",
    "2026-02-30T25:61:61Z",
    "2026-06-30T23:59:60Z",
    "2026-03-01T00:00:00+23:59",
    "2026-03-01T00:00:00Z[Europe/Berlin]",
    "10000-01-01T00:00:00Z",
    "0s",
    "999999h",
    "87600h",
    "99999999999999999999h",
    "1h30m5s10ms",
    "ms",
    "100%",
    "101%",
    "-5%",
    "Enforce",
    "Suspended",
    "x@9999-12-30T00:00:00Z/9223372036854775807",
    "@/",
];

/// Tokens that are pasted between the bytes of a document, whether or not they fit there.
pub const TOKENS: [&[u8]; 22] = [
    b"null",
    b"{}",
    b"[]",
    b"\"",
    b"\\",
    b"\\u0000",
    b"\\ud800",
    b"1e999",
    b"-1e-999",
    b"NaN",
    b"-",
    b"18446744073709551616",
    b"-9223372036854775809",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"\xc0\x80",
    b"\x00",
    b"\n",
    b"\r\n",
    b",",
    b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    b"&a [*a, *a]",
];

/// A value that no well-meaning client writes; `at` chooses.
pub fn value(at: u64) -> Value {
    let texts = TEXTS.len() as u64;
    match at % 40 {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(-1),
        3 => json!(i64::MIN),
        4 => json!(u64::MAX),
        5 => json!(i64::MAX),
        6 => json!(1e308),
        7 => json!(-0.5),
        8 => json!(i32::MAX),
        9 => json!([]),
        10 => json!({}),
        11 => deep(40 + at % 120),
        12 => json!("x".repeat(usize::try_from(at % 5_000).unwrap_or(0))),
        13 => json!("\u{1F4A5}".repeat(usize::try_from(at % 300).unwrap_or(0))),
        14 => json!(vec![0; usize::try_from(at % 300).unwrap_or(0)]),
        15 => json!(u32::MAX),
        16 => json!(0),
        _ => json!(TEXTS[usize::try_from(at / 40 % texts).unwrap_or(0)]),
    }
}

/// Lists inside lists, and maps for every third.
fn deep(levels: u64) -> Value {
    (0..levels).fold(json!("bottom"), |inner, level| {
        if level % 3 == 0 {
            json!({ "a": inner })
        } else {
            json!([inner])
        }
    })
}
