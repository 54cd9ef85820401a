//! Any `prometheus_client::Registry`, mounted on a page: the seam at which other libraries' metrics come in.

use exposition::Page;
use prometheus_client::registry::Registry;

pub(crate) fn put(registry: &Registry, _page: &mut Page) -> Result<(), std::fmt::Error> {
    let mut text = String::new();
    prometheus_client::encoding::text::encode(&mut text, registry)?;
    Ok(())
}
