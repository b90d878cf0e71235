//! Finds in a text what tells who or holds a secret.

use super::Place;
use regex::{Captures, Regex};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Secret,
    Email,
    Ip,
    Mac,
    Host,
    User,
}

impl Kind {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Kind::Secret => "secret",
            Kind::Email => "email",
            Kind::Ip => "ip",
            Kind::Mac => "mac",
            Kind::Host => "host",
            Kind::User => "user",
        }
    }

    /// Whether a value of this kind can be known again without its context: no everyday word.
    pub(super) fn is_telling(self, value: &str) -> bool {
        let mixed =
            value.contains(|c: char| c.is_ascii_digit()) || value.contains(|c: char| !c.is_ascii_alphanumeric());
        match self {
            Kind::Secret => value.len() >= 12 || (value.len() >= 6 && mixed),
            Kind::Host => value.len() >= 4 && mixed,
            Kind::User => value.len() >= 4,
            Kind::Email | Kind::Ip | Kind::Mac => true,
        }
    }

    /// Whether the value stands there as a whole and not as a part of a longer name.
    pub(super) fn is_whole(self, text: &str, start: usize, end: usize) -> bool {
        let part = |c: char| c.is_alphanumeric() || c == '_' || (self != Kind::Ip && c == '-');
        let cut = |c: Option<char>| c.is_none_or(|c| !part(c));
        self == Kind::Secret || (cut(text[..start].chars().next_back()) && cut(text[end..].chars().next()))
    }
}

/// A value in a text, by its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub kind: Kind,
    pub start: usize,
    pub end: usize,
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a pattern of ours")
}

/// Secrets that are known by their form, whatever stands around them. The group `v`, or all of it, is masked.
static FORMS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        // Private keys, with what follows on the line.
        r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|$)",
        // JSON web tokens.
        r"\beyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]*)*",
        // Keys of cloud providers.
        r"\b(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{16}\b",
        r"\bAIza[A-Za-z0-9_-]{30,}|\bya29\.[A-Za-z0-9_-]{10,}|\bGOCSPX-[A-Za-z0-9_-]{10,}",
        r"\bdo[oprt]_v1_[A-Za-z0-9]{16,}|\bdapi[0-9a-f]{32}\b|\bLTAI[A-Za-z0-9]{12,}",
        // Tokens of services that mark them with a prefix.
        r"\bgh[pousr]_[A-Za-z0-9]{16,}|\bgithub_pat_[A-Za-z0-9_]{16,}|\bgl[a-z]{2,5}-[A-Za-z0-9_.-]{16,}",
        r"\bxox[a-z]-[A-Za-z0-9-]{8,}|\bxapp-[A-Za-z0-9-]{8,}",
        r"\b(?:[rsp]k|whsec)_(?:live_|test_)?[A-Za-z0-9]{16,}",
        // After an underline no other stands: names of functions have them.
        r"\b(?:npm|hf|pat|secret|lin_api|shpat|shpss|shpca|ntn|dckr_pat|tfp|rubygems|phc|cfut|ops|glsa)_[A-Za-z0-9-]{20,}",
        r"\b(?:pypi|sk|NRAK|PMAK|sq0atp|sq0csp|key)-(?:[A-Za-z0-9]+-)?[A-Za-z0-9_-]{20,}|\bATATT3[A-Za-z0-9_=-]{24,}",
        r"\bSG\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}|\bhv[sbr]\.[A-Za-z0-9_-]{16,}|\bs\.[A-Za-z0-9]{24}\b",
        r"\b(?:AC|SK)[0-9a-f]{32}\b|\b[0-9]{8,10}:AA[A-Za-z0-9_-]{32,}|\bAGE-SECRET-KEY-1[0-9A-Z]{20,}",
        r"hooks\.slack\.com/(?:services|workflows)/(?P<v>[A-Za-z0-9/_-]+)",
        r"discord(?:app)?\.com/api/webhooks/(?P<v>[A-Za-z0-9/_-]+)",
        // What a header or a command line says in its own way.
        r#"(?i)\bauthorization\b\\?["']?\s*[:=]\s*\\?["']?(?:(?:bearer|basic|token|digest|negotiate|apikey)\s+)?(?P<v>[^"'\\\r\n\x00]+)"#,
        r"(?i)\b(?:bearer|basic)\s+(?P<v>[A-Za-z0-9._~+/-]{8,}=*)",
        r#"(?i)\b(?:set-)?cookie2?\b\\?["']?\s*[:=]\s*\\?["']?(?P<v>[^"'\\\r\n\x00]+)"#,
        r"(?:\bsshpass\s+-p|\bredis-cli\b.*?\s-a|\bmysql\w*\b.*?\s-p)\s?(?P<v>[^\s\x00'-][^\s\x00']*)",
    ]
    .map(regex)
    .into()
});

