//! The capability `sessions`: its scenario and its checkers.
