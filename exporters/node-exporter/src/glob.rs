//! Shell patterns for directories: `*`, `?` and `[a-z]`, each within one path component.

use std::path::{Component, Path, PathBuf};

/// The paths that match, sorted; the pattern itself where it has no special characters or nothing matches, so that the
/// error names it.
pub(crate) fn expand(pattern: &str) -> Vec<PathBuf> {
    let mut found = vec![PathBuf::new()];
    for component in Path::new(pattern).components() {
        let Component::Normal(name) = component else {
            found.iter_mut().for_each(|path| path.push(component));
            continue;
        };
        let name = name.to_string_lossy();
        if !name.contains(['*', '?', '[']) {
            found.iter_mut().for_each(|path| path.push(&*name));
            continue;
        }
        found = found
            .iter()
            .flat_map(|path| {
                let directory = if path.as_os_str().is_empty() { Path::new(".") } else { path };
                let names = crate::read::names_or_none(directory).into_iter();
                names.filter(|entry| matches(&name, entry)).map(|entry| path.join(entry)).collect::<Vec<_>>()
            })
            .collect();
    }
    found.retain(|path| path.exists());
    if found.is_empty() { vec![PathBuf::from(pattern)] } else { found }
}

/// Whether a name matches a pattern. Takes time in proportion to both, whatever the pattern.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut pos) = (0, 0);
    // Where to go on when what follows the last star does not fit.
    let mut retry: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(at) {
            Some('*') => {
                retry = Some((at + 1, pos));
                at += 1;
                continue;
            }
            None if pos == name.len() => return true,
            None => None,
            Some(_) => name.get(pos).and_then(|c| one(&pattern[at..], *c)),
        };
        match (step, retry) {
            (Some(length), _) => {
                at += length;
                pos += 1;
            }
            (None, Some((star, from))) if from < name.len() => {
                retry = Some((star, from + 1));
                (at, pos) = (star, from + 1);
            }
            _ => return false,
        }
    }
}

/// How much of the pattern one character takes, if it fits.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern {
        ['?', ..] => Some(1),
        ['[', set @ ..] => {
            let end = set.iter().position(|c| *c == ']')?;
            let (negated, set) = match &set[..end] {
                ['^' | '!', rest @ ..] => (true, rest),
                set => (false, set),
            };
            let mut inside = false;
            let mut rest = set;
            while let Some((first, tail)) = rest.split_first() {
                if let ['-', last, after @ ..] = tail {
                    inside |= (*first..=*last).contains(&c);
                    rest = after;
                } else {
                    inside |= *first == c;
                    rest = tail;
                }
            }
            (inside != negated).then_some(end + 2)
        }
        [literal, ..] => (*literal == c).then_some(1),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, fits) in [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abcd", false),
            ("?b", "ab", true),
            ("?b", "b", false),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[", "[", false),
            ("*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("*.d", "x.d", true),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn directories() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        let all = expand(root.join("sys/class/thermal/thermal_zone?").to_str().unwrap());
        assert_eq!(all.len(), 2);
        let deep = expand(root.join("sys/class/*/cooling_device[0-9]").to_str().unwrap());
        assert_eq!(deep, [root.join("sys/class/thermal/cooling_device0")]);
        assert_eq!(expand("/no/such/*"), [PathBuf::from("/no/such/*")]);
        assert_eq!(expand("/no/such"), [PathBuf::from("/no/such")]);
    }
}
