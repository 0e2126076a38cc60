//! Which slot of a cluster a key belongs to.

use redis::{Arg, Cmd};

/// How many slots every cluster has.
pub(crate) const SLOTS: usize = 16384;

/// CRC16 of each byte, by XMODEM's polynomial, as in Redis' `crc16.c`.
const CRC16: [u16; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// The slot of a key, or of its hash tag where it has one: what stands between the first `{` and
/// the first `}` after it, if that is not empty (Redis' `cluster.c`, `keyHashSlot`).
pub(crate) fn of_key(key: &[u8]) -> u16 {
    let tag = key.iter().position(|byte| *byte == b'{').and_then(|open| {
        let rest = &key[open + 1..];
        let close = rest.iter().position(|byte| *byte == b'}')?;
        (close > 0).then(|| &rest[..close])
    });
    let crc = tag
        .unwrap_or(key)
        .iter()
        .fold(0, |crc: u16, byte| (crc << 8) ^ CRC16[usize::from((crc >> 8) as u8 ^ byte)]);
    crc % 16384
}

/// The slot of a command's first key: a script's, or else the first argument. What has no key goes
/// anywhere.
pub(crate) fn of_command(cmd: &Cmd) -> u16 {
    let mut arguments = cmd.args_iter().map(|arg| match arg {
        Arg::Simple(bytes) => bytes,
        _ => b"0",
    });
    let key = match arguments.next() {
        Some(b"EVAL" | b"EVALSHA") => arguments.nth(2),
        _ => arguments.next(),
    };
    key.map_or(0, of_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By `CLUSTER KEYSLOT` of Redis 7.0.15.
    const KNOWN: &[(&str, u16)] = &[
        ("123456789", 12739),
        ("foo", 12182),
        ("{user1000}.following", 3443),
        ("{user1000}.followers", 3443),
        ("foo{}{bar}", 8363),
        ("foo{{bar}}zap", 4015),
        ("foo{bar}{zap}", 5061),
        ("", 0),
    ];

    #[test]
    fn slots_are_those_that_redis_computes() {
        for (key, slot) in KNOWN {
            assert_eq!(of_key(key.as_bytes()), *slot, "{key:?}");
        }
    }

    #[test]
    fn a_commands_slot_is_that_of_its_first_key() {
        let get = redis::cmd("GET").arg("foo").to_owned();
        let script = redis::cmd("EVALSHA").arg("sha").arg(1).arg("foo").arg("bar").to_owned();
        assert_eq!([of_command(&get), of_command(&script)], [12182, 12182]);
        assert_eq!(of_command(&redis::cmd("PING")), 0);
    }
}
