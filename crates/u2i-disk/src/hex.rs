use std::fmt::Write as _;

/// Bytes as lower-case hexadecimal digits, two for each, which is how programs print digests.
///
/// # Examples
///
/// ```
/// assert_eq!(u2i_disk::hex(&[0, 10, 255]), "000aff");
/// ```
pub fn hex(bytes: &[u8]) -> String {
    let mut digits = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(digits, "{byte:02x}").expect("a string takes any text");
    }
    digits
}
