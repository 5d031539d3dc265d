//! Plays a corpus, and random inputs: `fuzz [--operations N] [--seed S] [--print] [FILE or FOLDER]...`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let (mut operations, mut seed, mut is_loud, mut paths) = (0, 1u64, false, Vec::new());
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut number = || words.next().and_then(|text| text.parse().ok());
        match word.as_str() {
            "--operations" => operations = number().expect("a number of operations") as usize,
            "--seed" => seed = number().expect("a number to begin with"),
            "--print" => is_loud = true,
            _ => paths.push(PathBuf::from(word)),
        }
    }
    let (mut inputs, mut calls) = (0, 0);
    let mut play = |bytes: &[u8]| {
        inputs += 1;
        calls += threading_fuzz::play(bytes, is_loud).calls;
        calls
    };
    for path in paths.iter().flat_map(|path| files(path)) {
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        play(&bytes);
    }
    let replayed = play(&[]);
    let mut random = Random(seed);
    while operations > 0 && play(&random.input()) < replayed + operations {}
    println!("{inputs} inputs, {calls} operations, all as the model says");
    ExitCode::SUCCESS
}

/// A file, or all of a folder.
fn files(path: &Path) -> Vec<PathBuf> {
    if !path.is_dir() {
        return vec![path.into()];
    }
    let entries = std::fs::read_dir(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    files
}

/// Marsaglia's xorshift, the same each time.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Some choices; most inputs keep to a few kinds, so that their objects meet.
    fn input(&mut self) -> Vec<u8> {
        let length = 64 + self.next() % 960;
        (0..length).map(|_| (self.next() >> 32) as u8).collect()
    }
}
