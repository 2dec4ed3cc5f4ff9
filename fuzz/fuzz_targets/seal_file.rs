//! Sealed files from anywhere: no way to read them panics or gives anything out.
#![no_main]

use std::io::{Cursor, Read};

use libfuzzer_sys::fuzz_target;
use seal::{
    PartKey,
    file::{ChunkSize, Header, Opener, StreamOpener, open, open_stream},
};

fuzz_target!(|data: &[u8]| {
    let key = PartKey::from_bytes(&[7; 32]);
    if let Some(Ok(header)) = data.first_chunk().map(Header::parse) {
        assert!((ChunkSize::MIN.log2()..=ChunkSize::MAX.log2()).contains(&header.chunk_size().log2()));
        assert_eq!(header.as_bytes().as_slice(), &data[..64]);
        if let Ok(plain) = header.chunk_size().plain_len(data.len() as u64) {
            assert_eq!(header.chunk_size().sealed_len(plain).expect("a length"), data.len() as u64);
        }
    }
    assert!(open(data, &key).is_err());
    let mut out = Vec::new();
    assert!(open_stream(data, &mut out, &key, 1).is_err());
    assert!(Opener::new(Cursor::new(data), &key).is_err());
    assert!(StreamOpener::new(data, &key).map(|mut o| o.read_to_end(&mut out)).is_err());
    assert!(out.is_empty());
});
