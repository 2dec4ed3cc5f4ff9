//! Grants, requests, key statements, indexes and proof bundles from anywhere: what is read is
//! written as it was read, and checking it never panics.
#![no_main]

use libfuzzer_sys::fuzz_target;
use record::{
    Caller, Domain, GrantDocument, KeyStatement, PatientIndex, ProofBundle, RequestDocument,
    SealedIndex,
};

fuzz_target!(|data: &[u8]| {
    let domain = Domain { chain_id: 1, contract: [0; 20].into() };
    if let Ok(grant) = GrantDocument::decode(data) {
        assert_eq!(grant.encode(), data);
        let caller = Caller { wallet: [0; 20].into(), staff: None };
        let _ = grant.permits(caller, "image", grant.from);
    }
    if let Ok(request) = RequestDocument::decode(data) {
        assert_eq!(request.encode(), data);
    }
    if let Ok(statement) = KeyStatement::decode(data) {
        assert_eq!(statement.encode(), data);
        let _ = statement.verify(&domain);
    }
    if let Ok(index) = PatientIndex::decode(data) {
        assert_eq!(index.encode().as_slice(), data);
        assert_eq!(index.clone().merge(index.clone()).expect("the same twice"), index);
    }
    if let Ok(sealed) = SealedIndex::decode(data) {
        assert_eq!(sealed.encode(), data);
        assert!(sealed.order(&sealed).is_ok());
    }
    if let Ok(bundle) = ProofBundle::decode(data) {
        assert_eq!(bundle.encode(), data);
        let _ = bundle.verify();
    }
});
