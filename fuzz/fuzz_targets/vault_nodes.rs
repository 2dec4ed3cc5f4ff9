//! The nodes of hostile DAGs: dag-pb, UnixFS and DAG-CBOR blocks. What decodes, encodes to something
//! that decodes to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault::Block;
use vault::block::{DAG_CBOR, DAG_PB};
use vault::dag::links;
use vault::dagpb::Node;
use vault::unixfs::Data;

fuzz_target!(|data: &[u8]| {
    for codec in [DAG_PB, DAG_CBOR] {
        let Ok(block) = Block::new(codec, data.to_vec()) else { return };
        let _ = links(block.cid(), block.data());
    }
    let bytes = data.to_vec().into();
    if let Ok(node) = Node::decode(&bytes) {
        assert_eq!(Node::decode(&node.encode().into()).ok(), Some(node));
    }
    if let Ok(unixfs) = Data::decode(&bytes) {
        let _ = unixfs.file_size();
        assert_eq!(Data::decode(&unixfs.encode().into()).ok(), Some(unixfs));
    }
});
