//! The lines of RESP that hold a number.

use super::Malformed;

/// The digits of 2^63 with a sign, and the line's end.
const MOST_BYTES: usize = 22;

/// A number with its line's end, fed as its bytes come.
#[derive(Default)]
pub(super) struct Line(Vec<u8>);

impl Line {
    /// Takes bytes until the line is whole; gives how many were taken, and then the number.
    ///
    /// # Errors
    /// What is no number.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<(usize, Option<i64>), Malformed> {
        let end = bytes.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let taken = end.unwrap_or(bytes.len());
        if self.0.len() + taken > MOST_BYTES {
            return Err(Malformed);
        }
        self.0.extend_from_slice(&bytes[..taken]);
        if end.is_none() {
            return Ok((taken, None));
        }
        let digits = self.0.strip_suffix(b"\r\n").ok_or(Malformed)?;
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok());
        self.0.clear();
        Ok((taken, Some(number.ok_or(Malformed)?)))
    }
}
