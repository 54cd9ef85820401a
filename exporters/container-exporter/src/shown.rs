//! How containers are shown: the text of their labels, made anew only with news about them.

use exporter_core::{LabelValue, Labels};
use std::collections::HashMap;
use std::sync::Arc;

use crate::model::Container;

/// The labels of all containers that a page shows.
#[derive(Default)]
pub(crate) struct Shown {
    all: HashMap<String, One>,
    page: u64,
}

struct One {
    container: Arc<Container>,
    path: Arc<str>,
    labels: Labels,
    /// The last page it was on.
    page: u64,
}

impl Shown {
    /// The labels of these containers, with what they came with, in an order in which the page's writer need not look for
    /// duplicates; what is not among them is forgotten.
    pub(crate) fn of<'a, T>(
        &'a mut self,
        containers: impl Iterator<Item = (&'a Arc<Container>, &'a Arc<str>, T)> + Clone,
    ) -> Vec<(T, &'a Labels)> {
        self.page += 1;
        let page = self.page;
        for (container, path, _) in containers.clone() {
            match self.all.get_mut(&container.id) {
                Some(one) if Arc::ptr_eq(&one.container, container) && one.path == *path => one.page = page,
                _ => {
                    let labels = labels(container, path);
                    let one = One { container: container.clone(), path: path.clone(), labels, page };
                    self.all.insert(container.id.clone(), one);
                }
            }
        }
        self.all.retain(|_, one| one.page == page);
        let found = |(container, _, with): (&Arc<Container>, _, T)| {
            Some((with, &self.all.get(&container.id)?.labels))
        };
        let mut all: Vec<_> = containers.filter_map(found).collect();
        all.sort_by_key(|(_, labels)| *labels);
        all
    }
}

/// The labels that every series of a container has. The host has only an id; an empty label is none.
pub(crate) fn labels(container: &Container, path: &str) -> Labels {
    let fixed = [("id", path), ("image", &container.image), ("name", &container.name)];
    let fixed: Vec<_> = fixed
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (*name, value as &dyn LabelValue))
        .collect();
    let own = container.labels.iter().map(|(name, value)| (name.as_str(), value as &dyn LabelValue));
    Labels::new(fixed.iter().copied().chain(own))
        // Only a peer that is not ours could send a name that is none.
        .or_else(|_| Labels::new(fixed))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(id: &str, name: &str) -> Arc<Container> {
        let labels = vec![("container_label_a".to_owned(), "x".to_owned())];
        Arc::new(Container { id: id.into(), name: name.into(), labels, ..Container::default() })
    }

    #[test]
    fn labels_are_made_once_and_forgotten_with_their_container() {
        let mut shown = Shown::default();
        let path: Arc<str> = "/docker/1".into();
        let (one, two) = (container("1", "longer"), container("2", "short"));
        let names =
            |all: Vec<(&str, &Labels)>| all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(" ");
        assert_eq!(names(shown.of([(&one, &path, "one"), (&two, &path, "two")].into_iter())), "two one");
        let before: *const Labels = &raw const shown.all["1"].labels;
        assert_eq!(names(shown.of([(&one, &path, "one")].into_iter())), "one");
        assert_eq!(before, &raw const shown.all["1"].labels);
        assert_eq!(shown.all.len(), 1);
        let renamed = container("1", "new");
        let all = shown.of([(&renamed, &path, ())].into_iter());
        assert_eq!(*all[0].1, labels(&renamed, &path));
    }

    #[test]
    fn a_bad_name_costs_the_containers_own_labels_only() {
        let bad =
            Container { labels: vec![("a-b".into(), "x".into())], name: "n".into(), ..Container::default() };
        let good = Container { labels: Vec::new(), ..bad.clone() };
        assert_eq!(labels(&bad, "/p"), labels(&good, "/p"));
        assert_ne!(labels(&good, "/p"), Labels::default());
    }
}
