//! Link modes: what speeds and ports a device can have. One bit each; see `ethtool_link_mode_bit_indices` in the kernel's
//! ethtool.h.

pub(super) const AUTONEGOTIATION: u32 = 6;
pub(super) const PAUSE: u32 = 13;
pub(super) const ASYMMETRIC_PAUSE: u32 = 14;

/// Kinds of ports.
pub(super) const PORTS: [(u32, &str); 6] =
    [(7, "TP"), (8, "AUI"), (9, "MII"), (10, "FIBRE"), (11, "BNC"), (16, "Backplane")];

/// Modes that can send or receive at a time; all others can do both.
const HALF: [u32; 4] = [0, 2, 4, 90];

/// Speed in Mbit/s and medium. The peer has those below bit 32 except for 2500baseX, and 2500baseT.
const SPEEDS: &[(u32, u32, &str)] = &[
    (0, 10, "T"),
    (1, 10, "T"),
    (2, 100, "T"),
    (3, 100, "T"),
    (4, 1000, "T"),
    (5, 1000, "T"),
    (12, 10_000, "T"),
    (15, 2500, "X"),
    (17, 1000, "KX"),
    (18, 10_000, "KX4"),
    (19, 10_000, "KR"),
    (20, 10_000, "R_FEC"),
    (21, 20_000, "MLD2"),
    (22, 20_000, "KR2"),
    (23, 40_000, "KR4"),
    (24, 40_000, "CR4"),
    (25, 40_000, "SR4"),
    (26, 40_000, "LR4"),
    (27, 56_000, "KR4"),
    (28, 56_000, "CR4"),
    (29, 56_000, "SR4"),
    (30, 56_000, "LR4"),
    (31, 25_000, "CR"),
    (32, 25_000, "KR"),
    (33, 25_000, "SR"),
    (34, 50_000, "CR2"),
    (35, 50_000, "KR2"),
    (36, 100_000, "KR4"),
    (37, 100_000, "SR4"),
    (38, 100_000, "CR4"),
    (39, 100_000, "LR4_ER4"),
    (40, 50_000, "SR2"),
    (41, 1000, "X"),
    (42, 10_000, "CR"),
    (43, 10_000, "SR"),
    (44, 10_000, "LR"),
    (45, 10_000, "LRM"),
    (46, 10_000, "ER"),
    (47, 2500, "T"),
    (48, 5000, "T"),
    (52, 50_000, "KR"),
    (53, 50_000, "SR"),
    (54, 50_000, "CR"),
    (55, 50_000, "LR_ER_FR"),
    (56, 50_000, "DR"),
    (57, 100_000, "KR2"),
    (58, 100_000, "SR2"),
    (59, 100_000, "CR2"),
    (60, 100_000, "LR2_ER2_FR2"),
    (61, 100_000, "DR2"),
    (62, 200_000, "KR4"),
    (63, 200_000, "SR4"),
    (64, 200_000, "LR4_ER4_FR4"),
    (65, 200_000, "DR4"),
    (66, 200_000, "CR4"),
    (67, 100, "T1"),
    (68, 1000, "T1"),
    (69, 400_000, "KR8"),
    (70, 400_000, "SR8"),
    (71, 400_000, "LR8_ER8_FR8"),
    (72, 400_000, "DR8"),
    (73, 400_000, "CR8"),
    (75, 100_000, "KR"),
    (76, 100_000, "SR"),
    (77, 100_000, "LR_ER_FR"),
    (78, 100_000, "CR"),
    (79, 100_000, "DR"),
    (80, 200_000, "KR2"),
    (81, 200_000, "SR2"),
    (82, 200_000, "LR2_ER2_FR2"),
    (83, 200_000, "DR2"),
    (84, 200_000, "CR2"),
    (85, 400_000, "KR4"),
    (86, 400_000, "SR4"),
    (87, 400_000, "LR4_ER4_FR4"),
    (88, 400_000, "DR4"),
    (89, 400_000, "CR4"),
    (90, 100, "FX"),
    (91, 100, "FX"),
    (92, 10, "T1L"),
];

/// A speed that a device can have.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Speed {
    pub(super) megabits: u32,
    pub(super) duplex: &'static str,
    /// As it is spelled in standards: `1000baseT`.
    pub(super) name: String,
}

/// The speeds in a set of modes.
pub(super) fn speeds(has: impl Fn(u32) -> bool) -> impl Iterator<Item = Speed> {
    SPEEDS.iter().filter(move |(bit, ..)| has(*bit)).map(|(bit, megabits, medium)| Speed {
        megabits: *megabits,
        duplex: if HALF.contains(bit) { "half" } else { "full" },
        name: format!("{megabits}base{medium}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_and_each_speed_comes_once() {
        assert!(SPEEDS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let mut all: Vec<_> = speeds(|_| true).map(|speed| (speed.name, speed.duplex)).collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!((all.len(), count), (SPEEDS.len(), SPEEDS.len()));
        let found: Vec<_> = speeds(|bit| bit == 4 || bit == 31).collect();
        let speed = |megabits, duplex, name: &str| Speed { megabits, duplex, name: name.to_owned() };
        assert_eq!(found, [speed(1000, "half", "1000baseT"), speed(25_000, "full", "25000baseCR")]);
    }
}
