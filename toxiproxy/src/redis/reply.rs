//! Replies of a Redis server, in RESP2 and RESP3: only where one ends is of interest.

use super::Malformed;
use super::line::Line;

/// How deep replies may nest; Redis' own clients stop far below.
const MOST_DEPTH: usize = 64;

/// One reply, fed as its bytes come.
#[derive(Default)]
pub(super) struct Reply {
    state: State,
    line: Line,
    /// How many elements are left in each aggregate around the present place.
    left: Vec<u64>,
}

#[derive(Default, PartialEq)]
enum State {
    /// Before an element's type.
    #[default]
    Element,
    /// In an element of one line; true after its `\r`.
    Simple(bool),
    /// In the length of a bulk.
    Length,
    /// In the count of an aggregate with so many elements for each, and more after it.
    Count { each: u64, more: u64 },
    /// In a bulk with its line's end.
    Bytes(usize),
    /// Whole.
    Done,
}

impl Reply {
    /// Takes bytes until the reply is whole; gives how many were taken.
    ///
    /// # Errors
    /// What is no RESP.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut at = 0;
        while at < bytes.len() && self.state != State::Done {
            at += self.step(&bytes[at..])?;
        }
        Ok(at)
    }

    /// Whether the reply is whole.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    fn step(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        match self.state {
            State::Element => {
                self.state = match bytes[0] {
                    b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => State::Simple(false),
                    b'$' | b'=' | b'!' => State::Length,
                    b'*' | b'~' | b'>' => State::Count { each: 1, more: 0 },
                    b'%' => State::Count { each: 2, more: 0 },
                    // What it describes follows it.
                    b'|' => State::Count { each: 2, more: 1 },
                    _ => return Err(Malformed),
                };
                Ok(1)
            }
            State::Simple(returned) => Ok(self.scan(bytes, returned)),
            State::Length => {
                let (taken, number) = self.line.feed(bytes)?;
                match number {
                    None => {}
                    Some(-1) => self.end_element(),
                    Some(number) => {
                        let length = usize::try_from(number).map_err(|_| Malformed)?;
                        self.state = State::Bytes(length.checked_add(2).ok_or(Malformed)?);
                    }
                }
                Ok(taken)
            }
            State::Count { each, more } => {
                let (taken, number) = self.line.feed(bytes)?;
                if let Some(number) = number {
                    self.begin_aggregate(number, each, more)?;
                }
                Ok(taken)
            }
            State::Bytes(left) => {
                let taken = left.min(bytes.len());
                self.state = State::Bytes(left - taken);
                if taken == left {
                    self.end_element();
                }
                Ok(taken)
            }
            State::Done => Ok(0),
        }
    }

    /// Goes on to the line's end, which may be torn.
    fn scan(&mut self, bytes: &[u8], mut returned: bool) -> usize {
        for (at, byte) in bytes.iter().enumerate() {
            if returned && *byte == b'\n' {
                self.end_element();
                return at + 1;
            }
            returned = *byte == b'\r';
        }
        self.state = State::Simple(returned);
        bytes.len()
    }

    fn begin_aggregate(&mut self, number: i64, each: u64, more: u64) -> Result<(), Malformed> {
        let count = match number {
            -1 => 0,
            number => u64::try_from(number).map_err(|_| Malformed)?,
        };
        let elements = count.checked_mul(each).and_then(|all| all.checked_add(more));
        match elements.ok_or(Malformed)? {
            0 => self.end_element(),
            _ if self.left.len() == MOST_DEPTH => return Err(Malformed),
            elements => {
                self.left.push(elements);
                self.state = State::Element;
            }
        }
        Ok(())
    }

    fn end_element(&mut self) {
        while let Some(left) = self.left.last_mut() {
            *left -= 1;
            if *left > 0 {
                self.state = State::Element;
                return;
            }
            self.left.pop();
        }
        self.state = State::Done;
    }
}
