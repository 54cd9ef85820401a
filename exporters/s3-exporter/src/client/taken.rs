//! An answer's body, out of the SDK's hands: it would read all of it before anyone sees the first byte.

use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use std::sync::{Arc, Mutex, PoisonError};

/// Keeps the body of an answer that is no error; the SDK gets a document that says nothing.
#[derive(Clone, Debug)]
pub(crate) struct Taken {
    instead: &'static str,
    body: Arc<Mutex<Option<SdkBody>>>,
}

impl Taken {
    pub(crate) fn new(instead: &'static str) -> Self {
        Self { instead, body: Arc::default() }
    }

    /// Nothing before there was an answer.
    pub(crate) fn body(&self) -> ByteStream {
        let body = self.body.lock().unwrap_or_else(PoisonError::into_inner).take();
        ByteStream::new(body.unwrap_or_else(SdkBody::empty))
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for Taken {
    fn name(&self) -> &'static str {
        "Taken"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        if response.status().is_success() {
            let body = std::mem::replace(response.body_mut(), SdkBody::from(self.instead));
            *self.body.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
        Ok(())
    }
}
