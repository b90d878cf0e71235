//! Conditions over facts, in three-valued logic: what could not be measured is unknown, never false.

use crate::passes::fact::{Fact, Kind, Type, Value};
use crate::passes::glob;

/// The answer to a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Truth {
    /// It does not hold.
    No,
    /// It could not be measured.
    Unknown,
    /// It holds.
    Yes,
}

impl Truth {
    /// Both.
    pub fn and(self, other: Truth) -> Truth {
        self.min(other)
    }

    /// Either.
    pub fn or(self, other: Truth) -> Truth {
        self.max(other)
    }
}

impl From<bool> for Truth {
    fn from(holds: bool) -> Truth {
        if holds { Truth::Yes } else { Truth::No }
    }
}

/// A test of one attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// Equal to one of these words, or fits one of these globs.
    OneOf(Vec<String>),
    /// Neither equal to one of these words nor fitting one of these globs.
    NoneOf(Vec<String>),
    /// Yes or no.
    Is(bool),
    /// Within these bounds, both included; `of`: times this attribute of the anchor.
    Within {
        /// Lower bound.
        low: f64,
        /// Whether the lower bound itself is out.
        above: bool,
        /// Upper bound.
        high: f64,
        /// Whether the upper bound itself is out.
        below: bool,
        /// Attribute of the anchor that scales the bounds.
        of: Option<String>,
    },
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Condition::OneOf(words) => write!(f, "{}", words.join(" or ")),
            Condition::NoneOf(words) => write!(f, "other than {}", words.join(" and ")),
            Condition::Is(flag) => write!(f, "{flag}"),
            Condition::Within { low, above, high, below, of } => {
                if low.is_finite() && high.is_finite() {
                    write!(f, "{low}..{high}")?;
                } else if low.is_finite() {
                    write!(f, "{}{low}", if *above { ">" } else { ">=" })?;
                } else {
                    write!(f, "{}{high}", if *below { "<" } else { "<=" })?;
                }
                of.as_ref().map_or(Ok(()), |of| write!(f, " of anchor.{of}"))
            }
        }
    }
}

/// The conditions of a clause, all of which must hold.
pub type Where = Vec<(String, Condition)>;

/// Reads a condition from a pattern's head.
///
/// # Errors
/// When the value cannot be a test of an attribute of this type, in words for the author.
pub fn read(attribute: &str, of: Type, value: &toml::Value) -> Result<Condition, String> {
    let wrong = |expected: &str| Err(format!("{attribute} is {expected}, not {value}"));
    match of {
        Type::Flag => match value {
            toml::Value::Boolean(flag) => Ok(Condition::Is(*flag)),
            _ => wrong("true or false"),
        },
        Type::Number => match value {
            toml::Value::Integer(number) => Ok(exactly(*number as f64)),
            toml::Value::Float(number) => Ok(exactly(*number)),
            toml::Value::String(text) => range(text).ok_or_else(|| {
                format!(
                    "{attribute}: cannot read the range {text:?}; write >=5, <0.3, 2..8 or 0.8..1.25 of anchor.count"
                )
            }),
            _ => wrong("a number or a range"),
        },
        Type::Text | Type::List | Type::Word(_) => {
            let words: Vec<String> = match value {
                toml::Value::String(text) => vec![text.clone()],
                toml::Value::Array(items) => {
                    match items.iter().map(|item| item.as_str().map(str::to_owned)).collect() {
                        Some(words) => words,
                        None => return wrong("a word or a list of words"),
                    }
                }
                _ => return wrong("a word or a list of words"),
            };
            let negated = words.iter().filter(|word| word.starts_with('!')).count();
            if let Type::Word(known) = of {
                for word in &words {
                    let word = word.trim_start_matches('!');
                    if !known.contains(&word) {
                        return Err(format!("{attribute} cannot be {word:?}; it is one of {}", known.join(", ")));
                    }
                }
            }
            match negated {
                0 => Ok(Condition::OneOf(words)),
                all if all == words.len() => {
                    Ok(Condition::NoneOf(words.iter().map(|word| word[1..].to_owned()).collect()))
                }
                _ => Err(format!("{attribute}: either all words begin with ! or none does")),
            }
        }
    }
}

fn exactly(number: f64) -> Condition {
    Condition::Within { low: number, above: false, high: number, below: false, of: None }
}

/// `>=5`, `<0.3`, `2..8`, each with an optional `of anchor.attribute`; numbers may carry KiB, MiB, GiB, min, h.
fn range(text: &str) -> Option<Condition> {
    let (bounds, of) = match text.split_once(" of anchor.") {
        Some((bounds, attribute)) => (bounds, Some(attribute.trim().to_owned())),
        None => (text, None),
    };
    let bounds = bounds.trim();
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    let (mut above, mut below) = (false, false);
    if let Some(rest) = bounds.strip_prefix(">=") {
        low = number(rest)?;
    } else if let Some(rest) = bounds.strip_prefix('>') {
        low = number(rest)?;
        above = true;
    } else if let Some(rest) = bounds.strip_prefix("<=") {
        high = number(rest)?;
    } else if let Some(rest) = bounds.strip_prefix('<') {
        high = number(rest)?;
        below = true;
    } else {
        let (from, to) = bounds.split_once("..")?;
        (low, high) = (number(from)?, number(to)?);
    }
    Some(Condition::Within { low, above, high, below, of })
}

fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let units =
        [("KiB", 1024.0), ("MiB", 1_048_576.0), ("GiB", 1_073_741_824.0), ("min", 60.0), ("h", 3600.0), ("s", 1.0)];
    for (unit, scale) in units {
        if let Some(digits) = text.strip_suffix(unit) {
            return digits.trim().parse::<f64>().ok().map(|value| value * scale);
        }
    }
    text.parse().ok()
}

impl Condition {
    /// Tests an attribute of a fact.
    pub fn test(&self, attribute: &str, fact: &Fact, anchor: &Fact) -> Truth {
        let Some(value) = fact.attributes.get(attribute) else { return Truth::Unknown };
        let any =
            |words: &[String], texts: &[&str]| words.iter().any(|word| texts.iter().any(|text| glob::fits(word, text)));
        match (self, value) {
            (Condition::Is(expected), Value::Flag(flag)) => Truth::from(expected == flag),
            (Condition::OneOf(words), Value::Text(text)) => any(words, &[text]).into(),
            (Condition::NoneOf(words), Value::Text(text)) => (!any(words, &[text])).into(),
            (Condition::OneOf(words), Value::List(list)) => {
                any(words, &list.iter().map(String::as_str).collect::<Vec<_>>()).into()
            }
            (Condition::NoneOf(words), Value::List(list)) => {
                (!any(words, &list.iter().map(String::as_str).collect::<Vec<_>>())).into()
            }
            (Condition::Within { low, above, high, below, of }, Value::Number(number)) => {
                let scale = match of {
                    None => 1.0,
                    Some(name) => match anchor.number(name) {
                        Some(scale) => scale,
                        None => return Truth::Unknown,
                    },
                };
                let (low, high) = (low * scale, high * scale);
                let over = if *above { *number > low } else { *number >= low };
                let under = if *below { *number < high } else { *number <= high };
                (over && under).into()
            }
            _ => Truth::Unknown,
        }
    }
}

/// Tests all conditions on a fact.
pub fn holds(conditions: &Where, fact: &Fact, anchor: &Fact) -> Truth {
    conditions
        .iter()
        .fold(Truth::Yes, |truth, (attribute, condition)| truth.and(condition.test(attribute, fact, anchor)))
}

/// Whether a fact is the measurement that the conditions choose: all conditions on selectors hold.
pub fn is_chosen(kind: &Kind, conditions: &Where, fact: &Fact, anchor: &Fact) -> bool {
    conditions
        .iter()
        .filter(|(attribute, _)| kind.selectors.contains(&attribute.as_str()))
        .all(|(attribute, condition)| condition.test(attribute, fact, anchor) == Truth::Yes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> Fact {
        let mut fact = Fact::new("group", 0);
        fact.set("reason", "chan-send").set("count", 40usize).set("idle", false);
        fact.set("frames", vec!["main.f".to_owned(), "main.g".to_owned()]);
        fact
    }

    fn test(attribute: &str, of: Type, value: toml::Value) -> Truth {
        read(attribute, of, &value).unwrap().test(attribute, &group(), &group())
    }

    #[test]
    fn ranges_words_globs_and_ratios() {
        let text = |text: &str| toml::Value::String(text.into());
        assert_eq!(test("count", Type::Number, text(">=40")), Truth::Yes);
        assert_eq!(test("count", Type::Number, text("<40")), Truth::No);
        assert_eq!(test("count", Type::Number, text("0.8..1.25 of anchor.count")), Truth::Yes);
        assert_eq!(test("growth", Type::Number, text(">=1")), Truth::Unknown);
        assert_eq!(test("reason", Type::Text, text("chan-*")), Truth::Yes);
        assert_eq!(test("reason", Type::Text, text("!chan-send")), Truth::No);
        assert_eq!(test("frames", Type::List, text("*.g")), Truth::Yes);
        assert_eq!(test("idle", Type::Flag, toml::Value::Boolean(true)), Truth::No);
    }

    #[test]
    fn what_cannot_be_a_test_is_said() {
        let error = |of, value: &str| read("x", of, &toml::Value::String(value.into())).unwrap_err();
        assert!(error(Type::Word(&["a", "b"]), "c").contains("one of a, b"));
        assert!(error(Type::Number, "many").contains(">=5"));
        assert!(error(Type::Flag, "yes").contains("true or false"));
    }

    #[test]
    fn numbers_carry_units() {
        assert_eq!(number("7168KiB"), Some(7_340_032.0));
        assert_eq!(number("2h"), Some(7200.0));
    }
}
