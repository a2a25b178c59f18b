//! The address of a request's client: the other end of the connection or, if that is a trusted proxy, the address that
//! the proxy reports.
//!
//! `Forwarded` (RFC 7239) and `X-Forwarded-For` are lists to which every proxy appends the address that it got the
//! request from. Anybody can send such a list, so it is read from its end, as long as the proxy that appended an entry
//! is trusted. At an unreadable entry the walk stops, and the proxy that passed it on counts as the client.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use axum::extract::{ConnectInfo, Request};
use axum::http::HeaderMap;
use axum::http::header::FORWARDED;
use ipnet::IpNet;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The client's address, for everyone who handles the request. Missing if there is no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress {
    pub address: IpAddr,
    /// Connected from this machine itself, and not on behalf of another client.
    pub is_local: bool,
}

/// The proxies that are trusted to report a client's address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl ClientAddress {
    /// A client that connected directly.
    pub(crate) fn direct(peer: IpAddr) -> ClientAddress {
        let address = peer.to_canonical();
        ClientAddress {
            address,
            is_local: address.is_loopback(),
        }
    }

    pub(super) fn of(request: &Request, proxies: &TrustedProxies) -> Option<ClientAddress> {
        let peer = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
        let direct = ClientAddress::direct(peer.0.ip());
        Some(match proxies.forwarded(direct.address, request.headers()) {
            Some(address) => ClientAddress {
                address,
                is_local: false,
            },
            None => direct,
        })
    }
}

impl TrustedProxies {
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// `None` if no trusted proxy says that the request comes from somebody else.
    fn forwarded(&self, peer: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
        if !self.contains(peer) {
            return None;
        }
        let by = |name: &str, node_of: fn(&str) -> Option<&str>| {
            let lines = headers.get_all(name);
            let is_there = lines.iter().next().is_some();
            // Several header lines are one list.
            let elements = lines.iter().rev().flat_map(|line| {
                // An empty element is skipped; one that is not text is unreadable.
                let text = line.to_str().unwrap_or("?");
                text.rsplit(',')
                    .map(str::trim)
                    .filter(|text| !text.is_empty())
            });
            is_there.then(|| self.walk(peer, elements.map(|text| address_of(node_of(text)?))))
        };
        let forwarded = by(FORWARDED.as_str(), forwarded_for);
        match (forwarded, by(X_FORWARDED_FOR, |node| Some(node))) {
            // A proxy that appends to one of the headers passes the other on as a client sent it.
            (Some(one), Some(other)) if one != other => Some(peer),
            (one, other) => one.or(other),
        }
    }

    fn walk(&self, peer: IpAddr, nodes: impl Iterator<Item = Option<IpAddr>>) -> IpAddr {
        let mut last = peer;
        for node in nodes {
            let Some(address) = node else { break };
            last = address;
            if !self.contains(address) {
                break;
            }
        }
        last
    }
}

/// The `for` of one element. Lists are split at every comma, also within quotes: the halves of a quoted string are not
/// well-formed elements, so whatever a client hides in one is ignored.
fn forwarded_for(element: &str) -> Option<&str> {
    let mut node = None;
    for pair in element.split(';') {
        let (name, value) = pair.trim().split_once('=')?;
        let quoted = value
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let value = quoted.unwrap_or(value);
        if name.is_empty() || value.contains(['"', '\\']) {
            return None;
        }
        if name.eq_ignore_ascii_case("for") && node.replace(value).is_some() {
            return None;
        }
    }
    node
}

/// With or without a port; IPv6 is in brackets if there is one. `None` for `unknown` and for obfuscated identifiers.
fn address_of(node: &str) -> Option<IpAddr> {
    let address = if let Some(rest) = node.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        is_port(port).then_some(address.parse::<Ipv6Addr>().ok()?.into())?
    } else if let Ok(address) = node.parse::<IpAddr>() {
        address
    } else {
        let end = node.find(':')?;
        let (address, port) = node.split_at(end);
        is_port(port).then_some(address.parse::<Ipv4Addr>().ok()?.into())?
    };
    Some(address.to_canonical())
}

