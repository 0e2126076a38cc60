//! The capability `cache`: its scenario and its checkers.
