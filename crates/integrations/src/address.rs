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