/// Empty, or a colon and a number or an obfuscated name.
fn is_port(text: &str) -> bool {
    let Some(port) = text.strip_prefix(':') else {
        return text.is_empty();
    };
    let is_name = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    match port.strip_prefix('_') {
        Some(name) => !name.is_empty() && is_name(name),
        None => port.parse::<u16>().is_ok(),
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0} is neither an address nor a network such as 10.0.0.0/8")]
pub struct NotANetwork(String);

impl FromStr for TrustedProxies {
    type Err = NotANetwork;

    /// Parses addresses and networks that are separated by commas.
    fn from_str(list: &str) -> Result<Self, NotANetwork> {
        let network = |text: &str| {
            let address = text.parse::<IpAddr>();
            let network = address.map(IpNet::from).or_else(|_| text.parse());
            network.map_err(|_| NotANetwork(text.to_owned()))
        };
        let items = list
            .split(',')
            .map(str::trim)
            .filter(|text| !text.is_empty());
        items
            .map(network)
            .collect::<Result<_, _>>()
            .map(TrustedProxies)
    }
}

impl fmt::Display for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let networks: Vec<String> = self.0.iter().map(IpNet::to_string).collect();
        f.write_str(&networks.join(","))
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    /// The result for a request at a server behind 10.0.0.0/8 and 2001:db8::1.
    fn found(peer: &str, headers: &[(&'static str, &str)]) -> ClientAddress {
        let proxies = "10.0.0.0/8, 2001:db8::1,127.0.0.1".parse().unwrap();
        let mut request = Request::new(Body::empty());
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        let peer = SocketAddr::new(peer.parse().unwrap(), 4711);
        request.extensions_mut().insert(ConnectInfo(peer));
        ClientAddress::of(&request, &proxies).unwrap()
    }

    #[track_caller]
    fn assert_found(peer: &str, headers: &[(&'static str, &str)], address: &str) {
        let found = found(peer, headers).address;
        assert_eq!(found.to_string(), address, "{peer} {headers:?}");
    }

    const FOR: &str = "x-forwarded-for";

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_found("192.0.2.1", &[(FOR, "198.51.100.1")], "192.0.2.1");
        assert_found(
            "192.0.2.1",
            &[("forwarded", "for=198.51.100.1")],
            "192.0.2.1",
        );
        assert_found("10.1.2.3", &[(FOR, "198.51.100.1")], "198.51.100.1");
        assert_found("::ffff:10.1.2.3", &[(FOR, "198.51.100.1")], "198.51.100.1");
        assert_found(
            "10.1.2.3",
            &[("forwarded", "for=198.51.100.1")],
            "198.51.100.1",
        );
        assert_found("10.1.2.3", &[], "10.1.2.3");
    }

    #[test]
    fn the_list_is_read_from_its_end_past_trusted_proxies_only() {
        let forged = "203.0.113.9, 198.51.100.1, 10.0.0.7,2001:db8::1";
        assert_found("10.1.2.3", &[(FOR, forged)], "198.51.100.1");
        let lines = [(FOR, "203.0.113.9, 198.51.100.1"), (FOR, "10.0.0.7")];
        assert_found("10.1.2.3", &lines, "198.51.100.1");
        assert_found("10.1.2.3", &[(FOR, "10.0.0.8, 10.0.0.7")], "10.0.0.8");
        let forwarded = r#"for=203.0.113.9, For="[2001:db8:cafe::17]:4711";proto=https;by=10.0.0.7, for=10.0.0.7"#;
        assert_found("10.1.2.3", &[("forwarded", forwarded)], "2001:db8:cafe::17");
    }

    #[test]
    fn addresses_come_in_many_shapes() {
        for (node, address) in [
            ("198.51.100.1:4711", "198.51.100.1"),
            ("198.51.100.1:_secret", "198.51.100.1"),
            ("2001:db8::2", "2001:db8::2"),
            ("[2001:db8::2]", "2001:db8::2"),
            ("[2001:db8::2]:443", "2001:db8::2"),
            ("::ffff:198.51.100.1", "198.51.100.1"),
        ] {
            assert_found("10.1.2.3", &[(FOR, node)], address);
            let forwarded = format!("for=\"{node}\"");
            assert_found("10.1.2.3", &[("forwarded", &forwarded)], address);
        }
    }

    #[test]
    fn what_cannot_be_read_leaves_the_last_trusted_proxy() {
        for node in [
            "unknown",
            "_hidden",
            "198.51.100",
            "198.51.100.1:",
            "198.51.100.1:x",
            "[2001:db8::2",
            "[2001:db8::2]x",
            "[198.51.100.1]",
            "1.2.3.4.5",
            "?",
        ] {
            assert_found("10.1.2.3", &[(FOR, node)], "10.1.2.3");
            let beyond = format!("198.51.100.1, {node}, 10.0.0.7");
            assert_found("10.1.2.3", &[(FOR, &beyond)], "10.0.0.7");
        }
        for element in [
            "198.51.100.1",
            "for",
            "for=",
            "=198.51.100.1",
            "by=198.51.100.1",
            r#"for="198.51.100.1"#,
            r#"for=198.51.100.1;for=198.51.100.2"#,
            r#"for="198.51.100.\1""#,
        ] {
            assert_found("10.1.2.3", &[("forwarded", element)], "10.1.2.3");
        }
    }

    #[test]
    fn an_address_within_quotes_is_not_one_that_a_proxy_saw() {
        for host in [
            "x, for=203.0.113.9;a=b",
            "x, for=203.0.113.9",
            "x, for=203.0.113.9;a=",
        ] {
            let forwarded = format!("for=198.51.100.1;host=\"{host}\"");
            assert_found("10.1.2.3", &[("forwarded", &forwarded)], "10.1.2.3");
        }
    }

    #[test]
    fn headers_that_contradict_each_other_are_both_not_believed() {
        let forged = ("forwarded", "for=203.0.113.9");
        assert_found("10.1.2.3", &[forged, (FOR, "198.51.100.1")], "10.1.2.3");
        assert_found("10.1.2.3", &[forged, (FOR, "203.0.113.9:1")], "203.0.113.9");
    }

    #[test]
    fn whom_a_proxy_on_this_machine_asks_for_is_not_on_it() {
        assert!(found("127.0.0.1", &[]).is_local);
        assert!(
            found("::1", &[(FOR, "198.51.100.1")]).is_local,
            "not a proxy"
        );
        for forwarded in ["198.51.100.1", "unknown", "127.0.0.1"] {
            assert!(
                !found("127.0.0.1", &[(FOR, forwarded)]).is_local,
                "{forwarded}"
            );
        }
        assert!(!found("192.0.2.1", &[]).is_local);
    }

    #[test]
    fn proxies_are_named_by_addresses_and_networks() {
        let proxies = |text: &str| TrustedProxies::from_str(text);
        assert_eq!(proxies("").unwrap(), TrustedProxies::default());
        let named = proxies("10.0.0.0/8, 192.0.2.1").unwrap();
        assert_eq!(named.to_string(), "10.0.0.0/8,192.0.2.1/32");
        assert!(proxies("10.0.0.0/33").is_err() && proxies("proxy.example").is_err());
    }
}