/// `user:password` before an at sign of a URL, or after `-u`.
static USER_INFO: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    vec![
        regex(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<u>[^/\s:@\x00]*):(?P<v>[^/\s@\x00]+)@"),
        regex(r"[A-Za-z][A-Za-z0-9+.-]*://(?P<u>[^/\s:@\x00]+)@"),
        regex(r"\s(?:-u|--user)[\s=](?P<u>[^\s:'\x00]+):(?P<v>[^\s'\x00]+)"),
    ]
});

/// A name and its value: `name=value`, `"name": "value"`, `--name value`.
static PAIR: LazyLock<Regex> = LazyLock::new(|| {
    let value = r#"(?:\\?"(?P<d>[^"\\\r\n\x00]*)|\\?'(?P<s>[^'\\\r\n\x00]*)|(?P<v>[^\s\x00"',;&<>|\\(){}\[\]]+))"#;
    regex(&format!(r#"(?P<k>[A-Za-z][A-Za-z0-9_.-]*)(?:\\?["'\]]?\s?(?:=>|:=|[:=])\s*|\s+){value}"#))
});

static EMAIL: LazyLock<Regex> =
    LazyLock::new(|| regex(r"[A-Za-z0-9][A-Za-z0-9._%+-]*@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.(?P<tld>[A-Za-z]{2,})"));
static IP4: LazyLock<Regex> = LazyLock::new(|| regex(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"));
static IP6: LazyLock<Regex> =
    LazyLock::new(|| regex(r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?:\.[0-9]{1,3}){0,3}"));
static MAC: LazyLock<Regex> = LazyLock::new(|| regex(r"\b(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}\b"));
static DOMAIN: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9_-]*[A-Za-z0-9])?)+")
});
/// Names of hosts that tell themselves: of a cloud, at the head of a line of syslog, in a URL.
static HOSTS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r"\b(?P<v>ip-[0-9]{1,3}(?:-[0-9]{1,3}){3}(?:\.[A-Za-z0-9.-]*[A-Za-z0-9])?)",
        r"^(?:<[0-9]+>)?(?:[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.,]+(?:Z|[+-][0-9:]{4,5})) (?P<v>[A-Za-z0-9][A-Za-z0-9._-]*) [A-Za-z][A-Za-z0-9_./-]*(?:\[[0-9]+\])?:",
        r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^/\s@\x00]*@)?(?P<v>[A-Za-z0-9][A-Za-z0-9._-]*)",
    ]
    .map(regex)
    .into()
});
static USERS: LazyLock<Vec<Regex>> = LazyLock::new(|| {
    [
        r"/(?:home|Users)/(?P<v>[A-Za-z0-9_][A-Za-z0-9._-]*)",
        r"\b[ug]id=[0-9]+\((?P<v>[^)\s]+)\)",
        r#"(?i)\b(?:for|by|as|of) (?:invalid )?user ["']?(?P<v>[A-Za-z0-9_][A-Za-z0-9._-]*)"#,
        r"\b(?:ssh|scp|sftp|rsync)\s(?:.*?\s)?(?P<v>[A-Za-z0-9_][A-Za-z0-9._-]*)@",
    ]
    .map(regex)
    .into()
});
static TOKEN: LazyLock<Regex> = LazyLock::new(|| regex(r"[A-Za-z0-9+/_=-]{20,}"));

/// Endings of domains. Two letters count only after two more names: `main.rs` and `run.sh` are files.
const DOMAINS: &[&str] = &[
    "internal",
    "local",
    "localdomain",
    "lan",
    "corp",
    "intranet",
    "private",
    "home",
    "svc",
    "com",
    "net",
    "org",
    "io",
    "dev",
    "app",
    "cloud",
    "edu",
    "gov",
    "mil",
    "info",
    "biz",
    "example",
    "test",
    "invalid",
    "xyz",
    "tech",
    "systems",
    "services",
    "network",
    "online",
    "site",
    "zone",
    "host",
    "onion",
];
const COUNTRIES: &[&str] = &[
    "ac", "ai", "at", "au", "be", "br", "ca", "ch", "cn", "co", "cz", "de", "dk", "es", "eu", "fi", "fr", "gr", "hk",
    "hu", "ie", "il", "in", "is", "it", "jp", "kr", "me", "mx", "nl", "no", "nz", "pt", "ro", "ru", "se", "sg", "si",
    "sk", "tr", "tv", "tw", "ua", "uk", "us", "za",
];
/// What ends a name with an at sign that is no address: units, source files.
const NO_MAIL: &[&str] =
    &["service", "socket", "slice", "scope", "timer", "mount", "go", "py", "java", "js", "rs", "so"];

