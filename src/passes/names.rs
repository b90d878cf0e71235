//! What the name of a function says of its waits. Names are taken by their word where a stack says nothing else.

/// Begins of words in names of functions which wait for a peer, a device or a time.
const OTHER_WAITS: &[&str] = &[
    "recv",
    "receive",
    "read",
    "send",
    "accept",
    "connect",
    "listen",
    "serve",
    "poll",
    "select",
    "sleep",
    "wait",
    "watch",
    "loop",
    "timer",
    "tick",
    "heartbeat",
    "ping",
];

/// Whether the name of a function tells of a wait for a peer, a device or a time.
pub fn waits_for_peer_or_time(function: &str) -> bool {
    let name = words(function.rsplit('.').next().unwrap_or_default());
    name.iter().any(|word| OTHER_WAITS.iter().any(|wait| word.starts_with(wait)))
}

/// What functions are called that take something which has to be given back.
const TAKES: &[&str] = &["acquire", "borrow", "checkout", "lease", "admit", "obtain"];

/// What they are called where the type's name says that it keeps such things.
const TAKES_OF_KEEPER: &[&str] = &["get", "take", "enter", "next", "pop", "poll", "wait", "reserve", "lock", "claim"];

/// Types that keep things to be taken and given back.
const KEEPERS: &[&str] = &["pool", "semaphore", "bulkhead"];

/// The things themselves.
const PERMITS: &[&str] = &["permit", "slot"];

/// Types that keep work, not permits: whoever takes from them is a worker.
const WORK: &[&str] = &["worker", "work", "job", "task", "thread", "queue"];

/// Functions that take a place by putting something into a channel.
const ENTERS: &[&str] = &["enter", "take", "begin", "hold", "grab", "reserve", "claim"];

/// Whether the name of a function and its type tells that it takes something which has to be given back: a permit, a
/// connection, a place. `by_sending`: it waits to put something in.
pub fn takes_permit(function: &str, by_sending: bool) -> bool {
    let (owner, name) = function.rsplit_once(['.', ':']).unwrap_or(("", function));
    let owner = owner.trim_end_matches(':').rsplit(['.', ':', '/']).next().unwrap_or(owner);
    let (name, owner) = (words(name), words(owner));
    let is = |words: &[String], list: &[&str]| words.iter().any(|word| list.contains(&word.trim_end_matches('s')));
    let verb = |list: &[&str]| name.first().is_some_and(|word| list.contains(&word.as_str()));
    !is(&owner, WORK)
        && !is(&name, WORK)
        && (verb(TAKES)
            || (is(&name, PERMITS) && !verb(&["release", "put", "give", "return", "free"]))
            || (is(&owner, KEEPERS) && verb(TAKES_OF_KEEPER))
            || (by_sending && verb(ENTERS)))
}

/// What functions are called that wait for the next piece of work.
const TAKES_WORK: &[&str] = &["next", "take", "pop", "dequeue", "consume"];

/// Whether the name of a function tells that it waits for work to come.
pub fn takes_work(function: &str) -> bool {
    let name = words(function.rsplit(['.', ':']).next().unwrap_or(function));
    name.first().is_some_and(|word| TAKES_WORK.contains(&word.as_str())) || waits_for_peer_or_time(function)
}

/// The words of a name in lower case: `acquireSlot`, `acquire_slot` and `AcquireSlot` give `acquire`, `slot`.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut was_lower = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() {
            was_lower = false;
            words.push(String::new());
            continue;
        }
        if words.is_empty() || (c.is_ascii_uppercase() && was_lower) {
            words.push(String::new());
        }
        was_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        if let Some(last) = words.last_mut() {
            last.push(c.to_ascii_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_part_into_words() {
        assert_eq!(words("acquireSlot"), ["acquire", "slot"]);
        assert_eq!(words("(*HTTPPool)"), ["httppool"]);
        assert_eq!(words("Main$ChannelPool"), ["main", "channel", "pool"]);
        assert_eq!(words("get_db_slot"), ["get", "db", "slot"]);
    }

    #[test]
    fn a_name_tells_of_permits() {
        for (function, by_sending) in [
            ("example.com/a/resize.(*Resizer).acquire", false),
            ("voice.example.org/voxcast/speech.(*Engine).enter", true),
            ("org.papyr.sftp.Main$ChannelPool.take", false),
            ("io.acme.Quota.obtain", false),
            ("main.waitForSlot", false),
            ("net::ConnPool::get", false),
        ] {
            assert!(takes_permit(function, by_sending), "{function}");
        }
        for (function, by_sending) in [
            ("example.com/a/queue.(*Queue).Enqueue", true),
            ("io.acme.JobQueue.take", false),
            ("io.acme.WorkerPool.take", false),
            ("main.(*hub).enter", false),
            ("main.releaseSlot", true),
            ("main.(*logger).record", true),
        ] {
            assert!(!takes_permit(function, by_sending), "{function}");
        }
    }

    #[test]
    fn a_name_tells_of_work() {
        assert!(takes_work("Inbox.next_message") && takes_work("io.acme.Feed.pollOnce"));
        assert!(!takes_work("Kiln.fire") && !takes_work("io.acme.Orders.place"));
    }

    #[test]
    fn a_name_tells_of_a_peer() {
        assert!(waits_for_peer_or_time("Conn.recv_exactly") && waits_for_peer_or_time("heartbeat"));
        assert!(!waits_for_peer_or_time("Ledger.append") && !waits_for_peer_or_time("Stock.reserve"));
    }
}
