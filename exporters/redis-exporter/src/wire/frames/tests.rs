use super::*;
use proptest::prelude::*;
use redis::Value;

const LONGEST: usize = 1 << 20;

/// The ends of so many answers, as if all had come at once.
fn ends(bytes: &[u8], wanted: usize) -> Result<Option<Vec<usize>>, Malformed> {
    let mut frames = Frames::new(wanted, LONGEST);
    Ok(frames.scan(bytes)?.then(|| frames.into_ends()))
}

#[test]
fn answers_of_all_kinds() {
    for (answer, expected) in [
        (&b"+OK\r\n"[..], Item::Text(b"OK")),
        (b"+\r\n", Item::Text(b"")),
        (b"-ERR no\r\n", Item::Error(b"ERR no")),
        (b":-12\r\n", Item::Number(-12)),
        (b":9223372036854775807\r\n", Item::Number(i64::MAX)),
        (b":-9223372036854775808\r\n", Item::Number(i64::MIN)),
        (b"$-1\r\n", Item::Nil),
        (b"*-1\r\n", Item::Nil),
        (b"$0\r\n\r\n", Item::Text(b"")),
        (b"$4\r\na\r\nb\r\n", Item::Text(b"a\r\nb")),
        (b"*0\r\n", Item::Array(0)),
    ] {
        assert_eq!(ends(answer, 1), Ok(Some(vec![answer.len()])), "{}", answer.escape_ascii());
        assert_eq!(Walk::new(answer).next(), Some(expected));
        for cut in 0..answer.len() {
            assert_eq!(ends(&answer[..cut], 1), Ok(None), "{} of {}", cut, answer.escape_ascii());
        }
    }
}

#[test]
fn what_is_no_answer() {
    for bad in [
        &b"HTTP/1.1 400 Bad Request\r\n"[..],
        b"\r\n",
        b":\r\n",
        b":1\n",
        b":+1\r\n",
        b":1 \r\n",
        b":9223372036854775808\r\n",
        b"$-2\r\n",
        b"*-2\r\n",
        b"$x\r\n",
        b"$3\r\nabcd\r\n",
        b"$3\r\nabc\n\n",
        b"*1\r\n*1\r\n%1\r\n",
        // RESP3, which nobody has asked for.
        b"_\r\n",
        b"%1\r\n+a\r\n+b\r\n",
    ] {
        assert_eq!(ends(bad, 1), Err(Malformed::Strange), "{}", bad.escape_ascii());
    }
    assert_eq!(ends(b"+OK\r\n+OK\r\n", 1), Err(Malformed::More));
    assert_eq!(ends(b"", 0), Ok(Some(Vec::new())));
}

#[test]
fn what_claims_to_be_long_takes_nothing() {
    for bad in [
        &b"$999999999999\r\nx"[..],
        b"*999999999999\r\n",
        b"*1048577\r\n",
        b"$9223372036854775807\r\n",
        b"*2\r\n*1\r\n$1048577\r\n",
    ] {
        assert_eq!(ends(bad, 1), Err(Malformed::Long(LONGEST)), "{}", bad.escape_ascii());
    }
    // Short heads of large arrays in one another: not there yet, however many.
    assert_eq!(ends(&b"*1000000\r\n".repeat(1000), 1), Ok(None));
    let endless = |kind: &[u8]| [kind, &vec![b'1'; LONGEST_LINE + 1]].concat();
    for kind in [b"+", b"-", b":", b"$", b"*"] {
        assert_eq!(ends(&endless(kind), 1), Err(Malformed::Strange));
    }
    let mut frames = Frames::new(2, 100);
    let many = b":1\r\n".repeat(30);
    assert_eq!(frames.scan(&[b"*90\r\n", &many[..]].concat()), Err(Malformed::Long(100)));
}

