//! Where the places of findings are in a repository, and what stands there.

use crate::report::model::{Report, Site, SourcePlace};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Lines shown before and after the guilty one.
const AROUND: u32 = 3;
/// Longest line shown, in characters.
const MOST_CHARS: usize = 200;
/// Files that are looked at.
const MOST_FILES: usize = 200_000;
/// Largest source file that is read.
const MOST_BYTES: u64 = 16 << 20;
/// Folders that hold no source of the repository's own.
const NOT_SOURCE: &[&str] = &["node_modules", "target", "build", "dist", "__pycache__"];

/// A rule `FROM=TO` that makes paths of captures paths of the repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    from: String,
    to: String,
}

impl Root {
    /// Reads `FROM=TO`.
    ///
    /// # Errors
    /// When there is no `=` or nothing before it.
    pub fn parse(text: &str) -> Result<Root> {
        match text.split_once('=') {
            Some((from, to)) if !from.is_empty() => {
                Ok(Root { from: from.trim_end_matches('/').to_owned(), to: clean(to) })
            }
            _ => bail!("{text:?} is not FROM=TO"),
        }
    }

    fn apply(&self, path: &str) -> Option<String> {
        let rest = path.strip_prefix(self.from.as_str())?;
        let rest = rest.strip_prefix('/').or_else(|| self.from.is_empty().then_some(rest))?;
        Some(if self.to.is_empty() { rest.to_owned() } else { format!("{}/{rest}", self.to) })
    }
}

/// A path from the root of the repository, without `./` and slashes at its ends.
fn clean(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    parts.join("/")
}

/// The source files of a folder, by name.
#[derive(Debug, Default)]
pub struct Tree {
    root: std::path::PathBuf,
    by_name: BTreeMap<String, Vec<String>>,
}

impl Tree {
    /// Lists a folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn of(root: &Path) -> Result<Tree> {
        let mut tree = Tree { root: root.to_owned(), by_name: BTreeMap::new() };
        let mut left = MOST_FILES;
        tree.walk(root, "", &mut left).with_context(|| format!("cannot read {}", root.display()))?;
        Ok(tree)
    }

    fn walk(&mut self, folder: &Path, path: &str, left: &mut usize) -> Result<()> {
        let mut entries: Vec<_> = fs::read_dir(folder)?.collect::<Result<_, _>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let kind = entry.file_type()?;
            let inner = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            if kind.is_dir() && !name.starts_with('.') && !NOT_SOURCE.contains(&name.as_str()) {
                self.walk(&entry.path(), &inner, left)?;
            } else if kind.is_file() && *left > 0 {
                *left -= 1;
                self.by_name.entry(name).or_default().push(inner);
            }
        }
        Ok(())
    }

    /// The file that a capture means: of those with its name, the one that shares most of its path, if that is one.
    fn find(&self, file: &str, function: &str) -> Option<String> {
        let file = file.replace('\\', "/");
        let name = file.rsplit('/').next()?;
        // Where a capture prints the bare name, packages stand in the function: com.acme.Foo.run is in com/acme.
        let path =
            if file.contains('/') { file.clone() } else { format!("{}/{name}", function.replace(['.', '/'], "/")) };
        let shared = |candidate: &str| {
            let ends = candidate.rsplit('/').zip(path.rsplit('/')).take_while(|(a, b)| a == b).count();
            let folders = candidate.split('/').filter(|part| path.split('/').any(|it| it == *part)).count();
            (ends, if file.contains('/') { 0 } else { folders })
        };
        let candidates = self.by_name.get(name)?;
        let best = candidates.iter().map(|it| shared(it)).max()?;
        let mut fitting = candidates.iter().filter(|it| shared(it) == best && self.names(it, function));
        let first = fitting.next()?;
        fitting.next().is_none().then(|| first.clone())
    }

    /// Whether a file holds the name of a function: else it is another file of the same name.
    fn names(&self, path: &str, function: &str) -> bool {
        let Some(text) = self.read(path) else { return false };
        let words = || function.rsplit(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| word.len() > 1);
        let counted = |word: &str| ["func", "gowrap", "lambda"].iter().any(|it| word.starts_with(it));
        words()
            .find(|word| !counted(word) && !word.bytes().all(|byte| byte.is_ascii_digit()))
            .is_none_or(|word| text.contains(word))
    }

    fn read(&self, path: &str) -> Option<String> {
        let path = self.root.join(path);
        let small = fs::metadata(&path).ok()?.len() <= MOST_BYTES;
        if small { String::from_utf8(fs::read(path).ok()?).ok() } else { None }
    }

    fn lines(&self, path: &str, line: u32) -> Vec<(u32, String)> {
        let Some(text) = self.read(path) else { return Vec::new() };
        let numbered = (1..).zip(text.lines());
        let near = numbered.filter(|(number, _)| line.abs_diff(*number) <= AROUND);
        near.map(|(number, text)| (number, text.chars().take(MOST_CHARS).collect())).collect()
    }
}

