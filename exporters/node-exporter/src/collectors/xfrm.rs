//! IPsec errors, from `/proc/net/xfrm_stat`.

use exporter_core::{BoxedSource, Collector, ConfigError, Family};

use crate::context::Context;
use crate::source;
use crate::text::{Malformed, counts};

macro_rules! families {
    ($($ident:ident $name:literal $field:literal $help:literal)*) => {
        $(static $ident: Family<0> = Family::counter(concat!("node_xfrm_", $name, "_packets_total"), $help, &[]);)*
        pub(crate) static XFRM: Collector =
            Collector { name: "xfrm", enabled: false, families: &[$($ident.desc()),*], dynamic: &[] };
        /// Each with its field.
        static FIELDS: &[(&Family<0>, &[u8])] = &[$((&$ident, $field)),*];
    };
}
families! {
    IN_ERROR "in_error" b"XfrmInError" "Received, and an error without a name of its own."
    IN_BUFFER "in_buffer_error" b"XfrmInBufferError" "Received, and no memory."
    IN_HDR "in_hdr_error" b"XfrmInHdrError" "Received with a bad header."
    IN_NO_STATES "in_no_states" b"XfrmInNoStates" "Received, and no association for address, SPI and protocol."
    IN_PROTO "in_state_proto_error" b"XfrmInStateProtoError" "Received, and the protocol failed: a wrong key, for one."
    IN_MODE "in_state_mode_error" b"XfrmInStateModeError" "Received, and the mode failed."
    IN_SEQ "in_state_seq_error" b"XfrmInStateSeqError" "Received with a number outside the window."
    IN_EXPIRED "in_state_expired" b"XfrmInStateExpired" "Received for an association that expired."
    IN_MISMATCH "in_state_mismatch" b"XfrmInStateMismatch" "Received for an association with other options."
    IN_INVALID "in_state_invalid" b"XfrmInStateInvalid" "Received for an association that is not valid."
    IN_TMPL "in_tmpl_mismatch" b"XfrmInTmplMismatch" "Received, and no policy has a template for the association."
    IN_NO_POLS "in_no_pols" b"XfrmInNoPols" "Received for an association without a policy."
    IN_BLOCK "in_pol_block" b"XfrmInPolBlock" "Received, and a policy refused it."
    IN_POL "in_pol_error" b"XfrmInPolError" "Received, and the policy failed."
    OUT_ERROR "out_error" b"XfrmOutError" "To be sent, and an error without a name of its own."
    OUT_GEN "out_bundle_gen_error" b"XfrmOutBundleGenError" "To be sent, and no bundle could be made."
    OUT_CHECK "out_bundle_check_error" b"XfrmOutBundleCheckError" "To be sent, and the bundle was not good any more."
    OUT_NO_STATES "out_no_states" b"XfrmOutNoStates" "To be sent, and no association."
    OUT_PROTO "out_state_proto_error" b"XfrmOutStateProtoError" "To be sent, and the protocol failed."
    OUT_MODE "out_state_mode_error" b"XfrmOutStateModeError" "To be sent, and the mode failed."
    OUT_SEQ "out_state_seq_error" b"XfrmOutStateSeqError" "To be sent, and the numbers ran out."
    OUT_EXPIRED "out_state_expired" b"XfrmOutStateExpired" "To be sent, and the association expired."
    OUT_BLOCK "out_pol_block" b"XfrmOutPolBlock" "To be sent, and a policy refused it."
    OUT_DEAD "out_pol_dead" b"XfrmOutPolDead" "To be sent, and the policy is dead."
    OUT_POL "out_pol_error" b"XfrmOutPolError" "To be sent, and the policy failed."
    FWD_HDR "fwd_hdr_error" b"XfrmFwdHdrError" "To be forwarded, and not allowed."
    OUT_INVALID "out_state_invalid" b"XfrmOutStateInvalid" "To be sent, and the association is not valid."
    ACQUIRE "acquire_error" b"XfrmAcquireError" "An association was used before it was there."
}

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(source::optional_file(
        context.proc_net("xfrm_stat"),
        "the kernel counts no IPsec errors",
        |text, sink| parse(text, |at, count| sink.put(FIELDS[at].0, [], count)),
    ))
}

/// Calls `each` with the place in FIELDS.
fn parse(text: &[u8], mut each: impl FnMut(usize, u64)) -> Result<(), Malformed> {
    counts(text, |name, count| {
        if let Some(at) = FIELDS.iter().position(|(_, field)| *field == name) {
            each(at, count);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_errors_and_new_ones() {
        let mut all = Vec::new();
        parse(b"XfrmInError 1\nXfrmNew 2\nXfrmAcquireError \t3\n", |at, count| {
            all.push((FIELDS[at].0.desc().name, count));
        })
        .unwrap();
        assert_eq!(
            all,
            [("node_xfrm_in_error_packets_total", 1), ("node_xfrm_acquire_error_packets_total", 3)]
        );
        for bad in ["", "XfrmInError x\n", "XfrmInError\n"] {
            assert!(parse(bad.as_bytes(), |_, _| {}).is_err(), "{bad}");
        }
    }
}
