//! Tests of whole numbers and their pictures

use super::*;

#[track_caller]
fn check_written(value: f64, picture: &str, expected: &str) {
    let result = format_integer(value, picture);
    let shown = result.unwrap_or_else(|error| error.code().unwrap_or_default().to_owned());
    assert_eq!(shown, expected, "{value} as {picture:?}");
}

#[track_caller]
fn check_read(text: &str, picture: &str, expected: f64) {
    let number = parse_integer(text, picture).unwrap();
    assert!(
        number == expected || (number.is_nan() && expected.is_nan()),
        "{text:?} as {picture:?} is {number}"
    );
}

#[test]
fn whole_numbers_are_written() {
    check_written(123.0, "000", "123");
    check_written(123.0, "0000", "0123");
    check_written(-3.0, "0000", "-0003");
    check_written(1234.0, "0;c", "1234");
    check_written(1234.0, "###0", "1234");
    check_written(12.0, "###0", "12");
    check_written(12.6, "###0", "12");
    check_written(123.0, "000;o", "123rd");
    check_written(1.0, "0;o", "1st");
    check_written(28.0, "#0;o", "28th");
    check_written(1234.0, "###0;o", "1234th");
    check_written(12.0, "###0;o", "12th");
    check_written(12340.0, "###١", "١٢٣٤٠");
    check_written(12340.0, "###０", "１２３４０");
    check_written(12340.0, "##0０", "D3131");
    check_written(12.0, "#,##0", "12");
    check_written(1200.0, "#,##0", "1,200");
    check_written(120000.0, "#,##0", "120,000");
    check_written(12345678.0, "#,##0", "12,345,678");
    check_written(1234567890.0, "#,##0", "1,234,567,890");
    check_written(1234567890.0, "#,###,##0", "1,234,567,890");
    check_written(1234567890.0, "#:###,##0", "1234:567,890");
    check_written(1234567890.0, "##,##,##0", "12345,67,890");
    check_written(0.0, "I", "");
    check_written(1984.0, "I", "MCMLXXXIV");
    check_written(99.0, "i", "xcix");
    check_written(12.0, "w", "twelve");
    check_written(20.0, "w", "twenty");
    check_written(34.0, "w", "thirty-four");
    check_written(99.0, "W", "NINETY-NINE");
    check_written(100.0, "w", "one hundred");
    check_written(555.0, "W", "FIVE HUNDRED AND FIFTY-FIVE");
    check_written(555.0, "Ww", "Five Hundred and Fifty-Five");
    check_written(919.0, "w", "nine hundred and nineteen");
    check_written(730.0, "w", "seven hundred and thirty");
    check_written(1000.0, "w", "one thousand");
    check_written(3730.0, "w", "three thousand, seven hundred and thirty");
    check_written(327730.0, "w", "three hundred and twenty-seven thousand, seven hundred and thirty");
    check_written(
        4327730.0,
        "w",
        "four million, three hundred and twenty-seven thousand, seven hundred and thirty",
    );
    check_written(1000000000001.0, "w", "one trillion and one");
    check_written(
        1234567890123.0,
        "w",
        "one trillion, two hundred and thirty-four billion, five hundred and sixty-seven million, eight hundred and ninety thousand, one hundred and twenty-three",
    );
    check_written(1000000000000000.0, "w", "one thousand trillion");
    check_written(1e46, "w", "ten billion trillion trillion trillion");
    check_written(
        1234567890123456.0,
        "w",
        "one thousand, two hundred and thirty-four trillion, five hundred and sixty-seven billion, eight hundred and ninety million, one hundred and twenty-three thousand, four hundred and fifty-six",
    );
    check_written(12.0, "w;o", "twelfth");
    check_written(20.0, "w;o", "twentieth");
    check_written(34.0, "w;o", "thirty-fourth");
    check_written(99.0, "W;o", "NINETY-NINTH");
    check_written(100.0, "w;o", "one hundredth");
    check_written(555.0, "W;o", "FIVE HUNDRED AND FIFTY-FIFTH");
    check_written(919.0, "w;o", "nine hundred and nineteenth");
    check_written(730.0, "w;o", "seven hundred and thirtieth");
    check_written(1000.0, "w;o", "one thousandth");
    check_written(3731.0, "w;o", "three thousand, seven hundred and thirty-first");
    check_written(327713.0, "w;o", "three hundred and twenty-seven thousand, seven hundred and thirteenth");
    check_written(
        4327732.0,
        "w;o",
        "four million, three hundred and twenty-seven thousand, seven hundred and thirty-second",
    );
    check_written(1000000000001.0, "w;o", "one trillion and first");
    check_written(1.0, "A", "A");
    check_written(12.0, "a", "l");
    check_written(26.0, "a", "z");
    check_written(27.0, "a", "aa");
    check_written(300.0, "A", "KN");
    check_written(123456.0, "A", "FZPH");
    check_written(123456.0, "α", "D3130");
}

