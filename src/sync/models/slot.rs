//! Slots: one life at a time, a stale handle reaches no other, no free slot is handed out twice.

use super::*;
use crate::error::Error;

/// An object of these models: who lives in it, and what it was made with.
#[derive(Default)]
struct Item {
    tenants: AtomicU64,
    content: AtomicU64,
}

in_models! { LOCAL: Item }

fn create(content: u64) -> Result<u64> {
    let item = Item::table().create(None, 0, |body| body.content.store(content, Relaxed))?;
    assert_eq!(item.slot.body.tenants.fetch_add(1, AcqRel), 0, "the slot was handed out twice");
    Ok(item.id)
}

fn destroy(id: u64) {
    let item = find::<Item>(id).unwrap();
    item.slot.body.tenants.fetch_sub(1, AcqRel);
    assert!(Item::table().close(item, 0));
    assert_eq!(Item::table().recycle(item, None), None);
}

/// One holds a handle whose object ends and whose slot is used again.
fn a_stale_handle_reaches_nobody() {
    let old: Live<Item> = made(create(7));
    let ends = spawn(1, move |_| {
        let ended = Item::table().close(old, 0);
        if ended {
            old.slot.body.tenants.fetch_sub(1, AcqRel);
            assert_eq!(Item::table().recycle(old, None), None);
        }
        (ended, made::<Item>(create(8)))
    });
    let reached = old.exchange(0, 1);
    let (ended, new) = ends.join();
    assert_ne!(reached, ended, "either the change came first, or the end");
    assert_eq!(new.bits().unwrap(), crate::slot::OPEN, "the next life is untouched");
    assert_eq!(new.slot.body.content.load(Relaxed), 8);
    assert_ne!(new.id, old.id);
    assert_eq!(old.bits().is_ok(), reached);
}

/// Whoever finds an object alive sees what it was made with.
fn a_found_object_is_whole() {
    let place = Arc::new(AtomicU64::new(0));
    let told = place.clone();
    let makes = spawn(1, move |_| told.store(create(7).unwrap(), Relaxed));
    if let Ok(item) = find::<Item>(place.load(Relaxed)) {
        if item.bits().is_ok() {
            assert_eq!(item.slot.body.content.load(Relaxed), 7);
        }
    }
    makes.join();
}

/// Two take from an empty table; both may bring in the first chunk.
fn two_take_fresh_slots() {
    let tasks = [1, 2].map(|n| spawn(n, move |_| create(n as u64).unwrap()));
    let [one, other] = tasks.map(Task::join);
    assert_ne!(one, other);
    for (id, content) in [(one, 1), (other, 2)] {
        assert_eq!(made::<Item>(Ok(id)).slot.body.content.load(Relaxed), content);
    }
}

/// Two take free slots and give some back, and in the end none of all that there are is forgotten.
fn two_share_free_slots() {
    let [a, b] = [1, 2].map(|content| create(content).unwrap());
    destroy(a);
    destroy(b);
    let takes = spawn(1, |_| [create(3), create(4)]);
    let first = create(5);
    let second = create(6);
    if let Ok(first) = first {
        destroy(first);
    }
    let mut alive: Vec<_> = takes.join().into_iter().chain([second]).flatten().collect();
    assert!(alive.len() >= 2, "at most one found all slots taken for a moment");
    alive.extend(std::iter::from_fn(|| create(7).ok()));
    assert_eq!(alive.len(), Item::MOST as usize, "a free slot is found by nobody");
    alive.sort_unstable();
    alive.dedup_by_key(|id| crate::slot::index_of(*id));
    let mut found = 0;
    Item::table().each(|item| {
        found += 1;
        assert!(alive.contains(&item.id));
    });
    assert_eq!(found, alive.len(), "each has a slot of its own");
}

/// The last life of a slot is its last.
fn the_last_generation_is_retired() {
    let item: Live<Item> = made(create(7));
    let last = crate::slot::handle(kind::LOCAL, crate::slot::index_of(item.id), u32::MAX);
    item.slot.head.state.store(crate::slot::word(u32::MAX, 0), Release);
    destroy(last);
    assert_eq!(Item::table().retired(), 1);
    assert_eq!(made::<Item>(Ok(last)).bits(), Err(Error::StaleHandle));
    assert_ne!(crate::slot::index_of(create(8).unwrap()), crate::slot::index_of(last));
}

#[test]
fn lives() {
    holds("slot: a stale handle reaches nobody", 4, a_stale_handle_reaches_nobody);
    holds("slot: a found object is whole", 4, a_found_object_is_whole);
    holds("slot: the last generation is retired", 1, the_last_generation_is_retired);
}

#[test]
fn free_slots() {
    holds("slot: two take fresh slots", 4, two_take_fresh_slots);
    holds("slot: two share free slots", 5, two_share_free_slots);
    finds(Seed::Slot, 3, two_share_free_slots);
}
