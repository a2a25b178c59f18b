//! How many connections each client has open, so that one cannot take them all.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::network::network_of;

/// Whether an address has many clients behind it.
pub type Exempt = Arc<dyn Fn(IpAddr) -> bool + Send + Sync>;

/// How many connections each client has open.
type Counts = Arc<Mutex<HashMap<IpAddr, usize>>>;

pub(super) struct Addresses {
    most: usize,
    exempt: Exempt,
    open: Counts,
}

/// Counts as one open connection until it is dropped.
pub(super) struct Admission {
    counted: Option<(IpAddr, Counts)>,
}

impl Addresses {
    pub(super) fn new(most: usize, exempt: Exempt) -> Addresses {
        Addresses {
            most,
            exempt,
            open: Arc::default(),
        }
    }

    /// `None` if the client already has as many connections as it may.
    pub(super) fn admit(&self, peer: IpAddr) -> Option<Admission> {
        if peer.to_canonical().is_loopback() || (self.exempt)(peer) {
            return Some(Admission { counted: None });
        }
        let client = network_of(peer);
        let mut open = self.open.lock();
        let count = open.entry(client).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Admission {
            counted: Some((client, Arc::clone(&self.open))),
        })
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        let Some((client, open)) = &self.counted else {
            return;
        };
        if let Entry::Occupied(mut count) = open.lock().entry(*client) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_client_has_so_many_and_others_have_theirs() {
        let addresses = Addresses::new(2, Arc::new(|_| false));
        let first = addresses.admit(ip("192.0.2.1")).unwrap();
        let _second = addresses.admit(ip("::ffff:192.0.2.1")).unwrap();
        assert!(addresses.admit(ip("192.0.2.1")).is_none());
        assert!(addresses.admit(ip("192.0.2.2")).is_some());
        drop(first);
        assert!(addresses.admit(ip("192.0.2.1")).is_some());
    }

    #[test]
    fn a_network_of_ipv6_is_one_client() {
        let addresses = Addresses::new(1, Arc::new(|_| false));
        let _open = addresses.admit(ip("2001:db8::1")).unwrap();
        assert!(addresses.admit(ip("2001:db8::2")).is_none());
        assert!(addresses.admit(ip("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn the_machine_itself_and_whoever_speaks_for_many_are_not_counted() {
        let addresses = Addresses::new(0, Arc::new(|peer| peer == ip("192.0.2.7")));
        for peer in ["127.0.0.1", "::1", "::ffff:127.0.0.1", "192.0.2.7"] {
            assert!(addresses.admit(ip(peer)).is_some(), "{peer}");
        }
        assert!(addresses.admit(ip("192.0.2.8")).is_none());
    }

    #[test]
    fn whoever_is_gone_is_forgotten() {
        let addresses = Addresses::new(1, Arc::new(|_| false));
        drop(addresses.admit(ip("192.0.2.1")));
        assert!(addresses.open.lock().is_empty());
    }
}
