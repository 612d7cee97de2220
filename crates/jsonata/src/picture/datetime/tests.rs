//! Tests of dates, times and their pictures

use super::*;

#[track_caller]
fn check_written(millis: f64, picture: Option<&str>, timezone: Option<&str>, expected: &str) {
    let result = from_millis(millis, picture, timezone);
    let shown = result.unwrap_or_else(|error| error.code().unwrap_or_default().to_owned());
    assert_eq!(shown, expected, "{millis} as {picture:?} in {timezone:?}");
}

/// 2024-02-29T12:34:56.789Z
const NOW: i64 = 1_709_210_096_789;

#[track_caller]
fn check_read(text: &str, picture: Option<&str>, expected: &str) {
    let shown = match to_millis(text, picture, NOW) {
        Ok(None) => "undefined".to_owned(),
        Ok(Some(millis)) => number_text(millis),
        Err(error) => error.code().unwrap_or_default().to_owned(),
    };
    assert_eq!(shown, expected, "{text:?} as {picture:?}");
}

#[track_caller]
fn check_read_as_iso(text: &str, picture: Option<&str>, expected: &str) {
    let millis = to_millis(text, picture, NOW).unwrap().unwrap();
    assert_eq!(from_millis(millis, None, None).unwrap(), expected, "{text:?} as {picture:?}");
}

#[track_caller]
fn check_weeks(date: &str, expected: &str) {
    let millis = to_millis(date, Some("[Y]-[M]-[D]"), NOW).unwrap().unwrap();
    check_written(millis, Some("[X0001]-W[W01]-[F1]"), None, expected);
}

