//! One level of a tree of keys: what comes between two delimiters.

use crate::client::failure::Failure;
use crate::client::operation::Operation;
use crate::client::{Endpoint, Spend};

use super::page;
use super::walk::{Allowance, some};

/// Prefixes of one level that are kept; more are an error, since what hangs below them would be missing.
const MAX_PREFIXES: usize = 200_000;

/// The common prefixes below a prefix, in the server's order.
pub(crate) async fn prefixes(
    endpoint: &Endpoint,
    bucket: &str,
    prefix: &str,
    delimiter: &str,
    allowance: &Allowance,
) -> Result<Vec<String>, Failure> {
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let page = endpoint
            .call(Operation::ListObjects, bucket, Spend::Budgeted, |client| {
                let request = client
                    .list_objects_v2()
                    .bucket(bucket)
                    .set_prefix(some(prefix))
                    .delimiter(delimiter)
                    .set_continuation_token(token.clone());
                page::objects(request)
            })
            .await?;
        allowance.page();
        found.extend(page.prefixes().map(str::to_owned));
        if found.len() > MAX_PREFIXES {
            return Err(Failure::new(
                "too_many",
                format!("more than {MAX_PREFIXES} prefixes below {prefix:?}"),
            ));
        }
        if !page.truncated {
            return Ok(found);
        }
        let next = page.token;
        if next.is_none() {
            return Err(Failure::new("no_token", "the server says that there is more and not where"));
        }
        if next == token {
            return Err(Failure::new("token_loop", "the server gives the same page's token again"));
        }
        token = next;
    }
}

/// When the first object below a prefix was made, by the order of keys.
pub(crate) async fn first(
    endpoint: &Endpoint,
    bucket: &str,
    prefix: &str,
    allowance: &Allowance,
) -> Result<Option<f64>, Failure> {
    let page = endpoint
        .call(Operation::ListObjects, bucket, Spend::Budgeted, |client| {
            page::objects(client.list_objects_v2().bucket(bucket).set_prefix(some(prefix)).max_keys(1))
        })
        .await?;
    allowance.page();
    Ok(page.items().next().map(|object| object.modified))
}
