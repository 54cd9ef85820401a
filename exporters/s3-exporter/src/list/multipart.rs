//! Uploads that were begun: what they hold is billed, and no list of objects shows it.

use serde::{Deserialize, Serialize};

use super::walk::{Allowance, seconds, some};
use crate::client::failure::Failure;
use crate::client::operation::Operation;
use crate::client::{Endpoint, Spend};

/// Uploads whose parts are asked for, a pass: one request each at least.
const MAX_ASKED: usize = 1000;

#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Uploads {
    pub(crate) count: u64,
    pub(crate) oldest: Option<f64>,
    /// Where the parts were asked for and all of them told.
    pub(crate) bytes: Option<u64>,
}

/// Counts uploads below a prefix; nothing where that was refused before.
pub(crate) async fn list(
    endpoint: &Endpoint,
    bucket: &str,
    prefix: &str,
    with_bytes: bool,
    allowance: &Allowance,
) -> Result<Option<Uploads>, Failure> {
    let mut found = Uploads { bytes: with_bytes.then_some(0), ..Uploads::default() };
    let mut next: (Option<String>, Option<String>) = (None, None);
    let mut asked = 0;
    loop {
        let page = endpoint
            .optional(Operation::ListMultipartUploads, bucket, |client| {
                client
                    .list_multipart_uploads()
                    .bucket(bucket)
                    .set_prefix(some(prefix))
                    .set_key_marker(next.0.clone())
                    .set_upload_id_marker(next.1.clone())
                    .send()
            })
            .await?;
        let Some(page) = page else { return Ok(None) };
        allowance.page();
        for upload in page.uploads() {
            found.count += 1;
            let begun = seconds(upload.initiated());
            if found.oldest.is_none_or(|oldest| begun < oldest) {
                found.oldest = Some(begun);
            }
            if let (Some(bytes), Some(key), Some(id)) = (&mut found.bytes, upload.key(), upload.upload_id())
                && asked < MAX_ASKED
            {
                asked += 1;
                match parts(endpoint, bucket, key, id, allowance).await {
                    Ok(size) => *bytes += size,
                    // Finished or given up since it was listed.
                    Err(failure) if failure.code == "NoSuchUpload" => {}
                    // A sum of some of them would look like all; that there are uploads is known all the same.
                    Err(failure) => {
                        tracing::debug!(bucket, key, %failure, "no list of an upload's parts");
                        found.bytes = None;
                    }
                }
            }
        }
        if page.is_truncated() != Some(true) {
            return Ok(Some(found));
        }
        let following =
            (page.next_key_marker().map(str::to_owned), page.next_upload_id_marker().map(str::to_owned));
        if following.0.is_none() {
            return Err(Failure::new(
                "no_token",
                "the server says that there are more uploads and not where",
            ));
        }
        if following == next {
            return Err(Failure::new("token_loop", "the server gives the same page of uploads again"));
        }
        next = following;
    }
}

async fn parts(
    endpoint: &Endpoint,
    bucket: &str,
    key: &str,
    id: &str,
    allowance: &Allowance,
) -> Result<u64, Failure> {
    let mut bytes = 0;
    let mut marker: Option<String> = None;
    loop {
        let page = endpoint
            .call(Operation::ListParts, bucket, Spend::Budgeted, |client| {
                client
                    .list_parts()
                    .bucket(bucket)
                    .key(key)
                    .upload_id(id)
                    .set_part_number_marker(marker.clone())
                    .send()
            })
            .await?;
        allowance.page();
        bytes += page.parts().iter().filter_map(|part| u64::try_from(part.size()?).ok()).sum::<u64>();
        let next = page.next_part_number_marker().map(str::to_owned);
        if page.is_truncated() != Some(true) || next.is_none() || next == marker {
            return Ok(bytes);
        }
        marker = next;
    }
}
