//! CAR streams from other nodes, cut at any places: no panic, bounded buffers, and every block that
//! comes out is what its CID says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vault::Block;
use vault::car::Decoder;

fuzz_target!(|input: (u8, &[u8])| {
    let (step, bytes) = input;
    let mut decoder = Decoder::default();
    for piece in bytes.chunks(usize::from(step) + 1) {
        decoder.push(piece);
        loop {
            match decoder.next_block() {
                Ok(Some(block)) => assert!(Block::verified(block.cid(), block.data().clone()).is_ok()),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
    let _ = decoder.finish();
});
