//! The Gregorian calendar, in milliseconds since 1970 in UTC

/// Milliseconds in a day
pub(super) const DAY: i64 = 86_400_000;
const WEEK: i64 = 7 * DAY;
/// JavaScript's dates go so many milliseconds before and behind 1970
pub(super) const FARTHEST: f64 = 8.64e15;

pub(super) const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
pub(super) const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// The day of a date, counted from 1970. Months and days may be out of their ranges and count on.
pub(super) fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = year + (month - 1).div_euclid(12);
    let month = (month - 1).rem_euclid(12);
    // Years begin in March here, so that the leap day is the last
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Midnight of a date. As with JavaScript's `Date.UTC`, years from 0 to 99 are those of the 20th century.
fn midnight(year: i64, month: i64, day: i64) -> i64 {
    let year = if (0..100).contains(&year) { year + 1900 } else { year };
    days_since_1970(year, month, day) * DAY
}

/// Milliseconds for a date and time, `NaN` beyond JavaScript's dates. Months count from 1; parts out of their ranges
/// count on; years from 0 to 99 are those of the 20th century, as with `Date.UTC`.
pub(super) fn date_and_time(date: [f64; 3], time: [f64; 4]) -> f64 {
    let [year, month, day] = date.map(f64::trunc);
    let [hour, minute, second, millisecond] = time.map(f64::trunc);
    // Beyond all dates, but not so far that anything overflows
    let is_near = year.abs() < 1e6 && month.abs() < 1e7 && day.abs() < 1e9;
    if !is_near {
        return f64::NAN;
    }
    let midnight = midnight(year as i64, month as i64, day as i64) as f64;
    let millis = midnight + hour * 3_600_000.0 + minute * 60_000.0 + second * 1000.0 + millisecond;
    if millis.abs() <= FARTHEST { millis } else { f64::NAN }
}

/// A point in time and its date
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    millis: i64,
    year: i64,
    month: i64,
    day: i64,
}

impl Moment {
    /// The date of a point in time that JavaScript's dates reach.
    pub(super) fn new(millis: i64) -> Moment {
        let days = millis.div_euclid(DAY) + 719_468;
        let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
        Moment { millis, year: era * 400 + year_of_era + next_year, month, day }
    }

    /// The number for a component of a picture; none for one that isn't a number.
    pub(super) fn component(&self, component: char) -> Option<i64> {
        let time = self.millis.rem_euclid(DAY);
        let hour = time / 3_600_000;
        Some(match component {
            'Y' => self.year,
            'M' => self.month,
            'D' => self.day,
            'd' => (self.midnight() - midnight(self.year, 1, 1)) / DAY + 1,
            'F' => weekday(self.millis.div_euclid(DAY)),
            'W' => self.week((self.year - 1, 1), (self.year, 1), (self.year + 1, 1), 52),
            'w' => self.week(
                (self.year, self.month - 1),
                (self.year, self.month),
                (self.year, self.month + 1),
                4,
            ),
            'X' if self.millis < first_week(self.year, 1) => self.year - 1,
            'X' if self.millis >= first_week(self.year + 1, 1) => self.year + 1,
            'X' => self.year,
            'x' if self.millis < first_week(self.year, self.month) => (self.month + 10) % 12 + 1,
            'x' if self.millis >= first_week_of_next(self.year, self.month) => self.month % 12 + 1,
            'x' => self.month,
            'H' => hour,
            'h' => (hour + 11) % 12 + 1,
            'm' => time / 60_000 % 60,
            's' => time / 1000 % 60,
            'f' => time % 1000,
            _ => return None,
        })
    }

    /// Is it noon or later?
    pub(super) fn is_afternoon(&self) -> bool {
        self.millis.rem_euclid(DAY) >= DAY / 2
    }

    fn midnight(&self) -> i64 {
        midnight(self.year, self.month, self.day)
    }

    /// The week of a year or month, which may be one of the period before or behind. `most` is a week that each has.
    fn week(&self, before: (i64, i64), this: (i64, i64), next: (i64, i64), most: i64) -> i64 {
        let number = |(year, month): (i64, i64)| {
            let (year, month) = normal(year, month);
            (self.midnight() - first_week(year, month)).div_euclid(WEEK) + 1
        };
        let week = number(this);
        if self.midnight() < first_week(this.0, this.1) {
            number(before)
        } else if week >= most && number(next) >= 1 {
            1
        } else {
            week
        }
    }
}

/// A month's year and number, for a number from 0 to 13.
fn normal(year: i64, month: i64) -> (i64, i64) {
    (year + (month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1)
}

fn first_week_of_next(year: i64, month: i64) -> i64 {
    let (year, month) = normal(year, month + 1);
    first_week(year, month)
}

/// The start of the first week of a month: weeks begin on Mondays, and the first has the first Thursday in it.
fn first_week(year: i64, month: i64) -> i64 {
    let first = midnight(year, month, 1);
    let weekday = weekday(first / DAY);
    if weekday > 4 { first + (8 - weekday) * DAY } else { first - (weekday - 1) * DAY }
}

/// 1 for Monday to 7 for Sunday
fn weekday(days: i64) -> i64 {
    // 1970 began on a Thursday
    (days + 3).rem_euclid(7) + 1
}
