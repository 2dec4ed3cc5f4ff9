//! Proof files, paths and fraud proofs from anywhere: reading and checking them never panics, and
//! no path is taken for a tree that it does not fit.
#![no_main]

use ledger::FraudProof;
use ledger::log::{ConsistencyProof, EntryProof, InclusionProof};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, u64, Vec<[u8; 32]>, [u8; 32], [u8; 32], String)| {
    let (one, two, path, first, second, text) = input;
    let path: Vec<_> = path.into_iter().map(Into::into).collect();
    let (first, second) = (first.into(), second.into());
    let proof = InclusionProof { index: one, size: two, path: path.clone() };
    if let Ok(root) = proof.root(&first) {
        // One hash more or less never leads anywhere.
        let mut longer = proof.clone();
        longer.path.push(second);
        assert!(longer.root(&first).is_err());
        proof.verify(&first, &root).expect("its own root");
    }
    let _ = ConsistencyProof { old: one, new: two, path }.verify(&first, &second);
    if let Ok(proof) = EntryProof::from_text(&text) {
        assert_eq!(EntryProof::from_text(&proof.to_text()).expect("it was read once"), proof);
        let _ = proof.verify(&first);
    }
    let _ = serde_json::from_str::<FraudProof>(&text).map(|proof| proof.verify());
});
