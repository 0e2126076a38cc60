//! Slicer: answers come in small pieces.

use super::probe::Probe;
use super::toxic::{STREAM, Shows, Sign, TOXICITY, Toxic, stream};
use super::{Form, Setting};
use redrill_toxiproxy::client::NewToxic;
use std::time::Duration;

const SIZE: Setting = Setting {
    name: "size",
    doc: "average size of a piece in bytes; 16 by default",
    form: Form::Whole { default: Some(16), least: 1, most: 65_536 },
};

const DELAY: Setting = Setting {
    name: "delay",
    doc: "pause after each piece; 5ms by default",
    form: Form::Duration { default: Some(Duration::from_millis(5)) },
};

/// Pieces of the probe, at least: a piece is at most twice the average.
const PIECES: u32 = 10;

pub(super) const SLICER: Toxic = Toxic {
    name: "slicer",
    doc: "cuts what a node or Sentinel sends into small pieces that come one by one",
    heals: "sends whole answers again",
    settings: &[SIZE, DELAY, STREAM, TOXICITY],
    make: |planned| {
        let (size, delay) = (SIZE.whole(planned)?, DELAY.duration(planned)?);
        let variation = size / 2;
        let toxic = NewToxic::new("slicer")
            .attribute("average_size", size)
            .attribute("size_variation", variation)
            .attribute("delay", u64::try_from(delay.as_micros())?);
        let bytes = u64::from(PIECES) * (size + variation);
        // No pause comes after the last piece.
        let least = delay * (PIECES - 2);
        let shows = Shows::Late(least, delay * 4 * PIECES);
        Ok((toxic.on(stream(planned)?), Sign::of(Probe::ping_of(usize::try_from(bytes)?), shows)))
    },
};