#[test]
fn walking() {
    let answer = b"*4\r\n$1\r\na\r\n*2\r\n*1\r\n:1\r\n$-1\r\n+b\r\n:7\r\n";
    let mut walk = Walk::new(answer);
    assert_eq!((walk.array(), walk.next()), (4, Some(Item::Text(b"a"))));
    let mut inner = walk.clone();
    assert_eq!((inner.array(), inner.array(), inner.next()), (2, 1, Some(Item::Number(1))));
    walk.pass();
    assert_eq!(walk.next(), Some(Item::Text(b"b")));
    assert_eq!(walk.next().and_then(Item::whole), Some(7));
    assert_eq!((walk.next(), walk.array()), (None, 0));
    let mut walk = Walk::new(b"+text\r\n:1\r\n");
    assert_eq!((walk.array(), walk.next()), (0, Some(Item::Number(1))));
    let mut seen = Vec::new();
    let mut walk = Walk::new(b"*5\r\n+a\r\n:1\r\n*1\r\n:0\r\n:2\r\n+odd\r\n:3\r\n");
    walk.pairs(|walk, name| seen.push((name, walk.scalar())));
    assert_eq!((seen, walk.next()), (vec![(&b"a"[..], Some(Item::Number(1)))], Some(Item::Number(3))));
    let mut walk = Walk::new(b"*1\r\n:1\r\n:2\r\n");
    assert_eq!((walk.scalar(), walk.scalar(), walk.scalar()), (None, Some(Item::Number(2)), None));
    assert_eq!(Item::Text(b"12").whole(), Some(12));
    assert_eq!((Item::Text(b"x").whole(), Item::Number(-1).whole()), (None, None));
}

fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Nil => out.extend(b"$-1\r\n"),
        Value::Int(number) => out.extend(format!(":{number}\r\n").bytes()),
        Value::BulkString(text) => {
            out.extend(format!("${}\r\n", text.len()).bytes());
            out.extend(text);
            out.extend(b"\r\n");
        }
        Value::SimpleString(text) => out.extend(format!("+{text}\r\n").bytes()),
        Value::Array(items) => {
            out.extend(format!("*{}\r\n", items.len()).bytes());
            items.iter().for_each(|item| encode(item, out));
        }
        other => panic!("{other:?}"),
    }
}

/// What a walk finds, as the library's value.
fn value(walk: &mut Walk<'_>) -> Value {
    match walk.next().unwrap() {
        Item::Nil => Value::Nil,
        Item::Number(number) => Value::Int(number),
        Item::Text(text) => Value::BulkString(text.to_vec()),
        Item::Error(line) => panic!("{}", line.escape_ascii()),
        Item::Array(count) => Value::Array((0..count).map(|_| value(walk)).collect()),
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Nil),
        any::<i64>().prop_map(Value::Int),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::BulkString),
    ];
    leaf.prop_recursive(4, 60, 8, |inner| prop::collection::vec(inner, 0..8).prop_map(Value::Array))
}

proptest! {
    /// However the answers are cut into pieces, they are found where they are, and hold what the library finds in them.
    #[test]
    fn as_the_library_reads_them(values in prop::collection::vec(any_value(), 1..6), cuts: Vec<prop::sample::Index>) {
        let mut bytes = Vec::new();
        let mut expected = Vec::new();
        for value in &values {
            encode(value, &mut bytes);
            expected.push(bytes.len());
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.sort_unstable();
        let mut frames = Frames::new(values.len(), LONGEST);
        for cut in cuts {
            prop_assert_eq!(frames.scan(&bytes[..cut]), Ok(false));
        }
        prop_assert_eq!(frames.scan(&bytes), Ok(true));
        let ends = frames.into_ends();
        prop_assert_eq!(&ends, &expected);
        let mut begin = 0;
        for (end, expected) in ends.into_iter().zip(&values) {
            let frame = &bytes[begin..end];
            prop_assert_eq!(&value(&mut Walk::new(frame)), expected);
            prop_assert_eq!(&redis::parse_redis_value(frame).unwrap(), expected);
            let mut walk = Walk::new(frame);
            walk.pass();
            prop_assert_eq!(walk.next(), None);
            begin = end;
        }
    }

    #[test]
    fn garbage_is_survived(bytes: Vec<u8>, text in "[-+:$*0-9\r\na]{0,60}", wanted in 0_usize..4) {
        for bytes in [&bytes[..], text.as_bytes()] {
            if let Ok(Some(ends)) = ends(bytes, wanted) {
                prop_assert_eq!(ends.len(), wanted);
                prop_assert_eq!(ends.last().copied().unwrap_or(0), bytes.len());
            }
            let mut walk = Walk::new(bytes);
            walk.pass();
            walk.array();
            prop_assert!(walk.count() <= bytes.len());
        }
    }
}
