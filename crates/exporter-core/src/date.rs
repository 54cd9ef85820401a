//! Days since 1970-01-01 and dates of the Gregorian calendar.

/// From 0000-03-01, when the first 400 years begin: with years from March the leap day is the last.
const EPOCH: i64 = 719_468;
const DAYS_OF_400_YEARS: i64 = 146_097;

/// The day of a date; a day beyond the month's end is one of the next month.
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * DAYS_OF_400_YEARS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - EPOCH
}

/// Year, month and day of a day.
pub fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + EPOCH;
    let (era, of_era) = (days.div_euclid(DAYS_OF_400_YEARS), days.rem_euclid(DAYS_OF_400_YEARS));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year + era * 400 + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        for (date, day) in [
            ((1970, 1, 1), 0),
            ((1969, 12, 31), -1),
            ((2000, 2, 29), 11_016),
            ((2026, 11, 20), 20_777),
            ((1600, 3, 1), -135_080),
        ] {
            assert_eq!((days(date.0, date.1, date.2), civil(day)), (day, date));
        }
    }

    #[test]
    fn each_day_follows_the_one_before() {
        let mut last = civil(-1_000_000);
        for day in -999_999..1_000_000 {
            let date = civil(day);
            let (year, month, of_month) = last;
            let next = [(year, month, of_month + 1), (year, month + 1, 1), (year + 1, 1, 1)];
            assert!(next.contains(&date) && date > last && (1..=31).contains(&date.2), "{last:?} {date:?}");
            assert_eq!(days(date.0, date.1, date.2), day);
            last = date;
        }
    }
}