#[test]
fn times_are_written() {
    check_written(1.0, None, None, "1970-01-01T00:00:00.001Z");
    check_written(1509380732935.0, None, None, "2017-10-30T16:25:32.935Z");
    check_written(1521801216617.0, Some("Hello"), None, "Hello");
    check_written(1521801216617.0, Some("Year: [Y0001]"), None, "Year: 2018");
    check_written(1521801216617.0, Some("Year: <[Y0001]>"), None, "Year: <2018>");
    check_written(1521801216617.0, Some("Year: <[Y9,999,*]>"), None, "Year: <2,018>");
    check_written(1521801216617.0, Some("[[Year: <[Y0001]>"), None, "[Year: <2018>");
    check_written(1521801216617.0, Some("Year]]: <[Y0001]>"), None, "Year]: <2018>");
    check_written(1521801216617.0, Some("[[Year]]: [[[Y0001]]]"), None, "[Year]: [2018]");
    check_written(1521801216617.0, Some("[D#1]/[M#1]/[Y0001]"), None, "23/3/2018");
    check_written(1522616700000.0, Some("[F0] [FNn]"), None, "7 Sunday");
    check_written(1522703100000.0, Some("[F0] [FNn]"), None, "1 Monday");
    check_written(1521801216617.0, Some("[Y0001]-[M01]-[D01]"), None, "2018-03-23");
    check_written(
        1521801216617.0,
        Some("[M01]/[D01]/[Y0001] at [H01]:[m01]:[s01]"),
        None,
        "03/23/2018 at 10:33:36",
    );
    check_written(
        1521801216617.0,
        Some("[Y]-[M01]-[D01]T[H01]:[m]:[s].[f001][Z01:01t]"),
        None,
        "2018-03-23T10:33:36.617Z",
    );
    check_written(
        1521801216617.0,
        Some("[Y]-[ M01]-[D 01]T[H01 ]:[ m   ]:[s].[f0  01][Z01:\n 01t]"),
        None,
        "2018-03-23T10:33:36.617Z",
    );
    check_written(
        1521801216617.0,
        Some("[Y]-[M01]-[D01]T[H01]:[m]:[s].[f001][Z0101t]"),
        Some("+0100"),
        "2018-03-23T11:33:36.617+0100",
    );
    check_written(
        1531310400000.0,
        Some("[Y]-[M01]-[D01]T[H01]:[m]:[s][Z01:01]"),
        None,
        "2018-07-11T12:00:00+00:00",
    );
    check_written(
        1531310400000.0,
        Some("[Y]-[M01]-[D01]T[H01]:[m]:[s][Z01:01t]"),
        None,
        "2018-07-11T12:00:00Z",
    );
    check_written(
        1531310400000.0,
        Some("[Y]-[M01]-[D01]T[H01]:[m]:[s][Z]"),
        Some("-0500"),
        "2018-07-11T07:00:00-05:00",
    );
    check_written(
        1531310400000.0,
        Some("[Y]-[M01]-[D01]T[H01]:[m]:[s][Z0]"),
        Some("-0500"),
        "2018-07-11T07:00:00-5",
    );
    check_written(
        1531310400000.0,
        Some("[Y]-[M01]-[D01]T[H01]:[m]:[s][Z]"),
        Some("+1000"),
        "2018-07-11T22:00:00+10:00",
    );
    check_written(
        1531310400000.0,
        Some("[Y]-[M01]-[D01]T[H01]:[m]:[s][Z0]"),
        Some("+1000"),
        "2018-07-11T22:00:00+10",
    );
    check_written(
        1531310400000.0,
        Some("[Y]-[M01]-[D01]T[H01]:[m]:[s][Z0]"),
        Some("+0530"),
        "2018-07-11T17:30:00+5:30",
    );
    check_written(
        1531310400000.0,
        Some("[Y]-[M01]-[D01]T[H01]:[m]:[s][z]"),
        Some("-0500"),
        "2018-07-11T07:00:00GMT-05:00",
    );
    check_written(
        1204405500000.0,
        Some("[Y]-[M01]-[D01]T[H01]:[m]:[s].[f001][Z0101t]"),
        Some("+0530"),
        "2008-03-02T02:35:00.000+0530",
    );
    check_written(
        1230757500000.0,
        Some("[Y]-[M01]-[D01]T[H01]:[m]:[s].[f001][Z0101t]"),
        Some("+0530"),
        "2009-01-01T02:35:00.000+0530",
    );
    check_written(
        1230757500000.0,
        Some("[Y]-[M01]-[D01]T[H01]:[m]:[s].[f001][Z010101t]"),
        Some("+0530"),
        "D3134",
    );
    check_written(1521801216617.0, Some("[D#1,2]/[M1,2]/[Y,2]"), None, "23/03/18");
    check_written(1521801216617.0, Some("[D#1,2]/[M1,2]/[Y0001,2]"), None, "23/03/2018");
    check_written(1521801216617.0, Some("[D#1,2]/[M1,2]/[Y##01,2-2]"), None, "23/03/18");
    check_written(1521801216617.0, Some("[D#1,2]/[M1,2]/[Y0001,2-2]"), None, "23/03/18");
    check_written(1521801216617.0, Some("[D1] [M01] [YI]"), None, "23 03 MMXVIII");
    check_written(1521801216617.0, Some("[Da] [MA] [Yi]"), None, "w C mmxviii");
    check_written(1521801216617.0, Some("[D1o] [M01] [Y]"), None, "23rd 03 2018");
    check_written(1521801216617.0, Some("[Yw]"), None, "two thousand and eighteen");
    check_written(1521801216617.0, Some("[Dwo] [M01] [Y]"), None, "twenty-third 03 2018");
    check_written(1521801216617.0, Some("[D1o] [MNn] [Y]"), None, "23rd March 2018");
    check_written(1521801216617.0, Some("[D1o] [MN] [Y]"), None, "23rd MARCH 2018");
    check_written(1521801216617.0, Some("[FNn], [D1o] [MNn] [Y]"), None, "Friday, 23rd March 2018");
    check_written(
        1521801216617.0,
        Some("[FNn], the [Dwo] of [MNn] [Y] [E]"),
        None,
        "Friday, the twenty-third of March 2018 ISO",
    );
    check_written(
        1521801216617.0,
        Some("[FNn,3-3], [D1o] [MNn,3-3] [Y] [C]"),
        None,
        "Fri, 23rd Mar 2018 ISO",
    );
    check_written(
        1521801216617.0,
        Some("[F], [D]/[M]/[Y] [h]:[m]:[s] [P]"),
        None,
        "friday, 23/3/2018 10:33:36 am",
    );
    check_written(
        1204405500000.0,
        Some("[F], [D]/[M]/[Y] [h]:[m]:[s] [P]"),
        None,
        "saturday, 1/3/2008 9:05:00 pm",
    );
    check_written(
        1199664000000.0,
        Some("[F], [D]/[M]/[Y] [h]:[m]:[s] [P]"),
        None,
        "monday, 7/1/2008 12:00:00 am",
    );
    check_written(1514808000000.0, Some("[dwo] day of the year"), None, "first day of the year");
    check_written(1546257600000.0, Some("[d] days in [Y0001]"), None, "365 days in 2018");
    check_written(1483185600000.0, Some("[d] days in [Y0001]"), None, "366 days in 2016");
    check_written(1514808000000.0, Some("Week: [W]"), None, "Week: 1");
    check_written(1515326400000.0, Some("Week: [W]"), None, "Week: 1");
    check_written(1545739200000.0, Some("Week: [W]"), None, "Week: 52");
    check_written(1388577600000.0, Some("Week: [W]"), None, "Week: 1");
    check_written(1419854400000.0, Some("Week: [W]"), None, "Week: 1");
    check_written(1419768000000.0, Some("Week: [W]"), None, "Week: 52");
    check_written(1419336000000.0, Some("Week: [W]"), None, "Week: 52");
    check_written(1420113600000.0, Some("Week: [W]"), None, "Week: 1");
    check_written(1420459200000.0, Some("Week: [W]"), None, "Week: 2");
    check_written(1451304000000.0, Some("Week: [W]"), None, "Week: 53");
    check_written(1451563200000.0, Some("Week: [W]"), None, "Week: 53");
    check_written(1451736000000.0, Some("Week: [W]"), None, "Week: 53");
    check_written(1359460800000.0, Some("Week: [w] of [xNn]"), None, "Week: 5 of January");
    check_written(1359633600000.0, Some("Week: [w] of [xNn]"), None, "Week: 5 of January");
    check_written(1359720000000.0, Some("Week: [w] of [xNn]"), None, "Week: 5 of January");
    check_written(1514808000000.0, Some("Week: [w] of [xNn]"), None, "Week: 1 of January");
    check_written(1483272000000.0, Some("Week: [w] of [xNn]"), None, "Week: 5 of December");
    check_written(1533038400000.0, Some("Week: [w] of [xNn]"), None, "Week: 1 of August");
    check_written(1419940800000.0, Some("Week: [w] of [xNn]"), None, "Week: 1 of January");
    check_written(
        1521801216617.0,
        Some("[F], [D]/[M]/[Y] [h]:[m]:[s] [PN]"),
        None,
        "friday, 23/3/2018 10:33:36 AM",
    );
    check_written(
        1521801216617.0,
        Some("[F], [D]/[M]/[Y] [h]:[m]:[s] [Pn]"),
        None,
        "friday, 23/3/2018 10:33:36 am",
    );
    check_written(1419940800000.0, Some("[YN]-[M]-[D]"), None, "D3133");
    check_written(1419940800000.0, Some("[YN]-[M"), None, "D3135");
}

