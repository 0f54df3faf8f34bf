//! Who is connected at one listener: so many of each address, and who has to go when it is full.
//!
//! Else a few clients, hostile or broken, could take all seats, and phones would get no connection.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use ringbook_core::access::household;

/// Who is connected.
#[derive(Debug)]
pub(crate) struct Guests {
    each_max: usize,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    /// In the order in which they came.
    guests: BTreeMap<u64, (Option<IpAddr>, Arc<Waiting>)>,
    next: u64,
    count: HashMap<IpAddr, usize>,
}

/// A connection that counts as long as this lives.
#[derive(Debug)]
pub(crate) struct Guest {
    guests: Arc<Guests>,
    number: u64,
    pub(crate) waiting: Arc<Waiting>,
}

/// Whether we wait for the other end of a connection: for a header, for the rest of a body, or until it takes
/// what we send. Then it loses nothing that it could not ask for again.
#[derive(Debug)]
pub(crate) struct Waiting {
    is_asking: AtomicBool,
    for_header: AtomicBool,
    for_body: AtomicBool,
    for_write: AtomicBool,
    /// It was told to go.
    is_leaving: AtomicBool,
    leave: Notify,
}

impl Default for Waiting {
    fn default() -> Waiting {
        Waiting {
            is_asking: AtomicBool::new(false),
            // Until the first byte comes.
            for_header: AtomicBool::new(true),
            for_body: AtomicBool::new(false),
            for_write: AtomicBool::new(false),
            is_leaving: AtomicBool::new(false),
            leave: Notify::new(),
        }
    }
}

impl Waiting {
    fn is_waiting(&self) -> bool {
        let is = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        let for_header = !is(&self.is_asking) && is(&self.for_header);
        for_header || is(&self.for_body) || is(&self.for_write)
    }

    /// A request has come.
    pub(crate) fn asked(&self) {
        self.is_asking.store(true, Ordering::Relaxed);
    }

    /// Its answer is about to be written; what is read from now on belongs to the next one.
    pub(crate) fn answered(&self) {
        self.for_header.store(false, Ordering::Relaxed);
        self.is_asking.store(false, Ordering::Relaxed);
    }

    pub(crate) fn reads(&self, pending: bool) {
        self.for_header.store(pending, Ordering::Relaxed);
    }

    pub(crate) fn reads_body(&self, pending: bool) {
        self.for_body.store(pending, Ordering::Relaxed);
    }

    pub(crate) fn writes(&self, pending: bool) {
        self.for_write.store(pending, Ordering::Relaxed);
    }

    /// Ends when the seat is needed by another.
    pub(crate) async fn told_to_leave(&self) {
        self.leave.notified().await;
    }
}

impl Guests {
    pub(crate) fn new(each_max: usize) -> Guests {
        Guests { each_max, open: Mutex::default() }
    }

    /// Lets one more connection of this address in, unless it has its share. `None` for the address of a proxy,
    /// behind which all the world has one.
    pub(crate) fn admit(self: &Arc<Guests>, address: Option<IpAddr>) -> Option<Guest> {
        let household = address.map(household);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(household) = household {
            let count = open.count.entry(household).or_default();
            if *count >= self.each_max {
                return None;
            }
            *count += 1;
        }
        let (number, waiting) = (open.next, Arc::new(Waiting::default()));
        open.next += 1;
        open.guests.insert(number, (household, waiting.clone()));
        Some(Guest { guests: self.clone(), number, waiting })
    }

    /// Tells one to leave for whom we wait: of the address that has the most of these, the one that came first.
    /// So who takes many seats gives them up before anybody else loses one.
    pub(crate) fn make_room(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = || {
            let all = open.guests.iter();
            all.filter(|(_, (_, it))| it.is_waiting() && !it.is_leaving.load(Ordering::Relaxed))
        };
        let mut count: HashMap<IpAddr, usize> = HashMap::new();
        for (_, (household, _)) in waiting() {
            if let Some(household) = household {
                *count.entry(*household).or_default() += 1;
            }
        }
        let most = |household: &Option<IpAddr>| household.and_then(|it| count.get(&it)).copied();
        let first = waiting().max_by_key(|(number, (household, _))| {
            (most(household).unwrap_or_default(), std::cmp::Reverse(**number))
        });
        if let Some((_, (_, it))) = first {
            it.is_leaving.store(true, Ordering::Relaxed);
            it.leave.notify_one();
        }
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut open = self.guests.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((Some(household), _)) = open.guests.remove(&self.number) else { return };
        if let Some(count) = open.count.get_mut(&household) {
            *count -= 1;
            if *count == 0 {
                open.count.remove(&household);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1)));
    const B: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2)));

    #[test]
    fn one_address_gets_its_share_and_no_more_and_others_are_not_touched() {
        let guests = Arc::new(Guests::new(2));
        let first = guests.admit(A).unwrap();
        let _second = guests.admit(A).unwrap();
        assert!(guests.admit(A).is_none());
        let other = guests.admit(B).unwrap();
        let proxied: Vec<_> = (0..10).map(|_| guests.admit(None).unwrap()).collect();
        drop((first, other, proxied));
        assert!(guests.admit(A).is_some());
        let open = guests.open.lock().unwrap();
        assert_eq!((open.count.len(), open.guests.len()), (1, 1), "who has left is not remembered");
    }

    #[test]
    fn a_whole_network_of_version_6_is_one_household() {
        let of = |text: &str| household(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }

    #[test]
    fn who_takes_many_seats_and_says_nothing_goes_first() {
        let guests = Arc::new(Guests::new(100));
        let is_leaving = |it: &Guest| it.waiting.is_leaving.load(Ordering::Relaxed);
        let phone = guests.admit(B).unwrap();
        let busy = guests.admit(A).unwrap();
        busy.waiting.asked();
        let sleepy: Vec<_> = (0..3).map(|_| guests.admit(A).unwrap()).collect();
        for gone in 1..=2 {
            guests.make_room();
            let left: Vec<bool> = sleepy.iter().map(is_leaving).collect();
            assert_eq!(left, (0..3).map(|at| at < gone).collect::<Vec<_>>());
        }
        assert!(!is_leaving(&phone) && !is_leaving(&busy));
        // One of each is left: who came first goes first, and who is being answered stays.
        guests.make_room();
        assert!(is_leaving(&phone));
        guests.make_room();
        guests.make_room();
        assert!(!is_leaving(&busy));
        // Whose body does not come, and who does not take the answer, is waited for, too.
        busy.waiting.reads_body(true);
        guests.make_room();
        assert!(is_leaving(&busy));
    }
}
