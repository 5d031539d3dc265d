//! The list: each item once, whole, and in order; the bound is exact; who closes it loses nothing.

use super::*;

/// One puts two items while another one takes what it finds; the rest is there afterwards.
fn one_puts_one_gets() {
    let (list, rooms) = (list_at_the_edge(i64::MAX), [Room::new(), Room::new()]);
    let (to, into) = (list.clone(), rooms.clone());
    let puts = spawn(1, move |_| {
        for (number, room) in into.iter().enumerate() {
            room.visit();
            assert!(put(&to, number));
        }
    });
    let (from, opened) = (list.clone(), rooms.clone());
    let gets = spawn(2, move |_| {
        let taken: Vec<usize> = (0..2).filter_map(|_| get(&from).unwrap()).collect();
        taken.iter().for_each(|&number| opened[number].visit());
        taken
    });
    puts.join();
    let mut taken = gets.join();
    while let Ok(Some(number)) = get(&list) {
        rooms[number].visit();
        taken.push(number);
    }
    assert_eq!(taken, [0, 1]);
    rooms.iter().for_each(|room| assert_eq!(room.visits(), 2));
}

/// Two put into the last cell of a block and the first of the next, in either order.
fn two_put() {
    let list = list_at_the_edge(i64::MAX);
    let tasks = [1, 2].map(|number| {
        let list = list.clone();
        spawn(number, move |_| assert!(put(&list, number)))
    });
    let early = get(&list).unwrap();
    tasks.into_iter().for_each(|task| task.join());
    let mut taken: Vec<usize> = early.into_iter().collect();
    while let Ok(Some(number)) = get(&list) {
        taken.push(number);
    }
    taken.sort();
    assert_eq!(taken, [1, 2]);
    assert_eq!((list.size(), list.puts()), (0, 4));
}

/// Two take what two cells hold, across the edge of a block: the first block is given back meanwhile, and used again.
fn two_get() {
    let list = list_at_the_edge(i64::MAX);
    (1..3).for_each(|number| assert!(put(&list, number)));
    let tasks = [1, 2].map(|n| {
        let list = list.clone();
        spawn(n, move |_| {
            let taken = get(&list).unwrap().expect("there are two");
            assert!(put(&list, taken + 10));
            taken
        })
    });
    let mut taken = tasks.map(|task| task.join());
    taken.sort();
    assert_eq!(taken, [1, 2]);
    let mut left = [get(&list).unwrap().unwrap(), get(&list).unwrap().unwrap()];
    left.sort();
    assert_eq!(left, [11, 12]);
    assert_eq!(get(&list), Ok(None));
}

/// Of two who put where there is room for one, one finds none.
fn room_for_one() {
    let list = list_at_the_edge(1);
    let tasks = [1, 2].map(|number| {
        let list = list.clone();
        spawn(number, move |_| put(&list, number))
    });
    let early = get(&list).unwrap();
    let done = tasks.into_iter().map(|task| task.join()).filter(|&done| done).count();
    let late = get(&list).unwrap();
    assert!(get(&list).unwrap().is_none());
    assert_eq!(done, early.is_some() as usize + late.is_some() as usize);
    assert!(done > 0 && (done == 1 || early.is_some()));
}

/// A put comes before the end, and its item is taken, or it finds that nothing more is put.
fn closed_meanwhile() {
    let list = list_at_the_edge(i64::MAX);
    let to = list.clone();
    let puts = spawn(1, move |_| put(&to, 1));
    list.close();
    let early = get(&list);
    let done = puts.join();
    let taken = if early == Ok(Some(1)) { true } else { get(&list) == Ok(Some(1)) };
    assert_eq!(done, taken);
    assert!(early != Err(Error::Closed) || !taken, "it was empty for good");
    assert_eq!(get(&list), Err(Error::Closed));
}

#[test]
fn hand_over() {
    holds("list: one puts, one gets", 3, one_puts_one_gets);
    holds("list: two put", 3, two_put);
    holds("list: two get", 3, two_get);
    finds(Seed::List, 3, one_puts_one_gets);
}

#[test]
fn bound_and_end() {
    holds("list: room for one", 3, room_for_one);
    holds("list: closed meanwhile", 3, closed_meanwhile);
}