#[test]
fn weeks_are_written() {
    check_weeks("2005-01-01", "2004-W53-6");
    check_weeks("2005-01-02", "2004-W53-7");
    check_weeks("2005-12-31", "2005-W52-6");
    check_weeks("2006-01-01", "2005-W52-7");
    check_weeks("2006-01-02", "2006-W01-1");
    check_weeks("2006-12-31", "2006-W52-7");
    check_weeks("2007-01-01", "2007-W01-1");
    check_weeks("2007-12-30", "2007-W52-7");
    check_weeks("2007-12-31", "2008-W01-1");
    check_weeks("2008-01-01", "2008-W01-2");
    check_weeks("2008-12-28", "2008-W52-7");
    check_weeks("2008-12-29", "2009-W01-1");
    check_weeks("2008-12-30", "2009-W01-2");
    check_weeks("2008-12-31", "2009-W01-3");
    check_weeks("2009-01-01", "2009-W01-4");
    check_weeks("2009-12-31", "2009-W53-4");
    check_weeks("2010-01-01", "2009-W53-5");
    check_weeks("2010-01-02", "2009-W53-6");
    check_weeks("2010-01-03", "2009-W53-7");
}

#[test]
fn times_are_read() {
    check_read("1970-01-01T00:00:00.001Z", None, "1");
    check_read("2018-02-01T09:42:13.123+0000", None, "1517478133123");
    check_read("2017-10-30", None, "1509321600000");
    check_read("2017-10-30T15:28:34Z", None, "1509377314000");
    check_read("2018", None, "1514764800000");
    check_read("foo", None, "D3110");
    check_read("01-02-2018", None, "D3110");
    check_read("2018-02-03 11:15:33", None, "D3110");
    check_read("201802", Some("[Y0001][M01]"), "1517443200000");
    check_read("201802", Some("[Y,*-4][M01]"), "1517443200000");
    check_read("20180205", Some("[Y0001][M01][D01]"), "1517788800000");
    check_read("Hello", Some("Hello"), "undefined");
    check_read("2018", Some("[Y1]"), "1514764800000");
    check_read("2018-03-27", Some("[Y1]-[M01]-[D01]"), "1522108800000");
    check_read(
        "2018-03-27T14:03:00.123Z",
        Some("[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f001]Z"),
        "1522159380123",
    );
    check_read("27th 3 1976", Some("[D1o] [M#1] [Y0001]"), "196732800000");
    check_read("21st 12 1881", Some("[D1o] [M01] [Y0001]"), "-2777932800000");
    check_read("2nd 12 2012", Some("[D1o] [M01] [Y0001]"), "1354406400000");
    check_read("MCMLXXXIV", Some("[YI]"), "441763200000");
    check_read("27 03 MMXVIII", Some("[D1] [M01] [YI]"), "1522108800000");
    check_read("27 iii MMXVIII", Some("[D1] [Mi] [YI]"), "1522108800000");
    check_read("w C mmxviii", Some("[Da] [MA] [Yi]"), "1521763200000");
    check_read("ae C mmxviii", Some("[Da] [MA] [Yi]"), "1522454400000");
    check_read("27th April 2008", Some("[D1o] [MNn] [Y0001]"), "1209254400000");
    check_read("21 August 2017", Some("[D1] [MNn] [Y0001]"), "1503273600000");
    check_read("2 Feb 2012", Some("[D1] [MNn,3-3] [Y0001]"), "1328140800000");
    check_read("one thousand, nine hundred and eighty-four", Some("[Yw]"), "441763200000");
    check_read("nineteen hundred and eighty-four", Some("[Yw]"), "441763200000");
    check_read("twenty-seven April 2008", Some("[Dw] [MNn] [Y0001]"), "1209254400000");
    check_read("twenty-seventh April 2008", Some("[Dw] [MNn] [Y0001]"), "1209254400000");
    check_read("twenty-first August two thousand and seventeen", Some("[Dw] [MNn] [Yw]"), "1503273600000");
    check_read("TWENTY-SECOND August two thousand and seventeen", Some("[DW] [MNn] [Yw]"), "1503360000000");
    check_read(
        "Twentieth of August, two thousand and seventeen",
        Some("[DW] of [MNn], [Yw]"),
        "1503187200000",
    );
    check_read("4/4/2018 12:06 am", Some("[D1]/[M1]/[Y0001] [h]:[m] [P]"), "1522800360000");
    check_read("4/4/2018 06:30 am", Some("[D1]/[M1]/[Y0001] [h]:[m] [P]"), "1522823400000");
    check_read("4/4/2018 12:06 pm", Some("[D1]/[M1]/[Y0001] [h]:[m] [P]"), "1522843560000");
    check_read("4/4/2018 11:30 pm", Some("[D1]/[M1]/[Y0001] [h]:[m] [P]"), "1522884600000");
    check_read("2018-094", Some("[Y0001]-[d001]"), "1522800000000");
    check_read_as_iso(
        "Wednesday, 14th November 2018",
        Some("[FNn], [D1o] [MNn] [Y]"),
        "2018-11-14T00:00:00.000Z",
    );
    check_read_as_iso(
        "Mon, Twelfth November 2018",
        Some("[FNn,*-3], [DWwo] [MNn] [Y]"),
        "2018-11-12T00:00:00.000Z",
    );
    check_read_as_iso("2018--180", Some("[Y]--[d]"), "2018-06-29T00:00:00.000Z");
    check_read_as_iso(
        "three hundred and sixty-fifth day of 2018",
        Some("[dwo] day of [Y]"),
        "2018-12-31T00:00:00.000Z",
    );
    check_read("irrelevent string", Some("[Y]-[M]-[D]"), "undefined");
    check_read("2018-05-22", Some("[Y]-[M]-[q]"), "D3132");
    check_read("2018-05-22", Some("[YN]-[M]-[D]"), "D3133");
    check_read("2018-22", Some("[Y]-[D]"), "D3136");
    check_read("5-22 23:59", Some("[M]-[D] [m]:[s]"), "D3136");
    check_read("2018-3-2-5", Some("[X]-[x]-[w]-[F1]"), "D3136");
    check_read("2018-32-5", Some("[X]-[W]-[F1]"), "D3136");
    check_read_as_iso(
        "2020-09-09 08:00:00 +02:00",
        Some("[Y0001]-[M01]-[D01] [H01]:[m01]:[s01] [Z]"),
        "2020-09-09T06:00:00.000Z",
    );
    check_read_as_iso(
        "2020-09-09 08:00:00 GMT-05:00",
        Some("[Y0001]-[M01]-[D01] [H01]:[m01]:[s01] [z]"),
        "2020-09-09T13:00:00.000Z",
    );
    check_read_as_iso(
        "2020-09-09 12:00:00 +05:30",
        Some("[Y0001]-[M01]-[D01] [H01]:[m01]:[s01] [Z]"),
        "2020-09-09T06:30:00.000Z",
    );
    check_read_as_iso(
        "2020-09-09 12:00:00 GMT-5",
        Some("[Y0001]-[M01]-[D01] [H01]:[m01]:[s01] [z01]"),
        "2020-09-09T17:00:00.000Z",
    );
    check_read_as_iso(
        "2020-09-09 12:00:00 +0530",
        Some("[Y0001]-[M01]-[D01] [H01]:[m01]:[s01] [Z0001]"),
        "2020-09-09T06:30:00.000Z",
    );
    check_read_as_iso(
        "2026-04-08T19:05:04.01987",
        Some("[Y0001]-[M01]-[D01]T[H01]:[m01]:[s01].[f1]"),
        "2026-04-08T19:05:04.019Z",
    );
}

