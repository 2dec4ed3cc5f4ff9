//! Manifests and disclosures from anywhere: what is read is written as it was read, and nothing
//! verifies under a key that did not sign it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use record::{Disclosure, Domain, Manifest, PartKeys};

fuzz_target!(|data: &[u8]| {
    let domain = Domain { chain_id: 1, contract: [0; 20].into() };
    if let Ok(manifest) = Manifest::decode(data) {
        assert_eq!(manifest.encode(), data);
        let _ = manifest.verify(&domain);
        let names: Vec<_> = manifest.parts.iter().map(|part| &part.name).collect();
        let cid = manifest.parts[0].cid;
        let disclosure =
            Disclosure::of(&manifest, &names, [7; 32].into(), cid).expect("its own parts");
        assert!(disclosure.verify(disclosure.commitment(), &domain).is_ok());
    }
    if let Ok(disclosure) = Disclosure::decode(data) {
        assert_eq!(disclosure.encode(), data);
        assert!(disclosure.verify(disclosure.commitment(), &domain).is_ok());
    }
    if let Ok(keys) = PartKeys::decode(data) {
        assert_eq!(keys.encode().as_slice(), data);
    }
});
