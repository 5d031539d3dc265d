//! How many processors this process may use: its affinity, and the quota of its control group.

use super::Errno;
use super::native::{affinity, uncancelled};

/// At least 1; asked anew each time, because both can change.
pub(crate) fn count() -> u32 {
    let allowed = affinity(0).map_or(1, |set| set.iter().map(|part| part.count_ones()).sum());
    quota().map_or(allowed, |quota| allowed.min(quota)).max(1)
}

/// The processors' worth of time that the control group grants, rounded up.
fn quota() -> Option<u32> {
    let mut text = [0u8; 4096];
    let groups = read(c"/proc/self/cgroup", &mut text)?;
    // Version 2 has one line, `0::/path`; version 1 one per controller, `4:cpu,cpuacct:/path`.
    let mut least: Option<u32> = None;
    for line in groups.split(|&byte| byte == b'\n') {
        let mut fields = line.splitn(3, |&byte| byte == b':');
        let (Some(_), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let quota = if controllers.is_empty() {
            limit_along(b"/sys/fs/cgroup", path, b"/cpu.max", parse_v2)
        } else if controllers.split(|&byte| byte == b',').any(|name| name == b"cpu") {
            limit_along(b"/sys/fs/cgroup/cpu", path, b"/cpu.cfs_quota_us", parse_v1)
        } else {
            None
        };
        least = match (least, quota) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
    least
}

/// The smallest limit of a group and all groups above it.
fn limit_along(root: &[u8], path: &[u8], file: &[u8], parse: fn(&[u8], &[u8]) -> Option<u32>) -> Option<u32> {
    let mut least: Option<u32> = None;
    let mut path = path;
    loop {
        let mut name = [0u8; 512];
        let mut end = 0;
        let trimmed = if path == b"/" { &path[..0] } else { path };
        for part in [root, trimmed, file] {
            let room = name.get_mut(end..end + part.len())?;
            room.copy_from_slice(part);
            end += part.len();
        }
        let mut text = [0u8; 64];
        let directory = &name[..end - file.len()];
        let full = core::ffi::CStr::from_bytes_until_nul(&name).ok()?;
        if let Some(limit) = read(full, &mut text).and_then(|text| parse(text, directory)) {
            least = Some(least.map_or(limit, |least| least.min(limit)));
        }
        if trimmed.is_empty() {
            return least;
        }
        let up = path.iter().rposition(|&byte| byte == b'/').unwrap_or(0);
        path = if up == 0 { b"/" } else { &path[..up] };
    }
}

/// `max 100000` or `150000 100000`.
fn parse_v2(text: &[u8], _: &[u8]) -> Option<u32> {
    let mut numbers = text.split(u8::is_ascii_whitespace).filter(|part| !part.is_empty());
    divide(number(numbers.next()?)?, number(numbers.next()?)?)
}

/// The quota in one file, the period in another; -1 is no limit.
fn parse_v1(text: &[u8], directory: &[u8]) -> Option<u32> {
    let quota = number(text.trim_ascii())?;
    let mut name = [0u8; 512];
    let file = b"/cpu.cfs_period_us";
    name.get_mut(..directory.len())?.copy_from_slice(directory);
    name.get_mut(directory.len()..directory.len() + file.len())?.copy_from_slice(file);
    let mut period = [0u8; 64];
    let full = core::ffi::CStr::from_bytes_until_nul(&name).ok()?;
    divide(quota, number(read(full, &mut period)?.trim_ascii())?)
}

fn divide(quota: u64, period: u64) -> Option<u32> {
    (period > 0).then(|| quota.div_ceil(period).clamp(1, u32::MAX as u64) as u32)
}

fn number(text: &[u8]) -> Option<u64> {
    core::str::from_utf8(text).ok()?.parse().ok()
}

/// The beginning of a file, as much as `room` takes.
fn read<'a>(path: &core::ffi::CStr, room: &'a mut [u8]) -> Option<&'a [u8]> {
    let _errno = Errno::keep();
    let got = uncancelled(|| {
        // SAFETY: `path` is a C string, `room` is writable for its length.
        unsafe {
            let file = libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
            if file < 0 {
                return -1;
            }
            let got = libc::read(file, room.as_mut_ptr().cast(), room.len());
            libc::close(file);
            got
        }
    });
    room.get(..usize::try_from(got).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_round_up() {
        assert_eq!(parse_v2(b"max 100000\n", b""), None);
        assert_eq!(parse_v2(b"50000 100000\n", b""), Some(1));
        assert_eq!(parse_v2(b"150000 100000\n", b""), Some(2));
        assert_eq!(parse_v2(b"400000 100000\n", b""), Some(4));
        assert_eq!(parse_v2(b"", b""), None);
        assert_eq!(divide(1, 0), None);
        assert!(count() >= 1);
    }
}
