//! Ports that a listener can lose and take again: outside the range from which the system gives
//! outgoing connections theirs.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// The lowest port given.
const FIRST: u32 = 20_000;
/// How many ports there are from the lowest on; Linux's outgoing ones begin at 32768.
const COUNT: u32 = 12_000;
/// How many taken ports are stepped over.
const TRIES: u32 = 1_000;

/// How many were given in this process, which thus never gives one to two listeners.
static GIVEN: AtomicU32 = AtomicU32::new(0);

/// A port of the loopback on which nobody listens now. Processes begin at different ones; still,
/// another may take it first, so the user of the port is ready to ask again.
pub(super) fn free() -> io::Result<SocketAddr> {
    let start = std::process::id().wrapping_mul(97);
    let mut last = None;
    for _ in 0..TRIES {
        let given = GIVEN.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + start.wrapping_add(given) % COUNT;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, u16::try_from(port).unwrap_or(0)));
        match TcpListener::bind(address) {
            Ok(_) => return Ok(address),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once_and_never_while_it_is_taken() {
        let one = free().unwrap();
        let _listener = TcpListener::bind(one).unwrap();
        let two = free().unwrap();
        assert_ne!(one, two);
        assert!((20_000..32_000).contains(&one.port()));
        TcpListener::bind(two).unwrap();
    }
}
