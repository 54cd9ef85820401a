//! From lines to families: which family a line belongs to, and whether the line may stand where it stands.

use std::borrow::Cow;

use foldhash::quality::RandomState;
use hashbrown::HashMap;

use super::error::ParseError;
use super::groups::Groups;
use super::line::Line;
use super::suffix::{ENDINGS, suffixes};
use super::{Family, Rules, Sample};
use crate::assembly::Format;
use crate::family::Kind;

#[derive(Debug)]
pub(super) struct Builder<'a> {
    pub(super) rules: Rules,
    families: Vec<Family<'a>>,
    heads: Vec<Head>,
    by_name: HashMap<&'a str, usize, RandomState>,
    /// The metrics of the family that is being read.
    groups: Groups,
}

/// What the metadata lines of a family were, and where it begins.
#[derive(Clone, Copy, Debug)]
struct Head {
    line: usize,
    help: bool,
    kind: bool,
}

impl<'a> Builder<'a> {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            rules,
            families: Vec::new(),
            heads: Vec::new(),
            by_name: HashMap::default(),
            groups: Groups::default(),
        }
    }

    pub(super) fn help(
        &mut self,
        name: &'a str,
        help: Cow<'a, str>,
        line: Line<'a>,
    ) -> Result<(), ParseError> {
        let at = self.open(name, line)?;
        if self.heads[at].help {
            return Err(line.problem(format_args!("a second HELP for {name}")));
        }
        // promtool takes HELP after samples, the format's documents do not.
        if !self.families[at].samples.is_empty() && !self.rules.lenient {
            return Err(line.problem(format_args!("HELP for {name} after its samples")));
        }
        self.heads[at].help = true;
        self.families[at].help = Some(help);
        Ok(())
    }

    pub(super) fn kind(&mut self, name: &'a str, kind: Kind, line: Line<'a>) -> Result<(), ParseError> {
        let at = self.open(name, line)?;
        if self.heads[at].kind {
            return Err(line.problem(format_args!("a second TYPE for {name}")));
        }
        if !self.families[at].samples.is_empty() {
            return Err(line.problem(format_args!("TYPE for {name} after its samples")));
        }
        self.heads[at].kind = true;
        self.families[at].kind = kind;
        Ok(())
    }

    pub(super) fn unit(&mut self, name: &'a str, unit: &'a str, line: Line<'a>) -> Result<(), ParseError> {
        let at = self.open(name, line)?;
        let family = &mut self.families[at];
        if family.unit.is_some() {
            return Err(line.problem(format_args!("a second UNIT for {name}")));
        }
        if !family.samples.is_empty() {
            return Err(line.problem(format_args!("UNIT for {name} after its samples")));
        }
        family.unit = Some(unit);
        Ok(())
    }

    pub(super) fn sample(
        &mut self,
        name: &'a str,
        mut sample: Sample<'a>,
        line: Line<'a>,
    ) -> Result<(), ParseError> {
        // A family of just this name goes before one that only could have such a sample.
        let at = match self.by_name.get(name) {
            Some(&at) => self.turn_to(at, line)?,
            None => match self.owner(name) {
                Some(at) => self.turn_to(at, line)?,
                None => self.add(name, line)?,
            },
        };
        let family = &mut self.families[at];
        sample.suffix = &name[family.name.len()..];
        let allowed = suffixes(family.kind, self.rules.format);
        if !allowed.contains(&sample.suffix) {
            return Err(line.problem(format_args!(
                "{name} is no sample of the {} {}, whose samples end in {}",
                family.kind.text(),
                family.name,
                allowed.join(", "),
            )));
        }
        self.groups.add(family, &sample, self.rules).map_err(|problem| line.problem(problem))?;
        if family.samples.is_empty() {
            // A hostile page has many families of one sample each.
            family.samples.reserve_exact(1);
        }
        family.samples.push(sample);
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Vec<Family<'a>>, ParseError> {
        self.close()?;
        if !self.rules.lenient {
            self.check_clashes()?;
        }
        Ok(self.families)
    }

    /// The family of a metadata line.
    fn open(&mut self, name: &'a str, line: Line<'a>) -> Result<usize, ParseError> {
        if let Some(&at) = self.by_name.get(name) {
            return self.turn_to(at, line);
        }
        if self.rules.format == Format::Text
            && let Some(owner) = self.owner(name)
        {
            let owner = &self.families[owner];
            return Err(line.problem(format_args!(
                "{name} is a sample of the {} {} and cannot be a family beside it",
                owner.kind.text(),
                owner.name
            )));
        }
        self.add(name, line)
    }

    fn add(&mut self, name: &'a str, line: Line<'a>) -> Result<usize, ParseError> {
        self.close()?;
        let at = self.families.len();
        self.families.push(Family { name, kind: Kind::Untyped, help: None, unit: None, samples: Vec::new() });
        self.heads.push(Head { line: line.number, help: false, kind: false });
        self.by_name.insert(name, at);
        Ok(at)
    }

    /// Makes sure that family `at` is the one being read.
    fn turn_to(&self, at: usize, line: Line<'a>) -> Result<usize, ParseError> {
        // promtool and Prometheus take scattered families; the format's documents want each in one piece.
        if at + 1 != self.families.len() && !self.rules.lenient {
            return Err(line.problem(format_args!(
                "the family {} began on line {} and ended before line {}: its lines stand together",
                self.families[at].name, self.heads[at].line, line.number
            )));
        }
        Ok(at)
    }

    /// The family that has samples of this name, other than the one of just this name.
    fn owner(&self, name: &str) -> Option<usize> {
        ENDINGS.iter().find_map(|ending| {
            let at = *self.by_name.get(name.strip_suffix(ending)?)?;
            suffixes(self.families[at].kind, self.rules.format).contains(ending).then_some(at)
        })
    }

    /// Checks what can be seen only when a family is complete.
    fn close(&mut self) -> Result<(), ParseError> {
        let complete = self.groups.close(self.rules);
        complete.map_err(|(line, message)| ParseError { line, column: 1, message })
    }

    /// No name belongs to two families: neither as a sample of either, nor, in OpenMetrics, as one's sample and the
    /// other's family, which `foo_total` beside a counter `foo` would be. promtool sees this only where a histogram or
    /// summary stands first.
    fn check_clashes(&self) -> Result<(), ParseError> {
        for (at, family) in self.families.iter().enumerate() {
            let endings = suffixes(family.kind, self.rules.format);
            for ending in endings {
                let name = format!("{}{ending}", family.name);
                let named = self.by_name.get(&*name).copied().filter(|&other| {
                    other != at && suffixes(self.families[other].kind, self.rules.format).contains(&"")
                });
                let Some(other) = named.or_else(|| self.owner(&name).filter(|&other| other != at)) else {
                    continue;
                };
                let later = at.max(other);
                return Err(ParseError {
                    line: self.heads[later].line,
                    column: 1,
                    message: format!(
                        "the families {} and {} can both have samples named {name}",
                        family.name, self.families[other].name
                    ),
                });
            }
        }
        Ok(())
    }
}
