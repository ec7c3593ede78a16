//! Where a remote may call from: an address, or a network of them in CIDR notation (RFC 4632, RFC 4291).

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// An address or a network. IPv4 addresses that came as IPv6 ones are taken for what they are. Written as the address
/// alone where it is one, else as `10.0.0.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network(IpNet);

/// A text that names neither an address nor a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Not in the notation.
    #[error("'{0}' is neither an address such as 10.0.0.7 nor a network such as 10.0.0.0/24")]
    Malformed(String),
    /// Bits are set behind the prefix: an address or a network may be meant.
    #[error("'{given}' is one address of a network: write {network} for all of it, or the address alone")]
    HostBits {
        /// What was given.
        given: String,
        /// The network it is in.
        network: Network,
    },
}

impl Network {
    /// Whether `address` is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// Whether some address is in both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.contains(&other.0.network()) || other.0.contains(&self.0.network())
    }
}

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(address.to_canonical().into())
    }
}

impl FromStr for Network {
    type Err = NetworkError;
    fn from_str(text: &str) -> Result<Self, NetworkError> {
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(address.into());
        }
        let network: IpNet = text.parse().map_err(|_| NetworkError::Malformed(text.to_owned()))?;
        if network.trunc() == network {
            Ok(Self(network))
        } else {
            Err(NetworkError::HostBits { given: text.to_owned(), network: Self(network.trunc()) })
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            fmt::Display::fmt(&self.0.addr(), f)
        } else {
            fmt::Display::fmt(&self.0, f)
        }
    }
}

impl TryFrom<String> for Network {
    type Error = NetworkError;
    fn try_from(text: String) -> Result<Self, NetworkError> {
        text.parse()
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_holds_its_first_and_last_address_and_not_their_neighbours() {
        let wide = network("10.0.1.0/24");
        for (address, inside) in
            [("10.0.0.255", false), ("10.0.1.0", true), ("10.0.1.255", true), ("10.0.2.0", false)]
        {
            assert_eq!(wide.contains(address.parse().unwrap()), inside, "{address}");
        }
        assert!(wide.contains("::ffff:10.0.1.9".parse().unwrap()));
        assert!(network("2001:db8::/32").contains("2001:db8::1".parse().unwrap()));
        assert!(network("0.0.0.0/0").contains("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn what_is_written_is_read_back_and_an_address_stays_an_address() {
        for text in ["10.0.0.7", "10.0.0.0/24", "2001:db8::1", "2001:db8::/32"] {
            assert_eq!(network(text).to_string(), text);
        }
        assert_eq!(network("::ffff:10.0.0.7").to_string(), "10.0.0.7");
        assert_eq!(network("10.0.0.7/32").to_string(), "10.0.0.7");
    }

    #[test]
    fn a_network_with_bits_behind_its_prefix_is_refused_with_the_one_that_is_meant() {
        let error = "10.0.0.7/24".parse::<Network>().unwrap_err().to_string();
        assert!(error.contains("10.0.0.0/24"), "{error}");
        for wrong in ["", "10.0.0", "10.0.0.0/33", "ct1.example.org", "10.0.0.0/"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn networks_overlap_when_one_holds_the_other() {
        assert!(network("10.0.0.0/8").overlaps(&network("10.1.0.0/16")));
        assert!(network("10.1.2.3").overlaps(&network("10.0.0.0/8")));
        assert!(!network("10.0.0.0/16").overlaps(&network("10.1.0.0/16")));
        assert!(!network("::/0").overlaps(&network("10.1.0.0/16")));
    }
}
