//! The role catalogue: what a stack is for, and whether waiting there is harmless. Data in `src/patterns/roles/`.

use super::{code, glob};
use postmortem_parsers::evidence::Runtime;
use postmortem_parsers::tables::{StackId, Tables};
use serde::Deserialize;
use std::borrow::Cow;

/// A row of the catalogue.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Name of the role.
    pub role: String,
    /// Waiting there is harmless.
    pub idle: bool,
    /// What the thread does with the resource: worker, waiter, holder, listener, system.
    #[serde(default)]
    pub side: String,
    /// The bounded resource, for waiters and holders.
    #[serde(default)]
    pub resource: String,
    /// Role of the threads that belong to these one by one and are stuck with them.
    #[serde(default)]
    pub companion: String,
    /// Globs that frames fit in this order, innermost first, with any frames between.
    pub frames: Vec<String>,
    /// Globs that no frame may fit.
    #[serde(default)]
    pub without: Vec<String>,
    /// Globs of the function that started it.
    #[serde(default)]
    pub created_by: Vec<String>,
    /// How many frames from the innermost may come before the first glob fits; absent: any number.
    #[serde(default)]
    pub within: Option<usize>,
    /// How many user functions may be on the stack: who waits deep within the user's code waits for something that
    /// its caller needs; absent: any number.
    #[serde(default)]
    pub user_depth: Option<usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    runtime: String,
    role: Vec<Role>,
}

/// All rows, by runtime.
#[derive(Debug)]
pub struct Catalogue {
    rows: Vec<(Runtime, Role)>,
}

const FILES: &[(&str, &str)] = &[
    ("go.toml", include_str!("../patterns/roles/go.toml")),
    ("java.toml", include_str!("../patterns/roles/java.toml")),
    ("python.toml", include_str!("../patterns/roles/python.toml")),
    ("native.toml", include_str!("../patterns/roles/native.toml")),
];

impl Catalogue {
    /// The catalogue that is built in.
    ///
    /// # Errors
    /// When a file of it cannot be read; a test holds that none does.
    pub fn built_in() -> anyhow::Result<Catalogue> {
        let mut rows = Vec::new();
        for (name, text) in FILES {
            let file: File = toml::from_str(text).map_err(|error| anyhow::anyhow!("roles/{name}: {error}"))?;
            let runtime = match file.runtime.as_str() {
                "go" => Runtime::Go,
                "java" => Runtime::Java,
                "python" => Runtime::Python,
                "native" => Runtime::Native,
                other => anyhow::bail!("roles/{name}: unknown runtime {other}"),
            };
            rows.extend(file.role.into_iter().map(|role| (runtime, role)));
        }
        Ok(Catalogue { rows })
    }

    /// The first row that fits a stack; later rows are the more general ones.
    pub fn role_of(&self, tables: &Tables, stack: StackId, creator: &str, runtime: Runtime) -> Option<&Role> {
        let frames = tables.stack_frames(stack);
        let functions: Vec<Cow<'_, str>> =
            frames.iter().map(|&frame| code::rule_name(tables, frame, runtime)).collect();
        self.rows
            .iter()
            .filter(|(of, _)| *of == runtime)
            .map(|(_, role)| role)
            .filter(|role| role.user_depth.is_none_or(|most| code::user_depth(tables, stack, runtime) <= most))
            .find(|role| fits(role, &functions, creator))
    }
}

fn fits(role: &Role, functions: &[Cow<'_, str>], creator: &str) -> bool {
    if !role.created_by.is_empty() && !role.created_by.iter().any(|glob| glob::fits(glob, creator)) {
        return false;
    }
    let mut at = 0;
    for (nth, glob) in role.frames.iter().enumerate() {
        let Some(found) = functions[at..].iter().position(|function| glob::fits(glob, function)) else { return false };
        if nth == 0 && role.within.is_some_and(|within| found > within) {
            return false;
        }
        at += found + 1;
    }
    !functions.iter().any(|function| role.without.iter().any(|glob| glob::fits(glob, function)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_catalogue_loads() {
        let catalogue = Catalogue::built_in().unwrap();
        assert!(catalogue.rows.len() > 40, "{}", catalogue.rows.len());
        for (_, role) in &catalogue.rows {
            assert!(!role.frames.is_empty() || !role.created_by.is_empty(), "{} fits everything", role.role);
        }
    }

    #[test]
    fn frames_fit_in_order_with_gaps() {
        let role = Role {
            role: "x".into(),
            idle: true,
            side: String::new(),
            resource: String::new(),
            companion: String::new(),
            frames: vec!["a*".into(), "c".into()],
            without: vec!["user.*".into()],
            created_by: vec![],
            within: Some(0),
            user_depth: None,
        };
        let fits = |frames: &[&'static str]| {
            let frames: Vec<Cow<'_, str>> = frames.iter().map(|name| Cow::Borrowed(*name)).collect();
            super::fits(&role, &frames, "")
        };
        assert!(fits(&["a1", "b", "c"]));
        assert!(!fits(&["c", "a1"]));
        assert!(!fits(&["b", "a1", "c"]));
        assert!(!fits(&["a1", "user.f", "c"]));
    }
}
