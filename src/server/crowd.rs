//! How many connections have come from where.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

/// What is taken for one client: an address of IPv4, or the 64 bits of IPv6 that are one subscriber's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Network(IpAddr);

#[derive(Debug, Default)]
pub(super) struct Crowd {
    counts: HashMap<Network, usize>,
}

impl Network {
    pub(super) fn of(address: IpAddr) -> Self {
        // A listener for both sees clients of IPv4 as addresses of IPv6.
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => {
                let prefix = u128::from(address) >> 64 << 64;
                IpAddr::V6(Ipv6Addr::from(prefix))
            }
        })
    }
}

impl Crowd {
    /// One more comes. False if there are `most` already.
    pub(super) fn enter(&mut self, source: Network, most: usize) -> bool {
        let count = self.counts.get(&source).copied().unwrap_or_default();
        if count >= most {
            return false;
        }
        self.counts.insert(source, count + 1);
        true
    }

    pub(super) fn leave(&mut self, source: Network) {
        match self.counts.get_mut(&source) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(self.counts.remove(&source)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> Network {
        Network::of(address.parse().expect("an address"))
    }

    #[test]
    fn addresses_of_one_client_are_one() {
        assert_eq!(from("2001:db8::1"), from("2001:db8::2:3"));
        assert_ne!(from("2001:db8:0:1::1"), from("2001:db8::1"));
        assert_eq!(from("::ffff:192.0.2.1"), from("192.0.2.1"));
        assert_ne!(from("192.0.2.1"), from("192.0.2.2"));
    }

    #[test]
    fn each_has_its_own_count_and_nothing_is_left() {
        let mut crowd = Crowd::default();
        let (one, other) = (from("192.0.2.1"), from("192.0.2.2"));
        assert!(crowd.enter(one, 2) && crowd.enter(one, 2) && !crowd.enter(one, 2));
        assert!(crowd.enter(other, 2));
        crowd.leave(one);
        assert!(crowd.enter(one, 2));
        for source in [one, one, other] {
            crowd.leave(source);
        }
        assert!(crowd.counts.is_empty());
    }
}