#[test]
fn whole_numbers_are_read() {
    check_read("123", "000", 123.0);
    check_read("0123", "0000", 123.0);
    check_read("1234", "0", 1234.0);
    check_read("1234", "###0", 1234.0);
    check_read("12", "###0", 12.0);
    check_read("123rd", "000;o", 123.0);
    check_read("1st", "0;o", 1.0);
    check_read("28th", "#0;o", 28.0);
    check_read("1234th", "###0;o", 1234.0);
    check_read("12th", "###0;o", 12.0);
    check_read("١٢٣٤٠", "###١", 12340.0);
    check_read("１２３４０", "###０", 12340.0);
    check_read("12", "#,##0", 12.0);
    check_read("1,200", "#,##0", 1200.0);
    check_read("12,345,678", "#,##0", 12345678.0);
    check_read("1,234,567,890", "#,##0", 1234567890.0);
    check_read("1,234,567,890", "#,###,##0", 1234567890.0);
    check_read("1234:567,890", "#:###,##0", 1234567890.0);
    check_read("12345,67,890", "##,##,##0", 1234567890.0);
    check_read("", "I", 0.0);
    check_read("MCMLXXXIV", "I", 1984.0);
    check_read("xcix", "i", 99.0);
    check_read("twelve", "w", 12.0);
    check_read("twenty", "w", 20.0);
    check_read("thirty-four", "w", 34.0);
    check_read("NINETY-NINE", "W", 99.0);
    check_read("one hundred", "w", 100.0);
    check_read("FIVE HUNDRED AND FIFTY-FIVE", "W", 555.0);
    check_read("Five Hundred and Fifty-Five", "Ww", 555.0);
    check_read("nine hundred and nineteen", "w", 919.0);
    check_read("seven hundred and thirty", "w", 730.0);
    check_read("one thousand", "w", 1000.0);
    check_read("three thousand, seven hundred and thirty", "w", 3730.0);
    check_read("three hundred and twenty-seven thousand, seven hundred and thirty", "w", 327730.0);
    check_read(
        "four million, three hundred and twenty-seven thousand, seven hundred and thirty",
        "w",
        4327730.0,
    );
    check_read("one trillion and one", "w", 1000000000001.0);
    check_read(
        "one trillion, two hundred and thirty-four billion, five hundred and sixty-seven million, eight hundred and ninety thousand, one hundred and twenty-three",
        "w",
        1234567890123.0,
    );
    check_read("one thousand trillion", "w", 1000000000000000.0);
    check_read("ten billion trillion trillion trillion", "w", 1e46);
    check_read("twelfth", "w;o", 12.0);
    check_read("twentieth", "w;o", 20.0);
    check_read("thirty-fourth", "w;o", 34.0);
    check_read("NINETY-NINTH", "W;o", 99.0);
    check_read("one hundredth", "w;o", 100.0);
    check_read("FIVE HUNDRED AND FIFTY-FIFTH", "W;o", 555.0);
    check_read("nine hundred and nineteenth", "w;o", 919.0);
    check_read("seven hundred and thirtieth", "w;o", 730.0);
    check_read("Seven Hundred and Thirty-Third", "Ww;o", 733.0);
    check_read("one thousandth", "w;o", 1000.0);
    check_read("three thousand, seven hundred and thirty-first", "w;o", 3731.0);
    check_read("three hundred and twenty-seven thousand, seven hundred and thirteenth", "w;o", 327713.0);
    check_read(
        "four million, three hundred and twenty-seven thousand, seven hundred and thirty-second",
        "w;o",
        4327732.0,
    );
    check_read("one trillion and first", "w;o", 1000000000001.0);
    check_read("A", "A", 1.0);
    check_read("l", "a", 12.0);
    check_read("z", "a", 26.0);
    check_read("aa", "a", 27.0);
    check_read("KN", "A", 300.0);
    check_read("FZPH", "A", 123456.0);
    assert_eq!(parse_integer("50", "#").unwrap_err().code(), Some("D3130"));
}

#[test]
fn texts_that_are_no_numbers_are_not_a_number() {
    for (text, picture) in
        [("", "0"), ("x", "0"), ("MCMZ", "I"), ("mc", "I"), ("", "w"), ("and", "w"), ("one cat", "w")]
    {
        check_read(text, picture, f64::NAN);
    }
    check_read("12", "\u{661}", f64::NAN);
    check_read(" -12x", "0", -12.0);
    check_read("0x1F", "0", 31.0);
    check_read("1.2", "0.0", 1.0);
    check_read("1.2-3", "0.00-0", 123.0);
    check_read("1", "1;o", f64::NAN);
}

#[test]
fn odd_pictures_and_numbers() {
    check_written(1234.0, "#:###,##0", ",:34");
    check_written(1e21, "0", "1e+21");
    check_written(111.0, "0;o", "111th");
    check_written(21.0, "0;o", "21st");
    check_written(-1.0, "A", "-A");
    check_written(0.0, "a", "");
    check_written(0.0, "w;o", "zeroth");
    check_written(1e300, "A", &format_integer(1e300, "a").unwrap().to_uppercase());
    check_written(f64::NAN, "I", "NaN");
    check_written(f64::INFINITY, "w", "Infinity");
    check_written(1e9, "I", "D3130");
    check_written(1.0, &"0".repeat(20_000), "D3130");
    assert!(format_integer(f64::MAX, "w").unwrap().len() < 10_000);
    assert_eq!(
        format_integer(1.0, "α").unwrap_err().message(),
        "Formatting or parsing an integer as a sequence starting with \"α\" is not supported by this implementation"
    );
}
