//! Where a task may go whose address comes with its parameters: against server-side request forgery.
//!
//! By default only `https` and public addresses. A host is a name or an address in its plain form: other forms that
//! libraries of C take for an address (`0x7f.1`, `2130706433`) are refused, so no two readers can differ about one.
//! Names are looked up by a [`Resolver`](crate::http_client::Resolver), which checks the addresses that it gives.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hyper::Uri;

/// How a name that leads to an address within can be called; the end of a sentence.
pub(crate) const ALLOWED_NAME: &str = "allow under [http] in stepwell.toml has the name";

/// A place that is excepted from the rules: `host`, `host:port` or `host:*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exception {
    host: String,
    /// None: any.
    port: Option<u16>,
}

impl Exception {
    /// Reads an entry of `[http] allow`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            // A colon inside of brackets belongs to the address.
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (text, None),
        };
        let port = match port {
            None | Some("*") => None,
            Some(port) => Some(port.parse().ok()?),
        };
        let is_host = Host::parse(host).is_ok();
        is_host.then(|| Self { host: host.to_ascii_lowercase(), port })
    }

    fn covers(&self, host: &str, port: u16) -> bool {
        self.host.eq_ignore_ascii_case(host) && self.port.is_none_or(|allowed| allowed == port)
    }
}

/// A URL that may be called.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) uri: Uri,
    /// It is one of the exceptions.
    pub(crate) is_excepted: bool,
}

/// Why a URL may not be called.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is no URL that could be called at all.
    Invalid(String),
    /// It is, but tasks may not call it.
    Forbidden(String),
}

enum Host {
    Name,
    Address(IpAddr),
}

