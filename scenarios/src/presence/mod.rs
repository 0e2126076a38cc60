//! The capability `presence`: its scenario and its checkers.
