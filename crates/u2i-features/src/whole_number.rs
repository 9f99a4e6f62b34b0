/// The digits of an id that is written as a decimal with nothing but zeros behind the point; `None` for any other text.
pub(crate) fn digits(text: &str) -> Option<&str> {
    let (whole, fraction) = text.split_once('.')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_zero = !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0');
    (is_number(whole.strip_prefix('-').unwrap_or(whole)) && is_zero).then_some(whole)
}

/// The id of a text: of `17.0` that of `17`, and any other text as it is.
///
/// # Errors
///
/// For a decimal beyond the integers that floating-point numbers hold exactly, which is where such ids come from.
pub(crate) fn id(text: &str) -> Result<&str, String> {
    match digits(text) {
        None => Ok(text),
        Some(whole) if whole.parse::<i64>().is_ok_and(is_exact) => Ok(whole),
        Some(_) => Err(rounded(text)),
    }
}

/// The id of a floating-point number.
///
/// # Errors
///
/// For a number with a fraction, and as [`id`].
pub(crate) fn of_float(number: f64) -> Result<String, String> {
    if !number.is_finite() || number.fract() != 0.0 {
        return Err(format!("expected an id that is a whole number, found {number}"));
    }
    match number as i64 {
        whole if is_exact(whole) => Ok(whole.to_string()),
        _ => Err(rounded(number)),
    }
}

/// `17` of `17.0`, and `17.0` of `17`.
pub(crate) fn other_form(text: &str) -> Option<String> {
    if let Some(whole) = digits(text) {
        return Some(whole.to_owned());
    }
    let decimal = format!("{text}.0");
    digits(&decimal).is_some().then_some(decimal)
}

fn is_exact(number: i64) -> bool {
    number.unsigned_abs() < 1 << 53
}

fn rounded(found: impl std::fmt::Display) -> String {
    format!(
        "expected an id, found {found}, which floating-point numbers round: ids from 2^53 on have to be text or integers"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_an_id_only_if_it_is_a_whole_number_and_exact() {
        for (text, wanted) in [
            ("17.0", Some("17")),
            ("17.00", Some("17")),
            ("-3.0", Some("-3")),
            ("0.0", Some("0")),
            ("17", Some("17")),
            ("17.5", Some("17.5")),
            ("17.", Some("17.")),
            (".0", Some(".0")),
            ("v1.0", Some("v1.0")),
            ("1.0.0", Some("1.0.0")),
            ("9007199254740991.0", Some("9007199254740991")),
            ("9007199254740992.0", None),
            ("18446744073709551615.0", None),
            ("18446744073709551615", Some("18446744073709551615")),
        ] {
            assert_eq!(id(text).ok(), wanted, "{text}");
        }
        for (number, wanted) in [
            (17.0, Some("17")),
            (-0.0, Some("0")),
            (9_007_199_254_740_991.0, Some("9007199254740991")),
            (9_007_199_254_740_992.0, None),
            (17.5, None),
            (f64::NAN, None),
            (f64::NEG_INFINITY, None),
        ] {
            assert_eq!(of_float(number).ok().as_deref(), wanted, "{number}");
        }
    }
}
