//! Secrets that we hand out. They are shown once; what is kept is a hash that opens nothing.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// How a program's token begins, so that scanners for leaked secrets can know it.
pub const TOKEN_PREFIX: &str = "rbk_";

/// A random secret, to be shown once.
#[derive(Clone, Debug)]
pub struct Secret(SecretString);

/// What is kept of a secret. A plain hash is enough for what nobody can guess: there is no shorter way
/// than to try 2^128 of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash(pub [u8; 32]);

impl std::fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

impl Secret {
    /// 256 bits behind [`TOKEN_PREFIX`].
    ///
    /// # Errors
    /// When this machine has no random numbers.
    pub fn for_program() -> Result<Secret, getrandom::Error> {
        Ok(Secret(format!("{TOKEN_PREFIX}{}", random::<32>()?).into()))
    }

    /// 132 bits in 22 characters: it stands in every link of a screen, and links must be short.
    ///
    /// # Errors
    /// When this machine has no random numbers.
    pub fn for_device() -> Result<Secret, getrandom::Error> {
        let mut text = random::<17>()?;
        text.truncate(DEVICE_LEN);
        Ok(Secret(text.into()))
    }

    /// 256 bits.
    ///
    /// # Errors
    /// When this machine has no random numbers.
    pub fn for_session() -> Result<Secret, getrandom::Error> {
        Ok(Secret(random::<32>()?.into()))
    }

    /// Whether a text has the form of one from [`Secret::for_session`].
    pub fn is_of_session(text: &str) -> bool {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        text.len() == SESSION_LEN && text.bytes().all(legal)
    }

    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    pub fn hash(&self) -> SecretHash {
        SecretHash::of(self.expose())
    }
}

/// Characters of a session's secret: 32 bytes in base64.
const SESSION_LEN: usize = 43;
/// Characters of a device's token.
pub const DEVICE_LEN: usize = 22;

impl SecretHash {
    /// Of what somebody showed us.
    pub fn of(shown: &str) -> SecretHash {
        SecretHash(Sha256::digest(shown.as_bytes()).into())
    }

    /// What a session's forms have to send along. It follows from the session's secret, which no other
    /// site can read, and does not lead back to it.
    pub fn csrf(shown: &str) -> String {
        let digest = Sha256::new().chain_update(b"csrf ").chain_update(shown.as_bytes()).finalize();
        BASE64_URL_SAFE_NO_PAD.encode(&digest[..16])
    }
}

fn random<const N: usize>() -> Result<String, getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// What the first administrator has to know: it is printed where the server was started.
#[derive(Clone, Debug)]
pub struct SetupCode(SecretString);

/// No letters that look like digits.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";

impl SetupCode {
    /// 60 bits, in three groups of four.
    ///
    /// # Errors
    /// When this machine has no random numbers.
    pub fn new() -> Result<SetupCode, getrandom::Error> {
        let mut bytes = [0; 12];
        getrandom::fill(&mut bytes)?;
        let letters: Vec<char> =
            bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
        let groups: Vec<String> = letters.chunks(4).map(|group| group.iter().collect()).collect();
        Ok(SetupCode(groups.join("-").into()))
    }

    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// Is this the code, however it was typed?
    pub fn is(&self, typed: &str) -> bool {
        let bare = |text: &str| -> String {
            text.chars()
                .filter(char::is_ascii_alphanumeric)
                .collect::<String>()
                .to_ascii_uppercase()
        };
        // Hashed, so that the time it takes tells nothing of how much was right.
        SecretHash::of(&bare(self.expose())) == SecretHash::of(&bare(typed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_fit_into_addresses_and_are_never_printed() {
        let (program, device) = (Secret::for_program().unwrap(), Secret::for_device().unwrap());
        assert!(program.expose().starts_with("rbk_") && program.expose().len() == 47);
        assert_eq!(device.expose().len(), DEVICE_LEN);
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_".contains(&b);
        assert!(device.expose().bytes().all(plain));
        assert!(!format!("{program:?} {:?}", program.hash()).contains(&program.expose()[4..]));
        let session = Secret::for_session().unwrap();
        assert!(Secret::is_of_session(session.expose()) && !Secret::is_of_session("x"));
        assert_ne!(session.hash(), Secret::for_session().unwrap().hash());
    }

    #[test]
    fn a_code_is_known_however_it_was_typed() {
        let code = SetupCode::new().unwrap();
        let text = code.expose().to_owned();
        assert_eq!(text.len(), 14);
        assert!(
            code.is(&text) && code.is(&text.to_lowercase()) && code.is(&text.replace('-', " "))
        );
        assert!(!code.is("") && !code.is(&text[..13]));
    }
}