/// Words within a name that say that its value is a secret.
const SECRET_WORDS: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "privatekey",
    "authkey",
    "accountkey",
    "sharedkey",
    "signingkey",
    "encryptionkey",
    "masterkey",
    "storagekey",
    "licensekey",
    "servicekey",
    "credential",
    "sessionid",
    "sessionkey",
    "sessid",
    "connectionstring",
    "webhookurl",
    "databaseurl",
];
/// Words that say so only where they stand alone between marks.
const SECRET_PARTS: &[&str] = &[
    "pwd",
    "pass",
    "pw",
    "auth",
    "sid",
    "jwt",
    "sig",
    "signature",
    "pin",
    "otp",
    "dsn",
    "cvv",
    "ssn",
    "sas",
    "csrf",
    "psk",
];
const HOST_KEYS: &[&str] = &[
    "host",
    "hostname",
    "nodename",
    "node",
    "instance",
    "server",
    "machine",
    "peer",
    "fqdn",
    "dbhost",
    "pghost",
    "mysqlhost",
    "remotehost",
    "upstream",
    "broker",
    "endpoint",
    "servername",
    "remoteaddr",
    "address",
    "addr",
    "domain",
];
const USER_KEYS: &[&str] = &[
    "user",
    "username",
    "login",
    "logname",
    "owner",
    "account",
    "pguser",
    "dbuser",
    "mysqluser",
    "userid",
    "uname",
    "sudouser",
];
/// Values that name nobody and keep no secret.
const NOBODY: &[&str] = &[
    "root",
    "nobody",
    "none",
    "null",
    "nil",
    "true",
    "false",
    "yes",
    "no",
    "unknown",
    "localhost",
    "daemon",
    "default",
    "is",
    "was",
    "not",
    "and",
    "or",
    "the",
    "for",
    "of",
    "to",
    "in",
    "on",
    "from",
    "with",
    "by",
    "at",
    "a",
    "n/a",
    "host",
    "port",
    "pid",
    "user",
    "has",
    "had",
    "kernel",
    "system",
];

/// Finds values; what is part of a function of the report is none.
pub(super) struct Detector {
    code: Vec<String>,
}

impl Detector {
    pub(super) fn new(code: Vec<String>) -> Detector {
        Detector { code }
    }

    /// Whether a value occurs in the name of a function.
    pub(super) fn is_code(&self, value: &str) -> bool {
        self.code.iter().any(|name| name.contains(value))
    }

    /// All values of a text, by what it is; all of it within a private key.
    pub(super) fn found(&self, text: &str, place: Place) -> Vec<Span> {
        match place {
            Place::Text => self.spans(text),
            Place::Name => spans_of_name(text),
            Place::Key if text.trim().is_empty() => Vec::new(),
            Place::Key => vec![Span { kind: Kind::Secret, start: 0, end: text.len() }],
        }
    }

    /// All values of a text, those found first winning over others at their place.
    fn spans(&self, text: &str) -> Vec<Span> {
        let mut found = Found { text, spans: Vec::new() };
        told_by_form(&mut found, true);
        self.domains(&mut found);
        for form in USERS.iter() {
            found.all(form, Kind::User, is_somebody);
        }
        found.all(&TOKEN, Kind::Secret, |it| is_random(it) && !self.is_code(it));
        found.spans
    }

    fn domains(&self, found: &mut Found<'_>) {
        for it in DOMAIN.find_iter(found.text) {
            let name = it.as_str();
            let labels: Vec<&str> = name.split('.').collect();
            let ending = labels[labels.len() - 1].to_ascii_lowercase();
            let known = DOMAINS.contains(&ending.as_str())
                || (labels.len() > 2 && COUNTRIES.contains(&ending.as_str()) && labels.iter().all(|it| it.len() > 1));
            // Before a slash it is the module of a function or a path, but for folders that are named like a host.
            let (before, after) = (&found.text[..it.start()], &found.text[it.end()..]);
            let of_module = after.starts_with('/') && !before.ends_with("//") && self.is_module(name, after);
            if known && !of_module && !after.starts_with('(') && !self.is_code(name) {
                found.add(Kind::Host, it.start(), it.end());
            }
        }
    }

