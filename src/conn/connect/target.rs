//! What a caller wants to connect to: addresses, or something that has to be looked up.

use std::any::{Any, TypeId};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, ToSocketAddrs};

use super::resolve::Query;
use crate::error::Peer;
use crate::transport::Addr;

pub(super) enum Target {
    Known(Vec<SocketAddr>),
    Unknown(Query),
    /// Text that std refuses, and says why.
    Refused(String),
}

impl Target {
    /// The types that std looks a name up for are recognised, so that lookups of the same name can be
    /// shared; of any other nothing is known but that it can be asked.
    pub(super) fn of<A>(address: A) -> Self
    where
        A: ToSocketAddrs + Send + 'static,
    {
        let mut address = Some(address);
        if let Some((host, port)) = take::<_, (String, u16)>(&mut address) {
            return Self::named(host, port);
        }
        if let Some((host, port)) = take::<_, (&'static str, u16)>(&mut address) {
            return Self::named(host.into(), port);
        }
        if let Some(text) = take::<_, String>(&mut address) {
            return Self::written(text);
        }
        if let Some(text) = take::<_, &'static str>(&mut address) {
            return Self::written(text.into());
        }
        match address {
            Some(address) if is_address::<A>() => match address.to_socket_addrs() {
                Ok(addresses) => Self::Known(addresses.collect()),
                Err(_) => Self::opaque(address),
            },
            Some(address) => Self::opaque(address),
            None => Self::Known(Vec::new()), // Not reached: what was taken has been returned.
        }
    }

    fn named(host: String, port: u16) -> Self {
        match host.parse::<IpAddr>() {
            Ok(address) => Self::Known(vec![SocketAddr::new(address, port)]),
            Err(_) => Self::Unknown(Query::Name(host, port)),
        }
    }

    /// Reads it as std does. What std refuses is left to std.
    fn written(text: String) -> Self {
        if let Ok(address) = text.parse() {
            return Self::Known(vec![address]);
        }
        let parts = text.rsplit_once(':');
        match parts.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
            Some((host, port)) => Self::named(host.to_owned(), port),
            None => Self::Refused(text),
        }
    }

    /// Whom errors are about, as far as it is known before there is a connection.
    pub(super) fn peer(&self) -> Peer {
        match self {
            Self::Unknown(Query::Name(host, port)) => Peer::named(host.as_str(), Some(*port)),
            Self::Refused(text) => Peer::named(text.as_str(), None),
            Self::Known(addresses) => match addresses[..] {
                [one] => Peer::of(Addr::Ip(one)),
                _ => Peer::of(Addr::Unknown),
            },
            Self::Unknown(Query::Opaque(_)) => Peer::of(Addr::Unknown),
        }
    }

    fn opaque(address: impl ToSocketAddrs + Send + 'static) -> Self {
        Self::Unknown(Query::opaque(address))
    }
}

/// The value itself, if it is a `T`.
fn take<A: 'static, T: 'static>(address: &mut Option<A>) -> Option<T> {
    let address: &mut dyn Any = address;
    address.downcast_mut::<Option<T>>()?.take()
}

/// Whether its addresses are in it, so that nothing is looked up.
fn is_address<A: 'static>() -> bool {
    let addresses = [
        TypeId::of::<SocketAddr>(),
        TypeId::of::<SocketAddrV4>(),
        TypeId::of::<SocketAddrV6>(),
        TypeId::of::<(IpAddr, u16)>(),
        TypeId::of::<(Ipv4Addr, u16)>(),
        TypeId::of::<(Ipv6Addr, u16)>(),
        TypeId::of::<&'static [SocketAddr]>(),
    ];
    addresses.contains(&TypeId::of::<A>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(target: Target) -> Option<Vec<SocketAddr>> {
        match target {
            Target::Known(addresses) => Some(addresses),
            Target::Unknown(_) | Target::Refused(_) => None,
        }
    }

    fn name(target: Target) -> Option<(String, u16)> {
        match target {
            Target::Unknown(Query::Name(host, port)) => Some((host, port)),
            _ => None,
        }
    }

    #[test]
    fn addresses_are_known() {
        let four = SocketAddr::from(([192, 0, 2, 1], 80));
        let six = SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], 80));
        for target in [
            Target::of(four),
            Target::of((four.ip(), 80)),
            Target::of((Ipv4Addr::new(192, 0, 2, 1), 80)),
            Target::of("192.0.2.1:80"),
            Target::of(String::from("192.0.2.1:80")),
            Target::of(("192.0.2.1", 80)),
            Target::of((String::from("192.0.2.1"), 80)),
        ] {
            assert_eq!(known(target), Some(vec![four]));
        }
        for target in [
            Target::of(six),
            Target::of(("2001:db8::1", 80)),
            Target::of("[2001:db8::1]:80"),
        ] {
            assert_eq!(known(target), Some(vec![six]));
        }
        let both: &'static [SocketAddr] = Box::leak(Box::new([four, six]));
        assert_eq!(known(Target::of(both)), Some(both.to_vec()));
    }

    #[test]
    fn names_are_recognised_in_every_form() {
        for target in [
            Target::of("a.example:80"),
            Target::of(String::from("a.example:80")),
            Target::of(("a.example", 80)),
            Target::of((String::from("a.example"), 80)),
        ] {
            assert_eq!(name(target), Some(("a.example".into(), 80)));
        }
    }

    #[test]
    fn what_std_refuses_is_left_to_it() {
        for text in ["", "a", "a:", "a:http", "a:65536", "192.0.2.1"] {
            let target = Target::of(text);
            assert_eq!(target.peer().to_string(), text);
            let Target::Refused(refused) = target else {
                panic!("{text}");
            };
            let error = refused.to_socket_addrs().map(drop).unwrap_err();
            assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput, "{text}");
        }
    }
}
