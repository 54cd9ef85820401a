//! Pages that are being collected. Those who ask for the same page at the same time wait for one collection and get
//! one body: however many they are, they count once.

use bytes::Bytes;
use exposition::Format;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::registry::{Filter, Registry};
use crate::source::Run;

/// How a page is written.
pub(crate) type Form = (Format, bool);

/// The pages under way.
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    pages: Mutex<Vec<Page>>,
}

#[derive(Debug)]
struct Page {
    /// The registry's address: it lives as long as anybody waits for it.
    registry: usize,
    filter: Filter,
    waiting: usize,
    /// The last one written in each form, with the runs it shows. Holding them keeps them from being used anew.
    written: Vec<(Form, Vec<Arc<Run>>, Bytes)>,
}

impl UnderWay {
    /// Joins those who wait for this page. `None` where it would be one page more than `max`; 0 is no limit.
    pub(crate) fn join<'a>(
        &'a self,
        registry: &'a Registry,
        filter: &'a Filter,
        max: u64,
    ) -> Option<Waiting<'a>> {
        let mut pages = self.lock();
        match pages.iter().position(|page| page.is(registry, filter)) {
            Some(at) => pages[at].waiting += 1,
            None if max > 0 && pages.len() as u64 >= max => return None,
            None => pages.push(Page {
                registry: std::ptr::from_ref(registry) as usize,
                filter: filter.clone(),
                waiting: 1,
                written: Vec::new(),
            }),
        }
        Some(Waiting { under_way: self, registry, filter })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Page>> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Page {
    fn is(&self, registry: &Registry, filter: &Filter) -> bool {
        self.registry == std::ptr::from_ref(registry) as usize && self.filter == *filter
    }
}

/// One of those who wait for a page.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    under_way: &'a UnderWay,
    registry: &'a Registry,
    filter: &'a Filter,
}

impl Waiting<'_> {
    /// The body that somebody else has been given for these runs.
    pub(crate) fn written(&self, form: Form, runs: &[Arc<Run>]) -> Option<Bytes> {
        let pages = self.under_way.lock();
        let page = pages.iter().find(|page| page.is(self.registry, self.filter))?;
        let same = |(own, shown, _): &&(Form, Vec<Arc<Run>>, Bytes)| {
            *own == form
                && shown.len() == runs.len()
                && shown.iter().zip(runs).all(|(a, b)| Arc::ptr_eq(a, b))
        };
        page.written.iter().find(same).map(|(_, _, body)| body.clone())
    }

    /// Leaves a body for the others.
    pub(crate) fn write(&self, form: Form, runs: Vec<Arc<Run>>, body: &Bytes) {
        let mut pages = self.under_way.lock();
        if let Some(page) = pages.iter_mut().find(|page| page.is(self.registry, self.filter))
            && page.waiting > 1
        {
            page.written.retain(|(own, _, _)| *own != form);
            page.written.push((form, runs, body.clone()));
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut pages = self.under_way.lock();
        if let Some(at) = pages.iter().position(|page| page.is(self.registry, self.filter)) {
            pages[at].waiting -= 1;
            if pages[at].waiting == 0 {
                pages.swap_remove(at);
            }
        }
    }
}