    /// Whether `github.com` before `/x/y` names a module: known from a function, or a place where modules are kept.
    fn is_module(&self, domain: &str, after: &str) -> bool {
        const FORGES: &[&str] =
            &["github.com", "gitlab.com", "bitbucket.org", "golang.org", "google.golang.org", "k8s.io"];
        let short = after.trim_start_matches('/').split('/').next().unwrap_or("");
        FORGES.contains(&domain)
            || domain.ends_with(".in")
            || self.is_code(&format!("{domain}/{short}"))
            || after.contains(".go:")
    }
}

/// The values of a name: a function, or whatever else a profile takes for a frame, such as a thread or a request.
/// Only what no function is called like.
fn spans_of_name(name: &str) -> Vec<Span> {
    let mut found = Found { text: name, spans: Vec::new() };
    // Nearly all names are plain.
    if name.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.' | b':')) {
        return found.spans;
    }
    // `Token::operator==` is a function.
    let has_pairs = !name.contains("::") && (name.contains(['=', '?', '"']) || name.contains(" -"));
    told_by_form(&mut found, has_pairs);
    for it in DOMAIN.find_iter(name) {
        // No language has functions with a hyphen; modules stand before a slash.
        let ending = it.as_str().rsplit('.').next().unwrap_or("");
        if it.as_str().contains('-') && DOMAINS.contains(&ending) && !name[it.end()..].starts_with(['/', '(']) {
            found.add(Kind::Host, it.start(), it.end());
        }
    }
    for form in USERS.iter() {
        found.all(form, Kind::User, is_somebody);
    }
    found.spans
}

/// Spans of one text; what is found later does not cut what was found before.
struct Found<'t> {
    text: &'t str,
    spans: Vec<Span>,
}

impl Found<'_> {
    fn add(&mut self, kind: Kind, start: usize, end: usize) {
        let is_free = self.spans.iter().all(|span| span.end <= start || end <= span.start);
        if start < end && is_free {
            self.spans.push(Span { kind, start, end });
        }
    }

    fn group(&mut self, captures: &Captures<'_>, name: &str, kind: Kind) {
        if let Some(group) = captures.name(name) {
            self.add(kind, group.start(), group.end());
        }
    }

    fn all(&mut self, form: &Regex, kind: Kind, is_one: impl Fn(&str) -> bool) {
        for captures in form.captures_iter(self.text) {
            let Some(it) = captures.name("v").or_else(|| captures.get(0)) else { continue };
            if is_one(it.as_str()) {
                self.add(kind, it.start(), it.end());
            }
        }
    }
}

/// Users and passwords before an at sign.
fn user_info(found: &mut Found<'_>) {
    for form in USER_INFO.iter() {
        for captures in form.captures_iter(found.text) {
            found.group(&captures, "v", Kind::Secret);
            if captures.name("u").is_some_and(|user| is_somebody(user.as_str())) {
                found.group(&captures, "u", Kind::User);
            }
        }
    }
}

fn is_email(it: &str) -> bool {
    let (name, domain) = it.split_once('@').unwrap_or((it, ""));
    let ending = domain.rsplit('.').next().unwrap_or("");
    let version = domain.starts_with('v') && domain[1..].starts_with(|c: char| c.is_ascii_digit());
    !version && !NO_MAIL.contains(&ending) && !name.is_empty()
}

fn is_somebody(value: &str) -> bool {
    !value.is_empty() && !NOBODY.contains(&value.to_ascii_lowercase().as_str())
}

