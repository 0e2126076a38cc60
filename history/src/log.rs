//! Append-only files of fixed-size records.
//!
//! A file begins with 16 bytes: the record's magic (8), its size (4, little endian) and the format
//! version (4). Records follow back to back. A process that dies leaves at worst one partial record
//! at the end, which reading counts and leaves out.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

const VERSION: u32 = 1;
const HEADER: usize = 16;

/// A record of a fixed size.
pub trait Record: Sized {
    /// Bytes of one record.
    const SIZE: usize;
    /// The first bytes of a file of these records.
    const MAGIC: [u8; 8];
    /// Appends exactly [`Record::SIZE`] bytes.
    fn encode(&self, out: &mut Vec<u8>);
    /// Reads a record; `None` when a code in it is not known.
    fn decode(bytes: &[u8]) -> Option<Self>;
}

/// Why a log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file could not be read.
    #[error("cannot read {path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The file is of another kind or version.
    #[error("{path} is not a log of this kind and version: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What was found.
        reason: String,
    },
}

/// Writes records to a file that did not exist.
#[derive(Debug)]
pub struct LogWriter<R> {
    file: BufWriter<File>,
    buffer: Vec<u8>,
    record: PhantomData<R>,
}

impl<R: Record> LogWriter<R> {
    /// Makes the file and writes its header.
    ///
    /// # Errors
    /// When the file exists or cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let mut file = BufWriter::with_capacity(1 << 16, File::create_new(path)?);
        file.write_all(&R::MAGIC)?;
        file.write_all(&u32::try_from(R::SIZE).unwrap_or(u32::MAX).to_le_bytes())?;
        file.write_all(&VERSION.to_le_bytes())?;
        file.flush()?;
        Ok(Self { file, buffer: Vec::with_capacity(R::SIZE), record: PhantomData })
    }

    /// Appends a record; it is in the file after the next [`LogWriter::flush`].
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn append(&mut self, record: &R) -> io::Result<()> {
        self.buffer.clear();
        record.encode(&mut self.buffer);
        self.file.write_all(&self.buffer)
    }

    /// Hands everything to the system, so that it survives this process.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A log that was read.
#[derive(Debug)]
pub struct LogFile<R> {
    /// The whole records, in file order.
    pub records: Vec<R>,
    /// Bytes of a partial record at the end.
    pub partial_bytes: usize,
    /// Whole records that held an unknown code.
    pub unreadable: usize,
}

impl<R: Record> LogFile<R> {
    /// Reads a log. A missing or empty file is an empty log: the run ended before it was made.
    ///
    /// # Errors
    /// When the file cannot be read, or is of another kind or version.
    pub fn read(path: &Path) -> Result<Self, LogError> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(LogError::Io { path: path.to_owned(), error }),
        };
        if bytes.len() < HEADER {
            return Ok(Self { records: Vec::new(), partial_bytes: bytes.len(), unreadable: 0 });
        }
        let (header, body) = bytes.split_at(HEADER);
        check_header::<R>(path, header)?;
        let mut records = Vec::with_capacity(body.len() / R::SIZE);
        let mut unreadable = 0;
        let chunks = body.chunks_exact(R::SIZE);
        let partial_bytes = chunks.remainder().len();
        for chunk in chunks {
            match R::decode(chunk) {
                Some(record) => records.push(record),
                None => unreadable += 1,
            }
        }
        Ok(Self { records, partial_bytes, unreadable })
    }
}

fn check_header<R: Record>(path: &Path, header: &[u8]) -> Result<(), LogError> {
    let wrong = |reason: String| LogError::Format { path: path.to_owned(), reason };
    if header[..8] != R::MAGIC {
        return Err(wrong("its first bytes are another kind's".to_owned()));
    }
    let size = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
    let version = u32::from_le_bytes([header[12], header[13], header[14], header[15]]);
    if version != VERSION || size as usize != R::SIZE {
        return Err(wrong(format!("version {version}, records of {size} bytes")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Action, Capability, Flags, Observation, Operation, Outcome};

    fn operation(seq: u64) -> Operation {
        Operation {
            seq,
            intended_ns: 1,
            started_ns: 2,
            finished_ns: u64::MAX,
            key: 4,
            value: 5,
            vu: 6,
            status: 503,
            capability: Capability::Queue,
            action: Action::Submit,
            outcome: Outcome::Unknown,
            instance: 1,
            flags: Flags::NO_IDLE_VU.with(Flags::TIMED_OUT),
            segment: 3,
        }
    }

    #[test]
    fn a_record_has_its_stated_size_and_comes_back_whole() {
        let mut bytes = Vec::new();
        operation(9).encode(&mut bytes);
        assert_eq!(bytes.len(), Operation::SIZE);
        assert_eq!(Operation::decode(&bytes), Some(operation(9)));
        let observed = Observation { seq: 9, window: Some(0), node: Some(7), ..Default::default() };
        bytes.clear();
        observed.encode(&mut bytes);
        assert_eq!(bytes.len(), Observation::SIZE);
        assert_eq!(Observation::decode(&bytes), Some(observed));
    }

    #[test]
    fn a_file_cut_off_anywhere_gives_its_whole_records() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("operations.bin");
        let mut writer = LogWriter::create(&path).unwrap();
        for seq in 1..=3 {
            writer.append(&operation(seq)).unwrap();
        }
        writer.flush().unwrap();
        let whole = std::fs::read(&path).unwrap();
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let log = LogFile::<Operation>::read(&path).unwrap();
            assert_eq!(log.records.len(), length.saturating_sub(HEADER) / Operation::SIZE);
        }
    }

    #[test]
    fn another_kind_of_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("observations.bin");
        LogWriter::<Observation>::create(&path).unwrap().flush().unwrap();
        assert!(matches!(LogFile::<Operation>::read(&path), Err(LogError::Format { .. })));
    }
}
