//! The kernel's clock discipline, by adjtimex(2).

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Family};

use crate::context::Context;
use crate::linux_calls::adjtimex;
use crate::source;

pub(crate) static TIMEX: Collector = Collector {
    name: "timex",
    enabled: true,
    families: &[
        SYNC_STATUS.desc(),
        OFFSET.desc(),
        FREQUENCY.desc(),
        MAX_ERROR.desc(),
        ESTIMATED_ERROR.desc(),
        STATUS.desc(),
        CONSTANT.desc(),
        TICK.desc(),
        PPS_FREQUENCY.desc(),
        PPS_JITTER.desc(),
        PPS_SHIFT.desc(),
        PPS_STABILITY.desc(),
        PPS_JITTERS.desc(),
        PPS_CALIBRATIONS.desc(),
        PPS_ERRORS.desc(),
        PPS_INSTABILITIES.desc(),
        TAI.desc(),
    ],
    dynamic: &[],
};

macro_rules! families {
    ($($ident:ident $kind:ident $name:literal $help:literal)*) => {$(
        static $ident: Family<0> = Family::$kind(concat!("node_timex_", $name), $help, &[]);
    )*};
}
families! {
    SYNC_STATUS gauge "sync_status" "Whether the clock is synchronised."
    OFFSET gauge "offset_seconds" "Offset that is still to be corrected."
    FREQUENCY gauge "frequency_adjustment_ratio" "Correction of the clock's frequency."
    MAX_ERROR gauge "maxerror_seconds" "Largest error that the clock may have."
    ESTIMATED_ERROR gauge "estimated_error_seconds" "Error that the clock is thought to have."
    STATUS gauge "status" "Status bits as a number."
    CONSTANT gauge "loop_time_constant" "Time constant of the phase-locked loop."
    TICK gauge "tick_seconds" "Time between clock ticks."
    PPS_FREQUENCY gauge "pps_frequency_hertz" "Frequency of the pulse-per-second signal."
    PPS_JITTER gauge "pps_jitter_seconds" "Jitter of the pulse-per-second signal."
    PPS_SHIFT gauge "pps_shift_seconds" "Interval of pulse-per-second calibration."
    PPS_STABILITY gauge "pps_stability_hertz" "Stability of the pulse-per-second signal."
    PPS_JITTERS counter "pps_jitter_total" "Times that pulse-per-second jitter was over its limit."
    PPS_CALIBRATIONS counter "pps_calibration_total" "Intervals of pulse-per-second calibration."
    PPS_ERRORS counter "pps_error_total" "Errors in pulse-per-second calibration."
    PPS_INSTABILITIES counter "pps_stability_exceeded_total" "Times that pulse-per-second stability was over its limit."
    TAI gauge "tai_offset_seconds" "International Atomic Time minus UTC."
}

/// What adjtimex returns for a clock that nobody disciplines.
const TIME_ERROR: i32 = 5;
/// Times are in nanoseconds instead of microseconds.
const STA_NANO: i32 = 0x2000;
const MICRO: f64 = 1e6;
/// Frequencies are in parts per million with a fraction of 16 bits.
const PPM: f64 = 65_536.0 * 1e6;

pub(crate) fn source(_: &Context) -> Result<BoxedSource, ConfigError> {
    Ok(source::custom(|sink| {
        let (state, timex) = match adjtimex() {
            Ok(answer) => answer,
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(CollectError::no_data("adjtimex is not permitted"));
            }
            Err(error) => return Err(error.into()),
        };
        let unit = if timex.status & STA_NANO != 0 { 1e9 } else { MICRO };
        let float = |value: libc::c_long| value as f64;
        for (family, value) in [
            (&SYNC_STATUS, f64::from(u8::from(state != TIME_ERROR))),
            (&OFFSET, float(timex.offset) / unit),
            (&FREQUENCY, 1.0 + float(timex.freq) / PPM),
            (&MAX_ERROR, float(timex.maxerror) / MICRO),
            (&ESTIMATED_ERROR, float(timex.esterror) / MICRO),
            (&STATUS, f64::from(timex.status)),
            (&CONSTANT, float(timex.constant)),
            (&TICK, float(timex.tick) / MICRO),
            (&PPS_FREQUENCY, float(timex.ppsfreq) / PPM),
            (&PPS_JITTER, float(timex.jitter) / unit),
            (&PPS_SHIFT, f64::from(timex.shift)),
            (&PPS_STABILITY, float(timex.stabil) / PPM),
            (&PPS_JITTERS, float(timex.jitcnt)),
            (&PPS_CALIBRATIONS, float(timex.calcnt)),
            (&PPS_ERRORS, float(timex.errcnt)),
            (&PPS_INSTABILITIES, float(timex.stbcnt)),
            (&TAI, f64::from(timex.tai)),
        ] {
            sink.put(family, [], value);
        }
        Ok(())
    }))
}