#[test]
fn the_time_zone_moves_the_time() {
    let millis = to_millis("2018-10-21T13:05:00Z", None, NOW).unwrap().unwrap();
    check_written(millis, None, Some("-0500"), "2018-10-21T08:05:00.000-05:00");
    check_written(millis, None, Some("0000"), "2018-10-21T13:05:00.000Z");
    check_written(millis, None, Some("UTC"), "D3110");
    check_written(millis, None, Some("99999999999999999999"), "D3110");
}

#[test]
fn what_is_missing_is_taken_from_now() {
    check_read_as_iso("13:45", Some("[H]:[m]"), "2024-02-29T13:45:00.000Z");
    check_read_as_iso("3-5", Some("[M]-[D]"), "2024-03-05T00:00:00.000Z");
    check_read_as_iso("4 pm", Some("[h] [P]"), "2024-02-29T16:00:00.000Z");
    // Hours take all the digits they can get in 2.0.6: 1238 of them. Versions since give each part its two digits.
    check_read("20240101123849", Some("[Y0000][M00][D00][H00][m00][s00]"), "1708524249000");
}

#[test]
fn fractions_of_seconds_are_read() {
    check_read("1970 5", Some("[Y] [f]"), "D3136");
    for (text, picture, millis) in [
        (".5", "[f1]", "5"),
        (".123", "[f001]", "123"),
        (".123456", "[f001]", "123"),
        (".000123", "[f1]", "0"),
        (".0617", "[f0001]", "617"),
        (".0617", "[f1]", "61"),
        (".019870", "[f000001]", "19"),
    ] {
        let text = format!("1970-01-01 00:00:00{text}");
        check_read(&text, Some(&format!("[Y]-[M]-[D] [H]:[m]:[s].{picture}")), millis);
    }
}

