//! Content-addressed storage of sealed bytes: engines, replication, repair.
