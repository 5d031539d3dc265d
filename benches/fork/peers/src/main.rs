//! Children of a process whose threads hammer a primitive: how many can use it, how many hang or crash.
//! The same program as `../survive.c`, for what Rust programs use.
//!
//!     peers SUBJECT FORKS     prints: SUBJECT FORKS WORKED REFUSED HUNG CRASHED
//!     peers                   prints the subjects

use std::sync::mpsc;
use std::sync::{Condvar, LazyLock, Mutex, RwLock};
use std::time::Duration;

const THREADS: usize = 8;
/// A child that is not done after so many seconds hangs.
const PATIENCE: u32 = 3;
/// So many children may be on their way.
const CHILDREN: usize = 32;
const MOMENT: Duration = Duration::from_millis(1);

/// What the threads do again and again, and each child does once: whether it worked.
type Use = fn() -> bool;

const SUBJECTS: &[(&str, Use)] = &[
    ("Rust std Mutex", std_mutex),
    ("Rust std RwLock", std_rwlock),
    ("Rust std Condvar", std_condvar),
    ("Rust std mpsc channel", std_mpsc),
    ("parking_lot Mutex", lot_mutex),
    ("parking_lot RwLock", lot_rwlock),
    ("parking_lot Condvar", lot_condvar),
    ("crossbeam bounded channel", bounded),
    ("crossbeam unbounded channel", unbounded),
    ("crossbeam deque Injector", injector),
    ("rayon pool", rayon_pool),
];

fn std_mutex() -> bool {
    static IT: Mutex<u64> = Mutex::new(0);
    IT.lock().map(|mut count| *count += 1).is_ok()
}

fn std_rwlock() -> bool {
    static IT: RwLock<u64> = RwLock::new(0);
    IT.write().map(|mut count| *count += 1).is_ok()
}

fn std_condvar() -> bool {
    static IT: Mutex<u64> = Mutex::new(0);
    static CHANGED: Condvar = Condvar::new();
    let Ok(count) = IT.lock() else { return false };
    CHANGED.notify_all();
    CHANGED.wait_timeout(count, MOMENT).is_ok()
}

type StdChannel = (mpsc::SyncSender<u64>, Mutex<mpsc::Receiver<u64>>);

/// Its receiver belongs to one thread: who wants to take while another one takes does not wait for that.
fn std_mpsc() -> bool {
    static IT: LazyLock<StdChannel> = LazyLock::new(|| {
        let (sender, receiver) = mpsc::sync_channel(64);
        (sender, Mutex::new(receiver))
    });
    let _ = IT.0.try_send(1);
    if let Ok(receiver) = IT.1.try_lock() {
        let _ = receiver.recv_timeout(MOMENT);
    }
    true
}

fn lot_mutex() -> bool {
    static IT: parking_lot::Mutex<u64> = parking_lot::Mutex::new(0);
    *IT.lock() += 1;
    true
}

fn lot_rwlock() -> bool {
    static IT: parking_lot::RwLock<u64> = parking_lot::RwLock::new(0);
    *IT.write() += 1;
    true
}

fn lot_condvar() -> bool {
    static IT: parking_lot::Mutex<u64> = parking_lot::Mutex::new(0);
    static CHANGED: parking_lot::Condvar = parking_lot::Condvar::new();
    let mut count = IT.lock();
    CHANGED.notify_all();
    CHANGED.wait_for(&mut count, MOMENT);
    true
}

type Channel = (crossbeam_channel::Sender<u64>, crossbeam_channel::Receiver<u64>);

fn pass((sender, receiver): &Channel) -> bool {
    let _ = sender.send_timeout(1, MOMENT);
    receiver.recv().is_ok()
}

fn bounded() -> bool {
    static IT: LazyLock<Channel> = LazyLock::new(|| crossbeam_channel::bounded(64));
    pass(&IT)
}

fn unbounded() -> bool {
    static IT: LazyLock<Channel> = LazyLock::new(crossbeam_channel::unbounded);
    pass(&IT)
}

fn injector() -> bool {
    static IT: LazyLock<crossbeam_deque::Injector<u64>> = LazyLock::new(Default::default);
    IT.push(1);
    loop {
        match IT.steal() {
            crossbeam_deque::Steal::Retry => {}
            _ => return true,
        }
    }
}

fn rayon_pool() -> bool {
    static IT: LazyLock<rayon::ThreadPool> = LazyLock::new(|| {
        rayon::ThreadPoolBuilder::new().num_threads(4).build().expect("threads")
    });
    IT.install(|| 1) == 1
}

#[derive(Default)]
struct Counts {
    worked: usize,
    refused: usize,
    hung: usize,
    crashed: usize,
}

impl Counts {
    fn count_one(&mut self) {
        let mut status = 0;
        // SAFETY: `status` is valid for writing.
        while unsafe { libc::wait(&mut status) } < 0 {}
        *match (libc::WIFEXITED(status), libc::WEXITSTATUS(status), libc::WTERMSIG(status)) {
            (true, 0, _) => &mut self.worked,
            (true, _, _) => &mut self.refused,
            (_, _, libc::SIGALRM) => &mut self.hung,
            _ => &mut self.crashed,
        } += 1;
    }
}

fn survive(name: &str, it: Use, forks: usize) {
    for _ in 0..THREADS {
        std::thread::spawn(move || {
            while it() {}
            std::process::abort();
        });
    }
    let mut counts = Counts::default();
    for i in 0..forks {
        std::thread::sleep(Duration::from_nanos(50_000 + i as u64 % 97 * 1_000));
        // SAFETY: whether the child may do what it does is the question.
        match unsafe { libc::fork() } {
            -1 => panic!("fork: {}", std::io::Error::last_os_error()),
            // SAFETY: as above.
            0 => unsafe {
                libc::alarm(PATIENCE);
                libc::_exit(if it() { 0 } else { 1 });
            },
            _ => {}
        }
        if i >= CHILDREN {
            counts.count_one();
        }
    }
    for _ in 0..forks.min(CHILDREN) {
        counts.count_one();
    }
    let Counts { worked, refused, hung, crashed } = counts;
    println!("{name}\t{forks}\t{worked}\t{refused}\t{hung}\t{crashed}");
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.as_slice() {
        [_, wanted, forks] => {
            let subject = SUBJECTS.iter().find(|(name, _)| name == wanted).expect("a subject");
            survive(subject.0, subject.1, forks.parse().expect("a number"));
            // The threads go on; no part of the end may wait for them.
            unsafe { libc::_exit(0) } // SAFETY: what was printed ended with a line.
        }
        _ => SUBJECTS.iter().for_each(|(name, _)| println!("{name}")),
    }
}
