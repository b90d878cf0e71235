//! Tables of TCP sockets as `ss -tan[p]` and `netstat -tan[p]` print them: how many are in which state, and to whom.
//! Source: `ss(8)`, `netstat(8)`.

use crate::columns::Columns;
use crate::evidence::{Claims, Parsed, Scope, SeriesKind, Unit, When};
use crate::lines::{LineNo, Lines, Text, decimal, trim, words};
use crate::series::{SeriesBuilder, claims_of, each_line};
use crate::signals::Signal;
use crate::{Format, Hint, Shape, Sniff};
use std::collections::BTreeMap;

/// Sockets by state.
pub struct SocketTable;

/// The states that both programs show unless told otherwise; none of them means that there are none.
const ALWAYS_SHOWN: &[&str] = &["established", "close_wait", "fin_wait_2", "syn_sent"];

/// So many services are listed by name for each state.
const MOST_ENDPOINTS: usize = 10;

/// Ports from here on are given to clients.
const EPHEMERAL: u64 = 32_768;

impl Format for SocketTable {
    fn id(&self) -> &'static str {
        "socket-table"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let mut lines = Text::new(head, 1).lines().filter(|line| !trim(line).is_empty());
        let first = lines.next().unwrap_or_default();
        if is_title(first) || Table::of(first).is_some() { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut table = Table::of(hint.heading);
        let mut captures = vec![Capture::default()];
        each_line(lines, hint, "that are not a socket", out, |line, at| {
            if let Some(next) = Table::of(line) {
                table = Some(next);
                captures.push(Capture { at: Some(at), ..Capture::default() });
                return true;
            }
            if is_title(line) {
                return true;
            }
            let (Some(table), Some(capture)) = (&table, captures.last_mut()) else { return false };
            capture.at.get_or_insert(at);
            match table.socket(line) {
                Some(socket) => {
                    capture.take(socket, at.1);
                    true
                }
                // Sockets of other families have no state that is counted.
                None => matches!(words(line).next(), Some(b"udp" | b"udp6" | b"raw" | b"u_str" | b"unix")),
            }
        });
        let (claims, mut builder) = (claims_of(hint), SeriesBuilder::default());
        for capture in captures {
            capture.add(&claims, &mut builder);
        }
        builder.finish(out);
    }
}

/// `Active Internet connections (servers and established)`.
fn is_title(line: &[u8]) -> bool {
    line.starts_with(b"Active Internet connections")
}

/// Which of the two programs prints.
#[derive(Clone, Copy)]
enum Table {
    /// `State Recv-Q Send-Q Local Address:Port Peer Address:Port Process`.
    Ss {
        /// A column before the state (`Netid`).
        skip: usize,
    },
    /// `Proto Recv-Q Send-Q Local Address Foreign Address State`.
    Netstat,
}

/// A row.
struct Socket {
    state: &'static str,
    local: String,
    peer: String,
    owner: Option<(u64, String)>,
}

impl Table {
    fn of(header: &[u8]) -> Option<Table> {
        let columns = Columns::of(header, &[]);
        let at = |name: &str| columns.position(&[name]);
        if !(columns.has("Recv-Q") && columns.has("Send-Q") && columns.has("Local")) {
            return None;
        }
        match (at("State"), at("Proto")) {
            (Some(_), Some(0)) => Some(Table::Netstat),
            (Some(skip), None) if skip < 2 => Some(Table::Ss { skip }),
            _ => None,
        }
    }

    fn socket(self, line: &[u8]) -> Option<Socket> {
        let cells: Vec<&[u8]> = words(line).collect();
        let text = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
        let is_count = |cell: &[u8]| decimal(cell).is_some();
        match (self, &cells[..]) {
            (Table::Ss { skip }, cells) => {
                let [state, receive, send, local, peer, process @ ..] = cells.get(skip..)? else { return None };
                let state = state_name(state).filter(|_| is_count(receive) && is_count(send))?;
                Some(Socket {
                    state,
                    local: text(local),
                    peer: text(peer),
                    owner: process.first().and_then(|users| owner(users)),
                })
            }
            (Table::Netstat, [protocol, receive, send, local, peer, state, rest @ ..]) => {
                let is_tcp = protocol.starts_with(b"tcp") && is_count(receive) && is_count(send);
                let state = state_name(state).filter(|_| is_tcp)?;
                Some(Socket {
                    state,
                    local: text(local),
                    peer: text(peer),
                    owner: rest.iter().find_map(|cell| {
                        let at = memchr::memchr(b'/', cell)?;
                        Some((decimal(&cell[..at])?, text(&cell[at + 1..])))
                    }),
                })
            }
            _ => None,
        }
    }
}

/// The states of TCP in the spellings of both programs, and one name for each.
const STATES: &[(&str, &str)] = &[
    ("ESTAB", "established"),
    ("ESTABLISHED", "established"),
    ("CLOSE_WAIT", "close_wait"),
    ("TIME_WAIT", "time_wait"),
    ("FIN_WAIT_1", "fin_wait_1"),
    ("FIN_WAIT1", "fin_wait_1"),
    ("FIN_WAIT_2", "fin_wait_2"),
    ("FIN_WAIT2", "fin_wait_2"),
    ("SYN_SENT", "syn_sent"),
    ("SYN_RECV", "syn_received"),
    ("LAST_ACK", "last_ack"),
    ("LISTEN", "listen"),
    ("CLOSING", "closing"),
    ("CLOSE", "close"),
    ("UNCONN", "close"),
];

fn state_name(printed: &[u8]) -> Option<&'static str> {
    let same = |known: &str| {
        known.len() == printed.len()
            && known.bytes().zip(printed).all(|(known, byte)| known == if *byte == b'-' { b'_' } else { *byte })
    };
    STATES.iter().find(|(known, _)| same(known)).map(|(_, name)| *name)
}

