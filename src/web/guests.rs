//! How many connections one address may have.
//!
//! Else a single client, hostile or broken, could take all seats, and the phones would ring in vain.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::access::household;

/// Who is connected, by address.
#[derive(Debug)]
pub(crate) struct Guests {
    each_max: usize,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// A connection that counts as long as this lives.
#[derive(Debug)]
pub(crate) struct Guest {
    guests: Arc<Guests>,
    household: IpAddr,
}

impl Guests {
    pub(crate) fn new(each_max: usize) -> Guests {
        Guests { each_max, open: Mutex::default() }
    }

    /// Lets one more connection of this address in, unless it has its share.
    pub(crate) fn admit(self: &Arc<Guests>, address: IpAddr) -> Option<Guest> {
        let household = household(address);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(household).or_default();
        if *count >= self.each_max {
            return None;
        }
        *count += 1;
        Some(Guest { guests: self.clone(), household })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut open = self.guests.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.household) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.household);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_gets_its_share_and_no_more_and_others_are_not_touched() {
        let guests = Arc::new(Guests::new(2));
        let (a, b) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        let first = guests.admit(a).unwrap();
        let _second = guests.admit(a).unwrap();
        assert!(guests.admit(a).is_none());
        let other = guests.admit(b).unwrap();
        drop((first, other));
        assert!(guests.admit(a).is_some());
        assert_eq!(guests.open.lock().unwrap().len(), 1, "nobody is remembered who has left");
    }

    #[test]
    fn a_whole_network_of_version_6_is_one_household() {
        let of = |text: &str| household(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
