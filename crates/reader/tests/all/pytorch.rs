//! PyTorch's files give their weights, and no damage to one does more than an error.
//!
//! `pytorch/make.py` made the files.

use std::path::{Path, PathBuf};

use reader::model::Weights;
use reader::rng::Rng;

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/all/pytorch")
        .join(name)
}

#[test]
fn both_formats_and_a_checkpoint_give_the_weights() {
    for name in ["new.pth", "old.pth", "checkpoint.pth"] {
        let weights = Weights::open(&file(name)).unwrap();
        let found: Vec<(&str, &[usize])> = weights.iter().map(|(n, a)| (n, &a.shape[..])).collect();
        // The counter is no weight.
        let expected: [(&str, &[usize]); 6] = [
            ("half", &[3]),
            ("parameter", &[2, 1]),
            ("part", &[2, 2]),
            ("plain", &[3, 4]),
            ("scalar", &[]),
            ("turned", &[4, 3]),
        ];
        assert_eq!(found, expected, "{name}");
        let of = |n: &str| &weights.get(n).unwrap().data;
        let plain: Vec<f32> = (0..12u8).map(|i| f32::from(i) / 4.0).collect();
        assert_eq!(*of("plain"), plain);
        let turned: Vec<f32> = (0..4)
            .flat_map(|c| [plain[c], plain[4 + c], plain[8 + c]])
            .collect();
        assert_eq!(*of("turned"), turned);
        assert_eq!(*of("part"), [plain[5], plain[6], plain[9], plain[10]]);
        assert_eq!(*of("half"), [0.5, -2.0, 65504.0]);
        assert_eq!(*of("parameter"), [1.5, -1.5]);
        assert_eq!(*of("scalar"), [3.0]);
    }
}

#[test]
fn a_damaged_file_is_an_error_or_other_weights() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("damaged.pth");
    let mut rng = Rng::new(2);
    let (mut refused, mut read) = (0, 0);
    for name in ["new.pth", "old.pth"] {
        let whole = std::fs::read(file(name)).unwrap();
        for round in 0..1500 {
            let mut bytes = whole.clone();
            if round % 3 == 0 {
                bytes.truncate(rng.below(bytes.len()));
            } else {
                for _ in 0..=rng.below(4) {
                    let at = rng.below(bytes.len());
                    bytes[at] = rng.next() as u8;
                }
            }
            std::fs::write(&path, &bytes).unwrap();
            match Weights::open(&path) {
                Ok(_) => read += 1,
                Err(_) => refused += 1,
            }
        }
    }
    println!("{refused} refused, {read} read");
    assert!(refused > 1000 && read > 0);
}

#[test]
fn a_pickle_that_asks_for_more_than_tensors_does_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("hostile.pth");
    let canary = dir.path().join("canary");
    let command = format!("touch {}", canary.display());
    let mut pickle = b"\x80\x02cposix\nsystem\nX".to_vec();
    pickle.extend((command.len() as u32).to_le_bytes());
    pickle.extend(command.as_bytes());
    pickle.extend(b"\x85R.");
    // A million tuples around each other would overflow the stack when they are dropped.
    let nested: Vec<u8> = [&b"\x80\x02K\x01"[..], &[0x85; 1_000_000][..], b"."].concat();
    let magic = std::fs::read(file("old.pth")).unwrap()[..15].to_vec();
    for bytes in [pickle.repeat(4), nested] {
        std::fs::write(&path, [magic.clone(), bytes].concat()).unwrap();
        let error = Weights::open(&path).unwrap_err().to_string();
        assert!(
            error.contains("hostile.pth") && error.contains("PyTorch"),
            "{error}"
        );
        assert!(!canary.exists());
    }
}
