//! Which of a container's labels are shown, and how they are called.

use crate::model::Container;

/// Shown unless a flag says otherwise: what dashboards group by.
pub(crate) const DEFAULT: [&str; 6] = [
    "com.docker.compose.project",
    "com.docker.compose.service",
    "com.docker.compose.project.working_dir",
    "com.docker.compose.container-number",
    "org.label-schema.group",
    "io.podman.compose.project",
];

/// Longer values are cut: a label is a name, not a document.
const MAX_VALUE: usize = 256;
/// A container with more labels than this shows the first ones only.
const MAX_LABELS: usize = 64;

/// The allow-list.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Allowed {
    All,
    These(Vec<String>),
}

impl Allowed {
    /// From the flag's values: names, `all`, or nothing for the default.
    pub(crate) fn new(given: &[String]) -> Self {
        let names: Vec<String> = given
            .iter()
            .flat_map(|names| names.split(','))
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        match names.as_slice() {
            [] => Allowed::These(DEFAULT.map(str::to_owned).to_vec()),
            names if names.iter().any(|name| name == "all") => Allowed::All,
            [none] if none == "none" => Allowed::These(Vec::new()),
            _ => Allowed::These(names),
        }
    }

    fn shows(&self, name: &str) -> bool {
        match self {
            Allowed::All => true,
            Allowed::These(names) => names.iter().any(|own| own == name),
        }
    }

    /// Keeps the labels that are shown, under the peer's names, sorted.
    pub(crate) fn select(&self, labels: impl IntoIterator<Item = (String, String)>) -> Vec<(String, String)> {
        let mut kept: Vec<_> = labels
            .into_iter()
            .filter(|(name, _)| self.shows(name))
            .map(|(name, value)| (shown_name(&name), cut(value)))
            .collect();
        kept.sort();
        // Two labels may be spelled alike once their dots are gone.
        kept.dedup_by(|one, other| one.0 == other.0);
        kept.truncate(MAX_LABELS);
        kept
    }

    /// Filters what somebody else has selected.
    pub(crate) fn trim(&self, container: &mut Container) {
        if let Allowed::These(names) = self {
            container.labels.retain(|(shown, _)| names.iter().any(|name| shown_name(name) == *shown));
        }
    }
}

/// `com.docker.compose.project` as `container_label_com_docker_compose_project`.
pub(crate) fn shown_name(name: &str) -> String {
    let clean = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' });
    "container_label_".chars().chain(clean).collect()
}

/// What somebody else wrote, no longer than a label should be.
pub(crate) fn cut(mut value: String) -> String {
    if value.len() > MAX_VALUE {
        let end = (0..=MAX_VALUE).rev().find(|&at| value.is_char_boundary(at)).unwrap_or(0);
        value.truncate(end);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(names: &[&str]) -> Vec<(String, String)> {
        names.iter().map(|name| ((*name).to_owned(), "v".to_owned())).collect()
    }

    #[test]
    fn only_what_is_allowed_is_kept() {
        let kept = Allowed::new(&[]).select(labels(&["com.docker.compose.project", "traefik.auth", "a"]));
        assert_eq!(kept, [("container_label_com_docker_compose_project".to_owned(), "v".to_owned())]);
        assert_eq!(Allowed::new(&["all".into()]).select(labels(&["a", "b-c", "b.c"])).len(), 2);
        assert_eq!(Allowed::new(&["x,y".into()]).select(labels(&["x", "y", "z"])).len(), 2);
        assert!(Allowed::new(&["none".into()]).select(labels(&DEFAULT)).is_empty());
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        let value = Allowed::All.select([("a".to_owned(), "é".repeat(300))]).remove(0).1;
        assert_eq!(value, "é".repeat(128));
    }
}
