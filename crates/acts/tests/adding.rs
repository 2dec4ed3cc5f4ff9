//! Adding an act takes a line in eip712.json and nothing else of this crate: here is the crate, file
//! by file, around what the generator writes for `adding/act.json`, an act with one more name.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "the crate's own files, of which this uses what the new act needs"
)]

#[path = "../src/domain.rs"]
mod domain;
#[path = "../src/error.rs"]
mod error;
#[rustfmt::skip]
#[path = "adding/generated.rs"]
mod generated;
#[path = "../src/role.rs"]
mod role;
#[path = "../src/signature.rs"]
mod signature;
#[path = "../src/signed.rs"]
mod signed;
#[path = "../src/statement.rs"]
mod statement;
#[path = "../src/wallet.rs"]
mod wallet;

use alloy_primitives::{Address, B256, Bytes, keccak256};

use domain::Deployment;
use generated::{Act, Contracts};
use signed::SignedAct;
use statement::{Kind, Lane, Signatory};
use wallet::WalletKey;

const AT: Deployment = Deployment {
    chain_id: 31337,
    contracts: Contracts {
        registry: Address::repeat_byte(1),
        records: Address::repeat_byte(2),
        consents: Address::repeat_byte(3),
        log: Address::repeat_byte(4),
    },
};

#[test]
fn a_new_act_is_named_signed_checked_and_carried() {
    let keys = [7, 8].map(|byte| WalletKey::from_bytes(&[byte; 32]).unwrap());
    let act = Act::Pledge {
        institution: keys[0].address(),
        pledger: keys[1].address(),
        pool_id: B256::repeat_byte(5),
        terms: Bytes::from_static(b"a year"),
        deadline: 1_800_000_000,
    };
    assert_eq!(act.name(), "pledge");
    assert_eq!(act.kind().lane, Lane::Background);
    assert_eq!(act.kind().gas_ceiling, 120_000);
    assert_eq!(act.deadline(), Some(1_800_000_000));
    let signers = keys.each_ref().map(|key| Signatory::Account(key.address()));
    assert_eq!(act.signers(), signers);

    let json = serde_json::to_value(&act).unwrap();
    assert_eq!(json["act"], "pledge");
    assert_eq!(serde_json::from_value::<Act>(json).unwrap(), act);

    let digest = act.digest(&AT);
    let signatures: Vec<_> = keys.iter().map(|key| act.sign(&AT, key)).collect();
    for (key, signature) in keys.iter().zip(&signatures) {
        let signed = signature::check("act", key.address(), digest, signature);
        assert_eq!(signed, Ok(signature::Signed::ByKey));
    }
    let call = SignedAct { act, signatures }.call(&AT);
    assert_eq!(call.to, AT.contracts.registry);
    let selector = keccak256("pledge((address,address,bytes32,bytes,uint64),bytes,bytes)");
    assert_eq!(call.data[..4], selector[..4]);
    let kind = Kind::of_call(&call.data).unwrap();
    assert_eq!(kind.statement, "Pledge");
}
