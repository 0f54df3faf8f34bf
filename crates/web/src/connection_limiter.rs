//! Who is connected at one listener: so many of each address, and who has to go when it is full.
//!
//! Else a few clients, hostile or broken, could take all seats, and phones would get no connection.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use ringbook_core::access::client_prefix;

/// Who is connected.
#[derive(Debug)]
pub(crate) struct ConnectionLimiter {
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
pub(crate) struct ConnectionPermit {
    guests: Arc<ConnectionLimiter>,
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

impl ConnectionLimiter {
    pub(crate) fn new(each_max: usize) -> ConnectionLimiter {
        ConnectionLimiter { each_max, open: Mutex::default() }
    }

    /// Lets one more connection of this address in, unless it has its share. `None` for the address of a proxy,
    /// behind which all the world has one.
    pub(crate) fn authorize(
        self: &Arc<ConnectionLimiter>,
        address: Option<IpAddr>,
    ) -> Option<ConnectionPermit> {
        let client_prefix = address.map(client_prefix);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client_prefix) = client_prefix {
            let count = open.count.entry(client_prefix).or_default();
            if *count >= self.each_max {
                return None;
            }
            *count += 1;
        }
        let (number, waiting) = (open.next, Arc::new(Waiting::default()));
        open.next += 1;
        open.guests.insert(number, (client_prefix, waiting.clone()));
        Some(ConnectionPermit { guests: self.clone(), number, waiting })
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
        for (_, (client_prefix, _)) in waiting() {
            if let Some(client_prefix) = client_prefix {
                *count.entry(*client_prefix).or_default() += 1;
            }
        }
        let most =
            |client_prefix: &Option<IpAddr>| client_prefix.and_then(|it| count.get(&it)).copied();
        let first = waiting().max_by_key(|(number, (client_prefix, _))| {
            (most(client_prefix).unwrap_or_default(), std::cmp::Reverse(**number))
        });
        if let Some((_, (_, it))) = first {
            it.is_leaving.store(true, Ordering::Relaxed);
            it.leave.notify_one();
        }
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        let mut open = self.guests.open.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((Some(client_prefix), _)) = open.guests.remove(&self.number) else { return };
        if let Some(count) = open.count.get_mut(&client_prefix) {
            *count -= 1;
            if *count == 0 {
                open.count.remove(&client_prefix);
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
        let guests = Arc::new(ConnectionLimiter::new(2));
        let first = guests.authorize(A).unwrap();
        let _second = guests.authorize(A).unwrap();
        assert!(guests.authorize(A).is_none());
        let other = guests.authorize(B).unwrap();
        let proxied: Vec<_> = (0..10).map(|_| guests.authorize(None).unwrap()).collect();
        drop((first, other, proxied));
        assert!(guests.authorize(A).is_some());
        let open = guests.open.lock().unwrap();
        assert_eq!((open.count.len(), open.guests.len()), (1, 1), "who has left is not remembered");
    }

    #[test]
    fn a_whole_network_of_version_6_is_one_household() {
        let of = |text: &str| client_prefix(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }

    #[test]
    fn who_takes_many_seats_and_says_nothing_goes_first() {
        let guests = Arc::new(ConnectionLimiter::new(100));
        let is_leaving = |it: &ConnectionPermit| it.waiting.is_leaving.load(Ordering::Relaxed);
        let phone = guests.authorize(B).unwrap();
        let busy = guests.authorize(A).unwrap();
        busy.waiting.asked();
        let sleepy: Vec<_> = (0..3).map(|_| guests.authorize(A).unwrap()).collect();
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
