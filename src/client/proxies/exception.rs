//! One entry of a list of hosts that are reached directly.

use std::net::IpAddr;

use super::place::{host_and_port, is_name, normal};

/// One entry of a list of exceptions.
#[derive(Clone, Debug)]
pub(super) struct Exception {
    hosts: Hosts,
    /// `None`: every port.
    port: Option<u16>,
}

#[derive(Clone, Debug)]
enum Hosts {
    All,
    /// In lower case, and all names below it.
    Domain(String),
    /// One address, or all that share so many bits with it.
    Network(IpAddr, u32),
}

impl Exception {
    pub(super) fn parse(entry: &str) -> Option<Self> {
        let (host, port) = host_and_port(entry)?;
        let hosts = match host {
            "*" => Hosts::All,
            host => network(host).or_else(|| domain(host))?,
        };
        Some(Self { hosts, port })
    }

    pub(super) fn covers(&self, host: &str, port: u16) -> bool {
        if self.port.is_some_and(|own| own != port) {
            return false;
        }
        match (&self.hosts, host.parse::<IpAddr>()) {
            (Hosts::All, _) => true,
            (Hosts::Network(network, prefix), Ok(address)) => {
                // ::ffff:192.0.2.1 is reached at 192.0.2.1.
                is_in(address, *network, *prefix)
                    || is_in(address.to_canonical(), *network, *prefix)
            }
            // The end of an address is not the domain of anything.
            (Hosts::Network(..), Err(_)) | (Hosts::Domain(_), Ok(_)) => false,
            (Hosts::Domain(domain), Err(_)) => is_below(host, domain),
        }
    }
}

/// `address` or `address/prefix`.
fn network(host: &str) -> Option<Hosts> {
    let (address, prefix) = match host.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (host, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let all = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        Some(prefix) => prefix.parse().ok().filter(|prefix| *prefix <= all)?,
        None => all,
    };
    Some(Hosts::Network(address, prefix))
}

fn domain(host: &str) -> Option<Hosts> {
    let host = host.strip_prefix('*').unwrap_or(host);
    let host = normal(host.strip_prefix('.').unwrap_or(host));
    is_name(&host).then_some(Hosts::Domain(host))
}

fn is_in(address: IpAddr, network: IpAddr, prefix: u32) -> bool {
    let differing = bits(address) ^ bits(network);
    let beyond = 128_u32.saturating_sub(prefix);
    address.is_ipv4() == network.is_ipv4() && differing.checked_shr(beyond).unwrap_or(0) == 0
}

/// From the left, so that a prefix means the same in both families.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    }
}

fn is_below(host: &str, domain: &str) -> bool {
    let rest = host.strip_suffix(domain);
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
