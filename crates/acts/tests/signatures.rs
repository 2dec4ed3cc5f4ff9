//! Keys, signatures and who made them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use acts::{
    Contracts, Deployment, Domain, Error, Revoke, SIGNATURE_BYTES, Signed, Signer, WalletKey,
    check, recover,
};
use alloy_primitives::{Address, B256, Bytes, U256, hex, uint};

const ORDER: U256 = uint!(0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141_U256);

fn key(byte: u8) -> WalletKey {
    WalletKey::from_bytes(&[byte; 32]).unwrap()
}

#[test]
fn the_address_is_the_one_everybody_computes() {
    // The first account of the well-known development mnemonic of Ethereum tools.
    let key = hex!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");
    let key = WalletKey::from_bytes(&key).unwrap();
    let expected = Address::from(hex!("f39fd6e51aad88f6f4ce6ab8827279cfffb92266"));
    assert_eq!(key.address(), expected);
    assert_eq!(
        format!("{key:?}"),
        format!("WalletKey({expected:?})"),
        "no secret is shown"
    );
}

#[test]
fn only_numbers_below_the_order_are_keys() {
    let order = ORDER.to_be_bytes::<32>();
    for bad in [&[0; 32][..], &order, &[7; 31], &[7; 33]] {
        assert_eq!(WalletKey::from_bytes(bad).unwrap_err(), Error::BadKey);
    }
    let largest = (ORDER - uint!(1_U256)).to_be_bytes::<32>();
    assert_eq!(*WalletKey::from_bytes(&largest).unwrap().expose(), largest);
}

#[test]
fn only_the_one_form_of_a_signature_recovers() {
    let (key, digest) = (key(7), B256::repeat_byte(9));
    let signature = key.sign(digest);
    assert_eq!(recover(&digest, &signature), Ok(key.address()));
    assert_eq!(key.sign_digest(&digest).unwrap().as_bytes(), signature);
    assert_ne!(recover(&B256::ZERO, &signature), Ok(key.address()));

    // The other root of the same signature, the other spelling of v, and other lengths.
    let s = U256::from_be_slice(&signature[32..64]);
    let mut twin = signature;
    twin[32..64].copy_from_slice(&(ORDER - s).to_be_bytes::<32>());
    twin[64] = 55 - twin[64];
    let mut low_v = signature;
    low_v[64] -= 27;
    let longer = [&signature[..], &[0]].concat();
    for bad in [&twin[..], &low_v, &signature[..64], &longer, &[]] {
        assert_eq!(recover(&digest, bad), Err(Error::BadSignature));
    }
}

#[test]
fn a_signature_is_for_one_statement_chain_and_contract() {
    let at = Deployment {
        chain_id: 31337,
        contracts: Contracts {
            registry: Address::repeat_byte(1),
            records: Address::repeat_byte(2),
            consents: Address::repeat_byte(3),
            log: Address::repeat_byte(4),
        },
    };
    let act = Revoke {
        controller: Address::repeat_byte(2),
        id: B256::repeat_byte(3),
    };
    let key = key(7);
    let digest = at.digest(&act);
    assert_eq!(
        digest,
        at.consents().digest(&act),
        "a revocation is one of Consents"
    );
    let signature = key.sign(digest);
    let elsewhere = [
        Domain {
            chain_id: 1,
            ..at.consents()
        },
        at.records(),
    ];
    for domain in elsewhere {
        assert_ne!(recover(&domain.digest(&act), &signature), Ok(key.address()));
    }
}

#[test]
fn a_wallet_that_is_no_key_is_to_be_asked() {
    let (key, digest) = (key(7), B256::repeat_byte(9));
    let by_key = Bytes::copy_from_slice(&key.sign(digest));
    assert_eq!(
        check("act", key.address(), digest, &by_key),
        Ok(Signed::ByKey)
    );

    let contract = Address::repeat_byte(0xcc);
    let Ok(Signed::AskWallet(question)) = check("act", contract, digest, &by_key) else {
        panic!("the contract has to be asked")
    };
    assert_eq!((question.wallet, question.digest), (contract, digest));
    assert_eq!(question.signature, by_key);
    let refused = Signed::AskWallet(question).by_key().unwrap_err();
    assert_eq!(
        refused,
        Error::WrongSignature {
            what: "act",
            signer: contract
        }
    );

    let long = Bytes::from(vec![0; SIGNATURE_BYTES + 1]);
    let too_long = Err(Error::SignatureTooLong(SIGNATURE_BYTES + 1));
    assert_eq!(check("act", contract, digest, &long), too_long);
}
