//! The conversion of values into the form that a schema asks for, where it neither loses nor invents anything.

use serde_json::{Map, Number, Value, json};

use crate::text;

/// Gives a value the form of the schema: a number in words of digits becomes one, a number where a text is due becomes a
/// text, and what is missing is empty.
pub fn fit(value: &mut Value, schema: &Value) {
    let allows = |kind: &str| match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(|known| known == kind),
        known => known == kind,
    };
    let takes_text = allows("string");
    match value {
        Value::Number(_) | Value::Bool(_) if takes_text => *value = json!(value.to_string()),
        Value::Null if takes_text && !allows("null") => *value = json!(""),
        Value::Null if allows("array") && !allows("null") => *value = json!([]),
        Value::Object(_) if allows("array") => *value = json!([value.take()]),
        Value::String(_) if takes_text => match_choice(value, &schema["enum"]),
        Value::String(text) if allows("null") && text.trim().is_empty() => *value = Value::Null,
        Value::String(text) if allows("array") && schema["items"]["type"] == "string" => {
            *value = match text.trim().is_empty() {
                true => json!([]),
                false => json!([text]),
            };
        }
        Value::String(text) if allows("boolean") => {
            if let Ok(truth) = text.trim().to_lowercase().parse::<bool>() {
                *value = json!(truth);
            }
        }
        Value::String(_) | Value::Number(_) if allows("integer") || allows("number") => {
            if let Some(number) = number(value, allows("number")) {
                *value = Value::Number(number);
            }
        }
        _ => {}
    }
    match value {
        Value::Object(fields) => fit_fields(fields, schema),
        Value::Array(items) => items
            .iter_mut()
            .for_each(|item| fit(item, &schema["items"])),
        _ => {}
    }
}

fn fit_fields(fields: &mut Map<String, Value>, schema: &Value) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    for (name, schema) in properties {
        let empty = match &schema["type"] {
            Value::Array(kinds) if kinds.contains(&json!("null")) => Some(Value::Null),
            kind if kind == "array" => Some(json!([])),
            _ => None,
        };
        match (fields.get_mut(name), empty) {
            (Some(field), _) => fit(field, schema),
            (None, Some(empty)) => {
                fields.insert(name.clone(), empty);
            }
            (None, None) => {}
        }
    }
}

/// A choice that is only written in other letters: `High` for `high`.
fn match_choice(value: &mut Value, choices: &Value) {
    let (Some(said), Some(choices)) = (value.as_str(), choices.as_array()) else {
        return;
    };
    let plain = |text: &str| text.trim().to_lowercase().replace([' ', '-'], "_");
    if choices.iter().any(|choice| choice == said) {
        return;
    }
    let mut same = choices
        .iter()
        .filter_map(Value::as_str)
        .filter(|choice| plain(choice) == plain(said));
    if let (Some(choice), None) = (same.next(), same.next()) {
        *value = json!(choice);
    }
}

/// A number in any writing that leaves no doubt: `25.0`, `"25"`, `"25%"`, `"۲۵"`, `"1,200,000,000"`; whole, where a fraction
/// is not allowed.
fn number(value: &Value, fractions: bool) -> Option<Number> {
    if let Value::Number(number) = value
        && (fractions || number.is_u64() || number.is_i64())
    {
        return Some(number.clone());
    }
    let written = match value {
        Value::Number(number) => number.to_string(),
        Value::String(text) => plain_number(text)?,
        _ => return None,
    };
    if let Ok(whole) = written.parse::<u64>() {
        return Some(whole.into());
    }
    if let Ok(whole) = written.parse::<i64>() {
        return Some(whole.into());
    }
    let number: f64 = written
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())?;
    if number.fract() != 0.0 {
        return Number::from_f64(number).filter(|_| fractions);
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole, and small enough that floating point holds every digit of it"
    )]
    (number.abs() < 9e15).then(|| Number::from(number as i64))
}

