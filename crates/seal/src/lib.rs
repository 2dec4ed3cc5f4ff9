//! Sealing and opening: sealed files, envelopes, key derivation, secret sharing. Pure, no I/O.
