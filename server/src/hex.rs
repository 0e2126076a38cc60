//! Bytes as lower-case hexadecimal digits.

/// Two digits a byte.
pub(crate) fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_nibbles_are_written_high_first() {
        assert_eq!(super::encode(&[0x00, 0xaf, 0x5c]), "00af5c");
    }
}
