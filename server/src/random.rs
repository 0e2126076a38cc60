//! The only place that draws random numbers: identifiers that nobody may guess or meet twice.

#![allow(clippy::disallowed_methods)]

use rand::RngCore as _;

/// `bytes` random bytes from the operating system's generator, as hexadecimal digits.
pub(crate) fn hex(bytes: usize) -> String {
    let mut buffer = vec![0_u8; bytes];
    rand::rng().fill_bytes(&mut buffer);
    crate::hex::encode(&buffer)
}
