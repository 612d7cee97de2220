//! Tests of regular expressions; what is expected is what Node.js gives

use std::time::{Duration, Instant};

use super::*;

/// Writes a match as its text and its groups, `_` for one that took no part.
fn shown(text: &str, found: Option<Found>) -> String {
    let Some(found) = found else { return "none".to_owned() };
    let groups =
        found.groups.iter().map(|group| group.and_then(|group| text.get(group.0..group.1)).unwrap_or("_"));
    let all = std::iter::once(text.get(found.start..found.end).unwrap_or("?")).chain(groups);
    format!("{}:{}", found.start, all.collect::<Vec<_>>().join(","))
}

#[track_caller]
fn check(source: &str, flags: &str, text: &str, expected: &str) {
    let pattern = Pattern::new(source, flags.contains('i'), flags.contains('m')).unwrap();
    assert_eq!(shown(text, pattern.find_at(text, 0).unwrap()), expected, "/{source}/{flags} on {text:?}");
}

#[track_caller]
fn check_refused(source: &str) {
    let error = Pattern::new(source, false, false).err().map(|error| error.to_string()).unwrap_or_default();
    assert!(error.starts_with("S0301: Invalid regular expression: "), "/{source}/ gave {error:?}");
}

#[test]
fn characters_and_classes() {
    check("b+", "", "ababbxabbcc", "1:b");
    check("[a-d]+", "", "xxabcdz", "2:abcd");
    check(r"\d+", "", "a٣12", "3:12");
    check(r"\w+", "", "é-aé", "3:a");
    check(r"\s", "", "a\u{85}\u{feff}", "3:\u{feff}");
    check(r".+", "", "ab\u{2028}c", "0:ab");
    check(r"[\s\S]+", "", "a\n☃", "0:a\n☃");
    check("[^]", "", "\n", "0:\n");
    check("a[]|b", "", "ab", "1:b");
    check("[a&&b]+", "", "x&&b", "1:&&b");
    check("[[a]+", "", "x[a[", "1:[a[");
    check(r"[\w-~]+", "", "a-~", "0:a-~");
    check(r"[a-]+", "", "b-a", "1:-a");
    check(r"\x41\u0042\103\cJ\t\/", "", "ABC\n\t/", "0:ABC\n\t/");
    check(r"\ud83d\ude00", "", "a😀", "1:😀");
    check("a{,2}]}", "", "a{,2}]}", "0:a{,2}]}");
    check(r"\c\q\8", "", r"\cq8", r"0:\cq8");
    check(r"\0", "", "a\0", "1:\0");
}

#[test]
fn letter_case_is_ignored() {
    check("abc", "i", "xABC", "1:ABC");
    check("[a-z]+", "i", "ABC\u{212a}ſ", "0:ABC");
    check("é", "i", "É", "0:É");
    check("σ", "i", "ς", "0:ς");
    check("[^a]", "i", "Ab", "1:b");
    check(r"(k)\1", "i", "kK", "0:kK,k");
    check("ß", "i", "ẞ", "none");
}

#[test]
fn marks() {
    check("^b", "", "a\nb", "none");
    check("^b", "m", "a\nb", "2:b");
    check("a$", "", "a\n", "none");
    check("a$", "m", "a\r\n", "0:a");
    check(r"\bé", "", "aé", "1:é");
    check(r"\Bb\b", "", "b ab.", "3:b");
}

#[test]
fn groups_and_loops() {
    check("(a)|(b)", "", "b", "0:b,_,b");
    check("(?:(a)|(b))*", "", "ab", "0:ab,_,b");
    check("(a*)*", "", "b", "0:,_");
    check("(?:a*?)*b", "", "aab", "0:aab");
    check("(a+?)(b??)(b*)", "", "aabb", "0:a,a,,");
    check("(z)((a+)?(b+)?(c))*", "", "zaacbbbcac", "0:zaacbbbcac,z,ac,a,_,c");
    check(r"(?<year>\d{4})-(?<month>\d\d)", "", "on 2024-05", "3:2024-05,2024,05");
    check(r"(?<q>['\u0022]).*?\k<q>", "", "a 'b\" c' d", "2:'b\" c',\'");
    check(r"\1(a)", "", "aa", "0:a,a");
    check("a{2,3}", "", "aaaa", "0:aaa");
    check("(ab){2}", "", "ababab", "0:abab,ab");
    check("a{0}b", "", "ab", "1:b");
    check("a{99999999999}", "", "aaa", "none");
}

#[test]
fn patterns_of_the_conformance_suite() {
    check("d+", "", "ababbxabbcc", "none");
    check("ab+", "", "ababbxabbcc", "0:ab");
    check("ax+", "", "ababbxabbcc", "none");
    check("hat", "", "Trilby hat", "7:hat");
    check("hat", "i", "Bowler Hat", "7:Hat");
    check(r"(\w+)\s(\w+)", "", "John Smith", "0:John Smith,John,Smith");
    check("([0-9]+)USD", "", "265USD", "0:265USD,265");
    check("(ab)|(a)", "", "abcd", "0:ab,ab,_");
    check("a.*a", "", "abracadabra", "0:abracadabra");
    check("a.*?a", "", "abracadabra", "0:abra");
    check("a(.)", "", "abracadabra", "0:ab,b");
    check(".*?", "", "abracadabra", "0:");
    check("A+?", "", "AAAA", "0:A");
    check("^(.*?)d(.*)$", "", "darted", "0:darted,,arted");
    check(
        "(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)(l)(m)",
        "",
        "abcdefghijklmno",
        "0:abcdefghijklm,a,b,c,d,e,f,g,h,i,j,k,l,m",
    );
    check("xyz", "", "abcdefghijklmno", "none");
    check("(h)(at)", "i", "Bowler Hat", "7:Hat,H,at");
    check(r"(-?\d+(?:\.\d*)?)F\b", "", "temperature = 68F today", "14:68F,68");
    check(r"^(\w*\s\w*)", "", "Felicia Saunders", "0:Felicia Saunders,Felicia Saunders");
}