/// The digits of a number that stands alone in a text, in ASCII.
fn plain_number(text: &str) -> Option<String> {
    let text = text::latin_digits(text.trim());
    let text = text.trim_end_matches(['%', '٪']).trim();
    let groups: Vec<&str> = text.split([',', '٬', '،', '\u{A0}', ' ', '_']).collect();
    let (first, others) = groups.split_first()?;
    let (last, middle) = others
        .split_last()
        .map_or(("", others), |(last, middle)| (*last, middle));
    // A comma divides thousands only where three digits follow each; `1,5` is no 15.
    let three = |group: &str| group.len() == 3 && group.bytes().all(|byte| byte.is_ascii_digit());
    let last_whole = last.split('.').next().unwrap_or_default();
    let is_grouped = others.is_empty()
        || !first.trim_start_matches('-').is_empty()
            && first.trim_start_matches('-').len() <= 3
            && middle.iter().all(|group| three(group))
            && three(last_whole);
    let joined = groups.concat().replace('٫', ".");
    let is_number = joined
        .strip_prefix(['-', '+'])
        .unwrap_or(&joined)
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    (is_grouped && is_number && joined.bytes().any(|byte| byte.is_ascii_digit()))
        .then(|| joined.trim_start_matches('+').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fitted(mut value: Value, schema: &Value) -> Value {
        fit(&mut value, schema);
        value
    }

    #[test]
    fn whole_numbers_are_read_in_every_writing_that_leaves_no_doubt() {
        for (value, number) in [
            (json!(25.0), json!(25)),
            (json!("25"), json!(25)),
            (json!("25%"), json!(25)),
            (json!("۲۵ ٪"), json!(25)),
            (json!("1,200,000,000"), json!(1_200_000_000)),
            (json!("۱٬۲۰۰٬۰۰۰"), json!(1_200_000)),
            (json!(1.2e9), json!(1_200_000_000)),
            (json!("-3"), json!(-3)),
            (json!(25), json!(25)),
        ] {
            let schema = json!({"type": "integer"});
            assert_eq!(fitted(value.clone(), &schema), number, "{value}");
        }
        for doubtful in [
            "25.5", "1,5", "1,20,000", "about 25", "", "25-30", "1e9", ",5",
        ] {
            let schema = json!({"type": "integer"});
            assert_eq!(fitted(json!(doubtful), &schema), json!(doubtful));
        }
        assert_eq!(
            fitted(json!("12.5%"), &json!({"type": "number"})),
            json!(12.5)
        );
        assert_eq!(
            fitted(json!(" "), &json!({"type": ["integer", "null"]})),
            json!(null)
        );
    }

    #[test]
    fn texts_lists_and_choices_get_the_form_that_is_due() {
        let text = json!({"type": "string"});
        assert_eq!(fitted(json!(null), &text), json!(""));
        assert_eq!(fitted(json!(12), &text), json!("12"));
        let nullable = json!({"type": ["string", "null"]});
        assert_eq!(fitted(json!(null), &nullable), json!(null));
        let list = json!({"type": "array", "items": {"type": "string"}});
        assert_eq!(fitted(json!("one"), &list), json!(["one"]));
        assert_eq!(fitted(json!(""), &list), json!([]));
        assert_eq!(
            fitted(json!("True"), &json!({"type": "boolean"})),
            json!(true)
        );
        let choice = json!({"type": "string", "enum": ["very_high", "low"]});
        assert_eq!(fitted(json!("Very High"), &choice), json!("very_high"));
        assert_eq!(fitted(json!("none"), &choice), json!("none"));
    }

    proptest! {
        #[test]
        fn a_whole_number_stays_the_same_however_it_is_grouped(number in 0u64..10_000_000_000_000) {
            let digits = number.to_string();
            let mut grouped = String::new();
            for (i, digit) in digits.chars().enumerate() {
                if i > 0 && (digits.len() - i) % 3 == 0 {
                    grouped.push(',');
                }
                grouped.push(digit);
            }
            let schema = json!({"type": "integer"});
            prop_assert_eq!(fitted(json!(grouped), &schema), json!(number));
            prop_assert_eq!(fitted(json!(digits), &schema), json!(number));
        }
    }
}
