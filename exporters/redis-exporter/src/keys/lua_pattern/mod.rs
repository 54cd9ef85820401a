//! Lua's patterns, as `--check-key-groups` has them: what Redis' own Lua 5.1 would find, found here, so that no script has
//! to run on the server.

mod matching;

use matching::Matching;

/// A pattern, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct LuaPattern {
    items: Vec<Item>,
    is_anchored: bool,
}

#[derive(Clone, Debug)]
enum Item {
    One(Single),
    /// `*`: as many as there are, or fewer.
    Star(Single),
    /// `+`
    Plus(Single),
    /// `-`: as few as will do.
    Minus(Single),
    /// `?`
    Maybe(Single),
    /// `%bxy`
    Balance(u8, u8),
    /// `%f[set]`
    Frontier(Single),
    Open,
    /// `()`: where it is.
    Position,
    Close,
    /// `%1`
    Back(usize),
    End,
}

/// One byte of a kind.
#[derive(Clone, Debug)]
enum Single {
    Any,
    Byte(u8),
    /// `%a` and the like; of a capital letter, all others.
    Class(u8),
    Set {
        negated: bool,
        members: Vec<Member>,
    },
}

#[derive(Clone, Debug)]
enum Member {
    Class(u8),
    Range(u8, u8),
}

/// Captures that Lua allows.
const MOST_CAPTURES: usize = 32;

impl LuaPattern {
    /// Takes a pattern apart; says what is wrong with it.
    pub(crate) fn parse(pattern: &str) -> Result<Self, &'static str> {
        let bytes = pattern.as_bytes();
        let is_anchored = bytes.first() == Some(&b'^');
        let mut rest = &bytes[usize::from(is_anchored)..];
        let mut items = Vec::new();
        let mut open = Vec::new();
        let mut captures = 0;
        while let [first, after @ ..] = rest {
            rest = match (first, after) {
                (b'(', [b')', after @ ..]) => {
                    captures += 1;
                    items.push(Item::Position);
                    after
                }
                (b'(', _) => {
                    captures += 1;
                    open.push(captures);
                    items.push(Item::Open);
                    after
                }
                (b')', _) => {
                    open.pop().ok_or("a ) without its (")?;
                    items.push(Item::Close);
                    after
                }
                (b'$', []) => {
                    items.push(Item::End);
                    after
                }
                (b'%', [b'b', x, y, after @ ..]) => {
                    items.push(Item::Balance(*x, *y));
                    after
                }
                (b'%', [b'b', ..]) => return Err("%b needs two characters"),
                (b'%', [b'f', after @ ..]) => {
                    let (set, after) = single(after)?;
                    if !matches!(set, Single::Set { .. }) {
                        return Err("%f needs a set in brackets");
                    }
                    items.push(Item::Frontier(set));
                    after
                }
                (b'%', [digit @ b'0'..=b'9', after @ ..]) => {
                    let number = usize::from(digit - b'0');
                    if number == 0 || number > captures || open.contains(&number) {
                        return Err("a %1 without the capture it means");
                    }
                    items.push(Item::Back(number - 1));
                    after
                }
                _ => {
                    let (kind, after) = single(rest)?;
                    let (item, after) = match after {
                        [b'*', after @ ..] => (Item::Star(kind), after),
                        [b'+', after @ ..] => (Item::Plus(kind), after),
                        [b'-', after @ ..] => (Item::Minus(kind), after),
                        [b'?', after @ ..] => (Item::Maybe(kind), after),
                        _ => (Item::One(kind), after),
                    };
                    items.push(item);
                    after
                }
            };
            if captures > MOST_CAPTURES {
                return Err("too many captures");
            }
        }
        if open.is_empty() { Ok(Self { items, is_anchored }) } else { Err("a ( without its )") }
    }

    /// The captures of the first match one behind the other, which is what Redis' groups are called; `None` without a
    /// match.
    pub(crate) fn captured(&self, text: &[u8]) -> Option<Vec<u8>> {
        let mut matching = Matching::new(&self.items, text);
        let last = if self.is_anchored { 0 } else { text.len() };
        (0..=last).find_map(|start| matching.begin(start))
    }
}

