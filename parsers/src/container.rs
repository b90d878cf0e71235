//! Names that container runtimes give to control groups.

/// The 64 hexadecimal digits of the innermost group that has them: `docker-ID.scope`, `cri-containerd-ID.scope`, `/ID`.
pub fn container_id(path: &str) -> Option<&str> {
    path.rsplit('/').find_map(|group| {
        let group = group.strip_suffix(".scope").unwrap_or(group);
        let id = group.rsplit(['-', ':']).next()?;
        (id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(id)
    })
}

#[cfg(test)]
mod tests {
    use super::container_id;

    #[test]
    fn ids_of_each_runtime() {
        let id = "1cbfccf7a0ea384428372eb560a8d8b49ed2ff7e2ac1a2f03f05a5fb1ed2b1aa";
        for path in [
            format!("/docker/{id}"),
            format!("/system.slice/docker-{id}.scope"),
            format!("/kubepods.slice/kubepods-pod1.slice/cri-containerd-{id}.scope"),
        ] {
            assert_eq!(container_id(&path), Some(id), "{path}");
        }
        assert_eq!(container_id("/system.slice/nginx.service"), None);
    }
}