/// Pid and name of `users:(("pricer",pid=12709,fd=5))`, the first where several share it.
fn owner(users: &[u8]) -> Option<(u64, String)> {
    let text = std::str::from_utf8(users).ok()?.strip_prefix("users:((\"")?;
    let (name, rest) = text.split_once('"')?;
    let pid = rest.split_once("pid=")?.1;
    let digits = pid.bytes().take_while(u8::is_ascii_digit).count();
    Some((decimal(&pid.as_bytes()[..digits])?, name.to_owned()))
}

/// The side of a connection that is the service: the one whose port was not given to a client.
fn service(local: &str, peer: &str) -> String {
    let port = |address: &str| address.rsplit(':').next().and_then(|port| decimal(port.as_bytes()));
    match (port(local), port(peer)) {
        (Some(own), Some(other)) if own < EPHEMERAL && other >= EPHEMERAL => format!("local port {own}"),
        (Some(_), Some(_)) => peer.trim_start_matches("[::ffff:").replace(']', ""),
        _ => peer.to_owned(),
    }
}

/// How many by name, and the first line of each.
type Counts = BTreeMap<String, (f64, LineNo)>;

/// The sockets of one table.
#[derive(Default)]
struct Capture {
    at: Option<(When, LineNo)>,
    /// States, by the pid and name of the process.
    by_owner: BTreeMap<Option<(u64, String)>, Counts>,
    /// Services, by state.
    by_service: BTreeMap<String, Counts>,
}

impl Capture {
    fn take(&mut self, socket: Socket, line: LineNo) {
        let count = |states: &mut Counts, key: &str| match states.get_mut(key) {
            Some((count, _)) => *count += 1.0,
            None => {
                states.insert(key.to_owned(), (1.0, line));
            }
        };
        if socket.state != "listen" {
            let service = service(&socket.local, &socket.peer);
            count(self.by_service.entry(socket.state.to_owned()).or_default(), &service);
        }
        count(self.by_owner.entry(socket.owner).or_default(), socket.state);
    }

    fn add(self, claims: &Claims, builder: &mut SeriesBuilder<'_>) {
        let Some((when, first)) = self.at else { return };
        let signal = |name: &'static str| Signal::own(name, Unit::Count, SeriesKind::Gauge, 1.0);
        let mut by_owner = self.by_owner;
        if by_owner.is_empty() {
            by_owner.insert(None, Counts::new());
        }
        for (owner, mut states) in by_owner {
            for state in ALWAYS_SHOWN {
                states.entry((*state).to_owned()).or_insert((0.0, first));
            }
            let claims = match owner {
                Some((pid, name)) => {
                    Claims { pid: Some(pid), comm: Some(name), scope: Scope::Listed, ..Claims::default() }
                }
                None => claims.clone(),
            };
            for (state, (count, line)) in states {
                let labels = vec![("state".to_owned(), state)];
                builder.add_labelled(&claims, &signal("system.network.connection.count"), labels, count, (when, line));
            }
        }
        for (state, services) in self.by_service {
            let mut ranked: Vec<_> = services.into_iter().collect();
            ranked.sort_by(|a, b| b.1.0.total_cmp(&a.1.0).then_with(|| a.0.cmp(&b.0)));
            for (service, (count, line)) in ranked.into_iter().take(MOST_ENDPOINTS) {
                let labels = vec![("service".to_owned(), service), ("state".to_owned(), state.clone())];
                let by_service = signal("system.network.connection.by_service");
                builder.add_labelled(claims, &by_service, labels, count, (when, line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Evidence};

    fn counts(text: &str) -> Vec<(String, f64, Option<u64>)> {
        let mut out = Parsed::default();
        assert_eq!(SocketTable.sniff(text.as_bytes(), &Hint::default()), Sniff::Yes);
        SocketTable.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        assert!(out.notes.is_empty(), "{:?}", out.notes);
        let all = out.evidence.iter().filter_map(|evidence| match evidence {
            Evidence::Series(s) => {
                let labels: Vec<&str> = s.labels.iter().map(|(_, value)| value.as_str()).collect();
                let Amount::Value(value) = s.points[0].value else { panic!() };
                (value > 0.0).then(|| (labels.join(" "), value, s.claims.pid))
            }
            other => panic!("{other:?}"),
        });
        all.collect()
    }

    #[test]
    fn states_of_ss_with_and_without_owners() {
        let text = "State      Recv-Q Send-Q      Local Address:Port        Peer Address:Port Process\n\
            LISTEN     0      128               0.0.0.0:2024             0.0.0.0:*           \n\
            ESTAB      0      0          127.0.0.1:21200    127.0.0.1:50748 users:((\"pricer\",pid=12709,fd=37))\n\
            CLOSE-WAIT 1      0      [::ffff:127.0.0.1]:18080 [::ffff:127.0.0.1]:42222       \n";
        assert_eq!(
            counts(text),
            [
                ("close_wait".into(), 1.0, None),
                ("listen".into(), 1.0, None),
                ("established".into(), 1.0, Some(12709)),
                ("local port 18080 close_wait".into(), 1.0, None),
                ("local port 21200 established".into(), 1.0, None),
            ]
        );
    }

    #[test]
    fn states_of_netstat() {
        let text = "Active Internet connections (servers and established)\n\
            Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name    \n\
            tcp        0      0 127.0.0.1:46232         10.0.0.7:5432         CLOSE_WAIT   77/app              \n\
            udp        0      0 127.0.0.1:53            0.0.0.0:*                           -                   \n";
        assert_eq!(
            counts(text),
            [("close_wait".into(), 1.0, Some(77)), ("10.0.0.7:5432 close_wait".into(), 1.0, None)]
        );
    }
}
