//! What a scalar of a manifest means: the rules of YAML 1.1 as kubectl's reader (sigs.k8s.io/yaml, go-yaml v2) has them.
//!
//! Decides which plain words are numbers, booleans or nothing. The YAML library reads by YAML 1.2, where `0400` is four
//! hundred; kubectl sends 256, and files are written for kubectl. tests/adapters/kubectl-reads.jsonl holds what that reader says.

use serde_json::{Number, Value, json};

/// The value of a scalar without quotes and without a tag.
pub(super) fn plain(text: &str) -> Result<Value, String> {
    let value = match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => json!(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => json!(false),
        ".nan" | ".NaN" | ".NAN" | ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" | "-.inf" | "-.Inf"
        | "-.INF" => {
            return Err(format!("`{text}` is no number that JSON can say: put it in quotes if a text is meant"));
        }
        _ => number(text).map_or_else(|| json!(text), Value::Number),
    };
    Ok(value)
}

/// The value of a scalar with a tag of YAML's own (its name without the prefix).
pub(super) fn tagged(text: &str, tag: &str) -> Result<Value, String> {
    let bad = || format!("`{text}` is no !!{tag}");
    if tag == "str" {
        return Ok(json!(text));
    }
    let value = plain(text)?;
    let fits = match (tag, &value) {
        ("null", Value::Null) | ("bool", Value::Bool(_)) | ("float", Value::Number(_)) => true,
        // `1.0` is a float by its spelling, though JSON says it as it says 1.
        ("int", Value::Number(_)) => integer(&text.replace('_', "")).is_some(),
        ("null" | "bool" | "float" | "int", _) => false,
        _ => return Err(format!("the tag !!{tag} is not read here: write the value itself")),
    };
    fits.then_some(value).ok_or_else(bad)
}

fn number(text: &str) -> Option<Number> {
    match text.bytes().next()? {
        // An underscore between digits is one for the eye.
        b'.' => {
            let digit = |c: char| c.is_ascii_digit();
            let between = text.split('_').skip(1).all(|after| after.starts_with(digit))
                && text.rsplit('_').skip(1).all(|before| before.ends_with(digit));
            if between { float(&text.replace('_', "")) } else { None }
        }
        b'0'..=b'9' | b'+' | b'-' => {
            let digits = text.replace('_', "");
            integer(&digits).or_else(|| float(&digits))
        }
        _ => None,
    }
}

/// An integer in base 2, 8, 10 or 16: a leading zero means octal, as the mode of a file is written.
fn integer(text: &str) -> Option<Number> {
    let (sign, digits) = match text.split_at_checked(1)? {
        (sign @ ("+" | "-"), rest) => (Some(sign), rest),
        _ => (None, text),
    };
    let (base, digits) = match digits.as_bytes() {
        [b'0', b'b' | b'B', _, ..] => (2, digits.get(2..)?),
        [b'0', b'o' | b'O', _, ..] => (8, digits.get(2..)?),
        [b'0', b'x' | b'X', _, ..] => (16, digits.get(2..)?),
        [b'0', _, ..] => (8, digits.get(1..)?),
        _ => (10, digits),
    };
    // The standard library would take a second sign here.
    if !digits.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return None;
    }
    let size = u64::from_str_radix(digits, base).ok()?;
    match sign {
        None => Some(size.into()),
        Some("-") => i64::try_from(-i128::from(size)).ok().map(Number::from),
        // An unsigned number takes no sign, so one that is too large for a signed one is a float.
        Some(_) => i64::try_from(size).ok().map(Number::from),
    }
}

/// A float in decimal digits. One of base 60 (`1:30`) is a text, as it is for kubectl.
fn float(text: &str) -> Option<Number> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (unsigned, None),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let some = !whole.is_empty() || !part.is_empty();
    if !some || !digits(whole) || !digits(part) || exponent.is_some_and(|e| e.is_empty() || !digits(e)) {
        return None;
    }
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    // JSON as Go writes it has no point in a whole number, and the API takes one with a point for no integer.
    let written = format!("{value}");
    if let Ok(whole) = written.parse::<i64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = written.parse::<u64>() {
        return Some(whole.into());
    }
    Number::from_f64(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn integers_are_read_in_every_base(n in any::<i64>()) {
            let (sign, size) = (if n < 0 { "-" } else { "" }, n.unsigned_abs());
            for text in [format!("{n}"), format!("{sign}0{size:o}"), format!("{sign}0o{size:o}"), format!("{sign}0x{size:x}"),
                         format!("{sign}0b{size:b}"), format!("{n}_"), format!("{sign}0X{size:X}")] {
                prop_assert_eq!(plain(&text), Ok(json!(n)), "{}", text);
            }
        }

        #[test]
        fn floats_keep_their_value(n in -1e300..1e300_f64) {
            let read = plain(&format!("{n:e}")).unwrap();
            prop_assert_eq!(read.as_f64(), Some(n));
        }

        #[test]
        fn any_word_is_read_or_refused(text in "[-+._0-9a-fxoenNyY~]{0,9}|\\PC{0,5}") {
            prop_assert!(plain(&text).is_ok() || plain(&text).unwrap_err().contains("put it in quotes"));
        }
    }

    #[test]
    fn what_json_cannot_say_and_wrong_tags_are_refused() {
        for text in [".nan", "-.inf", ".INF"] {
            assert!(plain(text).unwrap_err().contains("no number that JSON can say"));
        }
        for (text, tag) in [("x", "int"), ("1.5", "int"), ("1", "bool"), ("yes", "float"), ("0", "null")] {
            assert_eq!(tagged(text, tag).unwrap_err(), format!("`{text}` is no !!{tag}"));
        }
        assert!(tagged("aGk=", "binary").unwrap_err().contains("write the value itself"));
    }
}
