//! What faults need of an environment beyond nodes behind proxies.

/// Something that not every backend has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nodes and Sentinels that the harness ends, stops and starts again.
    Processes,
    /// Nodes, Sentinels and instances that a proxy tells apart by their source addresses.
    Sources,
    /// Proxies that do what Shopify's Toxiproxy does not.
    OwnProxy,
    /// `DEBUG`, which nodes refuse unless they were configured to take it.
    Debug,
    /// The files of the nodes.
    Files,
    /// Data that may all be lost.
    Data,
    /// Data that may be evicted, unless nothing is.
    Eviction,
    /// A Redis that nobody else uses.
    Alone,
}