fn is_number(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn pairs(found: &mut Found<'_>) {
    let text = found.text;
    let mut at = 0;
    // A value may itself be a name with a value, so the search goes on right behind the name.
    while let Some(captures) = PAIR.captures_at(text, at) {
        let Some(key) = captures.name("k") else { break };
        at = key.end();
        let Some(value) = captures.name("d").or_else(|| captures.name("s")).or_else(|| captures.name("v")) else {
            continue;
        };
        let spaced = text[key.end()..value.start()].chars().all(char::is_whitespace);
        // Without a mark between them only an option of a command line is a name.
        let is_option = text[..key.start()].ends_with('-')
            && !text[..key.start()].trim_end_matches('-').ends_with(char::is_alphanumeric);
        if (spaced && (!is_option || value.as_str().starts_with('-'))) || !is_somebody(value.as_str()) {
            continue;
        }
        let (start, end) = (value.start(), value.end());
        let name = key.as_str();
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
        if is_secret_name(name, &plain) && !is_small_number(value.as_str()) && !value.as_str().starts_with("//") {
            found.add(Kind::Secret, start, end);
        } else if HOST_KEYS.contains(&plain.as_str()) {
            let host = value.as_str().split([':', '/']).next().unwrap_or("");
            let named = host.starts_with(|c: char| c.is_ascii_alphabetic()) && host.parse::<Ipv4Addr>().is_err();
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
            if named && is_somebody(host) && host.chars().all(plain) && !value.as_str().contains("://") {
                found.add(Kind::Host, start, start + host.len());
            }
        } else if USER_KEYS.contains(&plain.as_str()) && !is_number(value.as_str()) {
            found.add(Kind::User, start, end);
        }
    }
}

fn is_secret_name(name: &str, plain: &str) -> bool {
    if SECRET_WORDS.iter().any(|word| plain.contains(word)) {
        return true;
    }
    let variable = name.contains('_') && !name.contains(|c: char| c.is_ascii_lowercase());
    name.split(['_', '-', '.']).any(|part| {
        let part = part.to_ascii_lowercase();
        SECRET_PARTS.contains(&part.as_str()) || (variable && part == "key")
    })
}

/// A count of tokens or a flag is no secret.
fn is_small_number(value: &str) -> bool {
    value.len() < 4 && is_number(value)
}

fn addresses(found: &mut Found<'_>) {
    let text = found.text;
    let free = |start: usize, end: usize, part: fn(char) -> bool| {
        !text[..start].ends_with(part) && !text[end..].starts_with(part)
    };
    for it in IP4.find_iter(text) {
        let Ok(address) = it.as_str().parse::<Ipv4Addr>() else { continue };
        let versions = ["ersion ", "ersion: ", "ersion=", "ersion\":\""];
        let is_version = versions.iter().any(|word| text[..it.start()].ends_with(word));
        let whole = free(it.start(), it.end(), char::is_alphanumeric);
        if whole && !is_version && !(address.is_loopback() || address.is_unspecified() || address.is_broadcast()) {
            found.add(Kind::Ip, it.start(), it.end());
        }
    }
    for it in IP6.find_iter(text) {
        let Ok(address) = it.as_str().parse::<Ipv6Addr>() else { continue };
        let whole = free(it.start(), it.end(), |c| c.is_alphanumeric() || c == ':' || c == '_');
        let digits = it.as_str().contains(|c: char| c.is_ascii_digit());
        if whole && digits && !address.is_loopback() && !address.is_unspecified() {
            found.add(Kind::Ip, it.start(), it.end());
        }
    }
}

/// Whether a word looks like the output of a generator of keys: long, with small and capital letters and digits that
/// change places often. Paths, names and hexadecimal digests are not such.
fn is_random(word: &str) -> bool {
    let count = |is: fn(&u8) -> bool| word.bytes().filter(is).count();
    let (small, capital, digits) =
        (count(u8::is_ascii_lowercase), count(u8::is_ascii_uppercase), count(u8::is_ascii_digit));
    let class = |byte: u8| match byte {
        b'a'..=b'z' => 0,
        b'A'..=b'Z' => 1,
        b'0'..=b'9' => 2,
        _ => 3,
    };
    let bytes = word.as_bytes();
    let changes = bytes.windows(2).filter(|pair| class(pair[0]) != class(pair[1])).count();
    let slashes = count(|byte| *byte == b'/');
    small >= 3 && capital >= 3 && digits >= 2 && changes * 3 >= bytes.len() && slashes * 8 < bytes.len()
}

/// What values tell by their own form, without anything that was learned: secrets, addresses, hosts. `has_pairs`: names
/// may stand before their values.
fn told_by_form(found: &mut Found<'_>, has_pairs: bool) {
    for form in FORMS.iter() {
        found.all(form, Kind::Secret, |_| true);
    }
    user_info(found);
    if has_pairs {
        pairs(found);
    }
    found.all(&EMAIL, Kind::Email, is_email);
    found.all(&MAC, Kind::Mac, |_| true);
    addresses(found);
    for form in HOSTS.iter() {
        found.all(form, Kind::Host, |it| is_somebody(it) && !is_number(it));
    }
}
