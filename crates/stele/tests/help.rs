//! The help of every command, as a user reads it: a change shows in review.
//! `STELE_BLESS=1 cargo test -p stele --test help` writes it anew.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;
use std::process::Command;

/// Width at which help is laid out, so that no terminal changes it.
const COLUMNS: &str = "100";

fn help(command: &[String]) -> String {
    let run = Command::new(env!("CARGO_BIN_EXE_stele"))
        .args(command)
        .arg("--help")
        .env("COLUMNS", COLUMNS)
        .env_remove("STELE_KEY")
        .env_remove("STELE_NODE")
        .env_remove("STELE_PASSPHRASE_FILE")
        .output()
        .unwrap();
    assert!(run.status.success(), "stele {} --help", command.join(" "));
    String::from_utf8(run.stdout).unwrap()
}

/// The names under "Commands:".
fn subcommands(help: &str) -> Vec<String> {
    help.lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect()
}

fn collect(command: &mut Vec<String>, into: &mut Vec<(String, String)>) {
    let text = help(command);
    let below = subcommands(&text);
    into.push((command.join("-"), text));
    for name in below {
        command.push(name);
        collect(command, into);
        command.pop();
    }
}

#[test]
fn the_help_is_as_it_was_read_last() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/snapshots/help");
    let mut all = Vec::new();
    collect(&mut Vec::new(), &mut all);
    assert!(all.len() > 20, "only {} commands were found", all.len());
    let update = std::env::var_os("STELE_BLESS").is_some();
    if update {
        std::fs::create_dir_all(&folder).unwrap();
    }
    for (name, text) in &all {
        let name = if name.is_empty() { "stele" } else { name };
        let path = folder.join(format!("{name}.txt"));
        if update {
            std::fs::write(&path, text).unwrap();
        }
        let known = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(
            *text,
            known,
            "{} differs; STELE_BLESS=1 writes it anew if that is meant",
            path.display()
        );
    }
}

#[test]
fn commands_with_arguments_show_an_example() {
    let mut all = Vec::new();
    collect(&mut Vec::new(), &mut all);
    let without: Vec<&str> = all
        .iter()
        .filter(|(_, text)| subcommands(text).is_empty() && text.contains("Arguments:"))
        .filter(|(_, text)| !text.contains("Example"))
        .map(|(name, _)| name.as_str())
        .collect();
    assert!(without.is_empty(), "no example: {without:?}");
}
