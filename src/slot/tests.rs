//! What a table promises of handles, white box.

use super::*;
use crate::atomic::AtomicU32;

struct Thing {
    _body: AtomicU32,
}

impl Object for Thing {
    const KIND: u8 = 200;
    fn table() -> &'static Table<Thing> {
        static TABLE: Table<Thing> = Table::new();
        &TABLE
    }
}

fn make(cache: Option<&Cache>) -> Live<Thing> {
    Thing::table().create(cache, 0, |_| ()).unwrap()
}

fn end(thing: Live<Thing>, cache: Option<&Cache>) {
    assert!(Thing::table().close(thing, 0));
    assert_eq!(Thing::table().recycle(thing, cache), None);
}

#[test]
fn a_handle_dies_with_its_object_and_an_exhausted_slot_is_retired() {
    let cache = Cache::new();
    let first = make(Some(&cache));
    end(first, Some(&cache));
    assert!(first.bits().is_err());
    assert!(!Thing::table().close(first, 0), "ending twice");

    let second = make(Some(&cache));
    assert_eq!(index_of(first.id), index_of(second.id), "the cache hands out the warmest slot");
    assert_ne!(first.id, second.id);
    assert!(first.bits().is_err() && second.bits().is_ok());
    end(second, Some(&cache));

    // As if the slot had lived 2^32 - 3 lives: two are left, then it is never used again.
    let index = index_of(second.id);
    let state = &Thing::table().at(index).unwrap().head.state;
    state.store(((u32::MAX - 1) as u64) << 32, Relaxed);
    let retired = Thing::table().retired();
    let last_but_one = make(Some(&cache));
    assert_eq!(generation_of(last_but_one.id), u32::MAX - 1);
    end(last_but_one, Some(&cache));
    let last = make(Some(&cache));
    assert_eq!((index_of(last.id), generation_of(last.id)), (index, u32::MAX));
    end(last, Some(&cache));
    assert!(last.bits().is_err());
    assert_eq!(Thing::table().retired(), retired + 1);
    for _ in 0..100 {
        assert_ne!(index_of(make(Some(&cache)).id), index);
    }

    // No handle that can be made up finds a slot that nobody uses.
    for generation in [0, 1, u32::MAX] {
        let beyond = handle(Thing::KIND, Thing::table().used() + 5, generation);
        assert!(find::<Thing>(beyond).and_then(|thing| thing.bits()).is_err());
    }
    assert_eq!(find::<Thing>(0).err(), Some(Error::ZeroHandle));
    assert_eq!(find::<Thing>(handle(kind::LOCK, 0, 1)).err(), Some(Error::WrongKind));
}

#[test]
fn a_full_cache_gives_its_oldest_back() {
    let cache = Cache::new();
    let room = cache.room();
    for index in 0..room {
        assert_eq!(cache.put(kind::LOCK, index as u32), None);
    }
    assert_eq!(cache.put(kind::EVENT, 7), Some((kind::LOCK, 0)));
    assert_eq!(cache.take(kind::EVENT), Some(7));
    assert_eq!(cache.take(kind::EVENT), None);
    let mut left = 0;
    while let Some((kind, _)) = cache.drain() {
        assert_eq!(kind, kind::LOCK);
        left += 1;
    }
    assert_eq!(left, room - 1);
}
