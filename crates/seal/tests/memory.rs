//! Files of any size in constant memory: the operating system says how much was used.
#![cfg(target_os = "linux")]

use std::process::Command;

/// Seals and opens 256 MiB in a process of its own and compares its peak with what it had before.
/// `examples/constant_memory.rs` does the same for 4 GiB by default.
#[test]
fn streams_in_constant_memory() {
    let example = std::env::current_exe().unwrap();
    let example = example
        .parent()
        .unwrap()
        .parent()
        .unwrap()
        .join("examples/constant_memory");
    assert!(
        example.exists(),
        "{} is not built: run `cargo test -p seal`",
        example.display()
    );
    for threads in ["1", "2"] {
        let run = Command::new(&example)
            .args(["256", threads])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stdout).into_owned();
        assert!(
            run.status.success(),
            "{said}{}",
            String::from_utf8_lossy(&run.stderr)
        );
        println!("{said}");
    }
}
