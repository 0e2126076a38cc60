//! Commands on their way to a Redis server, recognised without being held back or held whole.
//! Protocol: <https://redis.io/docs/latest/develop/reference/protocol-spec/>.

use super::Malformed;
use super::line::Line;

/// How much of an argument is kept: enough for any command name and for most keys.
const KEPT_BYTES: usize = 1024;
/// How many arguments are kept.
const KEPT_ARGUMENTS: usize = 256;
/// Redis' own bounds: arguments of a command, and bytes of an argument.
const MOST_ARGUMENTS: i64 = 1024 * 1024;
const MOST_BYTES: i64 = 512 * 1024 * 1024;

/// One command, fed as its bytes come.
#[derive(Default)]
pub(super) struct Command {
    state: State,
    line: Line,
    arguments_left: i64,
    kept: Vec<Vec<u8>>,
    /// The current argument is beyond those kept.
    is_beyond: bool,
}

#[derive(Default, PartialEq)]
enum State {
    /// Before the `*` of a command.
    #[default]
    Start,
    /// In the line after `*`.
    Count,
    /// Before the `$` of an argument.
    Argument,
    /// In the line after `$`.
    Length,
    /// In an argument with its line's end: so many bytes are left, of which the last two are the
    /// line's end.
    Bytes(usize),
    /// Whole.
    Done,
}

impl Command {
    /// Takes bytes until the command is whole; gives how many were taken.
    ///
    /// # Errors
    /// What is no RESP command (inline commands are not taken for one).
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut at = 0;
        while at < bytes.len() && self.state != State::Done {
            at += self.step(&bytes[at..])?;
        }
        Ok(at)
    }

    fn step(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        match self.state {
            State::Start if bytes[0] == b'*' => self.state = State::Count,
            State::Argument if bytes[0] == b'$' => self.state = State::Length,
            State::Start | State::Argument => return Err(Malformed),
            State::Count | State::Length => {
                let (taken, number) = self.line.feed(bytes)?;
                if let Some(number) = number {
                    self.begin(number)?;
                }
                return Ok(taken);
            }
            State::Bytes(left) => return self.take(bytes, left),
            State::Done => return Ok(0),
        }
        Ok(1)
    }

    fn begin(&mut self, number: i64) -> Result<(), Malformed> {
        if self.state == State::Count {
            if !(1..=MOST_ARGUMENTS).contains(&number) {
                return Err(Malformed);
            }
            self.arguments_left = number;
            self.state = State::Argument;
            return Ok(());
        }
        if !(0..=MOST_BYTES).contains(&number) {
            return Err(Malformed);
        }
        self.is_beyond = self.kept.len() == KEPT_ARGUMENTS;
        if !self.is_beyond {
            self.kept.push(Vec::new());
        }
        self.arguments_left -= 1;
        self.state = State::Bytes(usize::try_from(number).map_err(|_| Malformed)? + 2);
        Ok(())
    }

    fn take(&mut self, bytes: &[u8], left: usize) -> Result<usize, Malformed> {
        let taken = left.min(bytes.len());
        let content = taken.min(left.saturating_sub(2));
        let index = self.kept.len() - 1;
        let is_kept = !self.is_beyond && self.kept[index].len() < KEPT_BYTES;
        if is_kept {
            let room = KEPT_BYTES - self.kept[index].len();
            self.kept[index].extend_from_slice(&bytes[..content.min(room)]);
        }
        for (place, byte) in bytes[..taken].iter().enumerate().skip(content) {
            let wanted = if left - place == 2 { b'\r' } else { b'\n' };
            if *byte != wanted {
                return Err(Malformed);
            }
        }
        self.state = match left - taken {
            0 if self.arguments_left == 0 => State::Done,
            0 => State::Argument,
            left => State::Bytes(left),
        };
        Ok(taken)
    }

    /// Whether the command is whole.
    pub(super) fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// Whether it has no arguments.
    pub(super) fn is_bare(&self) -> bool {
        self.kept.len() <= 1
    }

    /// Its name in capitals, once it is known.
    pub(super) fn name(&self) -> String {
        let name = self.kept.first().map(Vec::as_slice).unwrap_or_default();
        String::from_utf8_lossy(name).to_ascii_uppercase()
    }

    /// An argument in capitals; the name is number 0.
    pub(super) fn argument(&self, number: usize) -> String {
        let argument = self.kept.get(number).map(Vec::as_slice).unwrap_or_default();
        String::from_utf8_lossy(argument).to_ascii_uppercase()
    }

    /// The keys that it names, for commands whose place for them is known; otherwise the first
    /// argument.
    pub(super) fn keys(&self) -> Vec<&[u8]> {
        let arguments = || self.kept.iter().map(Vec::as_slice);
        match self.name().as_str() {
            "DEL" | "UNLINK" | "EXISTS" | "TOUCH" | "MGET" | "WATCH" | "SINTER" | "SUNION"
            | "SDIFF" | "PFCOUNT" | "PFMERGE" | "BLPOP" | "BRPOP" | "BZPOPMIN" | "BZPOPMAX"
            | "RENAME" | "RENAMENX" | "SMOVE" | "LMOVE" | "BLMOVE" | "RPOPLPUSH" | "BRPOPLPUSH" => {
                arguments().skip(1).collect()
            }
            "MSET" | "MSETNX" => arguments().skip(1).step_by(2).collect(),
            "EVAL" | "EVALSHA" | "EVAL_RO" | "EVALSHA_RO" | "FCALL" | "FCALL_RO" => {
                let count = self.argument(2).parse().unwrap_or(0);
                arguments().skip(3).take(count).collect()
            }
            "XREAD" | "XREADGROUP" => {
                let is_streams = |argument: &[u8]| argument.eq_ignore_ascii_case(b"STREAMS");
                let streams: Vec<&[u8]> =
                    arguments().skip_while(|argument| !is_streams(argument)).skip(1).collect();
                streams[..streams.len() / 2].to_vec()
            }
            _ => arguments().skip(1).take(1).collect(),
        }
    }
}