impl Host {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let address = inner.parse::<Ipv6Addr>().map_err(|_| "it is no IPv6 address")?;
            return Ok(Self::Address(address.into()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Ok(Self::Address(address.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        if name.len() > 253 || !name.split('.').all(is_label) {
            return Err("it is no name of a host");
        }
        // The rule of the URL standard for what is meant as an IPv4 address.
        let last = name.rsplit('.').next().unwrap_or_default();
        let is_hexadecimal = last
            .strip_prefix("0x")
            .or_else(|| last.strip_prefix("0X"))
            .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if is_hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err("it is an address in an unusual form");
        }
        Ok(Self::Name)
    }
}

/// Checks where a URL leads to; `field` is the parameter that has it.
pub(crate) fn check(field: &str, url: &str, exceptions: &[Exception]) -> Result<Place, Refusal> {
    let invalid = |reason: &str| Refusal::Invalid(format!("The {field} {url:?} can't be called: {reason}"));
    let uri: Uri = encoded(url).parse().map_err(|_| invalid("it is no URL"))?;
    let default_port = match uri.scheme_str() {
        Some("https") => 443,
        Some("http") => 80,
        _ => return Err(invalid("it does not start with https://")),
    };
    let authority = uri.authority().ok_or_else(|| invalid("it names no host"))?;
    if authority.as_str().contains('@') {
        return Err(Refusal::Invalid(format!(
            "The {field} has a user name or password in it; these belong into the configuration"
        )));
    }
    let host = authority.host();
    let port = match authority.as_str().strip_prefix(host) {
        Some("") => default_port,
        Some(port) => port
            .strip_prefix(':')
            .and_then(|port| port.parse().ok())
            .ok_or_else(|| invalid("its port is no port"))?,
        None => return Err(invalid("it names no host")),
    };
    let kind = Host::parse(host).map_err(invalid)?;
    if exceptions.iter().any(|exception| exception.covers(host, port)) {
        return Ok(Place { uri, is_excepted: true });
    }
    let way_out = format!("If it should be, add \"{host}:{port}\" to allow under [http] in stepwell.toml.");
    let forbidden = |reason: &str| {
        Err(Refusal::Forbidden(format!("{host}:{port} may not be called: {reason}. {way_out}")))
    };
    match kind {
        Host::Address(address) if !is_public(address) => forbidden("the address is not a public one"),
        _ if default_port == 80 => forbidden("the URL does not start with https://"),
        Host::Name | Host::Address(_) => Ok(Place { uri, is_excepted: false }),
    }
}

/// The URL with what can't stand in a path or query percent-encoded; the host stays as it is.
fn encoded(url: &str) -> String {
    let start = url.find("://").map_or(0, |at| at + 3);
    let rest = url[start..].find(['/', '?', '#']).map_or(url.len(), |at| start + at);
    let mut encoded = url[..rest].to_owned();
    for byte in url[rest..].bytes() {
        if byte.is_ascii_graphic()
            && !matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}')
        {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Whether an address is one of the public Internet: not of this machine, this network or a special purpose.
pub(crate) fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            !matches!(
                (a, b, c),
                (0 | 10 | 127, ..)
                    | (100, 64..=127, _)
                    | (169, 254, _)
                    | (172, 16..=31, _)
                    | (192, 0, 0 | 2)
                    | (192, 88, 99)
                    | (192, 168, _)
                    | (198, 18 | 19, _)
                    | (198, 51, 100)
                    | (203, 0, 113)
                    | (224.., ..)
            )
        }
        // Only global unicast, without what tunnels IPv4 (6to4, Teredo) and what is reserved for protocols and examples.
        IpAddr::V6(address) => {
            let [a, b, ..] = address.segments();
            (0x2000..=0x3fff).contains(&a)
                && !(a == 0x2001 && (b < 0x200 || b == 0xdb8))
                && a != 0x2002
                && !(a == 0x3fff && b < 0x1000)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// URLs with what becomes of them: `ok`, `forbidden` or `invalid`.
    #[test]
    fn urls_lead_to_public_places_only() {
        let exceptions: Vec<Exception> = ["localhost:*", "127.0.0.1:9000", "api.internal", "[::1]:9000"]
            .iter()
            .map(|text| Exception::parse(text).expect(text))
            .collect();
        for (url, expected) in [
            ("https://example.com", "ok"),
            ("https://EXAMPLE.com:8443/a?b=c#d", "ok"),
            ("https://example.com./", "ok"),
            ("https://8.8.8.8/", "ok"),
            ("https://[2606:4700::1111]/", "ok"),
            ("https://a_b.example.com/ä b", "ok"),
            ("https://1.2.3.4.example.com/", "ok"),
            ("https://172.15.0.1/", "ok"),
            ("https://172.32.0.1/", "ok"),
            ("https://100.128.0.1/", "ok"),
            ("http://example.com/", "forbidden"),
            ("http://8.8.8.8/", "forbidden"),
            ("https://127.0.0.1/", "forbidden"),
            ("https://127.255.0.9/", "forbidden"),
            ("https://0.0.0.0/", "forbidden"),
            ("https://0.1.2.3/", "forbidden"),
            ("https://10.0.0.1/", "forbidden"),
            ("https://172.16.0.1/", "forbidden"),
            ("https://172.31.255.255/", "forbidden"),
            ("https://192.168.1.1/", "forbidden"),
            ("https://169.254.169.254/latest/meta-data", "forbidden"),
            ("https://169.254.170.2/v2/credentials", "forbidden"),
            ("https://100.64.0.1/", "forbidden"),
            ("https://100.127.255.255/", "forbidden"),
            ("https://192.0.0.1/", "forbidden"),
            ("https://192.0.2.1/", "forbidden"),
            ("https://198.18.0.1/", "forbidden"),
            ("https://224.0.0.1/", "forbidden"),
            ("https://240.0.0.1/", "forbidden"),
            ("https://255.255.255.255/", "forbidden"),
            ("https://[::1]/", "forbidden"),
            ("https://[::]/", "forbidden"),
            ("https://[0:0:0:0:0:0:0:1]/", "forbidden"),
            ("https://[::ffff:127.0.0.1]/", "forbidden"),
            ("https://[::ffff:8.8.8.8]/", "forbidden"),
            ("https://[::ffff:7f00:1]/", "forbidden"),
            ("https://[::127.0.0.1]/", "forbidden"),
            ("https://[fe80::1]/", "forbidden"),
            ("https://[fc00::1]/", "forbidden"),
            ("https://[fd00:ec2::254]/", "forbidden"),
            ("https://[ff02::1]/", "forbidden"),
            ("https://[64:ff9b::7f00:1]/", "forbidden"),
            ("https://[2002:7f00:1::]/", "forbidden"),
            ("https://[2001::1]/", "forbidden"),
            ("https://[2001:db8::1]/", "forbidden"),
            ("https://2130706433/", "invalid"),
            ("https://0x7f000001/", "invalid"),
            ("https://0X7F.1/", "invalid"),
            ("https://0177.0.0.1/", "invalid"),
            ("https://017700000001/", "invalid"),
            ("https://127.1/", "invalid"),
            ("https://127.0.1/", "invalid"),
            ("https://127.0.0.1./", "invalid"),
            ("https://0/", "invalid"),
            ("https://0x/", "invalid"),
            ("https://256.0.0.1/", "invalid"),
            ("https://1.2.3.4.5/", "invalid"),
            ("https://[fe80::1%25eth0]/", "invalid"),
            ("https://[::1/", "invalid"),
            ("https://user:pass@example.com/", "invalid"),
            ("https://example.com@127.0.0.1/", "invalid"),
            ("https://127.0.0.1\\@example.com/", "invalid"),
            ("https://127.0.0.1%2f@example.com/", "invalid"),
            ("https://①②⑦.0.0.1/", "invalid"),
            ("https://ⓛocalhost/", "invalid"),
            ("https://exa mple.com/", "invalid"),
            ("https://example.com:99999/", "invalid"),
            ("https://example.com:/", "invalid"),
            ("https://-./..", "ok"),
            ("https://a..b/", "invalid"),
            ("https:///path", "invalid"),
            ("//example.com", "invalid"),
            ("ftp://example.com/", "invalid"),
            ("file:///etc/passwd", "invalid"),
            ("gopher://127.0.0.1/", "invalid"),
            ("", "invalid"),
            ("http://localhost:8080/", "excepted"),
            ("https://LOCALHOST/", "excepted"),
            ("http://127.0.0.1:9000/", "excepted"),
            ("http://127.0.0.1:9001/", "forbidden"),
            ("http://api.internal:1/", "excepted"),
            ("http://x.api.internal/", "forbidden"),
            ("http://[::1]:9000/", "excepted"),
            ("http://[::1]:9001/", "forbidden"),
        ] {
            let found = match check("ApiEndpoint", url, &exceptions) {
                Ok(place) if place.is_excepted => "excepted",
                Ok(_) => "ok",
                Err(Refusal::Forbidden(_)) => "forbidden",
                Err(Refusal::Invalid(_)) => "invalid",
            };
            assert_eq!(found, expected, "{url}");
        }
    }
}
