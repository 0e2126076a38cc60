//! What a container writes, as the daemon streams it: frames of a stream's number, three zeros, the
//! length in four bytes (big endian), and that many bytes. See "Stream format" of the Engine API.

/// Bytes of a frame before what was written.
const HEADER: usize = 8;

/// The bytes of both streams, in order.
#[derive(Debug, Default)]
pub(super) struct Frames {
    held: Vec<u8>,
    /// What is still to come of the frame that has begun.
    left: usize,
}

impl Frames {
    /// Takes the next bytes of the stream, cut anywhere; gives what was written as far as it came.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(bytes);
        let mut written = Vec::new();
        let mut at = 0;
        loop {
            let rest = &self.held[at..];
            if self.left > 0 {
                let now = rest.len().min(self.left);
                written.extend_from_slice(&rest[..now]);
                at += now;
                self.left -= now;
            }
            let Some(header) = self.held[at..].first_chunk::<HEADER>() else { break };
            if self.left > 0 {
                break;
            }
            let [.., a, b, c, d] = *header;
            self.left = u32::from_be_bytes([a, b, c, d]) as usize;
            at += HEADER;
        }
        self.held.drain(..at);
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(stream: u8, text: &str) -> Vec<u8> {
        let length = u32::try_from(text.len()).unwrap().to_be_bytes();
        [&[stream, 0, 0, 0], &length[..], text.as_bytes()].concat()
    }

    #[test]
    fn frames_that_are_cut_anywhere_give_what_was_written() {
        let stream = [frame(1, "Ready\n"), frame(2, ""), frame(2, "a warning\n")].concat();
        for size in 1..=stream.len() {
            let mut frames = Frames::default();
            let written: Vec<u8> =
                stream.chunks(size).flat_map(|chunk| frames.take(chunk)).collect();
            assert_eq!(written, b"Ready\na warning\n", "in pieces of {size}");
        }
    }

    #[test]
    fn a_stream_that_ends_amid_a_frame_gives_what_came() {
        let mut frames = Frames::default();
        let stream = frame(1, "cut off");
        assert_eq!(frames.take(&stream[..HEADER + 3]), b"cut");
        assert_eq!(frames.take(&[]), b"");
    }
}
