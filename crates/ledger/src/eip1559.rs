//! Transactions as EIP-1559 writes them (type 2 of EIP-2718), without access lists.

use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use alloy_rlp::{Decodable, Encodable, Header};

use crate::error::Result;
use crate::typed::recover_digest;

/// The first byte of such a transaction.
const TYPE: u8 = 2;

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction {
    /// The chain's id (EIP-155).
    pub chain_id: u64,
    /// How many transactions the sender has sent before.
    pub nonce: u64,
    /// Most wei per unit of gas for the block's maker.
    pub tip: u128,
    /// Most wei per unit of gas in all.
    pub max_fee: u128,
    /// Gas that it may use.
    pub gas_limit: u64,
    /// Who is called; `None` creates a contract.
    pub to: Option<Address>,
    /// Wei that go with the call.
    pub value: U256,
    /// ABI-encoded arguments, or the code of the new contract.
    pub data: Bytes,
}

impl Transaction {
    /// The digest that the sender signs.
    pub fn digest(&self) -> B256 {
        keccak256(self.encode(None))
    }

    /// The bytes that are sent; their Keccak hash is the transaction's hash.
    pub fn signed(&self, signature: &Signature) -> Bytes {
        self.encode(Some(signature)).into()
    }

    /// Reads a signed transaction. `None` if the bytes are none of this type, or have an access
    /// list or anything else that [`Transaction::signed`] does not write.
    pub fn decode(raw: &[u8]) -> Option<(Self, Signature)> {
        let (first, mut rest) = raw.split_first()?;
        let fields = &mut rest;
        let header = Header::decode(fields).ok()?;
        if *first != TYPE || !header.list || header.payload_length != fields.len() {
            return None;
        }
        let transaction = Self {
            chain_id: Decodable::decode(fields).ok()?,
            nonce: Decodable::decode(fields).ok()?,
            tip: Decodable::decode(fields).ok()?,
            max_fee: Decodable::decode(fields).ok()?,
            gas_limit: Decodable::decode(fields).ok()?,
            to: TxKind::decode(fields).ok()?.into_to(),
            value: Decodable::decode(fields).ok()?,
            data: Decodable::decode(fields).ok()?,
        };
        let access_list = Header::decode(fields).ok()?;
        if !access_list.list || access_list.payload_length != 0 {
            return None;
        }
        let odd = bool::decode(fields).ok()?;
        let (r, s) = (U256::decode(fields).ok()?, U256::decode(fields).ok()?);
        fields
            .is_empty()
            .then(|| (transaction, Signature::new(r, s, odd)))
    }

    /// Who sends the transaction.
    ///
    /// # Errors
    /// As [`recover_digest`].
    pub fn sender(&self, signature: &Signature) -> Result<Address> {
        recover_digest(&self.digest(), &signature.as_bytes())
    }

    fn encode(&self, signature: Option<&Signature>) -> Vec<u8> {
        let mut fields = Vec::new();
        self.chain_id.encode(&mut fields);
        self.nonce.encode(&mut fields);
        self.tip.encode(&mut fields);
        self.max_fee.encode(&mut fields);
        self.gas_limit.encode(&mut fields);
        TxKind::from(self.to).encode(&mut fields);
        self.value.encode(&mut fields);
        self.data.encode(&mut fields);
        list(&mut fields, 0);
        if let Some(signature) = signature {
            signature.v().encode(&mut fields);
            signature.r().encode(&mut fields);
            signature.s().encode(&mut fields);
        }
        let mut out = vec![TYPE];
        list(&mut out, fields.len());
        out.extend(fields);
        out
    }
}

/// Writes the head of a list.
fn list(out: &mut Vec<u8>, payload_length: usize) {
    let header = Header {
        list: true,
        payload_length,
    };
    header.encode(out);
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{address, hex};
    use proptest::prelude::*;

    use super::*;
    use crate::typed::{Signer, wallet};

    /// The bytes are those that `signTransaction` of viem 2 makes of the same call and key.
    #[test]
    fn a_transaction_is_written_as_others_write_it() {
        let transaction = Transaction {
            chain_id: 31_337,
            nonce: 7,
            tip: 1_500_000_000,
            max_fee: 40_000_000_000,
            gas_limit: 90_000,
            to: Some(address!("5fbdb2315678afecb367f032d93f642f64180aa3")),
            value: U256::from(1_000),
            data: hex!("a9059cbb0000ff").into(),
        };
        let key = wallet(&[7; 32]).unwrap();
        let signature = key.sign(&transaction.digest()).unwrap();
        let raw = transaction.signed(&signature);
        let expected = concat!(
            "02f877827a69078459682f008509502f900083015f90945fbdb2315678afecb367f032d93f642f64",
            "180aa38203e887a9059cbb0000ffc080a0a01d858ff83f8654154099b01a5bf6519aea8d72c476de",
            "18b85bf48b217a6a8ca015175ac9b5454be3705c1d2166f99b09aa7a65e74586b8295916ec18a38e",
            "f9e9",
        );
        assert_eq!(hex::encode(&raw), expected);
        assert_eq!(transaction.sender(&signature).unwrap(), key.address());
    }

    #[test]
    fn other_bytes_are_no_transaction() {
        let creation = Transaction {
            chain_id: 1,
            nonce: 0,
            tip: 0,
            max_fee: 0,
            gas_limit: 0,
            to: None,
            value: U256::ZERO,
            data: Bytes::new(),
        };
        let signature = wallet(&[1; 32]).unwrap().sign(&creation.digest()).unwrap();
        let raw = creation.signed(&signature);
        assert!(Transaction::decode(&raw).is_some());
        assert!(Transaction::decode(&[]).is_none());
        assert!(Transaction::decode(&raw[1..]).is_none());
        assert!(Transaction::decode(&raw[..raw.len() - 1]).is_none());
        assert!(Transaction::decode(&[&raw[..], &[0]].concat()).is_none());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            chain_id: u64, nonce: u64, tip: u128, max_fee: u128, gas_limit: u64,
            to in proptest::option::of(any::<[u8; 20]>()), value: [u8; 32], data: Vec<u8>,
        ) {
            let transaction = Transaction {
                chain_id, nonce, tip, max_fee, gas_limit,
                to: to.map(Address::from), value: U256::from_be_bytes(value), data: data.into(),
            };
            let signature = wallet(&[9; 32]).unwrap().sign(&transaction.digest()).unwrap();
            let raw = transaction.signed(&signature);
            prop_assert_eq!(Transaction::decode(&raw), Some((transaction, signature)));
        }
    }
}
