//! Ethereum: bindings, transactions, event index, and the transparency log with its proofs.
