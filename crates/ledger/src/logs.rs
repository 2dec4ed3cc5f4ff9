//! Events as endpoints tell them (`eth_getLogs`).

use alloy_primitives::{Address, B256, U64};
use serde::{Deserialize, Deserializer, Serialize};

/// Which events are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Filter {
    /// The contracts that may have logged them.
    pub address: Vec<Address>,
    /// Where they may stand.
    #[serde(flatten)]
    pub blocks: Blocks,
}

/// The blocks of a [`Filter`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Blocks {
    /// These heights, both included.
    Range {
        /// The first.
        from_block: U64,
        /// The last.
        to_block: U64,
    },
    /// One block of one branch.
    Hash {
        /// Its hash.
        block_hash: B256,
    },
}

impl Filter {
    /// The events between two heights, both included.
    pub fn range(address: Vec<Address>, from: u64, to: u64) -> Self {
        let blocks = Blocks::Range {
            from_block: U64::from(from),
            to_block: U64::from(to),
        };
        Self { address, blocks }
    }

    /// The events of one block.
    pub fn block(address: Vec<Address>, block_hash: B256) -> Self {
        let blocks = Blocks::Hash { block_hash };
        Self { address, blocks }
    }
}

/// An event with its place on the chain, as far as the endpoint names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Log {
    /// What was logged, and by which contract.
    #[serde(flatten)]
    pub inner: alloy_primitives::Log,
    /// Hash of the block.
    #[serde(default)]
    pub block_hash: Option<B256>,
    /// Height of the block.
    #[serde(default, deserialize_with = "quantity")]
    pub block_number: Option<u64>,
    /// The transaction that logged it.
    #[serde(default)]
    pub transaction_hash: Option<B256>,
    /// Its number among all events of the block.
    #[serde(default, deserialize_with = "quantity")]
    pub log_index: Option<u64>,
    /// Whether its block was taken back.
    #[serde(default)]
    pub removed: bool,
}

impl Log {
    /// The contract that logged it.
    pub fn address(&self) -> Address {
        self.inner.address
    }
}

/// Numbers in JSON-RPC are hexadecimal strings.
fn quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(Option::<U64>::deserialize(deserializer)?.map(|number| number.to()))
}

#[cfg(test)]
mod tests {
    use alloy_primitives::hex;
    use serde_json::json;

    use super::*;

    #[test]
    fn filters_are_what_the_method_takes() {
        let contract = Address::repeat_byte(0xaa);
        let range = serde_json::to_value(Filter::range(vec![contract], 0, 2000)).unwrap();
        let address = [format!("{contract:?}")];
        let expected = json!({"address": address, "fromBlock": "0x0", "toBlock": "0x7d0"});
        assert_eq!(range, expected);
        let hash = B256::repeat_byte(1);
        let block = serde_json::to_value(Filter::block(vec![contract], hash)).unwrap();
        assert_eq!(block, json!({"address": address, "blockHash": hash}));
    }

    #[test]
    fn a_log_is_read_with_its_place_or_without() {
        let mut told = json!({
            "address": Address::repeat_byte(0xaa), "topics": [B256::repeat_byte(2)], "data": "0x0102",
            "blockHash": B256::repeat_byte(3), "blockNumber": "0x10", "blockTimestamp": "0x1",
            "transactionHash": B256::repeat_byte(4), "transactionIndex": "0x0", "logIndex": "0xff",
            "removed": true,
        });
        let log: Log = serde_json::from_value(told.clone()).unwrap();
        assert_eq!(log.inner.address, Address::repeat_byte(0xaa));
        assert_eq!(log.inner.topics(), [B256::repeat_byte(2)]);
        assert_eq!(log.inner.data.data[..], hex!("0102"));
        assert_eq!((log.block_number, log.log_index), (Some(16), Some(255)));
        assert!(log.removed);
        told["blockNumber"] = json!(null);
        let fields = told.as_object_mut().unwrap();
        fields.retain(|name, _| name != "logIndex" && name != "removed");
        let waiting: Log = serde_json::from_value(told.clone()).unwrap();
        assert_eq!((waiting.block_number, waiting.log_index), (None, None));
        assert!(!waiting.removed);
        told["blockNumber"] = json!("0x10000000000000000");
        assert!(serde_json::from_value::<Log>(told).is_err());
    }
}
