//! The list, white box: a putter that is stopped halfway, blocks on their way, and counts across them.

use super::Attempt;
use super::blocks::CELLS;
use super::list::List;
use super::object::{Order, Queue, create};
use crate::error::{Error, Result};
use crate::slot::find;
use crate::thread::me;
use crate::time::Timeout;
use core::ffi::c_void;

fn item(number: usize) -> *mut c_void {
    core::ptr::without_provenance_mut(number)
}

fn put(list: &List, number: usize) {
    assert!(matches!(list.put(item(number)), Ok(Attempt::Done(()))));
}

fn get(list: &List) -> Result<Option<usize>> {
    match list.get()? {
        Attempt::Done(item) => Ok(Some(item.addr())),
        _ => Ok(None),
    }
}

#[test]
fn a_putter_that_is_stopped_holds_up_nobody_who_only_tries() {
    let list = List::new(3).unwrap();
    put(&list, 1);
    let publish = list.reserve_only();
    put(&list, 3);
    assert_eq!(list.size(), 3);
    assert!(matches!(list.put(item(4)), Ok(Attempt::Blocked)), "the reserved cell counts");
    assert_eq!(get(&list), Ok(Some(1)));
    assert!(matches!(list.get(), Ok(Attempt::Busy)));
    put(&list, 4);
    assert!(matches!(list.get(), Ok(Attempt::Busy)));
    list.close();
    assert!(matches!(list.get(), Ok(Attempt::Busy)), "it is not empty yet");
    publish(item(2));
    assert_eq!([get(&list), get(&list), get(&list)], [Ok(Some(2)), Ok(Some(3)), Ok(Some(4))]);
    assert_eq!(get(&list), Err(Error::Closed));
}

#[test]
fn who_waits_for_a_stopped_putter_waits_no_longer_than_its_time_and_gets_the_item_in_time() {
    let me = me().unwrap();
    let queue = find::<Queue>(create(me, Order::Fifo, 0, None).unwrap()).unwrap();
    let publish = queue.inside(me, |_, body| Ok(body.items.reserve_only())).unwrap();
    let soon = |nanos| Timeout::from_nanos(nanos).unwrap();
    assert_eq!(queue.get(me, soon(0)), Err(Error::Timeout));
    let began = std::time::Instant::now();
    assert_eq!(queue.get(me, soon(20_000_000)), Err(Error::Timeout));
    assert!(began.elapsed().as_millis() >= 20);
    let waits = std::thread::spawn(move || {
        let me = crate::thread::me().unwrap();
        queue.get(me, Timeout::FOREVER).map(|item| item.addr())
    });
    while queue.bits().unwrap() & super::object::WAITERS == 0 {
        assert!(began.elapsed().as_secs() < 20);
    }
    assert_eq!(queue.destroy(me), Err(Error::Busy));
    publish(item(5));
    assert_eq!(waits.join().unwrap(), Ok(5));
    queue.destroy(me).unwrap();
}

#[test]
fn counts_are_exact_across_blocks() {
    let list = List::new(i64::MAX).unwrap();
    let (mut puts, mut gets) = (0, 0);
    for round in 0..50 {
        for _ in 0..round * 37 {
            put(&list, puts);
            puts += 1;
            assert_eq!(list.size(), (puts - gets) as i64);
            assert_eq!(list.puts(), puts as u64);
        }
        for _ in 0..round * 36 {
            assert_eq!(get(&list), Ok(Some(gets)));
            gets += 1;
            assert_eq!(list.size(), (puts - gets) as i64);
        }
    }
    assert!(puts > 20 * CELLS as usize);
}

#[test]
fn a_body_is_given_back_when_nobody_is_inside() {
    use crate::park::inside;
    use std::sync::atomic::{AtomicU32, Ordering::*};
    static STEP: AtomicU32 = AtomicU32::new(0);
    let object = 0xabcdef;
    inside::prepare();
    let user = std::thread::spawn(move || {
        let me = me().unwrap();
        me.enter(object);
        STEP.store(1, Release);
        std::thread::sleep(std::time::Duration::from_millis(30));
        STEP.store(2, Release);
        me.leave();
    });
    while STEP.load(Acquire) == 0 {
        std::hint::spin_loop();
    }
    assert!(inside::wait_until_left(object + 1), "another body is not this one's matter");
    assert!(inside::wait_until_left(object));
    assert_eq!(STEP.load(Acquire), 2);
    user.join().unwrap();
}
