//! Waiting for items: whoever waits is woken when there is one for it, also when another one gives up.

use super::*;
use crate::atomic::{AtomicU64, load_in_order};
use crate::park::{Me, Wait};
use crate::queue::eventcount::EventCount;
use crate::time::Timeout;

/// Items that are nothing but a number of them: a list has more steps, and `one_waits` has a list.
struct Stock {
    items: AtomicU64,
    closed: AtomicU64,
    getters: EventCount,
}

fn stock() -> Arc<Stock> {
    let [items, closed] = [0, 0].map(AtomicU64::new);
    Arc::new(Stock { items, closed, getters: EventCount::default() })
}

impl Stock {
    /// Takes an item as `transfer.rs` does after its spin.
    fn take(&self, me: Me, timeout: Timeout) -> Result {
        let wait = Wait::begin(me, 7, timeout);
        let taken = self.getters.wait(&wait, || {
            if load_in_order(&self.closed) == 1 {
                return Err(Error::Closed);
            }
            let some = self.items.fetch_update(SeqCst, SeqCst, |items| items.checked_sub(1)).is_ok();
            Ok(if some { Attempt::Done(()) } else { Attempt::Blocked })
        });
        if load_in_order(&self.items) > 0 {
            self.getters.notify();
        }
        taken
    }

    fn give(&self) {
        self.items.fetch_add(1, SeqCst);
        self.getters.notify();
    }
}

fn one_waits() {
    let both = Arc::new((List::new(i64::MAX).expect("there are blocks"), EventCount::default()));
    let waits = both.clone();
    let taker = spawn(1, move |me| {
        let wait = Wait::begin(me, 7, Timeout::FOREVER);
        waits.1.wait(&wait, || waits.0.get()).map(|item| item.addr())
    });
    assert!(put(&both.0, 5));
    both.1.notify();
    assert_eq!(taker.join(), Ok(5));
}

/// The second item may be left to one who was woken for the first: then that one wakes the other.
fn two_wait() {
    let stock = stock();
    let takers = [1, 2].map(|n| {
        let stock = stock.clone();
        spawn(n, move |me| stock.take(me, Timeout::FOREVER))
    });
    stock.give();
    stock.give();
    takers.into_iter().for_each(|taker| assert_eq!(taker.join(), Ok(())));
    assert_eq!(stock.items.load(Relaxed), 0);
}

/// The wake-up of one whose time runs out just then is not lost for the other.
fn one_gives_up() {
    let stock = stock();
    let (brief, patient) = (stock.clone(), stock.clone());
    let brief = spawn(1, move |me| brief.take(me, SOON));
    let patient = spawn(2, move |me| patient.take(me, Timeout::FOREVER));
    stock.give();
    stock.give();
    assert_eq!(patient.join(), Ok(()));
    let left = match brief.join() {
        Ok(()) => 0,
        Err(error) => {
            assert_eq!(error, Error::Timeout);
            1
        }
    };
    assert_eq!(stock.items.load(Relaxed), left);
}

/// Who waits learns that nothing more will come.
fn closed_meanwhile() {
    let stock = stock();
    let takers = [1, 2].map(|n| {
        let stock = stock.clone();
        spawn(n, move |me| stock.take(me, Timeout::FOREVER))
    });
    stock.closed.swap(1, SeqCst);
    stock.getters.notify_all();
    takers.into_iter().for_each(|taker| assert_eq!(taker.join(), Err(Error::Closed)));
}

#[test]
fn wake_ups() {
    holds("queue: one waits", 3, one_waits);
    holds("queue: two wait", 2, two_wait);
    holds("queue: one gives up", 2, one_gives_up);
    holds("queue: closed meanwhile", 2, closed_meanwhile);
    finds(Seed::EventCount, 2, two_wait);
    finds(Seed::Sleep, 3, one_waits);
}
