//! Families as they come together, line by line.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::error::ParseError;
use super::line::Line;
use super::suffix::{ENDINGS, suffixes};
use super::{Family, Rules, Sample};
use crate::family::Kind;

#[derive(Debug)]
pub(super) struct Builder<'a> {
    pub(super) rules: Rules,
    families: Vec<Family<'a>>,
    typed: Vec<bool>,
    by_name: HashMap<&'a str, usize>,
    /// The family to which the last line belongs.
    current: Option<usize>,
    /// Suffix and sorted labels of the current family's samples.
    seen: HashSet<String>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            families: Vec::new(),
            typed: Vec::new(),
            by_name: HashMap::new(),
            current: None,
            seen: HashSet::new(),
        }
    }

    pub(super) fn help(&mut self, name: &'a str, text: Cow<'a, str>, at: Line<'a>) -> Result<(), ParseError> {
        let family = self.open(name, at)?;
        let family = &mut self.families[family];
        if family.help.is_some() {
            return Err(at.problem(format_args!("a second HELP line of {name}")));
        }
        if !family.samples.is_empty() && !self.rules.lenient {
            return Err(at.problem(format_args!("HELP of {name} comes after its samples")));
        }
        family.help = Some(text);
        Ok(())
    }

    pub(super) fn kind(&mut self, name: &'a str, kind: Kind, at: Line<'a>) -> Result<(), ParseError> {
        let family = self.open(name, at)?;
        if self.typed[family] {
            return Err(at.problem(format_args!("a second TYPE line of {name}")));
        }
        if !self.families[family].samples.is_empty() {
            return Err(at.problem(format_args!("TYPE of {name} comes after its samples")));
        }
        self.typed[family] = true;
        self.families[family].kind = kind;
        Ok(())
    }

    pub(super) fn unit(&mut self, name: &'a str, unit: &'a str, at: Line<'a>) -> Result<(), ParseError> {
        let family = self.open(name, at)?;
        let family = &mut self.families[family];
        if family.unit.is_some() || !family.samples.is_empty() {
            return Err(at.problem(format_args!("UNIT of {name} comes twice or after its samples")));
        }
        family.unit = Some(unit);
        Ok(())
    }

    pub(super) fn sample(
        &mut self,
        name: &'a str,
        mut sample: Sample<'a>,
        at: Line<'a>,
    ) -> Result<(), ParseError> {
        let (base, suffix) = self.family_of(name);
        let family = self.open(base, at)?;
        sample.suffix = suffix;
        self.check(family, name, &sample, at)?;
        if !self.rules.lenient && !self.seen.insert(key(&sample)) {
            return Err(at.problem(format_args!("a second sample of {name} with the same labels")));
        }
        self.families[family].samples.push(sample);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Vec<Family<'a>>, ParseError> {
        Ok(self.families)
    }

    /// The family to which a sample of this name belongs, and what follows the family's name.
    fn family_of(&self, name: &'a str) -> (&'a str, &'a str) {
        let takes = |base: &str, suffix: &str| {
            self.by_name.get(base).is_some_and(|&family| {
                suffixes(self.families[family].kind, self.rules.format).contains(&suffix)
            })
        };
        for ending in ENDINGS {
            if let Some(base) = name.strip_suffix(ending)
                && takes(base, ending)
            {
                return name.split_at(base.len());
            }
        }
        (name, "")
    }

    fn check(&self, family: usize, name: &str, sample: &Sample<'a>, at: Line<'a>) -> Result<(), ParseError> {
        let kind = self.families[family].kind;
        let allowed = suffixes(kind, self.rules.format);
        if !allowed.contains(&sample.suffix) {
            return Err(at.problem(format_args!("a {} has no sample named {name}", kind.text())));
        }
        let needed = match (kind, sample.suffix) {
            (Kind::Histogram, "_bucket") => "le",
            (Kind::Summary, "") => "quantile",
            _ => return Ok(()),
        };
        match sample.label(needed).map(|value| super::number::float(value.as_bytes())) {
            Some(Some(_)) => Ok(()),
            _ => Err(at.problem(format_args!("{name} needs a label {needed} that is a number"))),
        }
    }

    fn open(&mut self, name: &'a str, at: Line<'a>) -> Result<usize, ParseError> {
        let known = self.by_name.get(name).copied();
        if known.is_some() && known == self.current {
            return Ok(known.unwrap_or_default());
        }
        self.seen.clear();
        if let Some(known) = known {
            if !self.rules.lenient {
                return Err(at.problem(format_args!("lines of {name} stand apart: keep a family together")));
            }
            self.current = Some(known);
            return Ok(known);
        }
        let index = self.families.len();
        self.families.push(Family { name, kind: Kind::Untyped, help: None, unit: None, samples: Vec::new() });
        self.typed.push(false);
        self.by_name.insert(name, index);
        self.current = Some(index);
        Ok(index)
    }
}

fn key(sample: &Sample<'_>) -> String {
    let mut labels: Vec<_> = sample.labels.iter().collect();
    labels.sort_unstable();
    format!("{}{labels:?}", sample.suffix)
}