/// Sets the places in the repository of all findings: by the rules, else by what the folder holds.
pub fn locate(report: &mut Report, roots: &[Root], tree: Option<&Tree>) {
    for finding in &mut report.findings {
        finding.source = finding.sites.iter().filter_map(|site| place(site, roots, tree)).collect();
    }
}

fn place(site: &Site, roots: &[Root], tree: Option<&Tree>) -> Option<SourcePlace> {
    let file = site.file.as_deref()?;
    // The longest rule wins.
    let mut fitting: Vec<&Root> = roots.iter().filter(|root| root.apply(file).is_some()).collect();
    fitting.sort_by_key(|root| root.from.len());
    let ruled = fitting.pop().and_then(|root| root.apply(file)).map(|path| clean(&path));
    let path = match (ruled, tree) {
        (Some(path), _) => path,
        (None, Some(tree)) => tree.find(file, &site.function)?,
        (None, None) => return None,
    };
    let lines = match (tree, site.line) {
        (Some(tree), Some(line)) => tree.lines(&path, line),
        _ => Vec::new(),
    };
    Some(SourcePlace { function: site.function.clone(), path, line: site.line, lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(function: &str, file: &str) -> Site {
        Site { function: function.into(), file: Some(file.into()), line: Some(2), role: "blocked".into() }
    }

    #[test]
    fn rules_turn_paths_of_a_build_into_paths_of_the_repository() {
        let roots =
            ["/build=", "/build/vendor=third_party", "example.com/svc=./cmd/"].map(|it| Root::parse(it).unwrap());
        let path = |file: &str| place(&site("f", file), &roots, None).map(|place| place.path);
        assert_eq!(path("/build/a/b.go").as_deref(), Some("a/b.go"));
        assert_eq!(path("/build/vendor/x.go").as_deref(), Some("third_party/x.go"));
        assert_eq!(path("example.com/svc/main.go").as_deref(), Some("cmd/main.go"));
        assert_eq!(path("/builder/b.go"), None);
        assert!(Root::parse("x").is_err() && Root::parse("=x").is_err());
    }

    #[test]
    fn files_are_found_by_the_end_of_their_path_and_what_they_hold() {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            ("hub/main.go", "package hub\nfunc send() {}\n"),
            ("main.go", "package main\nfunc main() { serve() }\nfunc serve() {}\n"),
            ("src/main/java/com/acme/Foo.java", "class Foo {\n void run() {}\n}\n"),
            ("src/main/java/com/other/Foo.java", "class Foo {\n void run() {}\n}\n"),
        ] {
            fs::create_dir_all(folder.path().join(path).parent().unwrap()).unwrap();
            fs::write(folder.path().join(path), text).unwrap();
        }
        let tree = Tree::of(folder.path()).unwrap();
        let find = |function: &str, file: &str| place(&site(function, file), &[], Some(&tree)).map(|it| it.path);
        assert_eq!(find("main.send", "/src/app/hub/main.go").as_deref(), Some("hub/main.go"));
        assert_eq!(find("main.serve", "/app/main.go").as_deref(), Some("main.go"));
        assert_eq!(find("com.acme.Foo.run", "Foo.java").as_deref(), Some("src/main/java/com/acme/Foo.java"));
        assert_eq!(find("net/http.(*Server).Accept", "/usr/local/go/src/net/http/main.go"), None);
        let shown = place(&site("main.send", "/x/hub/main.go"), &[], Some(&tree)).unwrap().lines;
        assert_eq!(shown, [(1, "package hub".to_owned()), (2, "func send() {}".to_owned())]);
    }
}
