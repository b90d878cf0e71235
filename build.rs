//! Lists the pattern files, so that adding a pattern is adding a file.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

fn main() {
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let library = Path::new(&root).join("src/patterns/library");
    println!("cargo::rerun-if-changed={}", library.display());
    let mut files: Vec<_> = fs::read_dir(&library)
        .expect("the library is there")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    files.sort();
    let mut out =
        String::from("/// Id and text of the patterns that are built in.\nstatic LIBRARY: &[(&str, &str)] = &[\n");
    for path in files {
        let id = path.file_stem().expect("it has an ending").to_string_lossy().into_owned();
        writeln!(out, "    ({id:?}, include_str!({:?})),", path.display().to_string()).expect("to a string");
    }
    out.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("library.rs"), out).expect("can write");
}
