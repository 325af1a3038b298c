//! Digests of contents.
//!
//! Decides which algorithms are known and how long each one's value is. Depends on names.

use crate::model::name::BadName;
use std::fmt;
use std::str::FromStr;

/// The algorithms that container tools know by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// SHA-256, which nearly everybody uses.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
    /// BLAKE3 with 256 bits.
    Blake3,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sha256, Self::Sha384, Self::Sha512, Self::Blake3];

    /// As it stands before the colon.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
            Self::Blake3 => "blake3",
        }
    }

    /// How many hexadecimal digits a value has.
    pub fn digits(self) -> usize {
        match self {
            Self::Sha256 | Self::Blake3 => 64,
            Self::Sha384 => 96,
            Self::Sha512 => 128,
        }
    }
}

/// A digest: `sha256:` and 64 hexadecimal digits, or the like.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    hex: String,
}

impl Digest {
    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The value, in lower-case hexadecimal digits.
    pub fn hex(&self) -> &str {
        &self.hex
    }
}

impl FromStr for Digest {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = |rule| BadName::new("digest", text, rule);
        let (word, hex) = text.split_once(':').ok_or_else(|| bad("ALGORITHM:VALUE, such as sha256:64 digits"))?;
        let algorithm = Algorithm::ALL.into_iter().find(|a| a.word() == word);
        let algorithm = algorithm.ok_or_else(|| bad("the algorithm is sha256, sha384, sha512 or blake3"))?;
        // Lower case only, as the container tools have it: the same content must not have two digests.
        let lower_hex = hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if hex.len() != algorithm.digits() || !lower_hex {
            return Err(bad(match algorithm {
                Algorithm::Sha256 | Algorithm::Blake3 => "64 lower-case hexadecimal digits follow the colon",
                Algorithm::Sha384 => "96 lower-case hexadecimal digits follow the colon",
                Algorithm::Sha512 => "128 lower-case hexadecimal digits follow the colon",
            }));
        }
        Ok(Self { algorithm, hex: hex.to_owned() })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm.word(), self.hex)
    }
}
