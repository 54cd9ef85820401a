//! What may go wrong.

/// How an answer is wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// 503 SlowDown.
    SlowDown,
    /// 500 InternalError.
    InternalError,
    /// An error's XML with status 200.
    ErrorIn200,
    /// 403 AccessDenied.
    AccessDenied,
    /// 403 RequestTimeTooSkewed.
    ClockSkew,
    /// 301 PermanentRedirect to this region, for who signs for another one.
    WrongRegion(&'static str),
    /// 400 AuthorizationHeaderMalformed that names this region, for who signs for another one; HEAD has no place for a name.
    WrongScope(&'static str),
    /// The right answer, but so late.
    Late(std::time::Duration),
    /// 404 NoSuchUpload.
    NoSuchUpload,
    /// Lists say that there is more, and not where.
    NoToken,
    /// Lists give the same token for ever.
    SameToken,
    /// Lists have two neighbours exchanged.
    KeyOrder,
    /// A web page with status 200, as a login portal has it.
    Html,
    /// Half of the body, then silence.
    HalfBody,
    /// Half of the body, then the connection is closed.
    CutBody,
    /// Nothing at all.
    Hang,
    /// What is read is not what was written.
    Damage,
    /// 403 AccessDenied at PUT, as where a quota is used up.
    QuotaExceeded,
    /// 501 NotImplemented.
    NotImplemented,
}

/// When it goes wrong.
#[derive(Clone, Debug, Default)]
pub struct When {
    /// At this operation only.
    pub operation: Option<&'static str>,
    /// So many times only.
    pub times: Option<u32>,
}
