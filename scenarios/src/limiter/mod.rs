//! The capability `limiter`: its scenario and its checkers.