#[test]
fn iso_8601_is_read_as_javascript_does() {
    check_read("2018-02-31", None, "1520035200000");
    check_read("2018-01-01T24:00:00Z", None, "1514851200000");
    check_read("2018-01-01T10:00:00.9999Z", None, "1514800800999");
    check_read("2018-01-01T10:00:00.5", None, "1514800800500");
    check_read("2018-01-01T10:00:00+23:59", None, "1514714460000");
    check_read("0001-01-01", None, "-62135596800000");
    for text in [
        "2018-13-01",
        "2018-00-01",
        "2018-01-32",
        "2018-01-01T24:00:01Z",
        "2018+0100",
        "2018-01-01-01",
        "2018.5",
    ] {
        check_read(text, None, "NaN");
    }
    for text in [
        "",
        "201",
        "2018-",
        "2018-4",
        "2018-01-01T",
        "2018-01-01T10:00Z",
        "2018Z1",
        "2018-01-01T10:00:00.",
        "é",
    ] {
        check_read(text, None, "D3110");
    }
}

#[test]
fn odd_pictures_are_no_harm() {
    check_written(0.0, Some("[]"), None, "D3132");
    check_written(0.0, Some("[é]"), None, "D3132");
    check_written(0.0, Some("[q1]"), None, "undefined");
    check_written(0.0, Some("[,2]"), None, "D3132");
    check_written(0.0, Some("[Y,1000000000]"), None, "D3132");
    check_written(0.0, Some("[Y,2-1000000000]"), None, "D3132");
    check_written(0.0, Some("[MNn,0-2]"), None, "Ja");
    check_written(0.0, Some(&"[Y]".repeat(10_000)), None, "D3135");
    check_written(0.0, Some("[fn]"), None, "D3133");
    check_written(0.0, Some("[Zn]"), None, "D3134");
    check_written(1.9, Some("[f]"), None, "1");
    check_written(-1.9, Some("[f]"), None, "999");
    // Years are cut to four digits
    check_written(8.64e15, None, None, "5760-09-13T00:00:00.000Z");
    check_written(-8.64e15, Some("[Y]-[M]-[D]"), None, "-271821-4-20");
    check_written(f64::NAN, None, None, "D3110");
    check_written(f64::INFINITY, None, None, "D3110");
    check_read(&"one ".repeat(2000), Some("[Yw]!"), "undefined");
    check_read(&"1".repeat(2000), Some(&"[H]".repeat(100)), "1709168400000");
    check_read("1", Some(&"[H]".repeat(3000)), "D3136");
    check_read("99999999999999999999", Some("[Y]"), "NaN");
    for number in ["999999", "9999999", "999999999", "99999999999"] {
        for picture in ["[Y]", "[d]", "[D]", "[H]", "[m]", "[s]", "[f]", "[YI]", "[Z0]", "[P] [h]"] {
            assert!(to_millis(number, Some(picture), NOW).is_ok(), "{number} as {picture}");
        }
    }
}