#[test]
fn look_arounds() {
    check("a(?=b)", "", "acab", "2:a");
    check("a(?!b)", "", "abac", "2:a");
    check(r"(?<=\$)\d+", "", "1 $42", "3:42");
    check(r"(?<!\$)\b\d+", "", "$42 7", "4:7");
    check(r"(?<=(\d+)(\d+))$", "", "1053", "4:,1,053");
    check(r"(?=(a+))a*b\1", "", "baaabac", "3:aba,a");
    check(r"(?!(a))\1b", "", "b", "0:b,_");
    check(r"(?<=\1(a))b", "", "aab", "2:b,a");
}

#[test]
fn searches_begin_anywhere() {
    let pattern = Pattern::new("^a|b", false, false).unwrap();
    assert_eq!(shown("aab", pattern.find_at("aab", 1).unwrap()), "2:b");
    let pattern = Pattern::new("", false, false).err().and_then(|error| error.code());
    assert_eq!(pattern, Some("S0301"));
    let pattern = Pattern::new("x?", false, false).unwrap();
    assert_eq!(shown("é", pattern.find_at("é", 1).unwrap()), "2:");
    assert_eq!(shown("é", pattern.find_at("é", 2).unwrap()), "2:");
    assert_eq!(pattern.find_at("é", 3).unwrap(), None);
    assert_eq!(pattern.find_at("é", usize::MAX).unwrap(), None);
}

#[test]
fn bad_patterns_are_refused() {
    for source in [
        "(",
        ")",
        "[",
        "a**",
        "*",
        "^*",
        r"\b+",
        "{1}",
        "a{2,1}",
        "[b-a]",
        r"\",
        "(?a)",
        "(?<n>a)(?<n>b)",
        "(?<>a)",
        r"(?<n>a)\k",
        r"(?<n>a)\k<m>",
        "(?<=a)*",
        "(?<1>a)",
        r"[\",
        "(?i:a)",
    ] {
        check_refused(source);
    }
    check_refused(&"(".repeat(1000));
    check_refused(&"()".repeat(3000));
    check_refused(&"a".repeat(1_000_000));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "measures that searches end in time")]
fn no_pattern_takes_long() {
    let bombs = [
        "(a+)+$",
        "(a|aa)+$",
        "(.*)*x",
        r"(?=(a+))\1+b",
        "(a{1000}){1000}",
        "((a{100}){100}){100}b",
        r"(a+)+\1x",
        "(?=(a*)*)*x",
        "(a*?)*?x",
        "(?:a?){500}a{500}b",
        "(?:(?:(?:a?)*)*)*b",
        r"(?<=(a+)+b)c",
        r"(\w+\s?)+$",
        "(x+x+)+y",
        "(?:a|a|a|a)*b",
        "((a|b)*)*c",
        "^(a|b|ab)*c$",
        "[^]*[^]*[^]*[^]*x",
        r"(?:\b|a)*c",
        "a*a*a*a*a*a*b",
        r"(a*)(a*)(a*)(a*)\4\3\2\1b",
        "(?:a+){2,}(?:a+){2,}c",
        "(?:(?=a*)a)*b",
        "(?:.{0,1000}){0,1000}é",
    ];
    // Without optimization everything is many times slower
    let long = if cfg!(debug_assertions) { 10_000 } else { 250_000 };
    let texts = [
        "a".repeat(28) + "!",
        "a".repeat(long),
        "ab ".repeat(long / 8),
        "x".repeat(40),
        "a☃".repeat(long / 12),
    ];
    for source in bombs {
        let pattern = Pattern::new(source, false, false).unwrap();
        for text in &texts {
            let start = Instant::now();
            let found = pattern.find_at(text, 0);
            let took = start.elapsed();
            if let Err(error) = &found {
                assert_eq!(error.to_string(), TOO_LONG);
            }
            let most = if cfg!(debug_assertions) { 20 } else { 1 };
            assert!(took < most * Duration::from_millis(500), "/{source}/ took {took:?}");
        }
    }
}

#[test]
fn simple_bombs_are_still_answered() {
    let text = "a".repeat(28) + "!";
    check("(a+)+$", "", &text, "none");
    check("(a|aa)+$", "", &text, "none");
    check("(.*)*x", "", &text, "none");
    check("(x+x+)+y", "", &"x".repeat(40), "none");
}

proptest::proptest! {
    /// Whatever the pattern and the text: no panic, and matches are at characters' edges.
    #[test]
    fn any_pattern_is_safe(
        source in r"([abé.^$|?*+(){}\[\]\\dwsb1k<n>=!:,0-]|\\p\{L\}|\(\?|\\u){1,12}",
        text in "[abAé1 \n☃_-]{0,12}",
        start in 0_usize..20,
        ignore_case: bool,
        multiline: bool,
    ) {
        if let Ok(pattern) = Pattern::new(&source, ignore_case, multiline)
            && let Ok(Some(found)) = pattern.find_at(&text, start)
        {
            for (start, end) in found.groups.into_iter().flatten().chain([(found.start, found.end)]) {
                proptest::prop_assert!(text.get(start..end).is_some());
            }
        }
    }
}
