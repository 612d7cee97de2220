//! Inputs made from a seed, so that every run measures the same

use std::fmt::Write;

/// SplitMix64
struct Random(u64);

impl Random {
    fn next(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % below
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.next(from.len() as u64) as usize]
    }
}

const STATUS: [&str; 5] = ["placed", "paid", "shipped", "delivered", "cancelled"];
const COUNTRIES: [&str; 6] = ["DE", "FR", "US", "IN", "BR", "JP"];
const NAMES: [&str; 8] = ["Ada", "Grace", "Edsger", "Barbara", "Alan", "Radia", "Donald", "Jürgen"];
const FAMILIES: [&str; 8] =
    ["Lovelace", "Hopper", "Dijkstra", "Liskov", "Turing", "Perlman", "Knuth", "Müller"];
const NOUNS: [&str; 8] = ["kettle", "lamp", "chair", "desk", "cable", "phone", "bottle", "jacket"];
const TAGS: [&str; 6] = ["new", "sale", "fragile", "bulk", "gift", "heavy"];

/// What a shop's system hands on: orders with their items, customers and products.
fn orders(count: u64) -> String {
    let mut random = Random(count);
    let customers = count / 3 + 5;
    let mut text = String::from(r#"{"shop":"Stepwell Trading","orders":["#);
    for order in 0..count {
        let separator = if order == 0 { "" } else { "," };
        let _ = write!(
            text,
            r#"{separator}{{"id":{},"customerId":"C{:04}","status":"{}","created":"2026-{:02}-{:02}T{:02}:{:02}:{:02}.000Z","currency":"EUR","discount":{},"shipping":{{"method":"{}","address":{{"street":"{} {}","city":"{}","country":"{}"}}}},"items":["#,
            1000 + order,
            random.next(customers),
            random.pick(&STATUS),
            1 + random.next(12),
            1 + random.next(28),
            random.next(24),
            random.next(60),
            random.next(60),
            random.next(20) as f64 / 100.0,
            random.pick(&["standard", "express"]),
            1 + random.next(200),
            random.pick(&["Main Street", "Ringstraße", "Rue Haute"]),
            random.pick(&["Berlin", "Paris", "Austin", "Pune", "Recife", "Osaka"]),
            random.pick(&COUNTRIES),
        );
        for item in 0..1 + random.next(4) {
            let separator = if item == 0 { "" } else { "," };
            let _ = write!(
                text,
                r#"{separator}{{"sku":"{}-{:03}","description":"{} {}","quantity":{},"price":{},"tags":["{}","{}"],"internal":{{"bin":{}}}}}"#,
                random.pick(&["AB", "CD", "EF"]),
                random.next(150),
                random.pick(&["Small", "Large", "Blue", "Red"]),
                random.pick(&NOUNS),
                1 + random.next(9),
                (100 + random.next(20_000)) as f64 / 100.0,
                random.pick(&TAGS),
                random.pick(&TAGS),
                random.next(500),
            );
        }
        text.push_str("]}");
    }
    text.push_str(r#"],"customers":["#);
    for customer in 0..customers {
        let separator = if customer == 0 { "" } else { "," };
        let (name, family) = (random.pick(&NAMES), random.pick(&FAMILIES));
        let _ = write!(
            text,
            r#"{separator}{{"id":"C{customer:04}","name":"{name} {family}","email":"{}.{}@example.com","tier":"{}","country":"{}"}}"#,
            name.to_lowercase(),
            family.to_lowercase(),
            random.pick(&["gold", "silver", "basic"]),
            random.pick(&COUNTRIES),
        );
    }
    text.push_str("]}");
    text
}

/// Lines of a log.
fn log(count: u64) -> String {
    let mut random = Random(count);
    let mut text = String::from(r#"{"lines":["#);
    for line in 0..count {
        let separator = if line == 0 { "" } else { "," };
        let _ = write!(
            text,
            r#"{separator}"2026-03-{:02}T{:02}:{:02}:{:02}Z {} [{}] request id=r-{:06x} path=/api/v1/{}/{} status={} took {}ms""#,
            1 + random.next(28),
            random.next(24),
            random.next(60),
            random.next(60),
            random.pick(&["INFO", "INFO", "WARN", "ERROR"]),
            random.pick(&["checkout", "billing", "search", "auth"]),
            random.next(1 << 24),
            random.pick(&NOUNS),
            random.next(10_000),
            random.pick(&["200", "201", "404", "500"]),
            random.next(2_000),
        );
    }
    text.push_str("]}");
    text
}

/// Settings by name, as objects rather than arrays.
fn settings(count: u64) -> String {
    let mut random = Random(count);
    let mut text = String::from(
        r#"{"defaults":{"memory":512,"timeout":30,"retries":3,"region":"eu-central-1"},"functions":{"#,
    );
    for function in 0..count {
        let separator = if function == 0 { "" } else { "," };
        let _ = write!(
            text,
            r#"{separator}"{}-{function}":{{"memory":{},"enabled":{},"tags":{{"team":"{}","cost":"{}"}},"environment":{{"STAGE":"{}","LEVEL":"{}"}}}}"#,
            random.pick(&NOUNS),
            128 << random.next(5),
            random.next(3) > 0,
            random.pick(&["shop", "data", "core"]),
            random.next(1000),
            random.pick(&["dev", "prod"]),
            random.pick(&["debug", "info"]),
        );
    }
    text.push_str("}}");
    text
}

/// A tree of folders.
fn tree(random: &mut Random, depth: u32, text: &mut String) {
    let _ = write!(
        text,
        r#"{{"name":"{}{}","size":{}"#,
        random.pick(&NOUNS),
        random.next(100),
        random.next(5000)
    );
    if depth > 0 {
        text.push_str(r#","children":["#);
        for child in 0..4 {
            if child > 0 {
                text.push(',');
            }
            tree(random, depth - 1, text);
        }
        text.push(']');
    }
    text.push('}');
}

/// The JSON text of an input by its name: a kind and its size.
pub(crate) fn text(name: &str) -> String {
    match name {
        "orders 10 KB" => orders(16),
        "orders 100 KB" => orders(165),
        "orders 1 MB" => orders(1650),
        "log 10 KB" => log(90),
        "log 100 KB" => log(900),
        "settings 20 KB" => settings(150),

        "tree 15 KB" => {
            let mut text = String::new();
            tree(&mut Random(1), 4, &mut text);
            text
        }
        "state" => r#"{"a":41}"#.to_owned(),
        other => unreachable!("no input is called {other}"),
    }
}
