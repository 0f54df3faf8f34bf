//! Passwords, and limits for those who guess or ask too often.

mod guessable;
mod password;
mod rate;
mod throttle;

pub use password::{Lane, PASSWORD_LEN_MAX, PASSWORD_LEN_MIN, PasswordError, Passwords};
pub use rate::RateLimiter;
pub use throttle::{Bucket, Guess, LoginThrottle};
