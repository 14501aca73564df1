//! The patterns and formats of the CRDs, each as a plain function.
//!
//! There are few of them, so that no regular-expression engine is needed; a test fails when a CRD
//! has one that is not listed here.

use kubemend_api::event::Timestamp;
use kubemend_api::{Amount, Duration, Memory};
use serde::Deserialize as _;
use serde::de::IntoDeserializer as _;
use serde::de::value::{Error, StrDeserializer};

/// Whether the text matches the pattern of a CRD; `None` for a pattern that is not known here.
pub(super) fn matches(pattern: &str, text: &str) -> Option<bool> {
    Some(match pattern {
        "^([0-9]{1,6}(ms|s|m|h))+$" => text.parse::<Duration>().is_ok(),
        "^([01][0-9]|2[0-3]):[0-5][0-9]$" => time_of_day(text),
        "^(100|[1-9]?[0-9])%$" => amount(text),
        "^[^\\s]+$" => !text.is_empty() && !text.contains(char::is_whitespace),
        "^[1-9][0-9]{0,11}(Ki|Mi|Gi|Ti|k|M|G|T)?$" => text.parse::<Memory>().is_ok(),
        "^[1-9](\\.[0-9]{1,2})?$" => factor(text),
        "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" => word(text, lower, "-"),
        "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$" => word(text, lower, "-."),
        "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$" => text.is_empty() || label(text),
        "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$" => {
            label_key(text)
        }
        "^[*]?[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?[*]?$" => label(starless(text)),
        _ => return None,
    })
}

/// Without one asterisk at either end.
fn starless(text: &str) -> &str {
    let text = text.strip_prefix('*').unwrap_or(text);
    text.strip_suffix('*').unwrap_or(text)
}

/// Whether the text has the format of a CRD; `None` for a format that is not known here.
pub(super) fn has(format: &str, text: &str) -> Option<bool> {
    (format == "date-time").then(|| {
        let text: StrDeserializer<'_, Error> = text.into_deserializer();
        Timestamp::deserialize(text).is_ok_and(|time| time.as_millis().is_some())
    })
}

/// `app` or `app.kubernetes.io/name`.
pub(super) fn label_key(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => word(prefix, lower, "-.") && label(name),
        None => label(text),
    }
}

fn label(text: &str) -> bool {
    word(text, |c| c.is_ascii_alphanumeric(), "-_.")
}

fn lower(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

/// Plain characters at both ends, and between them some others too.
fn word(text: &str, plain: impl Fn(char) -> bool, inside: &str) -> bool {
    text.starts_with(&plain)
        && text.ends_with(&plain)
        && text.chars().all(|c| plain(c) || inside.contains(c))
}

/// `20:00`
fn time_of_day(text: &str) -> bool {
    let below = |part: &str, least: u8| {
        let digits = part.len() == 2 && part.bytes().all(|one| one.is_ascii_digit());
        digits && part.parse::<u8>().is_ok_and(|number| number < least)
    };
    text.split_once(':')
        .is_some_and(|(hour, minute)| below(hour, 24) && below(minute, 60))
}

/// `1.5`
fn factor(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| text.bytes().all(|one| one.is_ascii_digit());
    whole.len() == 1
        && digits(whole)
        && whole != "0"
        && (1..=2).contains(&part.len())
        && digits(part)
}

fn amount(text: &str) -> bool {
    let text: StrDeserializer<'_, Error> = text.into_deserializer();
    Amount::deserialize(text).is_ok()
}