/// One byte's kind, and what follows it.
fn single(pattern: &[u8]) -> Result<(Single, &[u8]), &'static str> {
    match pattern {
        [] => Err("it ends too early"),
        [b'.', rest @ ..] => Ok((Single::Any, rest)),
        [b'%', letter, rest @ ..] => Ok((class(*letter), rest)),
        [b'%'] => Err("a % at its end"),
        [b'[', rest @ ..] => set(rest),
        [byte, rest @ ..] => Ok((Single::Byte(*byte), rest)),
    }
}

fn class(letter: u8) -> Single {
    if letter.is_ascii_alphabetic() { Single::Class(letter) } else { Single::Byte(letter) }
}

fn set(pattern: &[u8]) -> Result<(Single, &[u8]), &'static str> {
    let negated = pattern.first() == Some(&b'^');
    let mut rest = &pattern[usize::from(negated)..];
    let mut members = Vec::new();
    loop {
        rest = match rest {
            [] => return Err("a [ without its ]"),
            // The first one stands for itself.
            [b']', rest @ ..] if !members.is_empty() => return Ok((Single::Set { negated, members }, rest)),
            [b'%', letter, rest @ ..] => {
                members.push(match class(*letter) {
                    Single::Class(letter) => Member::Class(letter),
                    _ => Member::Range(*letter, *letter),
                });
                rest
            }
            [from, b'-', to, rest @ ..] if *to != b']' => {
                members.push(Member::Range(*from, *to));
                rest
            }
            [byte, rest @ ..] => {
                members.push(Member::Range(*byte, *byte));
                rest
            }
        };
    }
}

impl Single {
    fn is(&self, byte: u8) -> bool {
        match self {
            Single::Any => true,
            Single::Byte(own) => *own == byte,
            Single::Class(letter) => is_class(*letter, byte),
            Single::Set { negated, members } => {
                let found = members.iter().any(|member| match member {
                    Member::Class(letter) => is_class(*letter, byte),
                    Member::Range(from, to) => (from..=to).contains(&&byte),
                });
                found != *negated
            }
        }
    }
}

fn is_class(letter: u8, byte: u8) -> bool {
    let is = match letter.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => byte.is_ascii_whitespace() || byte == b'\x0b',
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return letter == byte,
    };
    is != letter.is_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(pattern: &str, text: &str) -> Option<String> {
        let found = LuaPattern::parse(pattern).unwrap().captured(text.as_bytes());
        found.map(|bytes| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn what_lua_finds() {
        for (pattern, text, expected) in [
            ("^(user):.*$", "user:1:name", Some("user")),
            ("^(user):.*$", "a:user:1", None),
            ("^(queue):([^:]+)", "queue:1:2", Some("queue1")),
            ("user", "some user", Some("")),
            ("(%d+)", "a12b34", Some("12")),
            ("^(.-):", "a:b:c", Some("a")),
            ("^(.*):", "a:b:c", Some("a:b")),
            ("(a?)(b)", "b", Some("b")),
            ("%f[%w](%w+)", "-word", Some("word")),
            ("(%b())", "x(a(b)c)d)", Some("(a(b)c)")),
            ("(%w+):%1$", "ab:ab", Some("ab")),
            ("(%w+):%1$", "ab:ac", None),
            ("()x", "aax", Some("3")),
            ("([%-%]x]+)", "a-]x", Some("-]x")),
            ("([]]+)", "a]]", Some("]]")),
            ("([^%s]+)%s", "ab c", Some("ab")),
            ("([a-c-]+)", "zb-a", Some("b-a")),
            ("(%u%L*)", "xAb", Some("A")),
            ("a$b", "a$b", Some("")),
            ("^%.(.)", ".x", Some("x")),
            ("((a)(b))", "ab", Some("abab")),
            ("", "", Some("")),
        ] {
            assert_eq!(captured(pattern, text).as_deref(), expected, "{pattern} in {text}");
        }
    }

    #[test]
    fn what_is_no_pattern() {
        for bad in ["(", ")", "a%", "[a", "[]", "%b", "%bx", "%fx", "%1", "(%1)", "%0"] {
            assert!(LuaPattern::parse(bad).is_err(), "{bad}");
        }
        assert!(LuaPattern::parse(&"()".repeat(33)).is_err());
    }

    #[test]
    fn what_takes_too_long_is_given_up() {
        let pattern = format!("^{}(b)$", ".*".repeat(20));
        let began = std::time::Instant::now();
        assert_eq!(captured(&pattern, &"a".repeat(200)), None);
        assert!(began.elapsed() < std::time::Duration::from_secs(2), "{:?}", began.elapsed());
    }
}
