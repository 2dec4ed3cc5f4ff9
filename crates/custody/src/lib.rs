//! The chain of custody: one module per use case, composed of seal, record, vault and ledger.
