//! What takes disk space, which a slow loop asks.

use super::docker::{Container, image};
use super::support::Exporter;
use exporter_testkit::Result;

#[test]
fn layers_and_images_have_sizes() -> Result {
    let guest = Container::run(&[], "write 4194304 then sleep")?;
    let mut exporter = Exporter::start(&["--mode=engine", "--df-interval=1s"])?;
    let (name, image) = ([("name", guest.name.as_str())], image()?);
    // Asked at once and then at rest; a first answer may come before the writing.
    let page = exporter.until("the size of what was written", |page| {
        page.all("container_fs_usage_bytes", &name).any(|bytes| bytes >= f64::from(4 << 20))
    })?;
    assert!(
        page.get("docker_image_bytes", &[("image", &image)]).is_some_and(|bytes| bytes > 1e5),
        "{}",
        page.0
    );
    for family in ["docker_layers_bytes", "docker_images_bytes", "docker_images"] {
        assert!(
            page.all(family, &[]).all(|value| value > 0.0) && page.all(family, &[]).count() == 1,
            "{family}"
        );
    }
    for family in ["docker_volumes", "docker_volumes_bytes", "docker_build_cache_bytes"] {
        assert_eq!(page.all(family, &[]).count(), 1, "{family}");
    }
    Ok(())
}
